"""Tables as RESULTS.md and the cards of the assets show them."""

from collections.abc import Iterable, Sequence


def table(columns: Sequence[str], rows: Iterable[Sequence]) -> str:
    """A Markdown table: one cell for each column in each row."""
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in (columns, *rows)]
    return "\n".join((lines[0], "|---" * len(columns) + "|", *lines[1:]))
