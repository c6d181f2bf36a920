"""The temporary folder vanishes while the page runs, as a tidy system does: the next question is answered."""

import shutil
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from PIL import Image

from tests.demo.test_server import get
from tests.faults.conftest import Jobs
from tests.faults.jobs import PHOTO
from tests.tiny import tiny_checkpoint


@pytest.mark.slow
def test_a_question_after_the_temporary_folder_is_gone(jobs: Jobs, tmp_path: Path) -> None:
    tiny_checkpoint(tmp_path, "zegclip").rename(tmp_path / "head.safetensors")
    photo = tmp_path / "photo.png"
    Image.fromarray(PHOTO).save(photo)
    pid = jobs.start("serve", tmp_path)
    url = jobs.read()["url"]
    client = Client(url, verbose=False, download_files=str(tmp_path / "got"))
    try:
        before = client.predict(photo=handle_file(photo), seen="dog", unseen="", api_name="/segment")[0]
        shutil.rmtree(tmp_path / "temporary")
        after = client.predict(photo=handle_file(photo), seen="dog", unseen="", api_name="/segment")[0]
        assert after == before
        assert get(f"{url}healthz")[0] == 200
    finally:
        client.close()
        jobs.kill(pid)
