"""The pictures of a result: faces that a detector finds, no seam where the occluder was, and each look."""

from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_dilation

from d3f_lite.errors import SettingsError
from d3f_lite.observation.photo import Photo
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.reconstruct import reconstruct
from d3f_lite.results import sheet_of_samples
from d3f_lite.results.pictures import (
    NEUTRAL,
    NEVER_SEEN,
    cividis,
    face_window,
    heatmap_colours,
    heatmap_figure,
    heatmap_shares,
    portrait_camera,
)
from d3f_lite.results.sheet_of_samples import HEAD_SIZE, INPUTS, LOOKS, head_painter, revealed, sample_tiles, samples_sheet
from d3f_lite.results.texture import trust_near


@pytest.fixture(scope="module")
def found(portraits):
    """Reconstructions of both portraits, each under another occluder, four heads each."""
    cases = (("astronaut", "surgical_mask"), ("grace_hopper", "sunglasses"))
    return {case: reconstruct(*draw_occluder(*portraits[case[0]], case[1]), samples=4) for case in cases}


def test_a_detector_finds_the_face_of_every_coloured_head(found, detector):
    seen = []
    for one in found.values():
        yaw, pitch, _ = one.fit.camera.angles
        camera, painter = portrait_camera(one.fit.vertices, 320, yaw, pitch), head_painter(one)
        seen += [detector.detect(painter(vertices, camera, 320)) is not None for vertices in one.samples.vertices]
    assert np.mean(seen) >= 0.95


def test_the_face_behind_the_occluder_has_no_seam_and_the_rest_is_the_photo(found):
    for (portrait, occluder), one in found.items():
        observation, window = one.observation, face_window(one.observation)
        photo, occluded = observation.photo.pixels[window], observation.masks.occluded[window]
        face = revealed(one, max(occluded.shape))
        assert face.shape == photo.shape
        untouched = trust_near(binary_dilation(occluded, iterations=2), one.fit.camera.scale) == 1.0
        assert untouched.any()
        np.testing.assert_allclose(face[untouched], photo[untouched], atol=1)
        # As large as on the sheet: from the pixels inside the outline to those outside, on the skin, no step.
        face = revealed(one, 520)
        large = lambda mask: np.asarray(Image.fromarray(mask).resize(face.shape[1::-1], Image.Resampling.NEAREST))
        occluded, skin = large(occluded), large(observation.masks.face[window])
        for axis in (0, 1):
            inside, outside = (np.take(occluded, range(k, occluded.shape[axis] - 1 + k), axis) for k in (0, 1))
            at = (inside != outside) & np.delete(skin, -1, axis) & np.delete(skin, 0, axis)
            steps = np.abs(np.diff(face.astype(float), axis=axis))[at]
            assert len(steps) > 50 and steps.mean() < 4.0, (portrait, occluder)


def test_the_face_behind_does_not_depend_on_what_hides_it(found):
    one = found["astronaut", "surgical_mask"]
    observation = one.observation
    green = np.where(observation.masks.occluded[..., None], np.uint8((0, 255, 0)), observation.photo.pixels)
    other = replace(observation, photo=Photo.from_array(green))
    draw = lambda seen: revealed(replace(one, observation=seen), 300)
    window = face_window(observation)
    size = draw(observation).shape[1::-1]
    hidden = np.asarray(Image.fromarray(observation.masks.occluded[window]).resize(size)) > 0
    assert np.abs(draw(observation).astype(int) - draw(other))[hidden].max() <= 1


def test_every_look_draws_the_same_heads_in_other_colours(found):
    one = found["astronaut", "surgical_mask"]
    camera = portrait_camera(one.fit.vertices, 120)
    drawn = {look: head_painter(one, look)(one.samples.vertices[1], camera, 120) for look in LOOKS}
    for look, picture in drawn.items():
        assert picture.shape == (120, 120, 3)
        assert all(np.abs(picture.astype(int) - other).max() > 20 for name, other in drawn.items() if name != look)
    marked = np.abs(drawn["marked"].astype(int) - drawn["photo"]).max(-1) > 8
    assert marked[75:95, 40:80].mean() > 0.2 > 0.06 > marked[48:58, 45:75].mean()  # mouth and chin, not the eyes
    with pytest.raises(SettingsError, match="choose one of photo, marked"):
        head_painter(one, "wax")


