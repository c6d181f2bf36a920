"""Two processes of torchrun (gloo, CPU) compute the gradients and count the confusion matrix of one process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.tiny import tiny_backbone
from tests.training.photosets import draw_voc

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_two_ranks__equal_one(tmp_path: Path) -> None:
    draw_voc(tmp_path)
    tiny_backbone(tmp_path)
    results = []
    for processes in (1, 2):
        out = tmp_path / f"{processes}.pt"
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        command += ["-m", "tests.training.core.two_ranks", str(tmp_path), str(out)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=300)
        results.append(torch.load(out))
    one, two = results
    # Gradients, not weights: Adam turns the rounding of a gradient near zero into a whole step.
    whole = torch.stack([gradient.norm() for gradient in one["gradients"].values()]).norm()
    for name, gradient in one["gradients"].items():
        # A key's bias has no gradient but rounding, which is measured by the whole gradient.
        assert (two["gradients"][name] - gradient).norm() <= 1e-4 * gradient.norm() + 1e-6 * whole, name
    assert torch.equal(one["photos"], two["photos"])
    assert torch.equal(one["table"], two["table"])
    assert one["table"].sum() > 0
