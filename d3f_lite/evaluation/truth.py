"""Fitted heads against true ones: renders of heads that no model saw, random light, view and occluder.

``python -m d3f_lite.evaluation.truth`` prints what each ingredient of the fit gains; with ``--groups``, how well the default
does on each group of heads.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from tqdm import tqdm

from d3f_lite.command_line import command_line
from d3f_lite.errors import LandmarkError
from d3f_lite.evaluation.synthetic import draw_view
from d3f_lite.fitting.camera import Camera
from d3f_lite.fitting.fit import fit_visible
from d3f_lite.formats.anny import ANCESTRIES, held_out_heads, held_out_phenotypes
from d3f_lite.formats.load_head import load_head
from d3f_lite.heads.model import HeadModel
from d3f_lite.observation.observation import Observation
from d3f_lite.observation.photo import Photo
from d3f_lite.observe import observe
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.perception.detector import MediapipeDetector
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.settings import FitSettings

OCCLUDERS = ("surgical_mask", "sunglasses", "scarf", "hand", "sticker")
LARGEST_YAW = 0.55  # radians
VIEWS = 10  # tried, until the detector finds the face before it is occluded


@dataclass(frozen=True, eq=False)
class Case:
    """An occluded render of a known head.

    Args:
        truth: mm.
        occluder: its kind.
        photo: Photo with the occluder.
        mask: exact.
        camera: Camera that saw the head.
    """

    truth: Float[np.ndarray, "V 3"]
    occluder: str
    photo: Photo
    mask: Bool[np.ndarray, "H W"]
    camera: Camera


def draw_case(
    head: HeadModel, truth: Float[np.ndarray, "V 3"], occluder: str | Callable, seed: int, detector: MediapipeDetector
) -> Case:
    """Render a head and draw an occluder on it: a Case, the same for the same seed.

    Args:
        truth: mm.
        occluder: its kind, or a function (photo, landmarks, seed) -> (photo, mask).

    Raises:
        LandmarkError: the face was found in none of the views.
    """
    generator = np.random.default_rng(seed)
    for _ in range(VIEWS):
        photo, camera = draw_view(head, truth, generator, largest_yaw=LARGEST_YAW)
        try:
            found = detect_landmarks(photo, seed=seed, detector=detector)
        except LandmarkError:
            continue
        if callable(occluder):
            name, (covered, mask) = occluder.__name__, occluder(photo, found, seed)
        else:
            name, (covered, mask) = occluder, draw_occluder(photo, found, occluder, seed=seed)
        return Case(truth, name, covered, mask, camera)
    raise LandmarkError(f"no face found in {VIEWS} views of a head")


def aligned(
    vertices: Float[np.ndarray, "V 3"], truth: Float[np.ndarray, "V 3"], where: Bool[np.ndarray, "V"], scale: bool = True
) -> Float[np.ndarray, "V 3"]:
    """Move a head onto the true one by Procrustes over some vertices.

    A scaled orthographic camera cannot tell a small head nearby from a large one far away, so the size is aligned too
    unless ``scale`` is False.

    Args:
        vertices, truth: mm.
        scale: whether size is aligned.

    Returns:
        mm.
    """
    from trimesh.registration import procrustes
    from trimesh.transformations import transform_points

    matrix, _, _ = procrustes(vertices[where], truth[where], reflection=False, scale=scale)
    return transform_points(vertices, matrix)


def face_error(
    vertices: Float[np.ndarray, "V 3"], truth: Float[np.ndarray, "V 3"], where: Bool[np.ndarray, "V"], scale: bool = True
) -> float:
    """Mean distance in mm between a head and the true one over the vertices ``where`` (V,) bool, aligned there."""
    return float(np.linalg.norm(aligned(vertices, truth, where, scale) - truth, axis=1)[where].mean())


def observe_unfilled(case, detector: MediapipeDetector) -> Observation:
    """The landmarks as found on the occluded photo of a case itself; those under the mask are dropped."""
    seen = observe(case.photo, case.mask, detector=detector)
    raw = detect_landmarks(case.photo, detector=detector)
    return replace(seen, landmarks=replace(raw, confidence=raw.confidence * (seen.landmarks.confidence > 0)))


def observe_blind(case, detector: MediapipeDetector) -> Observation:
    """The photo as one sees it who ignores the mask."""
    return observe(case.photo, np.zeros_like(case.mask), detector=detector)


def observe_filled(case, detector: MediapipeDetector) -> Observation:
    """What ``reconstruct`` does: the occluder is filled before the detector looks."""
    return observe(case.photo, case.mask, detector=detector)


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
            case = draw_case(head, truth, OCCLUDERS[number % len(OCCLUDERS)], seed + number, detector)
            errors[0, number] = [face_error(head.mean, truth, head.face, scale) for scale in (True, False)]
            for row, (_, look, settings) in enumerate(ingredients, start=1):
                try:
                    fitted = fit_visible(look(case, detector), head, settings).vertices
                except LandmarkError:
                    continue
                errors[row, number] = [face_error(fitted, truth, head.face, scale) for scale in (True, False)]
    return errors


def table(errors: Float[np.ndarray, "rows n 2"], names: Sequence[str]) -> str:
    """Errors (rows + 1, n, 2) as a Markdown table, against the mean head on the same cases."""
    lines = ["| fit | mm, size aligned | against the mean head | better in | mm, size not aligned | against | fitted |",
             "|---|---|---|---|---|---|---|"]  # fmt: skip
    for name, row in zip(("mean head", *names), errors):
        kept = np.isfinite(row[:, 0])
        mean, base = row[kept].mean(0), errors[0, kept].mean(0)
        better = (row[kept, 0] < errors[0, kept, 0]).mean()
        lines.append(f"| {name} | {mean[0]:.2f} | {100 * (mean[0] / base[0] - 1):+.0f} % | {100 * better:.0f} % | "
                     f"{mean[1]:.2f} | {100 * (mean[1] / base[1] - 1):+.0f} % | {kept.sum()} of {len(kept)} |")  # fmt: skip
    return "\n".join(lines)


def groups(phenotypes: dict[str, Float[np.ndarray, "n"]]) -> dict[str, Bool[np.ndarray, "n"]]:
    """The groups that errors are compared between, by the artists' axes: dict of name to (n,) bool.

    Args:
        phenotypes: dict of (n,) arrays, see ``held_out_phenotypes``.
    """
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
    lines = ["| group | heads | fit, mm | mean head, mm | fit against mean head | refused |", "|---" * 6 + "|"]
    for name, member in groups(phenotypes).items():
        base, fitted = errors[:, member]
        kept = np.isfinite(fitted)
        if kept.sum() < 2:
            continue
        values = [f"{row.mean():.2f} ± {row.std(ddof=1):.2f} ({row.std(ddof=1) / np.sqrt(len(row)):.2f})"
                  for row in (fitted[kept], base[kept])]  # fmt: skip
        gain = 100 * (fitted[kept].mean() / base[kept].mean() - 1)
        lines.append(f"| {name} | {member.sum()} | {' | '.join(values)} | {gain:+.0f} % | {(~kept).sum()} |")
    return "\n".join(lines)


@command_line("truth")
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
        print(table(measure(truths, options.seed), [name for name, _, _ in INGREDIENTS]))


if __name__ == "__main__":
    sys.exit(main())
