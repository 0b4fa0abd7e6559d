"""What an evaluation says: one table per source (CSV and Markdown), the claims, and three figures."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from d3f_lite.common.plots import default_style
from d3f_lite.evaluation.evaluate import Sweep
from d3f_lite.evaluation.methods import Given

if TYPE_CHECKING:  # it is imported in the default style
    from matplotlib.figure import Figure

DEFAULT = "calibrated DPP"
COLUMNS = {  # key of a row: heading
    "asd_occluded": "ASD-O",
    "asd_visible": "ASD-V",
    "cse": "CSE",
    "cse_occluded": "CSE-O",
    "mean_error_occluded": "mean sample error, occluded",
    "coverage": "coverage of 90 %",
    "spread_occluded": "spread, occluded",
    "spread_visible": "spread, visible",
    "cse_occluded_unaligned": "CSE-O, not aligned",
    "seconds": "seconds",
}


def table(columns: Sequence[str], rows: Iterable[Sequence]) -> str:
    """A Markdown table: one cell for each column in each row.

    >>> print(table(("head", "mm"), [("mean", 2.5)]))
    | head | mm |
    |---|---|
    | mean | 2.5 |
    """
    lines = [f"| {' | '.join(map(str, row))} |" for row in (columns, *rows)]
    return "\n".join((lines[0], "|---" * len(columns) + "|", *lines[1:]))


def rows_of(records: list[dict], source: str) -> dict[str, list[dict]]:
    """Method to its rows (list of dicts) over the cases, in the order of the first case."""
    rows: dict[str, list[dict]] = {}
    for row in (row for record in records for row in record["rows"] if row["source"] == source):
        rows.setdefault(row["method"], []).append(row)
    return rows


def mean(rows: list[dict], key: str) -> float:
    """The mean of one column over the cases; NaN where it is undefined."""
    values = [row[key] for row in rows if row[key] is not None]
    return float(np.mean(values)) if values else np.nan


def _cells(rows, keys):
    """The means of some columns, as text."""
    return [f"{value:.2f}" if np.isfinite(value) else "–" for value in (mean(rows, key) for key in keys)]


def markdown_table(records: list[dict], source: str) -> str:
    """One line per method: means over the cases, distances in mm."""
    rows = [(method, *_cells(rows, COLUMNS)) for method, rows in rows_of(records, source).items()]
    return table(("method", *COLUMNS.values()), rows)


def write_csv(records: list[dict], path: Path) -> None:
    """Every row of every case, at full precision."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ("head", "occluder", "source", "method", *COLUMNS), extrasaction="ignore")
        writer.writeheader()
        for record in records:
            writer.writerows({**row, "head": record["head"], "occluder": record["occluder"]} for row in record["rows"])


def claims(records: list[dict]) -> str:
    """The comparisons that matter, as Markdown lines; paired over the cases, ± the standard error of the mean."""
    photo, exact = rows_of(records, "photo"), rows_of(records, "vertices")
    lines = []
    if photo:
        lines += [_against(photo, name, "From photos") for name in photo if name.endswith("i.i.d.")]
        for given in (Given.VERTICES, Given.VAE):
            if f"{given}: i.i.d." in photo:
                lines.append(_against(photo, f"{given}: i.i.d.", "From photos", f"{given}: {DEFAULT}"))
        for single in ("single fit, blind to the occluder", "single fit, global only"):
            lines += _less_squared_error(photo, single)
        covered = mean(photo[DEFAULT], "coverage")
        lines.append(f"From photos, {DEFAULT}: coverage of the nominal 90 % region {covered:.0%}.")
    if exact:
        for method in (DEFAULT, f"{DEFAULT}, no remainder"):
            lines.append(_against(exact, f"{Given.VERTICES}: i.i.d.", "From exact vertices", method))
    return "\n".join(f"- {line}" for line in lines)


def _against(rows, name, source, method=DEFAULT):
    """One line: a method's diversity and closest sample against a baseline's."""
    occluded, visible = (mean(rows[method], key) / mean(rows[name], key) - 1 for key in ("asd_occluded", "asd_visible"))
    nearer = np.array([row["cse_occluded"] for row in rows[method]]) - [row["cse_occluded"] for row in rows[name]]
    error = nearer.std(ddof=1) / np.sqrt(len(nearer)) if len(nearer) > 1 else np.nan
    relative = nearer.mean() / mean(rows[name], "cse_occluded")
    return (
        f"{source}, {method} against {name} (coverage {mean(rows[name], 'coverage'):.0%}): ASD-O {occluded:+.0%}, "
        f"ASD-V {visible:+.0%}, CSE-O {nearer.mean():+.2f} ± {error:.2f} mm ({relative:+.0%})."
    )


def _less_squared_error(rows, single):
    """Lines: the closest sample's mean squared error against a single reconstruction's."""
    parts = {"cse": "the whole head", "cse_occluded": "occluded vertices"}
    for key, part in (parts | {"cse_occluded_unaligned": "occluded vertices, not aligned"}).items():
        ours, theirs = (np.mean([row[key] ** 2 for row in rows[name]]) for name in (DEFAULT, single))
        yield f"From photos, MSE of the closest sample against the {single}, {part}: {ours / theirs - 1:+.0%}."


