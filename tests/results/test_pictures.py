"""The pictures of a result: faces that a detector finds, no seam where the occluder was, and each look."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_dilation

from d3f_lite.errors import SettingsError
from d3f_lite.observation.photo import Photo
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.reconstruct import reconstruct
from d3f_lite.results.pictures import face_window, portrait_camera
from d3f_lite.results.sheet import INPUTS, LOOKS, head_painter, revealed, sample_tiles, samples_sheet
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


def test_a_sheet_has_three_rows_and_says_how_likely_each_head_is(found):
    one = found["grace_hopper", "sunglasses"]
    figure = samples_sheet(one, size=60)
    titles = [axis.get_title() for axis in figure.axes]
    assert len(titles) == 2 + 4 and titles[0].startswith("the photo") and titles[2] == "head 0 = the most likely"
    assert (
        figure.get_label().startswith("The photo grace_hopper, a magenta line around what hides the face")
        and "4 heads" in figure.get_label()
    )
    assert "likelier than" in titles[3] and figure.axes[0].images[0].get_array().shape[1] > 100
    assert len(sample_tiles(one, 40, most=2)) == INPUTS + 2
    likely = one.samples.plausibility
    assert likely[0] > 0.999 and (likely >= 0).all() and (likely <= 1).all()
