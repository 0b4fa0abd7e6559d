"""The colours of a fitted head: the photo's where it shows skin, divided by its light, and plausible ones elsewhere."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.ndimage import map_coordinates
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from d3f_lite.fitting.camera import Camera
from d3f_lite.fitting.fit import Fit
from d3f_lite.fitting.rendering import depth_buffer, vertex_normals, visible_vertices
from d3f_lite.heads.model import ALBEDO_REGIONS, PARTS, HeadModel
from d3f_lite.observation.observation import Observation
from d3f_lite.reconstruction import Reconstruction
from d3f_lite.results.refinement import Refinement, refinement

PLAIN = ("skin", "forehead", "nose", "cheeks", "chin")  # albedo regions
TYPICAL_SKIN = np.array((0.78, 0.60, 0.51))


@dataclass(frozen=True, eq=False)
class Texture:
    """Colours of the vertices of a head's ``refinement``.

    Args:
        albedo: RGB, what the vertex would look like in even light; [0, 1] but for highlights.
        light: spherical-harmonics coefficients of the normal in the camera's frame, white and nowhere dark.
        seen: how much of the albedo is the photo's, 0 to 1; the rest is made up.
    """

    albedo: Float[np.ndarray, "F 3"]
    light: Float[np.ndarray, "9 3"]
    seen: Float[np.ndarray, "F"]


def texture_of(reconstruction: Reconstruction) -> Texture:
    """The photo's colours on a Reconstruction's heads, and made-up ones where it shows none; computed once for each fit."""
    return colour_skin(reconstruction.observation, reconstruction.head, reconstruction.fit)


@lru_cache(maxsize=2)
def colour_skin(observation: Observation, head: HeadModel, fit: Fit) -> Texture:
    """Take the photo's colours off the visible skin, and continue them where it is hidden.

    The light is one white lamp and what falls on all sides: fitted to half a face, it still holds on the other half.
    Where skin is hidden, colours differ between neighbours as they do on the other side of the face if that is seen, else as
    is typical of the areas (skin, lips, brows, …), and pass into the photo's at the border (Pérez et al. 2003).
    """
    mesh, places = refinement(head), _places(head)
    normals = fine_normals(head, fit.vertices)
    colours, seen = _photographed(observation, mesh, fit, normals)
    normals = normals @ np.asarray(fit.camera.rotation, np.float32).T
    skin = (seen > 0.9) & places.plain
    slope = _light_slope(colours[skin], normals[skin])
    albedo = colours / (1.0 + normals @ slope)[:, None]
    tone, hair = _tones(albedo, seen, skin, places)
    # Around the face the photo may show something else: colours of neither skin nor hair are doubted.
    strange = np.minimum(*(np.abs(albedo - colour).max(1) for colour in (tone, hair)))
    seen = seen * (1.0 - _ramp(strange, 0.25, 0.40) * places.around)
    typical = (tone + places.hair[:, None] * (hair - tone)) * places.shades
    filled = _filled(mesh.pairs, places, albedo, seen, typical)
    light = np.zeros((9, 3), np.float32)
    light[0], light[1:4] = 1.0, slope[:, None]
    return Texture(np.clip(filled, 0.0, 1.5).astype(np.float32), light, seen.astype(np.float32))


def trust_near(
    occluded: Bool[np.ndarray, "H W"], scale: float, blurred: float = 1.5, unused: float = 1.5, trusted: float = 6.0
) -> Float[np.ndarray, "H W"]:
    """How far a photo's colours are trusted, 0 to 1: less next to its occluder.

    Args:
        scale: px per mm.
        blurred: px, how far from the occluder the photo itself mixes with it.
        unused: mm from there; closer, a colour is not used.
        trusted: mm; farther, a colour is used as it is.
    """
    if not occluded.any():
        return np.ones(occluded.shape, np.float32)
    away = cv2.distanceTransform((~occluded).astype(np.uint8), cv2.DIST_L2, 5) - blurred
    return _ramp(away / scale, unused, trusted).astype(np.float32)


def fine_normals(head: HeadModel, vertices: Float[np.ndarray, "V 3"], mesh: Refinement | None = None) -> Float[np.ndarray, "F 3"]:
    """Unit normals of a head's refinement (by default the one of its Texture), as smooth as on the head itself."""
    own = vertex_normals(vertices, refinement(head, 0).triangles)
    mixed = (mesh or refinement(head))(own)
    return mixed / (np.linalg.norm(mixed, axis=1, keepdims=True) + 1e-9)


