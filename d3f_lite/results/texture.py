"""The colours of a fitted head: the photo's where it shows skin, divided by its light, and plausible ones elsewhere."""

from dataclasses import dataclass
from functools import lru_cache

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
    filled = _filled(mesh, places.closeness, places.mirror, albedo, seen, _typical(albedo, seen, tone, hair, places))
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

    areas: Float[np.ndarray, "F A"]  # soft weights of ALBEDO_REGIONS
    plain: Bool[np.ndarray, "F"]  # skin of the face
    around: Bool[np.ndarray, "F"]  # scalp, ears and neck: where the photo may show something else
    hair: Float[np.ndarray, "F"]  # how much of it hair covers, 0 to 1
    eyes: Bool[np.ndarray, "F"]  # the eyeballs
    eye_colours: Float[np.ndarray, "F 3"]  # RGB
    open: Float[np.ndarray, "F"]  # how bright the light from all sides makes it, against plain skin
    mirror: Int[np.ndarray, "F"]  # the vertex on the other side
    closeness: Float[np.ndarray, "E"]  # of both ends of each edge, 1 on average


@lru_cache(maxsize=4)
def _places(head, shortest=0.2, dim=0.50, hair_edge=8.0):
    """The _Places of a head.

    Args:
        shortest: mm, added to the length of an edge.
        dim: how bright a fold is that no light gets into, against plain skin.
        hair_edge: mm, half as wide as the soft edge of the hair.
    """
    mesh = refinement(head)
    spread = lambda values: mesh(values.astype(np.float32)[:, None])[:, 0]
    close = 1.0 / (np.linalg.norm(np.subtract(*mesh(head.mean)[mesh.pairs.T]), axis=1) + shortest)
    mean, areas, skin = mesh(head.mean), mesh(head.albedo_regions.T), head.parts == PARTS.index("skin")
    inside = head.albedo_regions[ALBEDO_REGIONS.index("mouth")] > 0.5
    ears = head.regions["left_ear"] ** 2 + head.regions["right_ear"] ** 2 > 0.5
    # How far above the hairline: mm in front of the ears, and how high above them hair starts there.
    hairline = (-60.0, -20.0, 10.0, 60.0, 90.0), (-45.0, -30.0, 35.0, 70.0, 78.0)
    height = head.mean[:, 1] - np.interp(head.mean[:, 2], *hairline)
    eyes = spread(head.parts == PARTS.index("eyeballs")) > 0.99
    return _Places(
        areas=_softened(areas, mesh.pairs),
        plain=(areas[:, [ALBEDO_REGIONS.index(name) for name in PLAIN]].sum(1) > 0.9) & (spread(head.face) > 0.9),
        around=spread(skin & ~head.face & ~inside) > 0.5,
        hair=spread(_ramp(height, -hair_edge, hair_edge) * (skin & ~head.face & ~ears)),
        eyes=eyes,
        eye_colours=_eye_colours(mean, [eyes & (spread(head.regions[f"{side}_eyeball"]) > 0) for side in ("left", "right")]),
        open=dim + (1.0 - dim) * spread(_openness(head, ears | head.face | ~skin)),
        mirror=cKDTree(mean).query(mean * (-1.0, 1.0, 1.0))[1],
        closeness=close / close.mean(),
    )


def _softened(values, pairs, rounds=4):
    """Values (F, A) averaged over their neighbours, which softens the edges of lips and brows."""
    rows, columns = np.concatenate((pairs, pairs[:, ::-1])).T
    around = csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape=(len(values),) * 2)
    count = around.sum(1)[:, None] + 1.0
    for _ in range(rounds):
        values = (values + around @ values) / count
    return values


def _eye_colours(mean, balls, pupil=2.0, iris=5.8, rim=0.6):
    """Pupils, irises and whites (F, 3) around the foremost vertex of each of the ``balls``, (F,) bool each.

    Args:
        pupil, iris: mm of radius.
        rim: mm over which one colour passes into the next.
    """
    black, brown, white = np.array(((0.04, 0.03, 0.03), (0.30, 0.22, 0.16), (0.74, 0.69, 0.66)))
    colours = np.broadcast_to(white, mean.shape).copy()
    for ball in filter(np.any, balls):
        front = mean[ball][mean[ball, 2].argmax()]
        radius = np.linalg.norm((mean[ball] - front)[:, :2], axis=1)[:, None]
        outer, inner = (_ramp(radius, edge - rim, edge + rim) for edge in (iris, pupil))
        colours[ball] = outer * white + (1.0 - outer) * (inner * brown + (1.0 - inner) * black)
    return colours


