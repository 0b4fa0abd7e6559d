"""What each ingredient of the fit gains, on renders of heads that no model saw under an occluder.

``python -m research.study.ingredients`` prints the table; with ``--groups``, how well the default does on each group of heads.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float
from tqdm import tqdm

from d3f_lite.command_line import command_line
from d3f_lite.errors import LandmarkError
from d3f_lite.evaluation.truth import STREAMS, draw_case, face_error, observe_blind, observe_filled
from d3f_lite.fitting.fit import fit_visible
from d3f_lite.formats.anny import ANCESTRIES, held_out_heads, held_out_phenotypes
from d3f_lite.formats.load_head import load_head
from d3f_lite.observation.observation import Observation
from d3f_lite.observe import observe
from d3f_lite.perception.detector import MediapipeDetector
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.settings import FitSettings
from research.markdown import table


def observe_unfilled(case, detector: MediapipeDetector) -> Observation:
    """The landmarks as found on the occluded photo of a case itself; those under the mask are dropped."""
    seen = observe(case.photo, case.mask, detector=detector)
    raw = detect_landmarks(case.photo, detector=detector)
    return replace(seen, landmarks=replace(raw, confidence=raw.confidence * (seen.landmarks.confidence > 0)))


HIDDEN_BY = tuple(STREAMS)[:5]  # one head each, in turn
DEFAULT = FitSettings()
LANDMARKS = replace(DEFAULT, photometric_weight=0.0)
INGREDIENTS = (  # name, observation, settings: each adds one thing to the line before
    ("landmarks, not filled, not calibrated, global", observe_unfilled,
     replace(LANDMARKS, calibrated=False, regional=False)),
    ("+ occluder filled before detection", observe_filled, replace(LANDMARKS, calibrated=False, regional=False)),
    ("+ calibrated detector", observe_filled, replace(LANDMARKS, regional=False)),
    ("+ photometric", observe_filled, replace(DEFAULT, regional=False)),
    ("+ regional bases (the default)", observe_filled, DEFAULT),
    ("the default, mask ignored", observe_blind, DEFAULT),
)  # fmt: skip


def measure(truths: Float[np.ndarray, "n V 3"], seed: int, ingredients: tuple = INGREDIENTS) -> Float[np.ndarray, "rows n 2"]:
    """Fit every head in every way.

    Args:
        truths: mm.
        seed: of views, lights and occluders.
        ingredients: (name, observe, FitSettings) rows.

    Returns:
        mm face errors, with the size aligned and not; the first row is the mean head. NaN = refused.
    """
    head, errors = load_head(), np.full((len(ingredients) + 1, len(truths), 2), np.nan)
    with MediapipeDetector() as detector:
        for number, truth in enumerate(tqdm(truths, desc="heads", unit="head")):
            case = draw_case(head, truth, HIDDEN_BY[number % len(HIDDEN_BY)], seed + number, detector)
            errors[0, number] = [face_error(head.mean, truth, head.face, scale) for scale in (True, False)]
            for row, (_, look, settings) in enumerate(ingredients, start=1):
                try:
                    fitted = fit_visible(look(case, detector), head, settings).vertices
                except LandmarkError:
                    continue
                errors[row, number] = [face_error(fitted, truth, head.face, scale) for scale in (True, False)]
    return errors


def ingredients_table(errors: Float[np.ndarray, "rows n 2"], names: Sequence[str]) -> str:
    """Errors (mm) as a Markdown table, against the mean head, the first row, on the same cases."""
    rows = []
    for name, row in zip(("mean head", *names), errors):
        kept = np.isfinite(row[:, 0])
        mean, base = row[kept].mean(0), errors[0, kept].mean(0)
        better = f"{100 * (row[kept, 0] < errors[0, kept, 0]).mean():.0f} %"
        aligned, not_aligned = ((f"{mm:.2f}", f"{100 * (mm / first - 1):+.0f} %") for mm, first in zip(mean, base))
        rows.append((name, *aligned, better, *not_aligned, f"{kept.sum()} of {len(kept)}"))
    columns = ("fit", "mm, size aligned", "against the mean head", "better in", "mm, size not aligned", "against", "fitted")
    return table(columns, rows)


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


@command_line("ingredients")
def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--groups", action="store_true", help="the default only, by age, gender axis and ancestry axis")
    options = parser.parse_args()
    truths = held_out_heads()[: options.heads]
    if options.groups:
        errors = measure(truths, options.seed, (("the default", observe_filled, DEFAULT),))
        phenotypes = {name: values[: options.heads] for name, values in held_out_phenotypes().items()}
        print(group_table(errors[..., 0], phenotypes))
    else:
        print(ingredients_table(measure(truths, options.seed), [name for name, _, _ in INGREDIENTS]))


if __name__ == "__main__":
    sys.exit(main())
