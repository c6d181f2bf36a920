"""Run by torchrun, or alone: trains a toy head and evaluates it. Arguments: data folder, output file."""

import sys
from pathlib import Path

import torch

from tests.tiny import tiny_config
from tests.training.core.test_engine import make_recipe
from training.core.assemble import assemble
from training.core.engine import RunOptions, Trainer
from training.data.datasets import open_set
from training.evaluation.protocol import evaluate_predictor, protocol_for
from training.runtime.devices import setup_device, teardown
from zsseg.predictor import Predictor


def main(data: Path, out: Path) -> None:
    """Write the gradients of the first step and the confusion matrix of this number of processes to `out`."""
    # Dropout draws other masks in every process; without it only the order of sums differs.
    recipe = make_recipe("clip_rc", model=tiny_config("clip_rc", dropout=0.0))
    context = setup_device("fp32", "cpu")
    experiment = assemble(recipe, data, data / "tiny-clip")
    photos = open_set("voc2012", data, "val")
    protocol = protocol_for(photos, experiment.metadata)
    predictor = Predictor(experiment.model, experiment.metadata)
    matrix = evaluate_predictor(predictor, photos.items[context.rank :: context.world_size], protocol, 0.0)
    matrix.sum_over_processes()
    trainer = Trainer(experiment, RunOptions(out.with_suffix(""), accumulate=context.world_size, stop_at=1), context)
    trainer.run()
    if context.is_main:
        gradients = {name: p.grad for name, p in trainer.model.named_parameters()}
        counts = {"table": torch.from_numpy(matrix.table), "photos": torch.from_numpy(matrix.photos)}
        torch.save({"gradients": gradients, **counts}, out)
    teardown(context)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
