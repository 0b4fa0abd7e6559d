"""Heads of another mesh as truth: distances by hand, an alignment undone, regions that hold what they say, real pictures."""

from dataclasses import replace

import numpy as np
import pytest

from d3f_lite.evaluation.methods import Draws
from d3f_lite.fitting.camera import Camera
from d3f_lite.formats.load_head import load_head
from d3f_lite.heads.model import JAW_POINTS
from d3f_lite.observation.photo import Photo
from d3f_lite.settings import Settings
from research.study import scans, scenes
from research.study.surfaces import Surface
from research.study.worlds import own

HEAD = load_head()


def test_distances_to_a_plane_by_hand():
    grid = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0), [0.0]), -1).reshape(-1, 3)
    corner = np.array([row * 5 + column for row in range(4) for column in range(4)])
    triangles = np.concatenate([np.stack((corner, corner + 1, corner + 6), 1), np.stack((corner, corner + 6, corner + 5), 1)])
    surface = Surface.of(grid, triangles.astype(np.int32))
    points = np.array([[2.3, 1.6, 0.7], [1.2, 2.9, -0.4]])
    assert np.abs(surface.signed_distances(points)) == pytest.approx([0.7, 0.4], abs=1e-6)
    assert np.prod(surface.signed_distances(points)) < 0


def scene_of(truth, visible, occluded):
    """A scene whose landmarks are all seen."""
    photo = Photo.from_array(np.zeros((64, 64, 3), np.uint8))
    points = HEAD.landmark_points(truth)[JAW_POINTS:]
    return scenes.Scene(truth, points, np.ones(51, bool), visible, occluded, "scarf", photo, np.zeros((64, 64), bool))


def laid_on(vertices, scene):
    """Distances of one head after its own alignment."""
    matrix = scenes.lay(vertices, HEAD, scene)
    return scenes.distances(vertices[None], matrix, HEAD, scene)


def test_size_turn_and_shift_are_undone_and_hidden_parts_do_not_help():
    truth = HEAD.sample(1, seed=5)[0]
    low = HEAD.mean[:, 1] < -20
    scene = scene_of(truth, HEAD.face & ~low, HEAD.face & low)
    turn = Camera.from_angles(0.2, -0.1, 0.3, 1.0, (0.0, 0.0)).rotation
    moved = (1.07 * truth @ turn.T + (5.0, -8.0, 3.0)).astype(np.float32)
    assert np.abs(laid_on(moved, scene)).mean() < 0.05
    dented = np.where((HEAD.face & low)[:, None], moved - 6.0 * turn[:, 2], moved).astype(np.float32)
    apart = laid_on(dented, scene)
    visible = int(scene.visible.sum())
    assert np.abs(apart[0, :visible]).mean() < 0.2 and np.abs(apart[0, visible:]).mean() > 2.0


def test_exact_draws_are_covered_as_often_as_their_regions_say():
    generator = np.random.default_rng(0)
    apart = generator.normal(size=(64, 4000)) - generator.normal(size=4000)
    found, halved = scenes.measured(apart, 2000), scenes.measured(apart.mean(0) + 0.5 * (apart - apart.mean(0)), 2000)
    for level in scenes.HALF_WIDTHS:
        assert found[f"covered_{level:.2f}_occluded"] == pytest.approx(level, abs=0.03)
    assert halved["covered_0.90_occluded"] < 0.65 and found["energy"] < halved["energy"]


@pytest.mark.slow
def test_a_scene_from_picture_to_report(detector):
    world = own()
    scene = scenes.draw_scene(world, 3, 1, "surgical_mask", detector)
    again = scenes.draw_scene(world, 3, 1, "surgical_mask", detector)
    assert np.array_equal(scene.photo.pixels, again.photo.pixels) and scene.occluded.sum() > 200
    draws = Draws(replace(Settings().diversity, iterations=5), 4, 0)
    rows = [{"world": world.name, "head": 1, **row} for row in scenes.scene_rows(scene, HEAD, world, draws, Settings())]
    named = {row["method"]: row for row in rows}
    assert named[scans.FIT]["visible"] < named[scenes.AVERAGE]["visible"]
    assert 0 <= named[scenes.POSTERIOR]["covered_0.90_visible"] <= 1 and 0 <= named[scenes.POSTERIOR]["tarp_occluded"] <= 1
    assert "| calibrated DPP | 1 |" in scans.report(rows) and "% of 1" in scans.report(rows)


def test_the_most_central_head_by_hand():
    heads = np.zeros((4, 2, 3), np.float32)
    heads[:, 0, 0], heads[:, 1, 0] = (0.0, 1.0, 2.0, 9.0), (7.0, 0.0, 0.0, 0.0)
    assert scenes.most_central(heads, np.array([True, False])) in (1, 2)
    assert scenes.most_central(heads[[0, 1, 3]], np.array([True, False])) == 1
