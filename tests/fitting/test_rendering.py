"""The rasteriser, normals and shading."""

import numpy as np
import trimesh

from d3f_lite.fitting.camera import Camera
from d3f_lite.fitting.rendering import (
    depth_buffer,
    front_areas,
    rasterise,
    render,
    render_vertices,
    spherical_harmonics,
    vertex_normals,
    visible_vertices,
)
from d3f_lite.formats.load_head import load_head

TRIANGLE = np.array([[0, 1, 2]])


def seen_from_the_front(*corners):
    """View-space points of a triangle, counter-clockwise in a frame with y up, given with y down."""
    return np.array(corners, np.float32)


def test_a_triangle_by_hand():
    points = seen_from_the_front((0, 4, 1), (4, 4, 1), (0, 0, 1))
    index, barycentric = rasterise(points, TRIANGLE, (4, 4))
    depth = depth_buffer(points, TRIANGLE, (4, 4))
    covered = np.tril(np.ones((4, 4), bool))  # pixel centres on the diagonal lie on the edge and count
    np.testing.assert_array_equal(index == 0, covered)
    np.testing.assert_allclose(barycentric[covered].sum(1), 1.0, atol=1e-6)
    # The centre of the bottom-left pixel is (0.5, 3.5): 1/8 of the way to each other corner.
    np.testing.assert_allclose(barycentric[3, 0], (0.75, 0.125, 0.125), atol=1e-6)
    assert np.isneginf(depth[0, 3]) and abs(depth[3, 0] - 1.0) < 0.002
    np.testing.assert_array_equal(front_areas(points, np.array([[0, 1, 2], [2, 1, 0]])), (8.0, -8.0))


def test_the_nearer_triangle_wins_and_back_faces_are_not_drawn():
    far = seen_from_the_front((0, 4, 1), (4, 4, 1), (0, 0, 1))
    near = far + (0, 0, 5)
    points, triangles = np.concatenate((near, far)), np.array([[3, 4, 5], [0, 1, 2], [2, 1, 0]])
    index, _ = rasterise(points, triangles, (4, 4))
    assert set(np.unique(index)) == {-1, 1}


def test_normals_of_a_sphere_point_outwards():
    sphere = trimesh.creation.icosphere(subdivisions=3)
    normals = vertex_normals(sphere.vertices.view(np.ndarray), sphere.faces)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0)
    assert (normals * sphere.vertices).sum(-1).min() > 0.995
    corner = vertex_normals(np.float32([(0, 0, 0), (2, 0, 0), (0, 1, 0), (0, 0, 1), (9, 9, 9)]), np.array([(0, 1, 2), (0, 3, 1)]))
    np.testing.assert_allclose(corner[:2], [(0, 0.5**0.5, 0.5**0.5)] * 2)  # between two triangles of the same area
    np.testing.assert_array_equal(corner[2:], [(0, 0, 1), (0, 1, 0), (0, 0, 0)])  # the last corner is nobody's


def test_the_harmonics_are_orthogonal_over_the_sphere():
    points = np.random.default_rng(0).normal(size=(200_000, 3))
    basis = spherical_harmonics(points / np.linalg.norm(points, axis=1, keepdims=True))
    gram = basis.T @ basis / len(basis)
    assert np.abs(gram - np.diag(np.diag(gram))).max() < 0.01


def test_a_plain_head_under_constant_light_has_its_own_colour():
    head = load_head()
    light = np.zeros((9, 3), np.float32)
    light[0] = 1.0
    camera = Camera.from_angles(0.3, 0.0, 0.0, 0.6, (80, 85))
    albedo = np.full_like(head.mean, 0.5)
    picture, index = render(head.mean, head.triangles, camera, albedo, light, (160, 160))
    assert (index >= 0).mean() > 0.3
    assert set(np.unique(picture[index >= 0])) <= {127, 128} and set(np.unique(picture[index < 0])) == {255}


def test_which_side_of_the_head_is_seen():
    head = load_head()
    camera = Camera.from_angles(0.9, 0.0, 0.0, 1.0, (150, 150))
    points = camera.view(head.mean)
    normals = vertex_normals(head.mean, head.triangles)
    depth = depth_buffer(points, head.triangles, (300, 300))
    seen = visible_vertices(points, camera.facing(head.mean, normals), head.triangles, depth)
    # Turned to its left, the head shows its right ear; its left one and the tongue are hidden.
    assert seen[head.regions["right_ear"] > 0.9].mean() > 0.3
    assert seen[head.regions["left_ear"] > 0.9].mean() < 0.02
    assert seen[head.parts == 2].mean() < 0.05


def test_shading_the_vertices_alone_gives_nearly_the_same_picture():
    head = load_head()
    camera = Camera.from_angles(0.4, 0.1, 0.0, 1.2, (160.0, 150.0))
    light = np.outer((0.4, 0.1, 0.2, 0.4, 0, 0, 0, 0, 0), np.ones(3)).astype(np.float32)
    albedo = np.full(head.mean.shape, 0.7, np.float32)
    drawn, index = render(head.mean, head.triangles, camera, albedo, light, (300, 320), background=0.0)
    smooth, covered = render_vertices(head.mean, head.triangles, camera, albedo, light, (300, 320))
    np.testing.assert_array_equal(covered, index >= 0)
    off = np.abs(255.0 * smooth - drawn)[covered]
    assert off.mean() < 1.5 and np.percentile(off, 99) < 12 and not smooth[~covered].any()
