"""What the explorer needs of a Reconstruction to search by itself: its posterior, packed small enough for a page."""

import base64
import io
import zlib
from dataclasses import asdict
from typing import Annotated, get_args, get_origin, get_type_hints

import cv2
import numpy as np
from fast_simplification import simplify
from jaxtyping import Bool, Float, Int, Shaped, UInt8
from PIL import Image
from scipy.sparse import coo_array, csr_array
from scipy.spatial import cKDTree

from d3f_lite.completion.posterior import Decoder
from d3f_lite.diversity.search import Modes, widest_modes
from d3f_lite.heads.model import ALBEDO_REGIONS, FACE_DEPTH, HAIRLINE, PARTS, HeadModel
from d3f_lite.results.pictures import cividis, face_window, heatmap_shares
from d3f_lite.results.refinement import with_closed_eyeballs
from d3f_lite.results.telling import first_words
from d3f_lite.results.texture import texture_of
from d3f_lite.settings import DiversitySettings, slider_stops

FINE_STEP = 2e-4  # mm
# What the posterior's arrays are rounded to; moves in mm per deviation, those that no search makes more coarsely.
STEPS = {"mean": FINE_STEP, "fit": FINE_STEP, "directions": FINE_STEP, "remainder": 0.02, "bent": 0.02, "turn": 1 / 1023}
COLOUR_STEP = 1.0  # of 255
VISIBLE, FREE = 1, 2  # bits of what the photo says of a vertex: it is shown; it is diversified
PHOTO_SIDE, PHOTO_QUALITY = 400, 82  # px, and of 100
OCCLUDER, OPACITY = (214, 51, 132), 150  # RGB of the layer over the photo, and its alpha, of 255
STOPS = 33  # of the colour map
# How light each region of ALBEDO_REGIONS is drawn, of 255: clay skin is 200.
TONES = {"eyeballs": 235, "irises": 70, "mouth": 90, "brows": 165, "lips": 182}
SKIN_TONE = 200
COARSE = 2400  # triangles of a small head
FADE = 14.0  # mm within the face's border, over which the photo fades out
POINTS = {  # landmarks, counted from 0, that can be chosen by name
    "tip of the nose": 30, "bridge of the nose": 27, "upper lip": 51, "lower lip": 57, "chin": 8,
    "right corner of the mouth": 48, "left corner of the mouth": 54, "right eye, outer corner": 36,
    "left eye, outer corner": 45, "right brow": 19, "left brow": 24, "right jaw": 3, "left jaw": 13,
}  # fmt: skip


def explorer_data(reconstruction, with_photo: bool = True) -> dict:
    """All that the explorer knows, ready for JSON; for the shipped head at most 1 MB.

    What ``posterior_arrays`` gives is rounded, which the remainder's step dominates: about 0.1 mm on a head.

    Args:
        reconstruction: Reconstruction.
        with_photo: and with the face's colours, else with neither.

    Returns:
        A dict; ``arrays`` names what lies in ``packed`` one after another: see ``_packed``.
    """
    fit, head, samples = reconstruction.fit, reconstruction.head, reconstruction.samples
    diversity, decoder = reconstruction.settings.diversity, reconstruction.decoder
    modes = widest_modes(decoder, fit.free, min(diversity.dimensions, decoder.latent_size))
    posterior = posterior_arrays(decoder, modes)
    mean, triangles = posterior["mean"][0], with_closed_eyeballs(head)
    if np.abs(mean - fit.vertices).max() > FINE_STEP:
        posterior["fit"] = fit.vertices[None]
    arrays = _drawn(reconstruction, mean, triangles, with_photo)
    arrays |= {name: (values, STEPS.get(name, "f8")) for name, values in posterior.items()}
    return {
        "name": reconstruction.observation.photo.name,
        "head": head.name,
        "part": "occluded" if fit.occluded.any() else "unseen",
        "said": first_words(reconstruction),
        "faces": len(head.triangles),
        "linearised": decoder.linearised() is not decoder,
        "reach": modes.reach.tolist(),
        "deviation": float(modes.deviation),
        "settings": {**asdict(diversity), "number": len(samples.vertices), "seed": samples.seed},
        **_ranges(),
        "points": _points(head, fit),
        "colours": [f"#{bytes(colour).hex()}" for colour in cividis(np.linspace(0.0, 1.0, STOPS))],
        **_seen(reconstruction, with_photo),
        **_packed(arrays, triangles),
    }


