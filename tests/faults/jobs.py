"""Work that the tests of faults start, limit and kill: ``python -m tests.faults.jobs`` forks a process for each line.

torch is loaded once; a fork has it at once, so a test can kill many writers in a second. A line on stdin is a JSON
object: {"job", "folder", ...limits} starts one, {"wait": pid} collects one. Answers are JSON lines on stdout.
"""

import json
import os
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.tiny import CLIP_CONFIG, tiny_config, tiny_metadata, tiny_model
from zsseg.errors import UserError
from zsseg.export import write_outputs, write_zip
from zsseg.export.manifest import manifest_of
from zsseg.files import write_text
from zsseg.image.load import Pixels
from zsseg.models import Backbone, build_clip
from zsseg.predictor import Predictor
from zsseg.segmentation import Segmentation
from zsseg.text.vocabulary import build_vocabulary
from zsseg.weights.backbone import load_backbone, save_backbone
from zsseg.weights.checkpoint import save_checkpoint

VALUES = (0.25, 0.75)
"""What the two versions of every file are filled with, by turns: a mixture of them would show."""

PHOTO: Pixels = np.random.default_rng(0).integers(0, 256, (160, 200, 3), dtype=np.uint8)
_NAMES = ("dog", "cow", "sheep")


def say(**values: object) -> None:
    """One answer; written by the system call itself, since processes share this pipe."""
    os.write(1, (json.dumps(values) + "\n").encode())


def answer(value: float) -> Segmentation:
    """An answer that is `value` everywhere."""
    scores = np.full((len(_NAMES), *PHOTO.shape[:2]), value, np.float32)
    scores[1] = 1 - value
    return Segmentation("zegclip", f"model-{value}", _NAMES, (True, False, False), scores, 0.0, 0.0)


def filled(model: torch.nn.Module, value: float) -> None:
    """Fill every weight."""
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.fill_(value)


def write_checkpoint(folder: Path, value: float) -> None:
    backbone = load_backbone(folder / "tiny-clip")
    model = tiny_model(backbone, tiny_config("zegclip"))
    for name, parameter in model.named_parameters():
        if name in set(model.trainable_names()):
            parameter.data.fill_(value)
    save_checkpoint(model, tiny_metadata(backbone, "zegclip", threshold=value), folder / "head.safetensors")


def write_backbone(folder: Path, value: float) -> None:
    clip = build_clip(CLIP_CONFIG)
    filled(clip, value)
    save_backbone(clip, {**CLIP_CONFIG, "preprocess_cfg": {"mean": [value] * 3, "std": [value] * 3}}, folder / "clip")


def write_export(folder: Path, value: float) -> None:
    write_outputs(PHOTO, answer(value), folder / "out")


def write_archive(folder: Path, value: float) -> None:
    seg = answer(value)
    manifest = manifest_of(PHOTO, "photo.png", build_vocabulary(_NAMES[:1], _NAMES[1:]), {"zegclip": seg})
    write_zip(PHOTO, {"zegclip": seg}, folder / "answer.zip", manifest)


def write_state(folder: Path, value: float) -> None:
    from tests.training.core.test_engine import make_recipe
    from training.core.state import Progress, save_state

    backbone = Backbone(build_clip(CLIP_CONFIG), "tiny-clip", "0" * 64)
    model = tiny_model(backbone, tiny_config("zegclip"))
    filled(model, value)
    optimizer = torch.optim.AdamW(model.parameters(), lr=value)
    save_state(folder / "state.pt", make_recipe("zegclip"), Progress(int(100 * value), 100), model, optimizer, None)


def write_json(folder: Path, value: float) -> None:
    write_text(folder / "scores.json", json.dumps([value] * 20_000) + "\n")


WRITERS: dict[str, Callable[[Path, float], None]] = {
    "checkpoint": write_checkpoint,
    "backbone": write_backbone,
    "export": write_export,
    "zip": write_archive,
    "state": write_state,
    "json": write_json,
}


def write_for_ever(writer: str, folder: Path) -> None:
    """Write both versions by turns until somebody kills the process; say so after the first of each."""
    for value in VALUES:
        WRITERS[writer](folder, value)
    say(ready=True)
    while True:
        for value in VALUES:
            WRITERS[writer](folder, value)


def write_once(writer: str, folder: Path) -> None:
    """Write the second version."""
    WRITERS[writer](folder, VALUES[1])


def predict(folder: Path, extra: int) -> None:
    """A large question within little memory, then a small one."""
    predictor = Predictor.from_checkpoint(folder / "head.safetensors")
    small = predictor.predict(PHOTO, "dog")
    limit_memory(extra)
    names = [f"name {number}" for number in range(200)]
    try:
        large = predictor.predict(np.zeros((1024, 1024, 3), np.uint8), names)
        say(large=f"answered with {large.scores.nbytes} bytes")
    except UserError as error:
        say(large=str(error))
    again = predictor.predict(PHOTO, "dog")
    say(same=bool(np.array_equal(small.scores, again.scores)))


def limit_memory(extra: int) -> None:
    """Let this process take at most so many bytes more than it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    total = pages * os.sysconf("SC_PAGE_SIZE") + extra
    resource.setrlimit(resource.RLIMIT_AS, (total, resource.RLIM_INFINITY))


def serve(folder: Path, extra: int) -> None:
    """Serve the page of a tiny head, with a temporary folder of its own; `extra` limits its memory."""
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder / "temporary")
    Path(tempfile.tempdir).mkdir(exist_ok=True)
    from tests.servers.demo_server import serve as served

    with served({"zegclip": str(folder / "head.safetensors")}) as url:
        if extra:
            limit_memory(extra)
        say(url=url)
        signal.pause()


def run(request: dict[str, Any]) -> None:
    """One job in this process."""
    folder = Path(request["folder"])
    if size := request.get("file_size"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    jobs: dict[str, Callable[[], None]] = {
        "write for ever": lambda: write_for_ever(request["writer"], folder),
        "write once": lambda: write_once(request["writer"], folder),
        "predict": lambda: predict(folder, request["extra"]),
        "serve": lambda: serve(folder, request.get("extra", 0)),
    }
    try:
        jobs[request["job"]]()
        say(done=True)
    except BaseException as error:
        trace = traceback.format_exc()
        say(
            error=type(error).__name__,
            sentence=str(error)[:300],
            user=isinstance(error, UserError),
            trace=trace[-1500:],
        )


def main() -> None:
    """Fork a process for each job."""
    torch.set_num_threads(1)
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            say(ended=os.waitstatus_to_exitcode(status))
            continue
        pid = os.fork()
        if pid == 0:
            sys.stdout = sys.stderr  # what a job prints must not get between the answers
            run(request)
            os._exit(0)
        say(pid=pid)


if __name__ == "__main__":
    main()
