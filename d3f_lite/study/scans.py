"""Heads from scans as truth: ``python -m d3f_lite.study.scans --head-files PATH``, ICT-FaceKit's folder or archive.

Identities, expressions, views, lights, skins and occluders are drawn from a seed. A prediction is laid onto the true head
over its *visible* part alone, by size, turn and shift, so that nothing hidden helps; then distances count from each true
vertex of the face to the predicted surface, along its normal. The mean scanned head stands beside every method: a fit that
is not nearer than that has learnt nothing about the person.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.spatial import KDTree
from tqdm import tqdm
from trimesh.registration import procrustes

from d3f_lite.common.command_line import command_line
from d3f_lite.common.threads import one_thread
from d3f_lite.completion.posterior import condition_on_photo
from d3f_lite.errors import D3FError, LandmarkError
from d3f_lite.fitting.fit import Fit, what_the_photo_shows
from d3f_lite.fitting.render import vertex_normals
from d3f_lite.heads import load_head
from d3f_lite.heads.ict import read_ict
from d3f_lite.heads.model import JAW_POINTS, HeadModel
from d3f_lite.observation.landmarks import MediapipeDetector, detect_landmarks
from d3f_lite.observation.occluders import draw_occluder
from d3f_lite.observation.photo import Photo
from d3f_lite.settings import Settings
from d3f_lite.study import methods
from d3f_lite.study.methods import Draws, Shown
from d3f_lite.study.scan_photos import draw_scan_photo

OCCLUDERS = ("surgical_mask", "sunglasses", "scarf", "half_face")
FACE_RADIUS = 95.0  # mm from the tip of the nose
VIEWS = 6  # tried, until the detector finds the face before it is occluded
EXPRESSIONS, EXPRESSION_SIGMA = 4, 1.2  # how many of the head's expressions act, and how strongly, in standard deviations
FEWEST_LANDMARKS = 6  # visible ones that start the alignment
ALIGNMENT_ROUNDS, ALIGNED_SHARE = 25, 0.95
NEIGHBOURS = 3  # vertices whose tangent planes stand for the surface
LEVELS = {0.5: 0.6745, 0.8: 1.2816, 0.9: 1.6449, 0.95: 1.96}  # of a region, and its half-width in standard deviations
POSTERIOR_DRAWS = 64
MEAN_HEAD, MEAN_SCAN, POSTERIOR = (
    "mean head, no fit",
    "mean of the scans, no fit",
    "fit and 64 draws of its posterior, nothing held",
)


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture of a scanned head under an occluder.

    Args:
        truth: mm.
        landmarks: mm, points 17-67 of the true head.
        seen: which of them the picture shows.
        visible, occluded: vertices of the face.
        mask: exact.
    """

    truth: Float[np.ndarray, "V 3"]
    landmarks: Float[np.ndarray, "51 3"]
    seen: Bool[np.ndarray, "51"]
    visible: Bool[np.ndarray, "V"]
    occluded: Bool[np.ndarray, "V"]
    occluder: str
    photo: Photo
    mask: Bool[np.ndarray, "H W"]


def draw_scene(head: HeadModel, seed: int, number: int, occluder: str, detector: MediapipeDetector, draw: Callable) -> Scene:
    """One scene: head ``number`` of a seed under one of OCCLUDERS.

    Args:
        head: the scanned population, standard normal identities and one-sided expressions.
        draw: function that makes a picture and a camera, as ``draw_scan_photo``.

    Raises:
        LandmarkError: the face was found in none of the views, or too little of it is left to align by.
    """
    truth = draw_truth(head, seed, number)
    generator = np.random.default_rng([seed, number, OCCLUDERS.index(occluder)])
    for _ in range(VIEWS):
        photo, camera = draw(head, truth, generator, largest_yaw=0.45)
        try:
            found = detect_landmarks(photo, seed=0, detector=detector)
        except LandmarkError:
            continue
        break
    else:
        raise LandmarkError(f"no face found in {VIEWS} views of a head")
    covered, mask = draw_occluder(photo, found, occluder, seed=number)
    face = np.linalg.norm(truth - truth[head.mean[:, 2].argmax()], axis=1) < FACE_RADIUS
    visible, occluded = what_the_photo_shows(truth, head, camera, mask)
    points = head.landmark_points(truth)[JAW_POINTS:]
    column, row = camera.view(points)[:, :2].astype(int).T
    seen = ~mask[np.clip(row, 0, mask.shape[0] - 1), np.clip(column, 0, mask.shape[1] - 1)]
    if seen.sum() < FEWEST_LANDMARKS:
        raise LandmarkError("too little of the head is visible to align by")
    return Scene(truth, points, seen, visible & face, occluded & face, occluder, covered, mask)


