"""What is told of a result at once: numbers worked out by hand, parts that no photo shows, and what counts as skin."""

from dataclasses import replace

import numpy as np
import pytest

from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.reconstruct import reconstruct
from d3f_lite.results.explorer_data import explorer_data
from d3f_lite.results.telling import first_words, likeness, parts_never_seen


@pytest.fixture(scope="module")
def found(portraits):
    return reconstruct(*draw_occluder(*portraits["astronaut"], "surgical_mask"), samples=4)


def test_likeness_is_that_of_the_model(found):
    head, fit = found.head, found.fit
    # Two draws of the prior, aligned over the face, are as far apart as expected.
    pairs = np.random.default_rng(0).standard_normal((2, 60, len(head.basis))) * ~head.expressive
    moves = [np.tensordot(one - other, head.basis, 1) for one, other in zip(*pairs)]
    squares = np.mean([np.square(aligned(move, head)).sum(1) for move in moves], axis=0)
    told = likeness(found)
    for part, where in (("visible", fit.visible & head.face), ("hidden", fit.occluded & head.face)):
        assert told[part]["people"] == pytest.approx(np.sqrt(squares[where].mean()), rel=0.1)
        assert 0.0 < told[part]["photos"] < told[part]["people"]
        assert told[part]["heads"] == pytest.approx(np.sqrt(2.0 * np.square(found.spread[where]).mean()))
    assert told["hidden"]["heads"] > told["visible"]["heads"]


def aligned(move, head):
    """A move of the mean head without its shift, turn and growth over the face."""
    points = (head.mean - head.mean[head.face].mean(0)).astype(float)
    motions = [*(np.cross(axis, points) for axis in np.eye(3)), *(np.ones_like(points) * axis for axis in np.eye(3)), points]
    design = np.stack([motion[head.face].ravel() for motion in motions], 1)
    amounts = np.linalg.lstsq(design, move[head.face].ravel(), rcond=None)[0]
    return move - np.tensordot(amounts, motions, 1)


def test_the_average_head_is_no_way_from_the_average(found):
    average = replace(found, fit=replace(found.fit, coefficients=np.zeros_like(found.fit.coefficients)))
    assert {part: mm["average"] for part, mm in likeness(average).items()} == {"visible": 0.0, "hidden": 0.0}
    assert "this face is 0.0 mm from the average one" in first_words(average)[0]


def test_it_is_told_what_no_photo_from_there_shows(found):
    assert {"the crown", "the back of the head"} <= set(parts_never_seen(found))
    everything = replace(found, fit=replace(found.fit, visible=~found.fit.occluded))
    assert not parts_never_seen(everything) and not any("Never seen" in words for words in first_words(everything))
    words = first_words(found)
    assert sum("Never seen from here: the crown" in one for one in words) == 1
    assert words == explorer_data(found, with_photo=False)["said"]


def test_a_beard_that_counts_as_skin_is_named(found):
    masks = replace(found.observation.masks, shown={"a beard": 0.12})
    bearded = replace(found, observation=replace(found.observation, masks=masks))
    assert (
        first_words(bearded)[-1]
        == "Careful: a beard over 12% of the face taken for visible skin; --hides hair takes it for hidden."
    )