def _openness(head, where, most=1.15):
    """How much light from ahead reaches each vertex of the mean head (V,), against plain skin's; outside ``where`` 1 at least."""
    normals = vertex_normals(head.mean, head.triangles)
    reached, possible = np.zeros(len(head.mean)), np.full(len(head.mean), 1e-6)
    for yaw in np.radians(range(-90, 91, 30)):
        for pitch in np.radians((-60, -30, 0, 30, 60)):
            camera = Camera.from_angles(yaw, pitch, 0.0, 1.0, (150.0, 150.0))
            points, facing = camera.view(head.mean), camera.facing(head.mean, normals)
            depth = depth_buffer(points, head.triangles, (300, 300))
            amount = np.clip(facing, 0.0, None) * np.cos(pitch)
            reached += amount * visible_vertices(points, facing, head.triangles, depth, tolerance=1.0)
            possible += amount
    share = np.clip(reached / possible / np.median((reached / possible)[head.face]), 0.0, most)
    return np.where(where, share, np.maximum(share, 1.0))


def _tones(albedo, seen, skin, places, fewest=50, fewest_hair=8):
    """The RGB of skin and of hair; fewer vertices say little."""
    tone = np.median(albedo[skin], axis=0) if skin.sum() >= fewest else TYPICAL_SKIN
    skin = skin & _alike(albedo, tone)
    tone = np.median(albedo[skin], axis=0) if skin.sum() >= fewest else tone
    hair = albedo[(seen > 0.5) & (places.hair > 0.9)]
    return tone, np.median(hair, axis=0) if len(hair) >= fewest_hair else tone


def _alike(albedo, tone, odd=0.32):
    """Which colours (F, 3) may be skin of that tone: no hair, glasses or deep shadow."""
    return np.abs(albedo - tone).max(1) < odd


def _typical(albedo, seen, tone, hair, places, fewest=50, exposure=(0.5, 1.1)):
    """What each vertex would look like by its area alone (F, 3); made-up eyes are brighter by the photo's ``exposure``."""
    shades = {"lips": (0.90, 0.72, 0.73), "brows": (0.62, 0.57, 0.54), "mouth": (0.30, 0.16, 0.16)}  # against the skin's
    colours, alike = [], _alike(albedo, tone)
    for name, weights in zip(ALBEDO_REGIONS, places.areas.T):
        usual = tone * shades.get(name, 1.0)
        own = albedo[(seen > 0.9) & (weights > 0.6) & ((places.plain & alike) | (name not in PLAIN))]
        share = len(own) / (len(own) + fewest)
        colours.append(usual + share * (np.median(own, axis=0) - usual) if len(own) else usual)
    found = places.areas @ np.stack(colours)
    found += places.hair[:, None] * (hair - found)
    eyes = places.eye_colours * np.clip(tone.mean() / TYPICAL_SKIN.mean(), *exposure)
    return np.where(places.eyes[:, None], eyes, found) * np.where(places.eyes, np.sqrt(places.open), places.open)[:, None]


def _filled(mesh, closeness, mirror, albedo, seen, typical, odd=(0.18, 0.32), most_off=0.15, data=0.3, anchor=1e-2):
    """The albedo (F, 3), made up where it is not ``seen``: a Poisson equation over the mesh.

    Args:
        odd: off what is typical, between them a colour is doubted more and more for going on behind the occluder: hair,
            rims, deep shadow.
        most_off: off what is typical, that a colour at the border goes on behind it.
        data, anchor: weights of what is half trusted and of what is typical, against the steps between neighbours.
    """
    first, second = mesh.pairs.T
    sure = (seen > 0.99)[mirror]
    model = np.where((sure[first] & sure[second])[:, None], albedo[mirror[first]] - albedo[mirror[second]],
                     typical[first] - typical[second])  # fmt: skip
    rows, ones = np.arange(len(first)), np.ones(len(first))
    steps = csr_array((np.concatenate((ones, -ones)), (np.tile(rows, 2), mesh.pairs.T.ravel())), shape=(len(rows), len(seen)))
    off = albedo - typical
    size = np.abs(off).max(1)
    doubt = _ramp(size, *odd)
    near = typical + off * np.minimum(1.0, most_off / (size + 1e-9))[:, None]
    weight = closeness[:, None]
    held = data * seen * (1.0 - doubt)
    system = (steps.T @ (weight * steps) + diags_array(held + anchor)).tocsr()
    wanted = steps.T @ (weight * model) + held[:, None] * near + anchor * typical
    free = (seen < 1.0) | (doubt > 0.0)
    inner = system[free]
    made_up = albedo.copy()
    symmetric = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
    made_up[free] = splu(inner[:, free].tocsc(), **symmetric).solve(wanted[free] - inner[:, ~free] @ near[~free])
    return made_up + seen[:, None] * (albedo - made_up)
