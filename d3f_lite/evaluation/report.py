"""What an evaluation says: one table per source (CSV and Markdown), the claims, and three figures."""

import csv
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from d3f_lite.evaluation.evaluate import LEVELS, SIZES
from d3f_lite.evaluation.methods import VAE, VERTICES

COLUMNS = (  # key of a row, heading, decimals
    ("asd_occluded", "ASD-O", 2),
    ("asd_visible", "ASD-V", 2),
    ("cse", "CSE", 2),
    ("cse_occluded", "CSE-O", 2),
    ("mean_error_occluded", "mean sample error, occluded", 2),
    ("coverage", "coverage of 90 %", 2),
    ("spread_occluded", "spread, occluded", 2),
    ("spread_visible", "spread, visible", 2),
    ("cse_occluded_unaligned", "CSE-O, not aligned", 2),
    ("seconds", "seconds", 2),
)
SOURCES = {"photo": "From rendered photos", "vertices": "From exact visible vertices"}
DEFAULT, BLIND, WITHOUT_LOCAL = "calibrated DPP", "single fit, blind to the occluder", "single fit, global only"
SQUARED = {"cse": "the whole head", "cse_occluded": "occluded vertices",
           "cse_occluded_unaligned": "occluded vertices, not aligned"}  # fmt: skip
COLOURS = ("#00204d", "#d95f02", "#1b9e77", "#7570b3", "#e7298a", "#666666", "#a6761d")


def rows_of(records: list[dict], source: str) -> dict[str, list[dict]]:
    """Method to its rows (list of dicts) over the cases, in the order of the first case."""
    found = {}
    for record in records:
        for row in record["rows"]:
            if row["source"] == source:
                found.setdefault(row["method"], []).append(row)
    return found


def mean(rows: list[dict], key: str) -> float:
    """The mean of one column over the cases; NaN where it is undefined."""
    values = [row[key] for row in rows if row[key] is not None]
    return float(np.mean(values)) if values else np.nan


def markdown_table(records: list[dict], source: str) -> str:
    """One line per method: means over the cases, distances in mm."""
    heading = " | ".join(("method", *(name for _, name, _ in COLUMNS)))
    lines = [f"| {heading} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for method, rows in rows_of(records, source).items():
        values = [_shown(mean(rows, key), decimals) for key, _, decimals in COLUMNS]
        lines.append(f"| {method} | {' | '.join(values)} |")
    return "\n".join(lines)


def _shown(value, decimals):
    return "–" if np.isnan(value) else f"{value:.{decimals}f}"


def write_csv(records: list[dict], path: Path) -> None:
    """Every row of every case, at full precision."""
    keys = ("head", "occluder", "source", "method", *(key for key, _, _ in COLUMNS))
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, keys, extrasaction="ignore")
        writer.writeheader()
        for record in records:
            writer.writerows({**row, "head": record["head"], "occluder": record["occluder"]} for row in record["rows"])


def claims(records: list[dict]) -> str:
    """The comparisons that matter, as Markdown lines.

    Each difference is paired over the cases; ± is the standard error of its mean.
    """
    photo, exact = rows_of(records, "photo"), rows_of(records, "vertices")
    lines = []
    if photo:
        lines += [_against(photo, name, "From photos") for name in photo if name.endswith("i.i.d.")]
        lines += [_against(photo, f"{own}: i.i.d.", "From photos", f"{own}: calibrated DPP")
                  for own in (VERTICES, VAE) if f"{own}: i.i.d." in photo]  # fmt: skip
        lines += [_less_squared_error(photo, single, key) for single in (BLIND, WITHOUT_LOCAL)
                  for key in SQUARED]  # fmt: skip
        covered = mean(photo[DEFAULT], "coverage")
        lines.append(f"From photos, {DEFAULT}: coverage of the nominal 90 % region {covered:.0%}.")
    if exact:
        lines += [_against(exact, f"{VERTICES}: i.i.d.", "From exact vertices", method)
                  for method in (DEFAULT, f"{DEFAULT}, no remainder")]  # fmt: skip
    return "\n".join(f"- {line}" for line in lines)


def _against(rows, name, source, method=DEFAULT):
    """One line: a method's diversity and closest sample against a baseline's."""
    change = {key: mean(rows[method], key) / mean(rows[name], key) - 1 for key in ("asd_occluded", "asd_visible")}
    nearer = np.array([row["cse_occluded"] for row in rows[method]]) - [row["cse_occluded"] for row in rows[name]]
    error = nearer.std(ddof=1) / np.sqrt(len(nearer)) if len(nearer) > 1 else np.nan
    relative = nearer.mean() / mean(rows[name], "cse_occluded")
    return (f"{source}, {method} against {name} (coverage {mean(rows[name], 'coverage'):.0%}): "
            f"ASD-O {change['asd_occluded']:+.0%}, ASD-V {change['asd_visible']:+.0%}, "
            f"CSE-O {nearer.mean():+.2f} ± {error:.2f} mm ({relative:+.0%}).")  # fmt: skip


def _less_squared_error(rows, single, key):
    """One line: the closest sample's mean squared error against a single reconstruction's."""
    ours, theirs = (np.mean([row[key] ** 2 for row in rows[name]]) for name in (DEFAULT, single))
    return f"From photos, MSE of the closest sample against the {single}, {SQUARED[key]}: {ours / theirs - 1:+.0%}."


