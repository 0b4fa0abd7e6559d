"""The picture of the house in CONTRIBUTING.md, drawn from the imports: ``python -m research.bake.house``."""

import ast
from collections import Counter
from pathlib import Path
from textwrap import wrap

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from PIL import Image

PACKAGE = Path(__file__).parents[2] / "d3f_lite"
PICTURE = PACKAGE.parent / "docs" / "house.png"
ROOMS = (
    "errors", "command_line", "common", "files", "assets", "settings", "heads", "observation", "perception", "observe",
    "occluders", "formats", "fitting", "completion", "diversity", "metrics", "reconstruction", "reconstruct",
    "evaluation", "results", "photo_folder", "batch", "__main__",
)  # fmt: skip  # in the order of the data
GENERAL = ROOMS[:6]  # every other room may use them: their arrows are left out of the picture
SHORT_NAMES = {"d3f_lite.reconstruction": "d3f_lite.results."}  # of what stands above; it is imported when it is called
NOTEBOOKS = {"heads": 1, "observation": 2, "fitting": 3, "completion": 4, "diversity": 5, "evaluation": 6, "results": 7}


def room(module: str) -> str:
    """The room of a module's dotted name: its first part below the package."""
    return module.split(".")[1] if "." in module else module


def modules() -> dict[str, set[str]]:
    """Module name to the modules of the package, and widgets, that it imports anywhere."""
    paths = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}
    named = {name.removesuffix(".__init__"): path for name, path in paths.items()}
    return {name: {other for other in _imported(path)
                   if (other in named or other == "widgets") and not other.startswith(SHORT_NAMES.get(name, "-"))}
            for name, path in named.items()}  # fmt: skip


def _imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ("d3f_lite", "widgets"):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def arrows() -> Counter:
    """How many modules of one room import from another: (room, other room) to a number."""
    found: Counter = Counter()
    for name, others in modules().items():
        if name != "d3f_lite" and room(name) in ROOMS:
            found.update({(room(name), room(other)) for other in others if room(other) in ROOMS and room(other) != room(name)})
    return found


def in_words() -> str:
    """The arrows in words, as the picture keeps them."""
    return "; ".join(f"{user} uses {other} {times}" for (user, other), times in sorted(arrows().items()))


def draw(path: Path = PICTURE) -> None:
    """Draw the rooms from the first to the last, and on the right who uses whom."""
    figure = Figure(figsize=(10, 7.4), layout="constrained")
    axes = figure.add_subplot(xlim=(0, 10), ylim=(len(ROOMS) - 0.4, -0.9))
    axes.set_axis_off()
    for row, name in enumerate(ROOMS):
        inside = sorted(file.stem for file in (PACKAGE / name).glob("*.py") if file.stem != "__init__")
        colour = "#eef2f7" if inside else "#f7f4ee"
        axes.add_patch(Rectangle((0.05, row - 0.4), 7.6, 0.8, facecolor=colour, edgecolor="#8090a5"))
        axes.text(0.2, row, name, weight="bold", va="center", size=12)
        axes.text(1.75, row, "\n".join(wrap(", ".join(inside), 104 if name in NOTEBOOKS else 112)), va="center", size=6.5)
        axes.text(7.55, row, f"notebook 0{NOTEBOOKS[name]}" if name in NOTEBOOKS else "", va="center", ha="right", size=8)
    for (user, other), times in sorted(arrows().items()):
        if other not in GENERAL:
            ends = ((7.7, ROOMS.index(user) - 0.1), (7.7, ROOMS.index(other) + 0.1))
            axes.add_patch(FancyArrowPatch(*ends, connectionstyle="arc3,rad=0.35", arrowstyle="-|>", mutation_scale=9,
                                           linewidth=0.5 + 0.3 * times, color="#33557799"))  # fmt: skip
    axes.text(0.05, -0.65, "The rooms of d3f_lite in the order of the data", size=11)
    axes.text(
        7.7,
        -0.65,
        "who uses whom: the thicker, the\nmore modules; all use the first six",
        size=8.5,
        va="center",
        color="#335577",
    )
    figure.savefig(path, dpi=110, metadata={"Software": None, "Description": in_words()})


def drawn(path: Path = PICTURE) -> str:
    """The arrows that a picture was drawn from, in the words of ``in_words``."""
    with Image.open(path) as picture:
        return picture.info.get("Description", "")


if __name__ == "__main__":
    draw()
