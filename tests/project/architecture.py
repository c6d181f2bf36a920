"""Draw the parts of `zsseg` and what each uses, from the table of the import test: python -m tests.project.architecture

Rewrites the diagram in docs/architecture.md, between its two marks.
"""

import re
from pathlib import Path

from tests.project.test_import_arrows import ARROWS, LEAVES

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "architecture.md"
# Used nearly everywhere, or a way in: an arrow to or from them would say nothing.
HIDDEN = LEAVES | {"zsseg", "zsseg.__main__", "zsseg.cache"}
_BETWEEN = re.compile(r"(?<=<!-- from the table of imports -->\n).*?(?=<!-- end -->)", re.DOTALL)


def diagram() -> str:
    """A Mermaid flow chart: an arrow leads from a part to one that uses it, so the data go along the arrows.

    An arrow that a longer way through other parts already says is left out.
    """
    parts = [part for part in ARROWS if part not in HIDDEN and not part.startswith("training")]
    uses = {part: {target for target in ARROWS[part] if target in parts} for part in parts}
    lines = ["```mermaid", "flowchart LR"]
    lines += [f'  {_id(part)}["{part.removeprefix("zsseg.")}"]' for part in parts]
    for part in parts:
        lines += [f"  {_id(target)} --> {_id(part)}" for target in parts if target in _direct(part, uses)]
    return "\n".join([*lines, "```", ""])


def _id(part: str) -> str:
    return part.replace(".", "_")


def _direct(part: str, uses: dict[str, set[str]]) -> set[str]:
    return {
        target for target in uses[part] if not any(target in _reached(other, uses) for other in uses[part] - {target})
    }


def _reached(part: str, uses: dict[str, set[str]]) -> set[str]:
    return uses[part].union(*(_reached(target, uses) for target in uses[part]))


def drawn() -> str:
    """The diagram as it stands in the document."""
    match = _BETWEEN.search(DOCUMENT.read_text(encoding="utf-8"))
    assert match, f"{DOCUMENT} has lost its marks"
    return match[0]


def main() -> None:
    """Rewrite the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(_BETWEEN.sub(lambda _: diagram(), text), encoding="utf-8")


if __name__ == "__main__":
    main()
