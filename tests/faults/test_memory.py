"""One request that needs more memory than there is fails with a sentence; the next one is answered."""

from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from tests.demo.test_server import get
from tests.faults.conftest import Jobs
from tests.faults.jobs import PHOTO
from tests.tiny import tiny_checkpoint


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    tiny_checkpoint(tmp_path, "zegclip").rename(tmp_path / "head.safetensors")
    return tmp_path


def test_a_question_that_is_too_large_is_refused_and_the_next_one_answered(jobs: Jobs, weights: Path) -> None:
    pid = jobs.start("predict", weights, extra=300 * 1024**2)
    large, same = jobs.read(), jobs.read()
    assert "memory" in large["large"], large
    assert same == {"same": True}
    assert jobs.wait(pid) == {"ended": 0}


@pytest.mark.slow
def test_the_page_lives_on(jobs: Jobs, weights: Path, tmp_path: Path) -> None:
    small, large = tmp_path / "small.png", tmp_path / "large.png"
    Image.fromarray(PHOTO).save(small)
    Image.new("RGB", (1024, 1024)).save(large)
    pid = jobs.start("serve", weights, extra=600 * 1024**2)
    url = jobs.read()["url"]
    client = Client(url, verbose=False)
    try:
        before = client.predict(photo=handle_file(small), seen="dog", unseen="", api_name="/segment")[0]
        names = ", ".join(f"name {number}" for number in range(200))
        with pytest.raises(AppError, match="memory"):
            client.predict(photo=handle_file(large), seen=names, unseen="", api_name="/segment")
        after = client.predict(photo=handle_file(small), seen="dog", unseen="", api_name="/segment")[0]
        assert after == before
        assert get(f"{url}healthz")[0] == 200
    finally:
        client.close()
        jobs.kill(pid)