def test_a_sheet_shows_photo_face_and_heads_and_says_how_likely_each_is(found):
    one = found["grace_hopper", "sunglasses"]
    drawn = samples_sheet(one)
    sheet, alt, side = np.asarray(drawn).astype(int), drawn.info["alt"], HEAD_SIZE
    assert alt.startswith("The photo grace_hopper, a magenta line around what hides the face") and "4 heads" in alt
    # Where the grid has them stand the two large pictures and the very heads that the painter draws.
    _, words = zip(*sample_tiles(one, HEAD_SIZE))
    assert words[INPUTS] == "head 0 = the most likely" and "likelier than" in words[INPUTS + 1]
    yaw, pitch, _ = one.fit.camera.angles
    painter, camera = head_painter(one), portrait_camera(one.fit.vertices, side, yaw, pitch)
    for number, (row, column) in enumerate(((0, 4), (0, 5), (1, 4), (1, 5))):
        head, left = painter(one.samples.vertices[number], camera, side), 8 + column * (side + 8)
        tops = [top for top in range(len(sheet) - side + 1) if (sheet[top : top + side, left : left + side] == head).all()]
        assert len(tops) == 1 and (tops[0] > side) == row
        assert (sheet[tops[0] - 30 : tops[0], left : left + side] < 128).any()  # its words
    large, left = revealed(one, 2 * side), 8 + 2 * (side + 8) + 4  # in the middle of two cells and the gap between them
    places = [sheet_part[:, left : left + large.shape[1]] for sheet_part in (sheet[top : top + len(large)] for top in range(250))]
    assert sum(np.array_equal(place, large) for place in places) == 1
    assert (np.asarray(samples_sheet(one, size=60)).shape < np.array(sheet.shape)).sum() == 2
    assert len(sample_tiles(one, 40, most=2)) == INPUTS + 2
    likely = one.samples.plausibility
    assert likely[0] > 0.999 and (likely >= 0).all() and (likely <= 1).all()


def test_heads_are_drawn_once_for_all_sheets(found, monkeypatch):
    one, drawn = found["grace_hopper", "sunglasses"], []
    monkeypatch.setattr(sheet_of_samples, "head_painter", lambda *given: drawn.append(given) or head_painter(*given))
    sheet_of_samples._head_picture.cache_clear()
    samples_sheet(one), sample_tiles(one, 150, 3), samples_sheet(one)
    assert len(drawn) == 4


def test_a_heatmap_has_round_numbers_at_its_bar_and_the_scale_of_matplotlib(found):
    one, values = found["grace_hopper", "sunglasses"], np.linspace(0.0, 1.0, 256)
    np.testing.assert_array_equal(cividis(values), np.rint(matplotlib.colormaps["cividis"](values)[:, :3] * 255))
    show = lambda **how: np.asarray(heatmap_figure(one.fit.vertices, one.head.triangles, one.spread, one.fit.free, **how)).astype(
        int
    )
    picture = show(size=120, highest=10.0)
    bar = picture[-59]  # below the heads, half as wide as they
    coloured = np.flatnonzero(np.ptp(bar, axis=1) > 30)
    assert (bar[coloured[0]] - (0, 34, 78) == 0).all() and abs(np.mean(coloured[[0, -1]]) - len(bar) / 2) < 8
    # 0 to 10 in steps of 2: six marks below the bar, evenly.
    marks = np.flatnonzero((picture[-50] < 60).all(-1))
    np.testing.assert_allclose(np.diff(marks), (marks[-1] - marks[0]) / 5, atol=1)
    assert len(marks) == 6
    assert show(size=120, highest=1e-12).shape == picture.shape
    for size, title in ((120, "B$_$ \\frac{ 王"), (200, "x")):
        assert show(size=size, title=title).shape[1] == 3 * size + 4 * 8


def test_a_heatmap_colours_what_is_hidden_greys_what_is_never_seen_and_nothing_else():
    values, share = np.array([0.0, 2.0, 2.0, 2.0, 1.0]), np.array([0.0, 0.0, 0.0, 0.5, 1.0])
    colours = heatmap_colours(values, share, 2.0, np.array([0.0, 0.0, 1.0, 0.0, 0.0]))
    np.testing.assert_allclose(colours[:3], (NEUTRAL, NEUTRAL, NEVER_SEEN), atol=1e-6)
    np.testing.assert_allclose(colours[4], 1.15 * cividis(np.array([0.5]))[0] / 255, atol=1e-6)
    yellow = np.minimum(1.15 * cividis(np.array([1.0]))[0] / 255, 1.0)
    np.testing.assert_allclose(colours[3], (yellow + NEUTRAL) / 2, atol=1e-6)


def test_heatmaps_fade_over_the_border_without_specks(found):
    one = found["astronaut", "surgical_mask"]
    fit, head = one.fit, one.head
    share, never = heatmap_shares(fit, head)
    first, second = head.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).T
    step = np.abs(share[first] - share[second])[(head.face & (head.albedo_regions[9] < 0.5))[first]]
    assert share.max() == 1.0 and share.min() == 0.0 and step.max() < 0.75 and (step > 0.05).mean() < 0.3
    back = head.mean[:, 2] < -60.0
    assert (never[back & fit.unseen] > 0.9).mean() > 0.9 and not share[back].any()
    assert (share[fit.visible & head.face] < 0.6).all() and (share[fit.occluded & head.face] > 0.5).mean() > 0.8
    # One hidden vertex far from all others is a speck.
    alone = fit.visible & (head.mean[:, 1] > 60.0) & head.face
    vertex = np.flatnonzero(alone)[0]
    speck = replace(
        fit, occluded=fit.occluded | (np.arange(len(alone)) == vertex), visible=fit.visible & (np.arange(len(alone)) != vertex)
    )
    assert heatmap_shares(speck, head)[0][vertex] == 0.0
