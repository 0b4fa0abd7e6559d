"""What heads from two worlds say: a table for each, paired comparisons, and whether the posteriors are calibrated."""

import numpy as np

from d3f_lite.evaluation import calibration
from d3f_lite.evaluation.methods import PHOTO_HELD
from research.markdown import table

HALF_WIDTHS = {0.5: 0.6745, 0.8: 1.2816, 0.9: 1.6449, 0.95: 1.96}  # standard deviations, of a region that holds so much
FIT, DEFAULT, INDEPENDENT = "single fit, global + local", "calibrated DPP", f"{PHOTO_HELD}: i.i.d."
MEAN_HEAD, AVERAGE = "mean head, no fit", "the world's average head, no fit"
POSTERIOR, HELD = "64 draws of the posterior, nothing held", "64 draws, the visible part held"
CENTRAL = f"most central of {POSTERIOR}"
LEFT_OUT, REFUSED = "left out", "refused"


def report(rows: list[dict]) -> str:
    """A world's table and the comparisons that matter, as Markdown."""
    comparisons = (
        ("the fit against the average head, face", FIT, AVERAGE, "face"),
        ("the fit against the mean head, face", FIT, MEAN_HEAD, "face"),
        ("the fit against the mean head, occluded", FIT, MEAN_HEAD, "occluded"),
        ("the default against independent draws, energy score", DEFAULT, INDEPENDENT, "energy"),
        ("the default against independent draws, CSE-O", DEFAULT, INDEPENDENT, "cse_occluded"),
        ("the most central draw against the fit, occluded", CENTRAL, FIT, "occluded"),
    )
    lines = [means(rows), ""]
    for name, first, second, key in comparisons:
        one, other = _by_case(rows, first, key), _by_case(rows, second, key)
        both = np.array([(one[case], other[case]) for case in one if case in other])
        apart = both[:, 0] - both[:, 1]
        error = apart.std(ddof=1) / np.sqrt(len(apart)) if len(apart) > 1 else np.nan
        lines.append(f"- {name}: {apart.mean():+.3f} ± {error:.3f} mm ({both[:, 0].mean() / both[:, 1].mean():.2f} times), "
                     f"less in {100 * (apart < 0).mean():.0f} % of {len(apart)}")  # fmt: skip
    for name in (POSTERIOR, HELD):
        some = [row for row in rows if row["method"] == name]
        for part in ("visible", "occluded"):
            p = [calibration.uniform_p(np.array([row[f"tarp_{part}{kind}"] for row in some])) for kind in ("", "_halved")]
            lines.append(f"- TARP, {part}, {name}: p = {p[0]:.3f}; halved on purpose {p[1]:.1g}")
    return "\n".join(lines)


def means(rows: list[dict]) -> str:
    """One line per method: means over the cases, mm, and shares of the true vertices that the regions hold."""
    columns = ("face", "visible", "occluded", "cse_occluded", "energy",
               *(f"covered_{level:.2f}_{part}" for part in ("occluded", "visible") for level in HALF_WIDTHS))  # fmt: skip
    cells = []
    for name in dict.fromkeys(row["method"] for row in rows):
        some = [row for row in rows if row["method"] == name]
        values = [[row[column] for row in some if column in row] for column in columns]
        cells.append((name, len(some), *(f"{np.mean(value):.2f}" if value else "" for value in values)))
    return table(("method", "cases", *columns), cells)


def calibrated(rows: list[dict], method: str, part: str) -> calibration.Calibrated:
    """The ranks and TARP's shares of a method in one world."""
    some = [row for row in rows if row["method"] == method]
    ranks, shares = (np.array([row[f"{key}_{part}"] for row in some]) for key in ("ranks", "tarp"))
    return calibration.Calibrated(f"{some[0]['world']}, {part}", ranks, shares)


def _by_case(rows, method, key):
    """What one column holds of a method, by head and occluder."""
    return {(row["head"], row["occluder"]): row[key] for row in rows if row["method"] == method}