def draw_truth(head: HeadModel, seed: int, number: int) -> Float[np.ndarray, "V 3"]:
    """The true head ``number`` of a seed, mm: every identity direction acts, and a few expressions, on one side only."""
    generator = np.random.default_rng([seed, number])
    identities = len(head.bases.shape)
    coefficients = np.zeros(len(head.basis), np.float32)
    coefficients[:identities] = generator.standard_normal(identities)
    acting = identities + generator.permutation(len(head.basis) - identities)[:EXPRESSIONS]
    coefficients[acting] = np.abs(generator.normal(0.0, EXPRESSION_SIGMA, len(acting)))
    return head.vertices(coefficients)


@dataclass(frozen=True, eq=False)
class Surface:
    """A head's surface, as distances are measured to it: vertices (mm) and their unit normals."""

    vertices: Float[np.ndarray, "V 3"]
    normals: Float[np.ndarray, "V 3"]

    @classmethod
    def of(cls, vertices: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "T 3"]) -> "Surface":
        """The surface of a mesh."""
        points = torch.from_numpy(np.ascontiguousarray(vertices, np.float32))
        return cls(vertices, vertex_normals(points, torch.from_numpy(triangles).long()).numpy())

    def signed_distances(self, points: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "P"]:
        """How far points lie outside, mm, along the normals of the nearest vertices."""
        _, nearest = KDTree(self.vertices).query(points, k=NEIGHBOURS)
        offset = points[:, None] - self.vertices[nearest]
        weights = 1.0 / (1e-6 + np.linalg.norm(offset, axis=-1))
        return (np.einsum("pkc,pkc->pk", offset, self.normals[nearest]) * weights).sum(1) / weights.sum(1)


def similarity(
    vertices: Float[np.ndarray, "V 3"],
    triangles: Int[np.ndarray, "T 3"],
    points: Float[np.ndarray, "51 3"],
    scene: Scene,
) -> Float[np.ndarray, "4 4"]:
    """The size, turn and shift that lay a predicted head onto the visible part of the true one.

    Args:
        vertices: mm, the prediction.
        points: mm, its points 17-67: those that are visible start the alignment.
    """
    matrix = procrustes(points[scene.seen], scene.landmarks[scene.seen], reflection=False)[0]
    truth = scene.truth[scene.visible]
    for _ in range(ALIGNMENT_ROUNDS):
        moved = _moved(vertices, matrix)
        surface = Surface.of(moved, triangles)
        _, nearest = KDTree(moved).query(truth)
        normals = surface.normals[nearest]
        apart = np.einsum("pc,pc->p", truth - moved[nearest], normals)
        kept = np.abs(apart) < np.quantile(np.abs(apart), ALIGNED_SHARE)
        feet = truth - apart[:, None] * normals
        matrix = procrustes(feet[kept], truth[kept], reflection=False)[0] @ matrix
    return matrix


def _moved(vertices, matrix):
    return vertices @ matrix[:3, :3].T + matrix[:3, 3]


def distances(
    heads: Float[np.ndarray, "N V 3"], base: Float[np.ndarray, "V 3"], head: HeadModel, scene: Scene
) -> Float[np.ndarray, "N P"]:
    """Signed distances (mm) of every vertex of the true face, visible ones first, to each of the heads.

    All are moved by the similarity that lays ``base`` onto the true head: what one of them needs, all get.
    """
    matrix = similarity(base, head.triangles, head.landmark_points(base)[JAW_POINTS:], scene)
    points = np.concatenate((scene.truth[scene.visible], scene.truth[scene.occluded]))
    return np.stack([Surface.of(_moved(vertices, matrix), head.triangles).signed_distances(points) for vertices in heads])


def measured(apart: Float[np.ndarray, "N P"], visible: int) -> dict[str, float]:
    """The measures of a method: mm, and shares covered.

    Args:
        apart: as of ``distances``; of one head or of N.
        visible: how many of the P columns are visible vertices.
    """
    rms = lambda values: np.sqrt(np.mean(np.square(values), axis=-1))
    each = rms(apart[:, visible:])
    found = {"face": float(np.abs(apart[0]).mean()), "visible": float(rms(apart[0, :visible])), "occluded": float(each[0]),
             "cse_occluded": float(each.min()), "mean_occluded": float(each.mean())}  # fmt: skip
    if len(apart) > 1:
        between = np.sqrt(np.square(apart[:, None, visible:] - apart[None, :, visible:]).mean(-1))
        found["energy"] = float(each.mean() - between.sum() / (2 * len(apart) * (len(apart) - 1)))
        z = np.abs(apart.mean(0)) / (apart.std(0, ddof=1) * np.sqrt(1 + 1 / len(apart)) + 1e-9)
        for level, width in LEVELS.items():
            found[f"covered_{level:.2f}_occluded"] = float((z[visible:] < width).mean())
            found[f"covered_{level:.2f}_visible"] = float((z[:visible] < width).mean())
    return found