def occluder_table(records: list[dict], method: str = DEFAULT) -> str:
    """The recommended method by occluder: fitted photos, ASD-O, CSE-O, coverage, visible against occluded spread."""
    rows = []
    for occluder in dict.fromkeys(record["occluder"] for record in records):
        cases = [record for record in records if record["occluder"] == occluder]
        fitted = rows_of(cases, "photo").get(method, [])
        cells = _cells(fitted, ("asd_occluded", "cse_occluded", "coverage"))
        ratio = f"{mean(fitted, 'spread_visible') / mean(fitted, 'spread_occluded'):.2f}" if fitted else "–"
        rows.append((occluder, f"{len(fitted)} of {len(cases)}", *cells, ratio))
    return table(("occluder", "photos fitted", "ASD-O", "CSE-O", "coverage", "spread, visible / occluded"), rows)


def averaged(records: list[dict], name: str) -> dict[str, np.ndarray]:
    """The curves of one kind, averaged over the cases that have them: label to array."""
    curves: dict[str, list] = {}
    for record in records:
        for label, values in record["curves"].get(name, {}).items():
            curves.setdefault(label, []).append(values)
    return {label: np.mean(values, axis=0) for label, values in curves.items()}


def frontier_table(records: list[dict]) -> str:
    """The points of the frontier's figure, averaged over the cases that have them; distances in mm."""
    rows = []
    for family, curve in averaged(records, "frontier").items():
        name = "w_dpp" if "published" in family else "DPP weight" if "DPP" in family else "times the posterior"
        rows += [(family, f"{name} {knob:g}", f"{diverse:.2f}", f"{error:.2f}") for knob, diverse, error in curve]
    return table(("family", "knob", "ASD-O", "CSE-O"), rows)


def frontier_figure(records: list[dict]) -> "Figure":
    """A Figure: CSE-O against ASD-O as each method's knob moves."""
    curves = averaged(records, "frontier")
    figure, axis = _figure("More diversity, and what it costs (right and low is better)",
                           {label: (curve[:, 1], curve[:, 2]) for label, curve in curves.items()})  # fmt: skip
    for weight, diverse, error in curves.get(DEFAULT, ())[::2]:
        axis.annotate(f"{weight:g}", (diverse, error), textcoords="offset points", xytext=(-3, 6), fontsize=7)
    axis.set(xlabel="diversity where occluded: ASD-O (mm)", ylabel="nearest of the heads: CSE-O (mm)")
    return figure


def number_figure(records: list[dict]) -> "Figure":
    """A Figure: CSE-O against the number of heads."""
    curves = {label: (Sweep.sizes, curve) for label, curve in averaged(records, "number").items()}
    figure, axis = _figure("The nearest head gets nearer with N for every method", curves)
    axis.set_xscale("log", base=2)
    axis.set_xticks(Sweep.sizes, [str(size) for size in Sweep.sizes])
    axis.set(xlabel="number of heads N", ylabel="nearest of the heads: CSE-O (mm)")
    return figure


def calibration_figure(records: list[dict]) -> "Figure":
    """A Figure: measured against nominal coverage of the occluded vertices, from photos."""
    photo = rows_of(records, "photo")
    chosen = [name for name in photo if name.endswith(": i.i.d.") or name == DEFAULT]
    covered = {name: np.mean([row["coverage_levels"] for row in photo[name]], axis=0) for name in chosen}
    figure, axis = _figure(
        "Does a method know how unsure it is?", {name: (Sweep.levels, curve) for name, curve in covered.items()}
    )
    axis.plot((0, 1), (0, 1), ":", color="0.5", label="calibrated")
    axis.legend(fontsize=7)
    axis.set(xlabel="nominal probability of the region", ylabel="share of occluded vertices inside it")
    return figure


def _figure(title, curves, colours=("#00204d", "#d95f02", "#1b9e77", "#7570b3", "#e7298a", "#666666", "#a6761d")):
    """A Figure and its axis with (x, y) curves by label, the recommended method first: its colour is always the same."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axis = figure.subplots()
    for label, colour in zip(sorted(curves, key=lambda label: label != DEFAULT), colours):
        axis.plot(*curves[label], "o-", color=colour, label=label, markersize=3.5)
    axis.set_title(title, fontsize=10)
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(fontsize=7)
    return figure, axis


@default_style()
def write_report(records: list[dict], folder: Path) -> str:
    """Write cases.csv, table.md, whose text is returned, and, where there are numbers for them, the figures."""
    write_csv(records, folder / "cases.csv")
    refused = sum(record["refused"] is not None for record in records)
    parts = [f"{len(records)} cases ({refused} photos refused), means over the cases, distances in mm."]
    for source, title in {"photo": "From rendered photos", "vertices": "From exact visible vertices"}.items():
        if rows_of(records, source):
            parts.append(f"### {title}\n\n{markdown_table(records, source)}")
    parts += [f"### Comparisons\n\n{claims(records)}", f"### By occluder\n\n{occluder_table(records)}"]
    curves = sum(bool(record["curves"]) for record in records)
    if curves:
        parts.append(f"### The frontier\n\n{curves} photos of the first heads.\n\n{frontier_table(records)}")
        frontier_figure(records).savefig(folder / "frontier.png", dpi=130)
        number_figure(records).savefig(folder / "number.png", dpi=130)
    if rows_of(records, "photo"):
        calibration_figure(records).savefig(folder / "calibration.png", dpi=130)
    text = "\n\n".join(parts) + "\n"
    (folder / "table.md").write_text(text, encoding="utf-8")
    return text
