"""Half of a population varies as the whole does, in directions of its own, and expressions still run one way."""

import numpy as np
import pytest
from small_head import one_way, small_head

from research.study.half_population import half_of


def test_two_halves_share_no_direction_and_vary_as_much_together():
    whole = one_way(small_head())
    first, second = (half_of(whole, start) for start in (0, 1))
    shapes = np.concatenate((first.bases.shape, second.bases.shape))
    assert len(shapes) == len(whole.bases.shape)
    assert np.square(shapes).sum() == pytest.approx(2.0 * np.square(whole.bases.shape).sum(), rel=1e-5)
    assert np.allclose(first.bases.shape[1], np.sqrt(2.0) * whole.bases.shape[2])
    for half in (first, second):
        assert len(half.basis) == len(half.bounds) == len(whole.basis) - len(whole.bases.shape) // 2
        assert (half.bounds[len(half.bases.shape) :][: len(half.bases.expression)] == (0.0, 4.0)).all()
        assert half.vertices(np.full(len(half.basis), -1.0, np.float32)).shape == whole.mean.shape