@one_thread()
def scene_rows(scene: Scene, head: HeadModel, scans: HeadModel, draws: Draws, settings: Settings) -> Iterator[dict]:
    """Every method on one scene: rows (dict) of method, occluder and ``measured``.

    Args:
        head: the model that is measured.
        scans: the population that the truth is from.

    Raises:
        LandmarkError: the photo shows too little.
    """
    visible = int(scene.visible.sum())
    row = lambda name, apart: {"method": name, "occluder": scene.occluder, **measured(apart, visible)}
    for name, model in ((MEAN_HEAD, head), (MEAN_SCAN, scans)):
        yield row(name, distances(model.mean[None], model.mean, model, scene))
    with MediapipeDetector() as detector:
        singles, fit = methods.single_fits(scene, head, settings.fit, detector)
    shown = Shown(fit.vertices, fit.visible, fit.left_open, head.triangles)
    decoders = methods.photo_decoders(fit, head, draws.settings)
    for answer in (*singles, *methods.answers(shown, head, decoders, draws, fit.vertices)):
        base = answer.heads[0] if len(answer.heads) == 1 else fit.vertices
        yield row(answer.method, distances(answer.heads, base, head, scene))
    yield row(POSTERIOR, _posterior_distances(fit, head, scene, draws.seed))


def _posterior_distances(fit: Fit, head: HeadModel, scene: Scene, seed: int) -> Float[np.ndarray, "N P"]:
    """Distances to the fit and to draws of the Gaussian posterior given the photo, nothing held."""
    posterior = condition_on_photo(head.mean, head.basis, fit.coefficients, fit.hessian)
    heads = np.concatenate((fit.vertices[None], posterior.sample(POSTERIOR_DRAWS, seed)))
    return distances(heads, fit.vertices, head, scene)


def measure_case(path: Path, plan: tuple[int, int, str], name: str, settings: Settings, samples: int) -> list[dict]:
    """The rows of one (seed, head number, occluder); one row that says why, where the photo is refused."""
    seed, number, occluder = plan
    scans = _scans(path)
    with MediapipeDetector() as detector:
        try:
            scene = draw_scene(scans, seed, number, occluder, detector, draw_scan_photo)
        except LandmarkError as error:
            return [{"method": "left out", "occluder": occluder, "head": number, "why": str(error)}]
    try:
        draws = Draws(settings.diversity, samples, seed)
        return [{"head": number, **row} for row in scene_rows(scene, load_head(name), scans, draws, settings)]
    except D3FError as error:
        return [{"method": "refused", "occluder": occluder, "head": number, "why": str(error)}]


def _scans(path):
    return read_ict(path).head_model()


def table(rows: list[dict]) -> str:
    """Methods against scanned heads as Markdown: means over the cases; mm, and shares of the 50 and 90 % regions."""
    columns = ("face", "visible", "occluded", "cse_occluded", "energy", "covered_0.50_occluded", "covered_0.90_occluded",
               "covered_0.90_visible")  # fmt: skip
    lines = ["| method | cases | " + " | ".join(columns) + " |", "|---" * (len(columns) + 2) + "|"]
    for name in dict.fromkeys(row["method"] for row in rows):
        some = [row for row in rows if row["method"] == name]
        values = [[row[column] for row in some if column in row] for column in columns]
        shown = [f"{np.mean(value):.2f}" if value else "" for value in values]
        lines.append(f"| {name} | {len(some)} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


@command_line("scans")
def main() -> None:
    """Draw, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--head-files", type=Path, required=True, help="ICT-FaceKit's folder or archive")
    parser.add_argument("--heads", type=int, default=15, help="how many; each gets every occluder (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of every draw (default: %(default)s)")
    parser.add_argument("--samples", type=int, default=16, help="of each method (default: %(default)s)")
    parser.add_argument("--head", default="anny", help="the model that is measured (default: %(default)s)")
    options = parser.parse_args()
    from d3f_lite.study.scans import measure_case  # by the name that worker processes find it under

    plans = [(options.seed, number, occluder) for number in range(options.heads) for occluder in OCCLUDERS]
    work = joblib.Parallel(n_jobs=-1, return_as="generator_unordered")(
        joblib.delayed(measure_case)(options.head_files, plan, options.head, Settings(), options.samples) for plan in plans
    )
    rows = [row for some in tqdm(work, total=len(plans), desc="cases") for row in some]
    print(table(rows))


if __name__ == "__main__":
    sys.exit(main())
