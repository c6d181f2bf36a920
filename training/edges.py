"""Measure what following the photo's edges, which the page offers for display, does to a checkpoint's scores.

    python -m training.edges --checkpoint clip_rc-mini-inductive --data voc2012 --root DATA --limit 100

Every photo of the split val is segmented once; its scores count as they are, and filtered by
`zsseg.visualize.follow_edges`. The checkpoint's own seen penalty is used, and no threshold, as in the papers.
"""

import argparse

import numpy as np

from training.data.datasets import open_set
from training.evaluation.metrics import ConfusionMatrix
from training.evaluation.models import add_data_options, add_model_options, open_predictor
from training.evaluation.protocol import Scores, predictions, protocol_for, summarise
from training.runtime.console import run_for_person
from zsseg.image.load import load_image
from zsseg.visualize import follow_edges


def main(arguments: list[str] | None = None) -> int:
    """Entry point. Returns 0, or 2 after printing a UserError."""
    return run_for_person(lambda: measure(_parser().parse_args(arguments)))


def measure(options: argparse.Namespace) -> tuple[Scores, Scores]:
    """Print and return the scores without and with the filter."""
    predictor = open_predictor(options)
    photos = open_set(options.data, options.root, "val")
    protocol = protocol_for(photos, predictor.metadata)
    seen = [name in protocol.seen for name in protocol.names]
    penalty = predictor.metadata.seen_penalty * np.array(seen, dtype=np.float32)[:, None, None]  # (K, 1, 1)
    plain, filtered = (ConfusionMatrix(len(protocol.names)) for _ in range(2))
    for item, raw, answer in predictions(predictor, photos.items[: options.limit], protocol, "photos"):
        truth = protocol.table[raw]  # (H, W)
        plain.update(truth, (answer.scores - penalty).argmax(0))
        # Filtered before the penalty, so that the filter sees sigmoids as on the page.
        filtered.update(truth, (follow_edges(answer.scores, load_image(item.photo)) - penalty).argmax(0))
    before, after = summarise(plain, protocol), summarise(filtered, protocol)
    for title, scores in (("as they are", before), ("with edges", after)):
        print(f"{title}: " + "  ".join(f"{name} {value:.3f}" for name, value in scores.as_dict().items()))
    return before, after


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="training.edges", description=__doc__.split("\n")[0] if __doc__ else None)
    add_model_options(parser)
    add_data_options(parser)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
