"""The mesh hierarchy: a case by hand, what any level must satisfy, then the shipped head."""

import numpy as np
import pytest

from d3f_lite.completion.mesh_graph import Level, build_graph
from d3f_lite.formats.load_head import load_head


@pytest.fixture(scope="module")
def grid():
    """A flat 17 × 17 grid, and a second one 1 mm behind it that touches it nowhere."""
    rows, columns = np.mgrid[:17, :17]
    sheet = np.stack((columns.ravel(), rows.ravel(), 0.05 * np.sin(columns + rows).ravel()), 1).astype(float)
    corner = (17 * rows + columns)[:-1, :-1].ravel()
    triangles = np.concatenate([corner[:, None] + [0, 1, 17], corner[:, None] + [1, 18, 17]])
    return np.concatenate((sheet, sheet - [0, 0, 1])), np.concatenate((triangles, triangles + 289))


def test_pooling_of_two_edges_by_hand():
    # Fine 0 lies halfway between the coarse two, fine 1 on coarse 1: 0 gives all of coarse 0 and 1/3 of coarse 1.
    level = Level(np.array([[0, 0, 1], [0, 1, 1]], np.int32), np.array([0.5, 0.5, 1.0], np.float32), 2)
    np.testing.assert_allclose(level.pooling, [1.0, 1 / 3, 2 / 3], rtol=1e-6)


def test_interpolation_reproduces_smooth_functions(grid):
    # What the coarse level can say of a smooth displacement, it says well: least squares leaves less than a tenth.
    vertices, triangles = grid
    level = build_graph(vertices, triangles, 1)[0]
    weights = np.zeros((len(vertices), level.size))
    weights[tuple(level.edges)] = level.interpolation
    np.testing.assert_allclose(weights.sum(1), 1.0, atol=1e-6)
    assert weights.min() > -1e-6
    smooth = np.sin(vertices[:, 0] / 6.0) * np.cos(vertices[:, 1] / 6.0)
    left = smooth - weights @ np.linalg.lstsq(weights, smooth, rcond=None)[0]
    assert np.linalg.norm(left) < 0.1 * np.linalg.norm(smooth)


def test_surfaces_that_only_lie_close_stay_apart(grid):
    fine, coarse = build_graph(*grid, 1)[0].edges
    behind = fine >= 289
    assert not set(coarse[behind]) & set(coarse[~behind])


def test_edges_are_unique_and_reach_every_vertex():
    head = load_head()
    number = len(head.mean)
    for level in build_graph(head.mean, head.triangles):
        assert len(np.unique(level.edges, axis=1).T) == level.edges.shape[1]
        assert np.unique(level.edges[0]).size == number and np.unique(level.edges[1]).size == level.size
        np.testing.assert_allclose(np.bincount(level.edges[1], level.pooling), 1.0, atol=1e-5)
        assert 3 * level.size < number
        number = level.size


def test_same_mesh_same_graph(grid):
    one, other = build_graph(*grid), build_graph(*grid)
    assert all(np.array_equal(a.edges, b.edges) for a, b in zip(one, other))