def occluder_table(records: list[dict], method: str = DEFAULT) -> str:
    """The recommended method by occluder: fitted photos, ASD-O, CSE-O, coverage, visible against occluded spread."""
    lines = ["| occluder | photos fitted | ASD-O | CSE-O | coverage | spread, visible / occluded |", "|---" * 6 + "|"]
    for occluder in dict.fromkeys(record["occluder"] for record in records):
        some = [record for record in records if record["occluder"] == occluder]
        rows = rows_of(some, "photo").get(method, [])
        if rows:
            ratio = mean(rows, "spread_visible") / mean(rows, "spread_occluded")
            values = [_shown(mean(rows, key), 2) for key in ("asd_occluded", "cse_occluded", "coverage")]
            lines.append(f"| {occluder} | {len(rows)} of {len(some)} | {' | '.join(values)} | {ratio:.2f} |")
        else:
            lines.append(f"| {occluder} | 0 of {len(some)} | – | – | – | – |")
    return "\n".join(lines)


def averaged(records: list[dict], name: str) -> dict[str, np.ndarray]:
    """The curves of one kind, averaged over the cases that have them: label to array."""
    found = {}
    for record in records:
        for label, values in record["curves"].get(name, {}).items():
            found.setdefault(label, []).append(values)
    return {label: np.mean(values, axis=0) for label, values in found.items()}


def frontier_table(records: list[dict]) -> str:
    """The points of the frontier's figure, averaged over the cases that have them; distances in mm."""
    lines = ["| family | knob | ASD-O | CSE-O |", "|---" * 4 + "|"]
    for family, curve in averaged(records, "frontier").items():
        name = "w_dpp" if "published" in family else "DPP weight" if "DPP" in family else "times the posterior"
        lines += [f"| {family} | {name} {knob:g} | {diverse:.2f} | {error:.2f} |" for knob, diverse, error in curve]
    return "\n".join(lines)


def frontier_figure(records: list[dict]) -> Figure:
    """A Figure: CSE-O against ASD-O as each method's knob moves."""
    figure, axis = _figure("diversity where occluded: ASD-O (mm)", "nearest of the heads: CSE-O (mm)")
    for label, curve, colour in _coloured(averaged(records, "frontier")):
        axis.plot(curve[:, 1], curve[:, 2], "o-", color=colour, label=label, markersize=3.5)
        if label == DEFAULT:
            for weight, diverse, error in curve[::2]:
                axis.annotate(f"{weight:g}", (diverse, error), textcoords="offset points", xytext=(-3, 6), fontsize=7)
    axis.set_title("More diversity, and what it costs (right and low is better)", fontsize=10)
    axis.legend(fontsize=7)
    return figure


def number_figure(records: list[dict]) -> Figure:
    """A Figure: CSE-O against the number of heads."""
    figure, axis = _figure("number of heads N", "nearest of the heads: CSE-O (mm)")
    for label, curve, colour in _coloured(averaged(records, "number")):
        axis.plot(SIZES, curve, "o-", color=colour, label=label, markersize=3.5)
    axis.set_xscale("log", base=2)
    axis.set_xticks(SIZES, [str(size) for size in SIZES])
    axis.set_title("The nearest head gets nearer with N for every method", fontsize=10)
    axis.legend(fontsize=7)
    return figure


def calibration_figure(records: list[dict]) -> Figure:
    """A Figure: measured against nominal coverage of the occluded vertices, from photos."""
    figure, axis = _figure("nominal probability of the region", "share of occluded vertices inside it")
    axis.plot((0, 1), (0, 1), ":", color="0.5", label="calibrated")
    photo = rows_of(records, "photo")
    chosen = [name for name in photo if name.endswith(": i.i.d.") or name == DEFAULT]
    covered = {name: np.mean([row["coverage_levels"] for row in photo[name]], axis=0) for name in chosen}
    for label, curve, colour in _coloured(covered):
        axis.plot(LEVELS, curve, "o-", color=colour, label=label, markersize=3.5)
    axis.set_title("Does a method know how unsure it is?", fontsize=10)
    axis.legend(fontsize=7)
    return figure


def _coloured(curves):
    """(label, curve, colour) of each, the recommended method first, so that its colour is always the same."""
    labels = sorted(curves, key=lambda label: label != DEFAULT)
    return [(label, curves[label], colour) for label, colour in zip(labels, COLOURS)]


def _figure(x, y):
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axis = figure.subplots()
    axis.set_xlabel(x)
    axis.set_ylabel(y)
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    return figure, axis


def write_report(records: list[dict], folder: Path) -> str:
    """Write cases.csv, table.md and, where there are numbers for them, frontier.png, number.png, calibration.png.

    Returns:
        The Markdown text.
    """
    write_csv(records, folder / "cases.csv")
    refused = sum(record["refused"] is not None for record in records)
    parts = [f"{len(records)} cases ({refused} photos refused), means over the cases, distances in mm."]
    for source, title in SOURCES.items():
        if rows_of(records, source):
            parts.append(f"### {title}\n\n{markdown_table(records, source)}")
    parts += [f"### Comparisons\n\n{claims(records)}", f"### By occluder\n\n{occluder_table(records)}"]
    curves = sum(bool(record["curves"]) for record in records)
    if curves:
        parts.append(f"### The frontier\n\n{curves} photos of the first heads.\n\n{frontier_table(records)}")
    text = "\n\n".join(parts) + "\n"
    (folder / "table.md").write_text(text, encoding="utf-8")
    if curves:
        frontier_figure(records).savefig(folder / "frontier.png", dpi=130)
        number_figure(records).savefig(folder / "number.png", dpi=130)
    if rows_of(records, "photo"):
        calibration_figure(records).savefig(folder / "calibration.png", dpi=130)
    return text
