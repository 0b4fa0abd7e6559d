"""Unoccluded faces to train the occlusion network on, flattened: rendered heads and small grey photos, varied at every draw.

The small photos are the 100 faces (25×25 px, grey) of Labeled Faces in the Wild that scikit-image ships; they are read from
its package and never copied. Neither of the two sample portraits is used.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from scipy.optimize import linear_sum_assignment
from tqdm import tqdm

from d3f_lite.evaluation.synthetic import draw_light
from d3f_lite.fitting.camera import Camera
from d3f_lite.fitting.rendering import render
from d3f_lite.heads.model import ALBEDO_REGIONS, HeadModel
from d3f_lite.observation.landmarks import FACE_OVAL, region_inside
from d3f_lite.perception.detector import MediapipeDetector, face_size, to_68
from d3f_lite.perception.occlusion_net import MESH_POINTS, SHEET, SIDE, unwrap

RENDER_SHAPE = (260, 240)  # px
SKIN = np.array([(0.95, 0.80, 0.72), (0.85, 0.66, 0.55), (0.74, 0.55, 0.44), (0.58, 0.40, 0.31), (0.42, 0.28, 0.21),
                 (0.27, 0.18, 0.14)])  # fmt: skip
HAIR = np.array([(0.06, 0.05, 0.05), (0.16, 0.10, 0.07), (0.33, 0.22, 0.13), (0.62, 0.48, 0.30), (0.55, 0.53, 0.51),
                 (0.40, 0.18, 0.08)])  # fmt: skip
SMALL_FACES = 100  # the first of scikit-image's lfw_subset; the rest are no faces
ENLARGEMENT, BORDER = 8, 60  # of the small faces: times, and px around
SAME_CORNER = 0.02  # of the side: how far the mean face is kept from the square's border


def draw_colour(ramp: Float[np.ndarray, "n 3"], generator: np.random.Generator) -> Float[np.ndarray, "3"]:
    """A colour (3,) between two neighbours of a ramp (n, 3), a little off."""
    place = generator.uniform(0, len(ramp) - 1)
    low = min(int(place), len(ramp) - 2)
    return (ramp[low] + (place - low) * (ramp[low + 1] - ramp[low])) * generator.normal(1.0, 0.04, 3)


def smooth_noise(size: int, cells: int, generator: np.random.Generator) -> Float[np.ndarray, "S S"]:
    """Smooth noise (size, size) of about unit variance with ``cells`` bumps across."""
    noise = generator.standard_normal((cells + 3, cells + 3)).astype(np.float32)
    return cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)


# Rendered heads


def painted(head: HeadModel, generator: np.random.Generator) -> Float[np.ndarray, "V 3"]:
    """A varied skin (V, 3): tone, brows, lips, eyes, hair on the scalp, at times a beard, blotches and freckles."""
    tone, hair = draw_colour(SKIN, generator), draw_colour(HAIR, generator)
    colours = {name: tone * generator.normal(1.0, 0.02, 3) for name in ALBEDO_REGIONS}
    redder = tone * (1.0, generator.uniform(0.55, 0.85), generator.uniform(0.55, 0.9))
    colours["lips"] = redder * generator.uniform(0.75, 1.05)
    colours["cheeks"] = tone + 0.25 * generator.uniform() * (redder - tone)
    colours["brows"] = tone + generator.uniform(0.4, 1.0) * (0.8 * hair - tone)
    colours["eyeballs"], colours["mouth"] = np.full(3, generator.uniform(0.6, 0.95)), np.array((0.3, 0.12, 0.12))
    colours["irises"] = generator.uniform((0.05, 0.04, 0.03), (0.35, 0.35, 0.4))
    albedo = head.albedo_regions.T @ np.array([colours[name] for name in ALBEDO_REGIONS])
    bald = generator.uniform() < 0.15
    covered = head.regions["scalp"] ** 2 * (0.0 if bald else generator.uniform(0.7, 1.0))
    if generator.uniform() < 0.3:
        jaw = np.clip((-18.0 - head.mean[:, 1]) / 12.0, 0, 1) * (head.regions["face"] ** 2) * (head.mean[:, 2] > 40)
        jaw = jaw * (1 - head.albedo_regions[ALBEDO_REGIONS.index("lips")])
        covered = np.maximum(covered, generator.uniform(0.2, 0.9) * jaw)
    albedo += covered[:, None] * (hair - albedo)
    for wavelength, strength in ((60.0, 0.05), (15.0, 0.04), (6.0, 0.05)):
        waves = generator.standard_normal((12, 3)) * (2 * np.pi / wavelength)
        blotches = np.cos(head.mean @ waves.T + generator.uniform(0, 2 * np.pi, 12)).sum(1) / 12**0.5
        albedo *= 1 + strength * generator.uniform(0.2, 1.5) * (1 + 2 * covered[:, None]) * blotches[:, None]
    return albedo.clip(0, 1).astype(np.float32)


def draw_background(shape, generator):
    """A blurred scene (H, W, 3) in [0, 1]."""
    cells = generator.integers(2, 12)
    noise = np.stack([smooth_noise(max(shape), cells, generator) for _ in range(3)], axis=-1)[: shape[0], : shape[1]]
    grey = noise.mean(axis=2, keepdims=True)
    return (generator.uniform(0.1, 0.9, 3) + generator.uniform(0, 0.3) * (0.4 * noise + grey)).clip(0, 1)


def rendered_faces(head, number, detector, seed):
    """Photos (H, W, 3) uint8 of random heads from random views, and the mesh (478, 2) px that the detector finds on each."""
    generator = np.random.default_rng(seed)
    for vertices in tqdm(head.sample(number, seed), desc="rendered faces"):
        yaw, pitch, roll = generator.uniform(-0.7, 0.7), generator.normal(0.0, 0.18), generator.normal(0.0, 0.1)
        camera = Camera.from_angles(yaw, pitch, roll, generator.uniform(0.85, 1.1), np.array(RENDER_SHAPE[::-1]) / 2)
        light = draw_light(generator) * generator.uniform(0.75, 1.25)
        light[1:4] *= generator.uniform(0.5, 1.8)
        background = draw_background(RENDER_SHAPE, generator)
        pixels, _ = render(vertices, head.triangles, camera, painted(head, generator), light, RENDER_SHAPE, background)
        yield from ((pixels, mesh) for mesh in detector.detect(pixels)[:1])


def frontal_faces(head: HeadModel, detector: MediapipeDetector, number: int = 60, seed: int = 0) -> list[tuple]:
    """Frontal renders (H, W, 3) uint8 of random heads, and the mesh (478, 2) px that the detector finds on each."""
    generator, found = np.random.default_rng(seed), []
    for vertices in head.sample(number, seed):
        camera = Camera.from_angles(0.0, 0.0, 0.0, 1.0, np.array(RENDER_SHAPE[::-1]) / 2)
        pixels, _ = render(vertices, head.triangles, camera, painted(head, generator), draw_light(generator), RENDER_SHAPE)
        found += [(pixels, mesh) for mesh in detector.detect(pixels)[:1]]
    return found


def mean_face(frontal: list[tuple]) -> Float[np.ndarray, "468 2"]:
    """The mean (468, 2) of the mesh on ``frontal_faces``, symmetric, scaled into the (SIDE, SIDE) square."""
    meshes = [mesh[:MESH_POINTS] for _, mesh in frontal]
    mean = np.mean([(mesh - mesh.mean(axis=0)) / face_size(mesh) for mesh in meshes], axis=0)
    mirrored = mean * (-1, 1)
    partner = linear_sum_assignment(np.linalg.norm(mean[:, None] - mirrored[None], axis=-1))[1]
    mean = (mean + mirrored[partner]) / 2
    margin = SAME_CORNER * SIDE
    return (margin + (mean - mean.min(axis=0)) / np.ptp(mean, axis=0) * (SIDE - 2 * margin)).astype(np.float32)


def typical_face(frontal: list[tuple], canonical: Float[np.ndarray, "468 2"]) -> UInt8[np.ndarray, "S S 3"]:
    """The median of ``frontal_faces``, flattened and symmetric, (SHEET, SHEET, 3); 128 is its own median colour."""
    face = Anatomy.of(canonical).face > 0
    flat = [unwrap(pixels, mesh, canonical).astype(np.float32) for pixels, mesh in frontal]
    typical = np.median([one / np.median(one[face], axis=0) for one in flat], axis=0)
    return (128 * (typical + typical[:, ::-1]) / 2).round().clip(0, 255).astype(np.uint8)


# Small grey photos


def small_faces(detector):
    """Enlarged small photos (H, W, 3) uint8 and the mesh (478, 2) px on each; those where no face is found are left out."""
    folder = Path(find_spec("skimage").origin).parent
    for face in np.load(folder / "data" / "lfw_subset.npy", allow_pickle=False)[:SMALL_FACES]:
        size = np.array(face.shape[::-1]) * ENLARGEMENT
        large = cv2.resize((255 * face).astype(np.float32), size, interpolation=cv2.INTER_CUBIC).clip(0, 255)
        grey = cv2.copyMakeBorder(large, *[BORDER] * 4, cv2.BORDER_REFLECT)
        blurred = cv2.GaussianBlur(grey, (0, 0), 25)  # a reflected chin must not look like a second face
        blurred[BORDER:-BORDER, BORDER:-BORDER] = large
        pixels = np.repeat(blurred.astype(np.uint8)[..., None], 3, axis=2)
        yield from ((pixels, mesh) for mesh in detector.detect(pixels)[:1])


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Where the parts of the face lie in the flattened square: masks (SHEET, SHEET) float32, and ``points`` (68, 2)."""

    face: np.ndarray
    lips: np.ndarray
    eyes: np.ndarray
    brows: np.ndarray
    points: np.ndarray

    @classmethod
    def of(cls, canonical):
        """The anatomy of the mean face ``canonical`` (468, 2) in texels of SIDE."""
        scaled = np.asarray(canonical, np.float64) * SHEET / SIDE
        points, shape = to_68(scaled), (SHEET, SHEET)

        def soft(*outlines):
            hard = np.any([region_inside(outline, shape) for outline in outlines], axis=0)
            return cv2.GaussianBlur(hard.astype(np.float32), (0, 0), 1.5)

        brows = [np.concatenate((points[part], points[part][::-1] + (0, 4))) for part in (slice(17, 22), slice(22, 27))]
        face = region_inside(scaled[list(FACE_OVAL)], shape).astype(np.float32)
        return cls(face, soft(points[48:60]), soft(points[36:42], points[42:48]), soft(*brows), points / SHEET)


