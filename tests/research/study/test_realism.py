"""Real heads against others: crossings by hand, a description that ignores pose, tests that catch what they should."""

import numpy as np
import pytest

from d3f_lite.fitting.camera import Camera
from d3f_lite.formats.load_head import load_head
from research.study import realism

HEAD = load_head()


def test_two_triangles_that_cross_are_one_pair_and_others_none():
    flat = [[0, 0, 0], [2, 0, 0], [0, 2, 0]]
    across, above = [[0.5, 0.5, -1], [0.5, 0.5, 1], [0.6, 0.4, 1]], [[0, 0, 1], [2, 0, 1], [0, 2, 1]]
    triangles = np.arange(6).reshape(2, 3)
    assert realism.self_intersections(np.array(flat + across, float), triangles) == 1
    assert realism.self_intersections(np.array(flat + above, float), triangles) == 0
    sharing = np.array(flat + [[1, 1, 1], [1, -1, 1]], float)
    assert realism.self_intersections(sharing, np.array([[0, 1, 2], [0, 3, 4]])) == 0


def test_a_jaw_pushed_through_the_face_is_seen():
    face = HEAD.triangles[HEAD.face[HEAD.triangles].all(1)]
    pushed = HEAD.mean.copy()
    lower = HEAD.face & (HEAD.mean[:, 1] < -40)
    pushed[lower, 1] += 25.0
    assert realism.self_intersections(pushed, face) > realism.self_intersections(HEAD.mean, face) + 20


def test_the_description_ignores_size_turn_and_shift_and_counts_millimetres():
    reference = realism.Reference.of(HEAD)
    turn = Camera.from_angles(0.2, -0.1, 0.3, 1.0, (0.0, 0.0)).rotation
    moved = (1.1 * HEAD.mean @ turn.T + (4.0, 9.0, -2.0)).astype(np.float32)
    assert np.abs(reference.describe(moved, HEAD)).max() < 0.1
    nosed = HEAD.mean.copy()
    tip = np.linalg.norm(HEAD.mean - HEAD.mean[HEAD.mean[:, 2].argmax()], axis=1) < 12
    nosed[tip, 2] += 5.0
    assert 3.5 < np.abs(reference.describe(nosed, HEAD)).max() < 6.0


def test_nearest_and_two_sample():
    generator = np.random.default_rng(2)
    real = generator.normal(size=(60, 10))
    assert realism.nearest(real[:3] + 0.1, real) == pytest.approx(0.1)
    assert realism.nearest(real, real, own=True).min() > 0.1
    assert realism.two_sample(generator.normal(size=(40, 10)), real, 0) > 0.05
    assert realism.two_sample(1.5 * generator.normal(size=(40, 10)), real, 0) < 0.01