def _ramp(values, low, high):
    """0 below ``low``, 1 above ``high``, smooth between."""
    share = np.clip((values - low) / (high - low), 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


def _photographed(observation, mesh, fit, normals, finest=2.0):
    """The photo's colour at each vertex (F, 3), at most ``finest`` px per mm, and how far it may be trusted (F,), 0 to 1."""
    vertices = mesh(fit.vertices)
    points, facing = fit.camera.view(vertices).astype(np.float32), fit.camera.facing(vertices, normals)
    shape = np.array(observation.photo.shape)[::-1]
    low = np.clip(np.floor(points[:, :2].min(0)).astype(int) - 2, 0, shape - 8)
    high = np.clip(np.ceil(points[:, :2].max(0)).astype(int) + 2, low + 8, shape)
    window = np.s_[low[1] : high[1], low[0] : high[0]]
    width, height = np.maximum(np.rint((high - low) * min(1.0, finest / fit.camera.scale)).astype(int), 8).tolist()
    free = (~observation.masks.occluded[window]).astype(np.float32)
    # Black before any resampling, so that nothing under the occluder can reach a colour that is used.
    shown = observation.photo.pixels[window].astype(np.float32) / 255.0 * free[..., None]
    free, shown = (cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA) for picture in (free, shown))
    zoom = np.array((width, height)) / (high - low)
    points[:, :2] = (points[:, :2] - low) * zoom
    depth = depth_buffer(points, mesh.triangles, (height, width))
    visible = visible_vertices(points, facing, mesh.triangles, depth)
    place = points[:, 1::-1].T - 0.5
    sampled = lambda picture: map_coordinates(picture, place, order=1, mode="nearest")
    near = sampled(trust_near(free < 0.999, fit.camera.scale * zoom.min()))
    shown /= np.maximum(free, 1e-3)[..., None]
    colours = np.stack([sampled(shown[..., channel]) for channel in range(3)], 1)
    return colours, visible * near * _ramp(facing, 0.15, 0.45)  # of the normal towards the camera


def _light_slope(colours, normals, usual=(0.0, 0.15, 0.15), sigma=0.35, most=0.45, rounds=6, floor=0.05, fewest=50):
    """How brightness grows with the normal (3,), relative to the mean, by robust least squares.

    A priori it is ``usual`` (lamps hang above) ± ``sigma``, and it is at most ``most``. In each of the ``rounds``, differences
    over ``floor`` count less.
    """
    if len(colours) < fewest:
        return np.zeros(3)
    bright = colours.mean(1) / np.median(colours.mean(1))
    design = np.column_stack((np.ones(len(bright)), normals))
    sure = len(bright) * (floor / sigma) ** 2
    prior, pull = np.diag((0.0, sure, sure, sure)), np.array((0.0, *sure * np.array(usual)))
    weight = np.ones(len(bright))
    for _ in range(rounds):
        level, *slope = np.linalg.solve(design.T @ (design * weight[:, None]) + prior, design.T @ (weight * bright) + pull)
        weight = 1.0 / np.maximum(np.abs(bright - design @ (level, *slope)) / floor, 1.0)
    slope = np.array(slope) / level
    return slope * min(1.0, most / (np.linalg.norm(slope) + 1e-9))


@dataclass(frozen=True, eq=False)
class _Places:
    """What the vertices of a head's refinement are, found on its mean head."""

    plain: Bool[np.ndarray, "F"]  # skin of the face
    around: Bool[np.ndarray, "F"]  # scalp, ears and neck: where the photo may show something else
    hair: Float[np.ndarray, "F"]  # how much of it hair covers, 0 to 1
    eyes: Bool[np.ndarray, "F"]  # the eyeballs
    shades: Float[np.ndarray, "F 3"]  # RGB against plain skin's, in light from all sides
    mirror: Int[np.ndarray, "F"]  # the vertex on the other side
    pull: csr_array  # (F, E): the difference along each edge, more the shorter it is, to its ends


@lru_cache(maxsize=4)
def _places(head, shortest=0.2, hair_edge=8.0):
    """The _Places of a head; edges count as ``shortest`` mm longer, and the hair's is ``hair_edge`` mm soft to both sides."""
    mesh = refinement(head)
    spread = lambda values: mesh(values.astype(np.float32)[:, None])[:, 0]
    mean, skin, area = mesh(head.mean), head.parts == PARTS.index("skin"), dict(zip(ALBEDO_REGIONS, head.albedo_regions))
    close = 1.0 / (np.linalg.norm(np.subtract(*mean[mesh.pairs.T]), axis=1) + shortest)
    ends = mesh.pairs.T.ravel(), np.tile(np.arange(len(close)), 2)
    ears = head.regions["left_ear"] ** 2 + head.regions["right_ear"] ** 2 > 0.5
    # How far above the hairline: mm in front of the ears, and how high above them hair starts there.
    hairline = (-60.0, -20.0, 10.0, 60.0, 90.0), (-45.0, -30.0, 35.0, 70.0, 78.0)
    height = head.mean[:, 1] - np.interp(head.mean[:, 2], *hairline)
    eyes = spread(head.parts == PARTS.index("eyeballs")) > 0.99
    return _Places(
        plain=(spread(sum(area[name] for name in PLAIN)) > 0.9) & (spread(head.face) > 0.9),
        around=spread(skin & ~head.face & (area["mouth"] <= 0.5)) > 0.5,
        hair=spread(_ramp(height, -hair_edge, hair_edge) * (skin & ~head.face & ~ears)),
        eyes=eyes,
        shades=_shades(mesh, mean, area, eyes) * spread(_openness(head, ears | head.face | ~skin))[:, None],
        mirror=cKDTree(mean).query(mean * (-1.0, 1.0, 1.0))[1],
        pull=csr_array((np.concatenate((close, -close)) / close.mean(), ends), shape=(len(mean), len(close))),
    )


