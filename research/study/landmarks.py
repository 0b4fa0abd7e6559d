"""How far each landmark backend errs and how long it takes: ``python -m research.study.landmarks`` prints a table.

A landmark's true place is where the head's embedding has it, which was measured with MediaPipe on other heads: another
backend, which puts its 68 points a little elsewhere, errs by that, too, until its bias is measured and taken out.
"""

import argparse
import sys
import time

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from d3f_lite.command_line import command_line
from d3f_lite.errors import AssetError, LandmarkError
from d3f_lite.evaluation.report import table
from d3f_lite.evaluation.synthetic import draw_view
from d3f_lite.evaluation.truth import STREAMS
from d3f_lite.fitting.calibration import calibration_of, upright
from d3f_lite.fitting.camera import Camera
from d3f_lite.formats.anny import held_out_heads
from d3f_lite.formats.load_head import load_head
from d3f_lite.heads.model import JAW_POINTS
from d3f_lite.observation.landmarks import FACE_ALIGNMENT, MEDIAPIPE, Landmarks, interocular_distance
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.perception.detector import MediapipeDetector
from d3f_lite.perception.face_alignment import FaceAlignmentNetwork, network_for
from d3f_lite.perception.landmark_detection import detect_landmarks


def measure(
    truths: Float[np.ndarray, "n V 3"], seed: int, detector: MediapipeDetector, network: FaceAlignmentNetwork | None = None
) -> tuple[Float[np.ndarray, "n 2 2"], Float[np.ndarray, "m"]]:
    """Detect the landmarks of renders of known heads, clean and occluded.

    Args:
        truths: mm.
        seed: of views, lights and occluders.
        network: FaceAlignmentNetwork, None for MediaPipe alone.

    Returns:
        (n, 2, 2) % of the inter-ocular distance, NaN where no face is found: the mean error of the reliable inner
        landmarks of the clean and the occluded render, as found, and with the detector's measured bias taken out.
        seconds: (2 n,) of each look.
    """
    head, errors, seconds = load_head(), np.full((len(truths), 2, 2), np.nan), []
    for number, truth in enumerate(tqdm(truths, desc="heads", unit="head")):
        photo, camera = draw_view(head, truth, np.random.default_rng(seed + number), largest_yaw=0.55)
        true = camera.project(head.landmark_points(truth, camera.angles[0]))
        mask = None
        for place in range(2):
            start = time.perf_counter()
            try:
                found = detect_landmarks(photo, mask, seed=seed, detector=detector, network=network)
            except LandmarkError:
                break
            seconds.append(time.perf_counter() - start)
            errors[number, place] = inner_errors(found, true, camera)
            if mask is None:
                photo, mask = draw_occluder(photo, found, tuple(STREAMS)[number % 5], seed=seed + number)
    return errors, np.array(seconds)


def inner_errors(found: Landmarks, true: Float[np.ndarray, "68 2"], camera: Camera) -> Float[np.ndarray, "2"]:
    """The mean error in % of the inter-ocular distance of Landmarks against ``true`` (68, 2) px: raw, and without bias."""
    yaw, pitch, roll = camera.angles
    calibration = calibration_of(found.detector)
    bias = 0.0 if calibration is None else camera.scale * upright(calibration.bias_at(yaw, pitch), -roll)
    used = found.reliable & (np.arange(68) >= JAW_POINTS)  # the jaw follows the contour
    offsets = np.stack((found.xy - true, found.xy - bias - true))[:, used]
    return 100.0 * np.linalg.norm(offsets, axis=2).mean(1) / interocular_distance(true)


def row(name: str, errors: Float[np.ndarray, "n 2 2"], seconds: Float[np.ndarray, "m"]) -> tuple[str, ...]:
    """A row of the table."""
    kept = errors[np.isfinite(errors).all((1, 2))]
    shown = [f"{raw:.1f} % ({calibrated:.1f} %)" for raw, calibrated in kept.mean(0)]
    return name, *shown, f"{len(kept)} of {len(errors)}", f"{np.median(seconds):.2f} s"


@command_line("landmarks")
def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", type=int, default=64, help="how many held-out heads (default: all 64)")
    parser.add_argument("--seed", type=int, default=0, help="of every random draw (default: 0)")
    options = parser.parse_args()
    rows = []
    with MediapipeDetector() as detector:
        for name in (MEDIAPIPE, FACE_ALIGNMENT):
            try:
                rows.append(row(name, *measure(held_out_heads()[: options.heads], options.seed, detector, network_for(name))))
            except AssetError as error:
                rows.append((name, f"not measured: {error}", "", "", ""))
    print(table(("backend", "error, clean (bias taken out)", "beside an occluder", "found", "a look"), rows))


if __name__ == "__main__":
    sys.exit(main())