def posterior_arrays(decoder: Decoder, modes: Modes) -> dict[str, np.ndarray]:
    """The posterior as the explorer has it: latents z ~ N(0, I) give mean + (zᵀU) · directions + (zᵀW) · remainder.

    U (``modes``) are the directions that the search moves, and W (``turn``) the others. Exact for GaussianHeads; any
    other decoder is linearised by its secants, as in the search. Where coefficients have bounds, the explorer takes back
    what lies beyond them: ``bent`` (b, V, 3) is mm per unit of each of the b coefficients that have bounds, ``slack``
    (b, 2) how far the bounds are from the most likely head's, and ``bent_modes`` (d, b) and ``bent_turn`` (r, b) say how
    the amounts of the moves change them.

    Returns:
        ``mean`` (1, V, 3), ``directions`` (d, V, 3) and ``remainder`` (r, V, 3) in mm, ``modes`` (K, d), ``turn`` (K, r).
    """
    linear, chosen = decoder.linearised(), np.asarray(modes.directions)
    moves = np.tensordot(linear.factor.T, linear.basis, 1)  # mm per deviation along each latent axis
    bounded = linear.bounds is not None
    least = 0.0 if bounded else STEPS["remainder"] / np.sqrt(12.0)  # less than rounding adds
    directions, turn, remainder = _split(moves, chosen, least)
    arrays = {"modes": chosen, "turn": turn, "mean": linear.mean[None], "directions": directions, "remainder": remainder}
    if bounded:
        limited = np.isfinite(linear.bounds).any(1)
        pull = linear.factor[limited].T
        slack = linear.bounds[limited] - linear.coefficients[limited, None]
        arrays |= {"bent": linear.basis[limited], "slack": slack, "bent_modes": chosen.T @ pull, "bent_turn": turn.T @ pull}
    return arrays


def _drawn(reconstruction, mean: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "T 3"], with_photo: bool) -> dict:
    """What is drawn of a head, ready for ``_packed``: triangles, what the photo says of each vertex, and its colours."""
    fit, head = reconstruction.fit, reconstruction.head
    (share, never), tones, tints = heatmap_shares(fit, head), _tones(head), np.zeros((1, *mean.shape))
    if with_photo:
        tints[0] = 255.0 * texture_of(reconstruction).albedo[: len(mean)].clip(0.0, 1.0)
    whole = "u2" if len(mean) <= 2**16 else "u4"
    return {
        "triangles": (triangles, whole),
        "coarse": (_coarse(mean, triangles), whole),
        "states": (VISIBLE * fit.visible + FREE * fit.free, "u1"),
        "heat": (np.rint(255 * share), "u1"),
        "never": (np.rint(255 * never), "u1"),
        "skin": (np.rint(255 * _skin(head) * ~fit.unseen), "u1"),
        "tones": (tones, "u1"),
        "tints": (tints, COLOUR_STEP),
    }


def _ranges() -> dict:
    """``limits`` of the settings, and the ``stops`` of their sliders; number and seed as ``reconstruct`` takes them."""
    hints = get_type_hints(DiversitySettings, include_extras=True)
    limits = {name: get_args(hint)[1:] for name, hint in hints.items() if get_origin(hint) is Annotated}
    others = {"form": get_args(hints["form"]), "number": (1, 256), "seed": (0, 2**32 - 1)}
    return {"limits": limits | others, "stops": slider_stops() | {"number": list(range(1, 49))}}


def _split(
    moves: Float[np.ndarray, "K V 3"], chosen: Float[np.ndarray, "K d"], least: float
) -> tuple[Float[np.ndarray, "d V 3"], Float[np.ndarray, "K r"], Float[np.ndarray, "r V 3"]]:
    """The moves along the chosen directions, the other directions, widest first, and the moves along those.

    Directions that move the vertices by no more than ``least`` mm (RMS, along x, y and z) are left out.
    """
    rest, chosen = moves.reshape(len(moves), -1), chosen.astype(moves.dtype)  # single precision: there are millions
    along = chosen.T @ rest
    rest = rest - chosen @ along
    _, vectors = np.linalg.eigh((rest @ rest.T).astype(float))
    turn = vectors[:, ::-1][:, : len(moves) - len(along)]
    remainder = turn.T.astype(rest.dtype) @ rest
    kept = np.sqrt(np.square(remainder).mean(1)) > least
    return along.reshape(-1, *moves.shape[1:]), turn[:, kept], remainder[kept].reshape(-1, *moves.shape[1:])


def _packed(arrays: dict, triangles: Int[np.ndarray, "T 3"]) -> dict:
    """Arrays of (values, kind) as base64 of one deflated run of bytes, and name to [kind, shape].

    Kind is a little-endian type, or the step that values are rounded to. In steps, a vertex is told by how far it is from
    the mean (rounded down) of its neighbours of lower number, which are like it; then 0, −1, 1, −2, … are 0, 1, 2, 3, … of
    four bytes each, the lowest bytes of all of them first: small numbers, packed small.
    """
    lower = _lower_neighbours(triangles)
    parts, table = [], {}
    for name, (values, kind) in arrays.items():
        parts.append(_in_steps(values, kind, lower) if isinstance(kind, float) else values.astype(f"<{kind}").tobytes())
        table[name] = [kind, list(values.shape)]
    packer = zlib.compressobj(strategy=zlib.Z_RLE)  # no strings recur in such noise: as small, in a fiftieth of the time
    packed = packer.compress(b"".join(parts)) + packer.flush()
    return {"arrays": table, "packed": base64.b64encode(packed).decode()}


