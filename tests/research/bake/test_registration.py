"""The shipped mesh on another head: laid onto itself moved, it moves along; a population of two kinds has their covariance."""

from dataclasses import replace

import numpy as np
import pytest

from d3f_lite.formats.load_head import load_head
from d3f_lite.heads.model import Bases
from research.bake.head import SCANNED_SHARE, identities
from research.bake.registration import Registration, register

HEAD = load_head()


@pytest.mark.slow
def test_a_head_is_found_on_another_mesh_of_itself_and_its_directions_are_carried():
    other = np.random.default_rng(0).permutation(len(HEAD.mean))
    number = np.argsort(other)
    bases = Bases(HEAD.bases.shape[:5, other], HEAD.bases.expression[:3, other], HEAD.bases.regional[:0, other], ())
    grown = HEAD.mean[other] + HEAD.basis[0, other]
    scans = replace(HEAD, mean=grown, triangles=number[HEAD.triangles].astype(np.int32), bases=bases, parts=HEAD.parts[other],
                    albedo_regions=HEAD.albedo_regions[:, other],
                    regions={name: weight[other] for name, weight in HEAD.regions.items()})  # fmt: skip
    found = register(HEAD, scans)
    expected, face = HEAD.mean + HEAD.basis[0], HEAD.face & found.valid
    assert face.sum() > 0.7 * HEAD.face.sum()
    assert np.linalg.norm(found.vertices - expected, axis=1)[face].mean() < 1.0  # mm
    carried = found.carry(bases.shape)
    assert np.linalg.norm(carried - HEAD.bases.shape[:5], axis=-1)[:, face].mean() < 0.1


def test_one_gaussian_has_the_covariance_of_both_kinds():
    generator = np.random.default_rng(1)
    own = (HEAD.mean + generator.normal(0, 2.0, (300, 1, 3)) * HEAD.face[:, None]).astype(np.float32)
    mode = np.zeros((1, len(HEAD.mean), 3), np.float32)
    mode[0, HEAD.face, 0] = 3.0
    scans = replace(HEAD, bases=Bases(mode, mode[:0], mode[:0], ()))
    each = np.arange(len(HEAD.mean))[:, None].repeat(3, 1)  # every vertex is its own counterpart
    first = np.tile((1.0, 0.0, 0.0), (len(HEAD.mean), 1))
    registered = Registration(HEAD, scans, HEAD.mean + np.float32(1.0), each, first, np.ones(len(HEAD.mean), bool))
    mean, directions = identities(own, HEAD.mean, registered, HEAD.face)
    np.testing.assert_allclose(mean, HEAD.mean + SCANNED_SHARE, atol=1e-3)
    vertex = np.flatnonzero(HEAD.face)[7]
    found = np.einsum("ki,kj->ij", directions[:, vertex], directions[:, vertex])
    share, drawn = SCANNED_SHARE, own[:, vertex]
    expected = share * np.diag((9.0, 0, 0)) + (1 - share) * np.cov(drawn.T, bias=True) + share * (1 - share) * np.ones((3, 3))
    np.testing.assert_allclose(found, expected, atol=0.05)
    overlap = np.tensordot(directions[:4], directions[:4], axes=((1, 2), (1, 2)))
    np.testing.assert_allclose(overlap, np.diag(np.diag(overlap)), atol=1e-2 * overlap.max())
