"""Write the tables of the papers' rows into training/README.md: python -m tests.training.paper_tables"""

from pathlib import Path

from training.recipes import Recipe, load_recipe, recipe_names
from training.recipes.papers.published import ALL_PUBLISHED, CROSS_DATA, NOT_AVAILABLE, projected_hours

DOCUMENT = Path(__file__).resolve().parents[2] / "training" / "README.md"
PAPERS = [name for name in recipe_names() if any(f"_{one}_" in name for one in ("voc", "coco", "context"))]


def overview(recipes: list[Recipe]) -> str:
    """Format the papers' recipes as a Markdown table: published scores, iterations and projected hours."""
    lines = [
        "| recipe | pAcc | seen | unseen | hIoU | iterations | hours |",
        "|---|---|---|---|---|---|---|",
    ]
    for recipe in recipes:
        # Without a published row there is no score to reach.
        scores = [f"{score:.1f}" for score in ALL_PUBLISHED[recipe.name]] if recipe.name in ALL_PUBLISHED else ["-"] * 4
        hours = f"{projected_hours(recipe):.0f}"
        lines.append(f"| `{recipe.name}` | {' | '.join(scores)} | {recipe.iters:,} | {hours} |")
    return "\n".join(lines)


def cross_data_overview() -> str:
    """Format the cross-data rows as a Markdown table: data set, published score and where it was read."""
    lines = ["| trained with | evaluated on | mIoU | read in |", "|---|---|---|---|"]
    for row in CROSS_DATA:
        score = NOT_AVAILABLE if row.mIoU is None else f"{row.mIoU:.1f}"
        lines.append(f"| `{row.recipe}` | `{row.data}` | {score} | {row.source or '-'} |")
    return "\n".join(lines)


def with_tables(text: str) -> str:
    """The document with both tables as the recipes are."""
    for table in (overview([load_recipe(name) for name in PAPERS]), cross_data_overview()):
        # A table begins with its head and ends before an empty line.
        before, head, rest = text.partition(table.partition("\n")[0])
        assert head, f"{DOCUMENT} has lost a table"
        text = before + table + rest[rest.index("\n\n") :]
    return text


if __name__ == "__main__":
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
