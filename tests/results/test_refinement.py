"""The finer mesh: the same surface, closed where the head is, with short edges on the face."""

from collections import Counter

import numpy as np

from d3f_lite.formats.load_head import load_head
from d3f_lite.heads.model import PARTS
from d3f_lite.results.refinement import LONGEST_EDGES, _split, refinement, with_closed_eyeballs

HEAD = load_head()


def area(vertices, triangles):
    """Of a mesh, mm²."""
    a, b, c = vertices[triangles].transpose(1, 0, 2)
    return np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2


def open_sides(triangles):
    """Sides that no other triangle runs along the other way."""
    runs = Counter(zip(triangles.ravel().tolist(), triangles[:, [1, 2, 0]].ravel().tolist()))
    assert max(runs.values()) == 1
    return {(a, b) for a, b in runs if (b, a) not in runs}


def test_a_triangle_is_cut_by_hand():
    whole = np.array([[0, 1, 2]], np.int32)
    cut = lambda *middle: {tuple(corners) for corners in _split(whole, np.array([middle])).tolist()}
    assert cut(-1, -1, -1) == {(0, 1, 2)}
    assert cut(-1, 3, -1) == {(1, 3, 0), (3, 2, 0)}
    assert cut(3, 4, -1) == {(3, 1, 4), (0, 3, 4), (0, 4, 2)}
    assert cut(3, 4, 5) == {(0, 3, 5), (3, 1, 4), (5, 4, 2), (3, 4, 5)}


def test_the_surface_stays_and_its_edges_are_short_on_the_face():
    mesh = refinement(HEAD)
    vertices = mesh(HEAD.mean)
    coarser = refinement(HEAD, 1)(HEAD.mean)
    np.testing.assert_array_equal(vertices[: len(coarser)], coarser)
    np.testing.assert_array_equal(coarser[: len(HEAD.mean)], HEAD.mean)
    np.testing.assert_allclose(area(vertices, mesh.triangles), area(HEAD.mean, with_closed_eyeballs(HEAD)), rtol=1e-5)
    face = mesh((HEAD.face | (HEAD.parts == PARTS.index("eyeballs")))[:, None].astype(np.float32))[:, 0] == 1.0
    lengths = np.linalg.norm(vertices[mesh.pairs[:, 0]] - vertices[mesh.pairs[:, 1]], axis=1)
    assert lengths[face[mesh.pairs].all(1)].max() <= LONGEST_EDGES[-1] + 1e-4
    # The skin is open at the neck alone, as before.
    skin = mesh.triangles[(mesh((HEAD.parts == 0)[:, None].astype(np.float32))[:, 0] == 1.0)[mesh.triangles].all(1)]
    own = HEAD.triangles[(HEAD.parts == 0)[HEAD.triangles].all(1)]
    assert open_sides(skin) == open_sides(own)
