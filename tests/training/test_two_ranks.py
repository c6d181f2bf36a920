"""Two processes of torchrun (gloo, CPU) train the weights and count the confusion matrix of one process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.photosets import draw_voc
from tests.tiny import tiny_backbone

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_two_ranks__equal_one(tmp_path: Path) -> None:
    draw_voc(tmp_path)
    tiny_backbone(tmp_path)
    results = []
    for processes in (1, 2):
        out = tmp_path / f"{processes}.pt"
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        command += ["-m", "tests.training.two_ranks", str(tmp_path), str(out)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=300)
        results.append(torch.load(out))
    one, two = results
    for name, value in one["model"].items():
        torch.testing.assert_close(
            two["model"][name], value, rtol=1e-3, atol=1e-5, msg=lambda text, n=name: f"{n}: {text}"
        )
    assert torch.equal(one["photos"], two["photos"])
    assert one["table"].sum() == two["table"].sum() > 0