def coloured(grey: Float[np.ndarray, "S S"], anatomy: Anatomy, generator: np.random.Generator) -> Float[np.ndarray, "S S 3"]:
    """A grey flattened face (SHEET, SHEET) in [0, 1] in the colours of a random skin: (SHEET, SHEET, 3)."""
    tone = draw_colour(SKIN, generator)
    level = max(float(np.median(grey[anatomy.face > 0])), 0.05)
    relative = (grey / level)[..., None]
    face = tone * relative ** generator.normal((0.85, 1.0, 1.1), 0.06)  # shadows on skin are redder
    reddish = 1 - anatomy.lips[..., None] * generator.uniform(0.0, (0.01, 0.35, 0.3))
    neutral = tone.mean() * relative * generator.uniform(0.8, 1.2)
    whole = face * reddish
    plain = np.maximum(anatomy.eyes, anatomy.brows * (generator.uniform() < 0.7))[..., None]
    dark = np.clip(1.2 - 2 * relative, 0, 1) * generator.uniform(0, 1)  # hair, shadow and beard are hardly coloured
    plain = np.maximum(plain, dark)
    return (whole + plain * (neutral - whole)).clip(0, 1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class TrainingFaces:
    """Flattened faces: ``rendered`` (n, SHEET, SHEET, 3) and ``grey`` (m, SHEET, SHEET) uint8, and their ``anatomy``."""

    rendered: np.ndarray
    grey: np.ndarray
    anatomy: Anatomy

    @classmethod
    def collect(cls, rendered, grey, canonical):
        """Flatten (pixels, mesh) pairs."""
        colour = np.stack([unwrap(pixels, mesh, canonical) for pixels, mesh in rendered])
        small = np.stack([unwrap(pixels, mesh, canonical)[..., 0] for pixels, mesh in grey])
        return cls(colour, small, Anatomy.of(canonical))

    def draw(self, generator):
        """One face (SHEET, SHEET, 3) float32 in [0, 1], mirrored at times, at times half one and half another."""
        face = self._one(generator)
        if generator.uniform() < 0.25:
            face = face + generator.uniform(0.2, 0.8) * (self._one(generator) - face)
        return face[:, ::-1] if generator.uniform() < 0.5 else face

    def _one(self, generator):
        if generator.uniform() < 0.4:
            return self.rendered[generator.integers(len(self.rendered))].astype(np.float32) / 255
        grey = self.grey[generator.integers(len(self.grey))].astype(np.float32) / 255
        return coloured(grey, self.anatomy, generator)
