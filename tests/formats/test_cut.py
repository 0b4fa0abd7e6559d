"""A mesh cut off at a height."""

import numpy as np
import pytest
import trimesh

from d3f_lite.formats.cut import Cut


def test_a_triangle_is_cut_off_halfway():
    vertices = np.array([[0.0, 4.0, 0.0], [-4.0, 0.0, 0.0], [4.0, 0.0, 0.0]])
    top = Cut.above(3.0, vertices, np.array([[1, 2, 0]]))
    np.testing.assert_allclose(top.of(vertices), [[0, 4, 0], [-1, 3, 0], [1, 3, 0]])
    assert top.triangles.tolist() == [[0, 1, 2]]
    flipped = vertices * (1.0, -1.0, 1.0)
    rest = Cut.above(-3.0, flipped, np.array([[0, 1, 2]]))
    assert len(rest.triangles) == 2 and trimesh.Trimesh(rest.of(flipped), rest.triangles).area == pytest.approx(16.0 - 1.0)


def test_a_sphere_ends_at_a_circle_and_moves_as_before():
    sphere = trimesh.creation.icosphere(3, radius=10.0)
    cut = Cut.above(-4.0, sphere.vertices, sphere.faces)
    half = trimesh.Trimesh(cut.of(sphere.vertices), cut.triangles, process=False)
    assert half.is_winding_consistent and half.vertices[:, 1].min() == pytest.approx(-4.0)
    edges = half.edges_sorted[trimesh.grouping.group_rows(half.edges_sorted, require_count=1)]
    np.testing.assert_allclose(half.vertices[edges, 1], -4.0, atol=1e-6)  # all of its border, and no hole
    turned = sphere.vertices @ trimesh.transformations.rotation_matrix(0.3, (1, 0, 0))[:3, :3]
    np.testing.assert_allclose(cut.of(np.stack((sphere.vertices, turned)))[1], cut.of(turned))
    whole = Cut.above(-np.inf, sphere.vertices, sphere.faces)
    np.testing.assert_array_equal(whole.triangles, sphere.faces)
