"""Bring the table of assets up to date after a bake and print it: ``python -m research.bake.assets``."""

import re

from d3f_lite.assets import TABLE, assets, sha256_of
from d3f_lite.evaluation.report import table as markdown_table


def refresh(table=TABLE):
    """Rewrite the size and sha256 of every shipped asset in ``table``, and leave the rest of it as it is."""
    text = table.read_text(encoding="utf-8")
    for asset in assets().values():
        if asset.kind == "shipped":
            now = f'bytes = {asset.path.stat().st_size}\nsha256 = "{sha256_of(asset.path)}"'
            section = rf'(\["{re.escape(asset.name)}"\]\n(?:[^\[].*\n)*?)bytes = .*\nsha256 = .*'
            text = re.sub(section, lambda found: found[1] + now, text)
    table.write_text(text, encoding="utf-8")


def markdown():
    """The table as docs/assets.md shows it."""
    rows = []
    for asset in assets().values():
        digest = f"`{asset.sha256[:16]}…`" if asset.sha256 else "recorded at the first download"
        rows.append(
            (asset.name, asset.what, asset.author, asset.licence, asset.source, "your file" if asset.kind == "yours" else digest)
        )
    return markdown_table(("File", "What", "Author", "Licence", "Source", "sha256"), rows)


if __name__ == "__main__":
    refresh()
    print(markdown())