def _shades(mesh, mean, area, eyes, lashes=(1.0, 2.8), iris=5.8, pupil=2.0, rim=0.6):
    """The colour of each vertex against plain skin's (F, 3).

    ``lashes`` are dark and end so many mm from the open eye; ``iris`` and ``pupil`` are radii, with a soft ``rim``, mm.
    """
    balls = [eyes & (side * mean[:, 0] > 0) for side in (-1, 1)]
    fronts = [mean[ball][mean[ball, 2].argmax()] for ball in balls if ball.any()]
    away = np.min([np.linalg.norm((mean - front)[:, :2], axis=1) for front in fronts], axis=0, initial=np.inf)
    open_eyes = mean[eyes & (mean[:, 2] > min((front[2] for front in fronts), default=0.0) - 7.0)]
    layers = [
        (mesh(area["lips"][:, None])[:, 0], (0.90, 0.72, 0.73)),
        (mesh(area["mouth"][:, None])[:, 0], (0.30, 0.16, 0.16)),
        (_ramp(mesh(area["brows"][:, None])[:, 0], 0.15, 0.9), (0.60, 0.54, 0.51)),
        (1.0 - _ramp(cKDTree(open_eyes).query(mean)[0], *lashes), (0.45, 0.38, 0.36)),
        (eyes, (0.98, 1.12, 1.20)),
        (eyes * (1.0 - _ramp(away, iris - rim, iris + rim)), (0.42, 0.34, 0.30)),
        (eyes * (1.0 - _ramp(away, pupil - rim, pupil + rim)), (0.06, 0.06, 0.07)),
    ]
    shades = np.ones_like(mean)
    for share, colour in layers:
        shades += share[:, None] * (colour - shades)
    return shades


def _openness(head, where, dim=0.5, most=1.15):
    """How bright light from ahead makes each vertex (V,): folds ``dim``, plain skin 1, outside ``where`` 1 at least."""
    normals = vertex_normals(head.mean, head.triangles)
    reached, possible = np.zeros(len(head.mean)), np.full(len(head.mean), 1e-6)
    for yaw, pitch in product(np.radians(range(-90, 91, 30)), np.radians(range(-60, 61, 30))):
        camera = Camera.from_angles(yaw, pitch, 0.0, 1.0, (150.0, 150.0))
        points, facing = camera.view(head.mean), camera.facing(head.mean, normals)
        depth, amount = depth_buffer(points, head.triangles, (300, 300)), np.clip(facing, 0.0, None) * np.cos(pitch)
        reached += amount * visible_vertices(points, facing, head.triangles, depth, tolerance=1.0)
        possible += amount
    share = np.clip(reached / possible / np.median((reached / possible)[head.face]), 0.0, most)
    return dim + (1.0 - dim) * np.where(where, share, np.maximum(share, 1.0))


def _tones(albedo, seen, skin, places, fewest=50, fewest_hair=8):
    """The RGB of skin and of hair; fewer vertices say little."""
    tone = np.median(albedo[skin], axis=0) if skin.sum() >= fewest else TYPICAL_SKIN
    hair = albedo[(seen > 0.5) & (places.hair > 0.9)]
    return tone, np.median(hair, axis=0) if len(hair) >= fewest_hair else tone


def _filled(pairs, places, albedo, seen, typical, odd=(0.18, 0.32), data=0.3, anchor=1e-4):
    """The albedo (F, 3), made up where it is not ``seen``: a Poisson equation over the mesh.

    Args:
        odd: off what is typical, between them a colour is doubted more and more for going on behind the occluder: hair,
            rims, deep shadow.
        data, anchor: weights of what is half trusted and of what is expected, against the steps between neighbours.
    """
    mirror, (first, second) = places.mirror, pairs.T
    sure = (seen > 0.5)[mirror]
    expected = np.where(sure[:, None], albedo[mirror], typical)
    guide = np.where((sure[first] & sure[second])[:, None], expected[first] - expected[second], typical[first] - typical[second])
    held = data * seen * (1.0 - _ramp(np.abs(albedo - typical).max(1), *odd))
    pulled = np.where(places.eyes, 1.0, anchor)  # nothing leads from the skin to the eyes
    system = (places.pull @ places.pull.sign().T + diags_array(held + pulled)).tocsr()
    wanted = places.pull @ guide + held[:, None] * albedo + pulled[:, None] * expected
    free = held < data
    made_up, inner = albedo.copy(), system[free]
    symmetric = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
    made_up[free] = splu(inner[:, free].tocsc(), **symmetric).solve(wanted[free] - inner[:, ~free] @ albedo[~free])
    return made_up + seen[:, None] * (albedo - made_up)
