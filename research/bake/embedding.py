"""Where the 68 landmarks sit on the head: measured by running the detector on renders of known shape."""

from dataclasses import replace

import numpy as np
from tqdm import tqdm

from d3f_lite.evaluation.synthetic import SKIN_TONES, draw_light, paint
from d3f_lite.fitting.camera import Camera
from d3f_lite.fitting.rendering import rasterise, render
from d3f_lite.heads.model import JAW_POINTS, PARTS, HeadModel, LandmarkEmbedding
from d3f_lite.perception.detector import MediapipeDetector, to_68
from research.bake.appearance import albedo_regions

YAWS = np.radians(np.arange(-60, 61, 15))
MIRROR = np.array([*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, *range(35, 30, -1), 45, 44, 43, 42, 47, 46,
                   39, 38, 37, 36, 41, 40, *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), 67, 66, 65])  # fmt: skip
VIEWS = 30  # heads rendered at each yaw
SHAPE, SCALE = (320, 320), 1.0  # px, px per mm
JAW_REACH, INNER_REACH = 12, 5  # px that a jaw point may lie beside the head, a lid or lip beside the skin


def measure(head: HeadModel, seed: int) -> HeadModel:
    """Give ``head`` its landmark embedding and albedo regions.

    It is measured twice, because brows and lips can be painted only once their places are known.

    Args:
        head: HeadModel without landmarks.
        seed: of the random heads, views and lights.

    Returns:
        HeadModel with landmarks and albedo regions.
    """
    regions = albedo_regions(head)
    for _ in range(2):
        landmarks = _measure_once(head, regions, seed)
        frontal = replace(head, landmarks=landmarks).landmark_points(head.mean)
        regions = albedo_regions(head, frontal)
    return replace(head, landmarks=landmarks, albedo_regions=regions)


def _measure_once(head, regions, seed):
    """The LandmarkEmbedding that renders with these albedo ``regions`` give."""
    generator = np.random.default_rng(seed)
    surface = {row: [] for row in range(len(YAWS))}
    with MediapipeDetector() as detector:
        for vertices in tqdm(head.sample(VIEWS, seed), desc="landmarks", unit="head"):
            for row, yaw in enumerate(YAWS):
                points = _detected_on_surface(head, vertices, yaw, regions, generator, detector)
                if points is not None:
                    surface[row].append(points)
    rows = [np.nanmedian(np.stack(surface[row]), axis=0) for row in range(len(YAWS))]
    return _embed(head, _symmetric(np.stack(rows)))


def _detected_on_surface(head, vertices, yaw, regions, generator, detector):
    """The detector's 68 points on one render, carried to the mean head: (68, 3) mm, NaN where it hit no surface."""
    pitch, roll = generator.normal(0.0, 0.12, 2)
    camera = Camera.from_angles(yaw + generator.uniform(-0.12, 0.12), pitch, roll, SCALE, (160, 165))
    colours = paint(regions, SKIN_TONES[generator.integers(len(SKIN_TONES))])
    background = generator.uniform(0.2, 0.9)
    picture, _ = render(vertices, head.triangles, camera, colours, draw_light(generator), SHAPE, background)
    found = detector.detect(picture)
    if not found:
        return None
    index, barycentric = rasterise(camera.view(vertices), head.triangles, SHAPE)
    return _unproject(head, to_68(found[0]), index, barycentric)


def _unproject(head, points, index, barycentric):
    """The mean head's surface points (68, 3) mm at picture positions (68, 2) px; to the nearest skin."""
    skin = np.append((head.parts[head.triangles] == PARTS.index("skin")).all(1), False)
    rows, columns = np.nonzero(skin[index])
    carried = np.full((68, 3), np.nan)
    for number, point in enumerate(points):
        distance = np.hypot(columns + 0.5 - point[0], rows + 0.5 - point[1])
        nearest = distance.argmin()
        if distance[nearest] < (JAW_REACH if number < JAW_POINTS else INNER_REACH):
            triangle, weights = index[rows[nearest], columns[nearest]], barycentric[rows[nearest], columns[nearest]]
            carried[number] = weights @ head.mean[head.triangles[triangle]]
    return carried


def _symmetric(rows):
    """Average (Y, 68, 3) with its mirror image; points 17-67 get one place for all yaws, from the views that show them."""
    mirrored = rows[::-1, MIRROR] * (-1.0, 1.0, 1.0)
    rows = (rows + mirrored) / 2.0
    near_frontal = np.abs(YAWS) < np.radians(40)
    rows[:, JAW_POINTS:] = np.median(rows[near_frontal, JAW_POINTS:], axis=0)
    return rows


def _embed(head, rows):
    """The nearest points of the mean head's skin to (Y, 68, 3) mm, as a LandmarkEmbedding."""
    import trimesh

    outside = np.flatnonzero((head.parts[head.triangles] == 0).all(1))
    mesh = trimesh.Trimesh(head.mean, head.triangles[outside], process=False)
    closest, _, triangle = trimesh.proximity.closest_point(mesh, rows.reshape(-1, 3))
    barycentric = trimesh.triangles.points_to_barycentric(mesh.triangles[triangle], closest)
    shape = rows.shape[:2]
    triangles = outside[triangle].reshape(shape).astype(np.int32)
    return LandmarkEmbedding(YAWS.astype(np.float32), triangles, barycentric.reshape(*shape, 3).astype(np.float32))
