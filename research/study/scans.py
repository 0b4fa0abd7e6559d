"""Two worlds of true heads under one protocol: ``python -m research.study.scans --head-files PATH --out FOLDER``.

PATH is ICT-FaceKit's folder or archive: heads from scans; our own held-out heads follow. Identities, expressions, views,
lights, skins and occluders are drawn from a seed. A table for each world, paired comparisons, and whether the posteriors are
calibrated. Each world's average head stands beside every method: a fit that is not nearer has learnt nothing
about the person.
"""

import argparse
import sys
from pathlib import Path

import joblib
import numpy as np
from tqdm import tqdm

from d3f_lite.command_line import command_line
from d3f_lite.evaluation import calibration
from d3f_lite.evaluation.methods import Given
from d3f_lite.evaluation.report import table
from d3f_lite.files.whole import write_json
from d3f_lite.settings import Settings
from research.study.scenes import AVERAGE, HALF_WIDTHS, HELD, HIDDEN_BY, MEAN_HEAD, POSTERIOR, measure_case
from research.study.worlds import OWN, SCANS

FIT, DEFAULT, INDEPENDENT = "single fit, global + local", "calibrated DPP", f"{Given.PHOTO_HELD}: i.i.d."
CENTRAL = f"most central of {POSTERIOR}"


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


def calibration_check(rows: list[dict], method: str, part: str) -> calibration.CalibrationCheck:
    """The ranks and TARP's shares of a method in one world."""
    some = [row for row in rows if row["method"] == method]
    ranks, shares = (np.array([row[f"{key}_{part}"] for row in some]) for key in ("ranks", "tarp"))
    return calibration.CalibrationCheck(f"{some[0]['world']}, {part}", ranks, shares)


def _by_case(rows, method, key):
    """What one column holds of a method, by head and occluder."""
    return {(row["head"], row["occluder"]): row[key] for row in rows if row["method"] == method}


@command_line("scans")
def main() -> None:
    """Draw, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--head-files", type=Path, required=True, help="ICT-FaceKit's folder or archive")
    parser.add_argument("--heads", type=int, default=15, help="of each world; each gets every occluder (default: %(default)s)")
    parser.add_argument("--own-heads", type=int, help="as many of our own instead (default: as --heads)")
    parser.add_argument("--seed", type=int, default=0, help="of every draw (default: %(default)s)")
    parser.add_argument("--samples", type=int, default=16, help="of each method (default: %(default)s)")
    parser.add_argument("--head", default="anny", help="the model that is measured (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="a new folder for rows.json and calibration.png (default: none)")
    options = parser.parse_args()
    own_heads = options.heads if options.own_heads is None else options.own_heads
    plans = [(path, (options.seed, number, occluder)) for path, heads in ((options.head_files, options.heads), (None, own_heads))
             for number in range(heads) for occluder in HIDDEN_BY]  # fmt: skip
    work = joblib.Parallel(n_jobs=-1, return_as="generator")(
        joblib.delayed(measure_case)(*plan, options.head, Settings(), options.samples) for plan in plans
    )
    rows = [row for some in tqdm(work, total=len(plans), desc="cases") for row in some]
    worlds = [[row for row in rows if row["world"] == name] for name in (SCANS, OWN)]
    for some in worlds:
        print(f"{some[0]['world']}\n\n{report(some)}\n")
    if options.out is not None:
        options.out.mkdir(parents=True)
        write_json(options.out / "rows.json", rows)
        posteriors = [calibration_check(some, POSTERIOR, part) for some in worlds for part in ("occluded", "visible")]
        calibration.calibration_figure(posteriors).savefig(options.out / "calibration.png", dpi=100)


if __name__ == "__main__":
    sys.exit(main())
