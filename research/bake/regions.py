"""The 14 soft regions of anny's head, named as FLAME's masks are, found from where the local changes of a name act."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_matrix, diags
from scipy.sparse.csgraph import connected_components, dijkstra

from d3f_lite.heads.model import REGIONS

ACTING = {  # the prefixes of the local changes that act in a region
    "face": ("l-cheek", "r-cheek", "chin", "mouth-laugh", "mouth-dimples"),
    "forehead": ("forehead", "eyebrows"),
    "nose": ("nose",),
    "lips": ("mouth",),
    "left_eye_region": ("l-eye-",),
    "right_eye_region": ("r-eye-",),
    "eye_region": ("l-eye-", "r-eye-", "eyebrows"),
    "left_ear": ("l-ear",),
    "right_ear": ("r-ear",),
    "neck": ("neck-double", "neck-back", "neck-scale-horiz", "neck-scale-depth", "measure-neck-circ"),
}
SMOOTHING = 4  # rounds of neighbour averaging
BOUNDARY_WIDTH = 12.0  # mm from the open edge of the neck


def adjacency(triangles: Int[np.ndarray, "T 3"], vertices: Float[np.ndarray, "V 3"]):
    """The sparse vertex graph (V, V) whose entries are edge lengths in mm."""
    edges = np.unique(np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)), axis=0)
    lengths = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
    both = np.concatenate((edges, edges[:, ::-1]))
    return coo_matrix((np.tile(lengths, 2), both.T), shape=(len(vertices),) * 2).tocsr()


def anatomical_parts(
    triangles: Int[np.ndarray, "T 3"], vertices: Float[np.ndarray, "V 3"]
) -> tuple[Int[np.ndarray, "V"], Bool[np.ndarray, "V"], Bool[np.ndarray, "V"]]:
    """Which part each vertex belongs to, by connectivity: (V,) int8 index into PARTS; the left eyeball; the right one."""
    _, component = connected_components(adjacency(triangles, vertices), directed=False)
    order = np.argsort(-np.bincount(component))
    skin, tongue, *eyes = (component == label for label in order)
    parts = np.select([skin, tongue], [0, 2], default=1).astype(np.int8)
    left, right = sorted(eyes, key=lambda eye: -vertices[eye, 0].mean())
    return parts, left, right


def soft_regions(
    triangles: Int[np.ndarray, "T 3"],
    vertices: Float[np.ndarray, "V 3"],
    labels: Sequence[str],
    changes: Float[np.ndarray, "L V 3"],
) -> dict[str, Float[np.ndarray, "V"]]:
    """Find the soft regions.

    Args:
        vertices: mm, a neutral head.
        labels: L names of local changes.
        changes: mm at full strength.

    Returns:
        name to (V,) float32 weight; the squares of the 14 add up to 1 at every vertex, so that independent regional
        variations keep the variance of the whole.
    """
    graph = adjacency(triangles, vertices)
    parts, left_eyeball, right_eyeball = anatomical_parts(triangles, vertices)
    strength = np.linalg.norm(changes, axis=-1)
    strength /= np.maximum(strength.max(1, keepdims=True), 1e-6)
    weights = {name: _acting(strength, labels, prefixes) for name, prefixes in ACTING.items()}
    weights["boundary"] = _near_open_edge(triangles, graph)
    weights["neck"] = np.maximum(weights["neck"], weights["boundary"])
    weights["scalp"] = np.clip(1.0 - sum(weights.values()), 0.0, 1.0)
    weights["lips"] = np.where(parts == 2, 1.0, weights["lips"])
    skin = parts == 0
    averaging = diags(1.0 / np.maximum(graph.getnnz(1), 1)) @ (graph > 0).astype(np.float64)
    for name in weights:
        for _ in range(SMOOTHING):
            weights[name] = 0.5 * weights[name] + 0.5 * (averaging @ weights[name])
        weights[name] = np.where(weights[name] < 0.03, 0.0, weights[name]) * (skin if name != "lips" else parts != 1)
    weights["left_eyeball"], weights["right_eyeball"] = left_eyeball.astype(float), right_eyeball.astype(float)
    total = np.sqrt(sum(weights[name] ** 2 for name in REGIONS))
    weights["face"] = np.where(total == 0, 1.0, weights["face"])
    total = np.where(total == 0, 1.0, total)
    return {name: (weights[name] / total).astype(np.float32) for name in REGIONS}


def _acting(strength, labels, prefixes):
    """Where any of the changes with these prefixes acts, (V,) in [0, 1]."""
    return strength[[row for row, label in enumerate(labels) if label.startswith(prefixes)]].max(0)


def _near_open_edge(triangles, graph):
    """How near a vertex is to the mesh's open edge, (V,) in [0, 1]."""
    edges, count = np.unique(np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)), axis=0, return_counts=True)
    _, component = connected_components(graph, directed=False)
    skin = np.bincount(component).argmax()
    open_vertices = np.unique(edges[count == 1])
    open_vertices = open_vertices[component[open_vertices] == skin]
    distance = dijkstra(graph, directed=False, indices=open_vertices, min_only=True)
    return np.clip(1.0 - distance / BOUNDARY_WIDTH, 0.0, 1.0)
