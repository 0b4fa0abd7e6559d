"""Scenes, pictures of true heads under occluders, and what every method makes of them.

A prediction is laid onto the true head over its *visible* part alone, by size, turn and shift, so that nothing hidden helps;
then distances are measured from each true vertex of the face to the predicted surface, along its normal.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from trimesh.registration import procrustes

from d3f_lite.common.device import one_thread
from d3f_lite.diversity import kernel
from d3f_lite.diversity.search import PartialHead, sample_iid
from d3f_lite.errors import D3FError, LandmarkError
from d3f_lite.evaluation import calibration, methods
from d3f_lite.evaluation.methods import Draws, Given
from d3f_lite.fitting.fit import what_the_photo_shows
from d3f_lite.formats.load_head import load_head
from d3f_lite.heads.model import JAW_POINTS, HeadModel
from d3f_lite.observation.photo import Photo
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.perception.detector import MediapipeDetector
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.settings import Settings
from research.study.scan_photos import draw_scan_photo
from research.study.surfaces import Surface, align, transformed
from research.study.worlds import World, own, scanned

HIDDEN_BY = ("surgical_mask", "sunglasses", "scarf", "half_face")
POSTERIOR_DRAWS = 64
HALF_WIDTHS = {0.5: 0.6745, 0.8: 1.2816, 0.9: 1.6449, 0.95: 1.96}  # standard deviations, of a region that holds so much
MEAN_HEAD, AVERAGE = "mean head, no fit", "the world's average head, no fit"
POSTERIOR, HELD = "64 draws of the posterior, nothing held", "64 draws, the visible part held"
LEFT_OUT, REFUSED = "left out", "refused"


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


def draw_scene(
    world: World, seed: int, number: int, occluder: str, detector: MediapipeDetector,
    face_radius: float = 95.0, views: int = 6, fewest: int = 6,
) -> Scene:  # fmt: skip
    """One scene: head ``number`` of a seed under one of HIDDEN_BY.

    Args:
        face_radius: mm from the tip of the nose, as far as the face reaches.
        views: tried, until the detector finds the face before it is occluded.
        fewest: visible landmarks that an alignment can start from.

    Raises:
        LandmarkError: the face was found in none of the views, or too little of it is left to align by.
    """
    head, truth = world.head, world.truth(seed, number)
    generator = np.random.default_rng([seed, number, HIDDEN_BY.index(occluder)])
    for _ in range(views):
        photo, camera = draw_scan_photo(head, truth, generator, largest_yaw=0.45)
        try:
            found = detect_landmarks(photo, seed=0, detector=detector)
        except LandmarkError:
            continue
        break
    else:
        raise LandmarkError(f"no face found in {views} views of a head")
    covered, mask = draw_occluder(photo, found, occluder, seed=number)
    face = np.linalg.norm(truth - truth[head.mean[:, 2].argmax()], axis=1) < face_radius
    visible, occluded = what_the_photo_shows(truth, head, camera, mask)
    points = head.landmark_points(truth)[JAW_POINTS:]
    column, row = camera.view(points)[:, :2].astype(int).T
    seen = ~mask[np.clip(row, 0, mask.shape[0] - 1), np.clip(column, 0, mask.shape[1] - 1)]
    if seen.sum() < fewest:
        raise LandmarkError("too little of the head is visible to align by")
    return Scene(truth, points, seen, visible & face, occluded & face, occluder, covered, mask)


def lay(vertices: Float[np.ndarray, "V 3"], model: HeadModel, scene: Scene) -> Float[np.ndarray, "4 4"]:
    """The size, turn and shift that lay a predicted head (mm) of a model onto the visible part of the true one."""
    points = model.landmark_points(vertices)[JAW_POINTS:]
    start = procrustes(points[scene.seen], scene.landmarks[scene.seen], reflection=False)[0]
    return align(vertices, model.triangles, scene.truth[scene.visible], start)


def distances(
    heads: Float[np.ndarray, "N V 3"], matrix: Float[np.ndarray, "4 4"], head: HeadModel, scene: Scene
) -> Float[np.ndarray, "N P"]:
    """Signed distances (mm) of every vertex of the true face, visible ones first, to each of the heads.

    Args:
        matrix: that all of them are moved by: samples are laid as their fit is, by ``lay``.
    """
    points = np.concatenate((scene.truth[scene.visible], scene.truth[scene.occluded]))
    return np.stack([Surface.of(transformed(vertices, matrix), head.triangles).signed_distances(points) for vertices in heads])


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
        for level, width in HALF_WIDTHS.items():
            found[f"covered_{level:.2f}_occluded"] = float((z[visible:] < width).mean())
            found[f"covered_{level:.2f}_visible"] = float((z[:visible] < width).mean())
    return found


@one_thread()
def scene_rows(scene: Scene, head: HeadModel, world: World, draws: Draws, settings: Settings) -> Iterator[dict]:
    """Every method on one scene: rows (dict) of method, occluder and ``measured``.

    Args:
        head: the model that is measured.
        world: that the truth is from.

    Raises:
        LandmarkError: the photo shows too little.
    """
    visible = int(scene.visible.sum())
    row = lambda name, apart: {"method": name, "occluder": scene.occluder, **measured(apart, visible)}
    for name, vertices, model in ((MEAN_HEAD, head.mean, head), (AVERAGE, world.average, world.head)):
        yield row(name, distances(vertices[None], lay(vertices, model, scene), model, scene))
    with MediapipeDetector() as detector:
        singles, fit = methods.single_fits(scene, head, settings.fit, detector)
    matrix = lay(fit.vertices, head, scene)
    partial = PartialHead.of(fit, head)
    decoders = methods.photo_decoders(fit, head, draws.settings)
    for answer in (*singles, *methods.answers(partial, head, decoders, draws, fit.vertices)):
        moved = lay(answer.heads[0], head, scene) if len(answer.heads) == 1 else matrix
        yield row(answer.method, distances(answer.heads, moved, head, scene))
    for name, decoder in ((POSTERIOR, decoders[Given.PHOTO]()), (HELD, decoders["default"]())):
        heads = sample_iid(decoder, POSTERIOR_DRAWS, draws.seed).vertices
        apart = distances(heads, matrix, head, scene)
        prior = distances(head.sample(1, seed=draws.seed + 1), matrix, head, scene)[0]
        yield row(name, apart) | ranked(apart, prior, visible)
        yield row(f"most central of {name}", apart[[most_central(heads, fit.free)]])


def most_central(heads: Float[np.ndarray, "N V 3"], where: Bool[np.ndarray, "V"]) -> int:
    """Which of N heads is nearest to the others on average: the one to choose when the truth is not known."""
    return int(kernel.distances(torch.from_numpy(heads), where).mean(0).argmin())


def ranked(apart: Float[np.ndarray, "N P"], reference: Float[np.ndarray, "P"], visible: int, vertices: int = 12) -> dict:
    """Whether N draws are as sure as they should be: ranks, as shares, of a few vertices' true places, and TARP's share.

    Args:
        apart: as of ``distances``: the true surface is at zero.
        reference: the same for a head that has not seen the photo.
        visible: how many of the P columns are visible vertices.
        vertices: of each part whose ranks are kept.
    """
    found = {}
    for part, columns in (("visible", np.s_[:visible]), ("occluded", np.s_[visible:])):
        draws, zero = apart[:, columns], np.zeros(apart[:, columns].shape[1])
        some = np.linspace(0, draws.shape[1] - 1, vertices).astype(int)
        found[f"ranks_{part}"] = (calibration.ranks(draws, zero)[some] / len(draws)).tolist()
        found[f"tarp_{part}"] = calibration.tarp(draws, zero, reference[columns])
        found[f"tarp_{part}_halved"] = calibration.tarp(calibration.narrowed(draws, 0.5), zero, reference[columns])
    return found


def measure_case(path: Path | None, plan: tuple[int, int, str], name: str, settings: Settings, samples: int) -> list[dict]:
    """The rows of one (seed, head number, occluder); one row with the reason if the photo is refused.

    Args:
        path: ICT-FaceKit's, of the scanned world; None = our own.
    """
    seed, number, occluder = plan
    world = own() if path is None else scanned(path)
    about = {"world": world.name, "head": number, "occluder": occluder}
    with MediapipeDetector() as detector:
        try:
            scene = draw_scene(world, seed, number, occluder, detector)
        except LandmarkError as error:
            return [{**about, "method": LEFT_OUT, "why": str(error)}]
    try:
        draws = Draws(settings.diversity, samples, seed)
        return [about | row for row in scene_rows(scene, load_head(name), world, draws, settings)]
    except D3FError as error:
        return [{**about, "method": REFUSED, "why": str(error)}]
