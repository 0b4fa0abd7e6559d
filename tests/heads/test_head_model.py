"""The shipped head and its asset."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from small_head import one_way, small_head

from d3f_lite.errors import AssetError
from d3f_lite.formats.load_head import load_head
from d3f_lite.heads.anny import ASSET
from d3f_lite.heads.model import REGIONS, HeadModel


@pytest.fixture(scope="module")
def head():
    return load_head()


@pytest.fixture(scope="module")
def held_out():
    with np.load(ASSET.with_name("held_out.npz"), allow_pickle=False) as stored:
        return stored["vertices"].astype(np.float32)


def test_the_head_is_the_sum_of_its_parts(head):
    coefficients = np.zeros(len(head.basis))
    np.testing.assert_array_equal(head.vertices(coefficients), head.mean)
    coefficients[[0, len(head.bases.shape), -1]] = (2.0, -1.0, 0.5)
    expected = head.mean + 2.0 * head.bases.shape[0] - head.bases.expression[0] + 0.5 * head.bases.regional[-1]
    np.testing.assert_allclose(head.vertices(coefficients), expected, atol=1e-4)


def test_an_expression_that_runs_one_way_stays_at_rest_on_the_other():
    head = one_way(small_head())
    coefficients = np.zeros((3, len(head.basis)))
    coefficients[:, len(head.bases.shape)] = -2.0, 3.0, 9.0
    expected = head.mean + np.array([0.0, 3.0, 4.0])[:, None, None] * head.bases.expression[0]
    np.testing.assert_allclose(head.vertices(coefficients), expected, atol=1e-4)
    alone = replace(head, bases=replace(head.bases, shape=head.basis[:0], regional=head.basis[:0]), bounds=head.bounds[6:10])
    flat = alone.basis.reshape(4, -1).T
    acting = np.linalg.lstsq(flat, (alone.sample(4000, seed=1) - head.mean).reshape(4000, -1).T, rcond=None)[0]
    # Half of a rectified normal is at rest; its mean is 1 / sqrt(2 pi).
    assert (acting > 1e-3).mean() == pytest.approx(0.5, abs=0.02) and acting.min() > -1e-3
    assert acting.mean() == pytest.approx(1 / np.sqrt(2 * np.pi), abs=0.02)


def test_bounds_outlast_a_file(tmp_path):
    head = one_way(small_head())
    head.save(tmp_path / "head.npz", np.float32)
    again = HeadModel.load(tmp_path / "head.npz", "small")
    np.testing.assert_array_equal(again.bounds, head.bounds)
    np.testing.assert_array_equal(again.basis, head.basis)
    replace(head, bounds=head.bounds + np.float32(1.0)).save(tmp_path / "wrong.npz")
    with pytest.raises(AssetError, match="mean head"):
        HeadModel.load(tmp_path / "wrong.npz", "wrong")


def test_the_canonical_frame(head):
    points = head.landmark_points(head.mean)
    assert points[45, 0] > 30 > -30 > points[36, 0]  # the left eye's outer corner lies at positive x
    assert points[30, 2] == points[:, 2].max() > 100  # the tip of the nose is foremost
    assert points[27, 1] > points[8, 1] + 80  # up is up
    ears = [head.mean[head.regions[side] > 0.5].mean(0) for side in ("left_ear", "right_ear")]
    assert np.abs(np.mean(ears, axis=0)).max() < 8


def test_fourteen_soft_regions_keep_the_variance_of_the_whole(head):
    assert tuple(head.regions) == REGIONS
    np.testing.assert_allclose(sum(weight**2 for weight in head.regions.values()), 1.0, atol=5e-3)
    for name in REGIONS:
        outside = head.regions[name] == 0
        own = [row for row, region in enumerate(head.bases.regional_names) if region == name]
        assert np.abs(head.bases.regional[own][:, outside]).max(initial=0) == 0
    np.testing.assert_allclose(head.albedo_regions.sum(0), 1.0, atol=5e-3)


def test_the_basis_holds_heads_that_it_never_saw(head, held_out):
    basis = head.basis.reshape(len(head.basis), -1).astype(np.float64)
    offsets = (held_out - head.mean).reshape(len(held_out), -1)
    coefficients = np.linalg.solve(basis @ basis.T + 1e-3 * np.eye(len(basis)), basis @ offsets.T)
    left = offsets - coefficients.T @ basis
    assert np.linalg.norm(left.reshape(*held_out.shape), axis=-1).mean() < 0.45  # mm
    # Standard normal coefficients of the strong directions: the prior is the population's.
    assert 0.8 < coefficients[:20].std() < 1.2


def test_jaw_points_follow_the_contour(head):
    turned, frontal = head.landmark_points(head.mean, 0.8), head.landmark_points(head.mean, 0.0)
    assert np.linalg.norm(turned[:17] - frontal[:17], axis=1).mean() > 5
    np.testing.assert_array_equal(turned[17:], frontal[17:])
    mirrored = head.landmark_points(head.mean, -0.8) * (-1, 1, 1)
    assert np.linalg.norm(mirrored[16::-1] - turned[:17], axis=1).mean() < 2


def test_saving_and_loading_gives_the_same_head(head, tmp_path):
    head.save(tmp_path / "head.npz")
    again = HeadModel.load(tmp_path / "head.npz", "anny")
    np.testing.assert_array_equal(again.basis, head.basis)
    np.testing.assert_array_equal(again.landmarks.triangles, head.landmarks.triangles)
    assert again.provenance["licence"] == "CC0-1.0"


def test_a_broken_asset_is_refused(tmp_path):
    broken = tmp_path / "head.npz"
    for content in (b"", b"no zip", ASSET.read_bytes()[:100_000]):
        broken.write_bytes(content)
        with pytest.raises(AssetError):
            HeadModel.load(broken, "anny")


def test_loading_needs_neither_anny_nor_warp():
    code = "import sys; sys.modules['anny'] = sys.modules['warp'] = None\nfrom d3f_lite.formats.load_head import load_head; load_head().basis"
    subprocess.run([sys.executable, "-c", code], check=True)
