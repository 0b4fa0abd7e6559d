"""How good the fit is for whom, on renders of heads that no model saw under an occluder: ``python -m research.study.groups``."""

import argparse
import sys

import numpy as np
from jaxtyping import Bool, Float
from tqdm import tqdm

from d3f_lite.assets import SHIPPED
from d3f_lite.command_line import command_line
from d3f_lite.errors import AssetError, LandmarkError
from d3f_lite.evaluation.report import table
from d3f_lite.evaluation.truth import STREAMS, draw_case, face_error, observe_filled
from d3f_lite.files.arrays import read_arrays
from d3f_lite.fitting.fit import fit_visible
from d3f_lite.formats.anny import held_out_heads
from d3f_lite.formats.load_head import load_head
from d3f_lite.perception.detector import MediapipeDetector

HIDDEN_BY = tuple(STREAMS)[:5]  # one head each, in turn
ANCESTRIES = ("african", "asian", "caucasian")


def held_out_phenotypes() -> dict[str, Float[np.ndarray, "n"]]:
    """The artists' axes of each held-out head, in [0, 1].

    gender runs from male (0) to female (1), age from child (1/3) over young (2/3) to old (1); african, asian and
    caucasian are shares of 1.

    Raises:
        AssetError: the asset is missing or broken.
    """
    table = read_arrays(SHIPPED / "held_out.npz", AssetError)
    return {name: table.array(name, (None,), np.float32) for name in ("gender", "age", *ANCESTRIES)}


def measure(truths: Float[np.ndarray, "n V 3"], seed: int, looks: tuple = (observe_filled,)) -> Float[np.ndarray, "rows n"]:
    """Face errors (mm, the size aligned) of the mean head, and of the fit to what each of ``looks`` observes; NaN = refused.

    Args:
        truths: mm.
        seed: of views, lights and occluders.
        looks: functions of a case and a detector that give an Observation.
    """
    head, errors = load_head(), np.full((1 + len(looks), len(truths)), np.nan)
    with MediapipeDetector() as detector:
        for number, truth in enumerate(tqdm(truths, desc="heads", unit="head")):
            case = draw_case(head, truth, HIDDEN_BY[number % len(HIDDEN_BY)], seed + number, detector)
            errors[0, number] = face_error(head.mean, truth, head.face)
            for row, look in enumerate(looks, start=1):
                try:
                    errors[row, number] = face_error(fit_visible(look(case, detector), head).vertices, truth, head.face)
                except LandmarkError:
                    continue
    return errors


def groups(phenotypes: dict[str, Float[np.ndarray, "n"]]) -> dict[str, Bool[np.ndarray, "n"]]:
    """The groups that errors are compared between, by the artists' axes of ``held_out_phenotypes``: name to (n,) bool."""
    gender, age = phenotypes["gender"], phenotypes["age"]
    largest = np.argmax([phenotypes[name] for name in ANCESTRIES], axis=0)
    return {
        "all": np.ones(len(gender), bool),
        "gender axis: male third": gender < 1 / 3,
        "gender axis: middle third": (1 / 3 <= gender) & (gender <= 2 / 3),
        "gender axis: female third": gender > 2 / 3,
        "age: young adult (0.60 to 0.73)": age < 0.6 + 0.4 / 3,
        "age: middle (0.73 to 0.87)": (0.6 + 0.4 / 3 <= age) & (age <= 0.6 + 0.8 / 3),
        "age: old (0.87 to 1.00)": age > 0.6 + 0.8 / 3,
        **{f"ancestry: mostly {name}": largest == number for number, name in enumerate(ANCESTRIES)},
    }


def group_table(errors: Float[np.ndarray, "2 n"], phenotypes: dict[str, Float[np.ndarray, "n"]]) -> str:
    """Errors (2, n) mm of the mean head and of the fit as a Markdown table, one line per group; NaN = refused.

    ± is the standard deviation over the heads, in brackets the standard error of the mean. Groups of which fewer than
    two heads were fitted are left out.
    """
    rows = []
    for name, member in groups(phenotypes).items():
        base, fitted = errors[:, member]
        kept = np.isfinite(fitted)
        if kept.sum() < 2:
            continue
        both = (fitted[kept], base[kept])
        values = [f"{row.mean():.2f} ± {row.std(ddof=1):.2f} ({row.std(ddof=1) / np.sqrt(len(row)):.2f})" for row in both]
        gain = 100 * (fitted[kept].mean() / base[kept].mean() - 1)
        rows.append((name, member.sum(), *values, f"{gain:+.0f} %", (~kept).sum()))
    return table(("group", "heads", "fit, mm", "mean head, mm", "fit against mean head", "refused"), rows)


@command_line("groups")
def main() -> None:
    """Fit the heads and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", type=int, default=60, help="how many held-out heads (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of every random draw (default: %(default)s)")
    options = parser.parse_args()
    phenotypes = {name: values[: options.heads] for name, values in held_out_phenotypes().items()}
    print(group_table(measure(held_out_heads()[: options.heads], options.seed), phenotypes))


if __name__ == "__main__":
    sys.exit(main())