def _lower_neighbours(triangles: Int[np.ndarray, "T 3"]) -> csr_array:
    """(V, V) whole numbers: 1 where the column's vertex is a neighbour of the row's and has a lower number."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).astype(np.int64)
    low, high = np.unique(np.sort(edges, axis=1), axis=0).T
    count = triangles.max() + 1
    return coo_array((np.ones(len(low), np.int32), (high, low)), shape=(count, count)).tocsr()


def _in_steps(values: Float[np.ndarray, "..."], step: float, lower: csr_array) -> bytes:
    """Values in whole steps, see ``_packed``: (n, V, 3) of vertices, or any other array as it is."""
    steps = np.rint(values / step).astype(np.int32)
    if values.ndim == 3:
        planes = steps.transpose(1, 0, 2).reshape(values.shape[1], -1)
        steps = planes - np.floor_divide(lower @ planes, np.maximum(lower.sum(1), 1)[:, None])
        steps = steps.T
    return np.where(steps < 0, -2 * steps - 1, 2 * steps).astype("<u4").reshape(-1, 1).view(np.uint8).T.tobytes()


def _tones(head: HeadModel) -> UInt8[np.ndarray, "V"]:
    """How light each vertex of a plain head is, of 255."""
    tones = np.array([TONES.get(name, SKIN_TONE) for name in ALBEDO_REGIONS], np.float32)
    return np.rint(tones @ head.albedo_regions).clip(0, 255).astype(np.uint8)


def _coarse(mean: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "T 3"]) -> Int[np.ndarray, "C 3"]:
    """About COARSE triangles between some of the vertices, for small pictures of many heads."""
    simpler, corners = simplify(mean, triangles, target_count=min(COARSE, len(triangles) - 1))
    _, nearest = cKDTree(mean).query(simpler)
    chosen = nearest[corners]
    return chosen[(chosen != np.roll(chosen, 1, axis=1)).all(1)]


def _skin(head: HeadModel) -> Float[np.ndarray, "V"]:
    """Where the photo is laid on a head, 0 to 1: face and eyes, fading out where hats, hair and collars begin."""
    within = np.minimum(head.mean[:, 2] - FACE_DEPTH, HAIRLINE - head.mean[:, 1]) / FADE
    return np.where(head.face | (head.parts == PARTS.index("eyeballs")), within.clip(0.0, 1.0), 0.0)


def _points(head: HeadModel, fit) -> dict[str, int]:
    """Name to the vertex of the fit that is nearest to a landmark."""
    landmarks = head.landmark_points(fit.vertices, fit.camera.angles[0])
    _, nearest = cKDTree(fit.vertices).query(landmarks[list(POINTS.values())])
    return dict(zip(POINTS, nearest.tolist()))


def _seen(reconstruction, with_photo: bool) -> dict:
    """The face's part of the photo and its occluder as data URLs ("" = left out), and where the camera sees a head on it.

    ``onto`` (3, 4): w [s, t, 1] = onto · [x, y, z, 1], from (0, 0) at the picture's top-left corner to (1, 1).
    """
    observation, camera = reconstruction.observation, reconstruction.fit.camera
    window = face_window(observation)
    pixels, occluded = observation.photo.pixels[window], observation.masks.occluded[window]
    height, width = pixels.shape[:2]
    zoom = min(1.0, PHOTO_SIDE / max(height, width))
    size = max(1, round(zoom * width)), max(1, round(zoom * height))
    rotation, corner = np.asarray(camera.rotation, float), np.array([window[1].start, window[0].start])
    turned = camera.scale * rotation[:2] * [[1.0], [-1.0]]
    away = np.append(-camera.nearness * rotation[2], 1.0)
    onto = np.pad(turned, ((0, 0), (0, 1))) + np.outer(camera.translation - corner, away)
    onto = np.vstack((onto / [[width], [height]], away))
    yaw, pitch, _ = camera.angles
    return {
        "photo": with_photo * _data_url(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), "jpeg", quality=PHOTO_QUALITY),
        "mask": with_photo * _data_url(_layer(occluded, size), "png", optimize=True),
        "size": list(size),
        "opacity": OPACITY,
        "onto": onto.tolist(),
        "pose": [float(yaw), float(pitch)],
    }


def _layer(occluded: Bool[np.ndarray, "H W"], size: tuple[int, int]) -> UInt8[np.ndarray, "h w 4"]:
    """The occluder as a translucent layer of ``size`` (w, h)."""
    soft = cv2.GaussianBlur(cv2.resize(occluded.astype(np.float32), size, interpolation=cv2.INTER_AREA), (0, 0), 0.7)
    colour = np.broadcast_to(np.array(OCCLUDER, np.uint8), (*soft.shape, 3))
    return np.dstack([colour, np.rint(OPACITY * soft).astype(np.uint8)])


def _data_url(pixels: Shaped[np.ndarray, "H W C"], form: str, **options) -> str:
    """A picture as a data URL."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, form, **options)
    return f"data:image/{form};base64,{base64.b64encode(stream.getvalue()).decode()}"
