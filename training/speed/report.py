"""What `python -m training.bench` prints."""

from collections.abc import Iterator, Mapping
from typing import Any

from training.speed.step import PHASES


def table(found: Mapping[str, Any]) -> Iterator[str]:
    """Lines of Markdown from what was measured."""
    yield ", ".join(f"{name} {value}" for name, value in found["device"].items() if value is not None)
    products = ", ".join(f"{name} {value / 1e3:.1f}" for name, value in found["product_gflops"].items())
    yield f"Matrix products, TFLOP/s: {products}."
    yield f"The loader makes {found['loader']['photos_per_second']:.1f} photos/s on one core."
    yield ""
    yield f"| recipe | precision | photos/s | s/step | peak GB | TFLOP/s | MFU | {' | '.join(PHASES)} |"
    yield "|---" * (7 + len(PHASES)) + "|"
    for step in found["steps"]:
        precision = step["precision"] + (", channels last" if step["channels_last"] else "")
        cells = [step["recipe"], precision, f"{step['photos_per_second']:.1f}", f"{step['seconds']:.4f}"]
        cells += [_or_dash(step["peak_gb"], ".1f"), f"{step['tflops']:.2f}", f"{step['mfu']:.0%}"]
        cells += [f"{step['shares'][phase]:.0%}" for phase in PHASES]
        yield f"| {' | '.join(cells)} |"
    for one in found.get("compiled", ()):
        took = one.get("failed") or (
            f"first step {one['compile_seconds']:.1f} s, then {one['seconds']:.4f} s/step, "
            f"{one['eager_seconds']:.4f} without the compiler"
        )
        yield f"torch.compile, bf16, {one['recipe']}: {took}"
    for name, operators in found.get("operators", {}).items():
        yield f"Slowest of {name}: " + ", ".join(f"{one['operator'][:60]} {one['share']:.0%}" for one in operators)
    yield ""
    yield "| recipe | iterations | s/step | in pieces | peak GB | hours |"
    yield "|---|---|---|---|---|---|"
    for recipe in found["recipes"]:
        steps = [step or {} for step in recipe["steps"]]
        cells = [recipe["recipe"], f"{recipe['iterations']:,}", _each(steps, "seconds", ".4f")]
        cells += [_each(steps, "pieces", "d"), _each(steps, "peak_gb", ".1f"), _or_dash(recipe["hours"], ".2f")]
        yield f"| {' | '.join(cells)} |"
    yield f"All of it took {found['seconds']:.0f} s."


def _each(steps: list[dict[str, Any]], key: str, form: str) -> str:
    """A figure of each stage, separated by a comma."""
    return ", ".join(_or_dash(step.get(key), form) for step in steps)


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
