"""Strokes as people paint them: on the photo itself, on a ground of one colour, on a layer; all else is refused."""

import numpy as np
import pytest
from PIL import Image

from d3f_lite.errors import MaskError
from d3f_lite.observation.masks import Stroke, read_strokes
from d3f_lite.observation.photo import Photo

RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 200, 0)
ROWS, COLUMNS = np.indices((60, 90))
SCENE = np.stack((60 + COLUMNS, 150 - ROWS, 60 + ROWS), axis=2).astype(np.uint8)
SCENE[40:60] = (30, 60, 220)  # a blue scarf
SCENE[:8] = (210, 20, 30)  # a red hat
PHOTO = Photo.from_array(SCENE)
HIDDEN, SHOWN = np.s_[45:50, 10:80], np.s_[20:24, 30:60]


def strokes_on(pixels, hidden=RED, shown=GREEN):
    """The picture with a stroke over the scarf and one over the face."""
    painted = np.array(pixels)
    painted[HIDDEN][..., :3], painted[SHOWN][..., :3] = hidden, shown
    if painted.shape[2] == 4:
        painted[HIDDEN][..., 3], painted[SHOWN][..., 3] = 255, 255
    return painted


def read(pixels, folder, **options):
    """The strokes that are read from a picture of these pixels."""
    Image.fromarray(pixels).save(folder / "strokes.png", **options)
    return read_strokes(folder / "strokes.png", PHOTO)


GROUNDS = {
    "the photo": SCENE,
    "a JPEG of the photo": np.clip(SCENE + np.random.default_rng(0).integers(-12, 13, SCENE.shape), 0, 255).astype(np.uint8),
    "the photo, opaque": np.dstack((SCENE, np.full((60, 90), 255, np.uint8))),
    "black": np.zeros_like(SCENE),
    "white": np.full_like(SCENE, 255),
    "a layer": np.zeros((60, 90, 4), np.uint8),
    "a layer over the photo": np.dstack((SCENE, np.zeros((60, 90), np.uint8))),
}


@pytest.mark.parametrize("shown", (GREEN, BLUE))
@pytest.mark.parametrize("ground", GROUNDS)
def test_strokes_are_what_was_painted(ground, shown, tmp_path):
    wanted = np.zeros((60, 90), np.int8)
    wanted[HIDDEN], wanted[SHOWN] = Stroke.OCCLUDED, Stroke.VISIBLE
    np.testing.assert_array_equal(read(strokes_on(GROUNDS[ground], shown=shown), tmp_path), wanted)


@pytest.mark.parametrize(
    "pixels",
    [
        strokes_on(SCENE[:, ::-1]),  # another photo
        strokes_on(SCENE, hidden=(255, 255, 0), shown=(255, 255, 255)),  # colours that say nothing
        np.random.default_rng(1).integers(0, 256, SCENE.shape, np.uint8),
        SCENE,
    ],
)
def test_what_holds_no_strokes_is_refused(pixels, tmp_path):
    with pytest.raises(MaskError, match="strokes.png: .*no strokes"):
        read(pixels, tmp_path)


def test_strokes_on_the_unturned_photo_are_refused_with_what_would_fit(tmp_path):
    with pytest.raises(MaskError, match="turned by 90° it would fit"):
        read(np.rot90(strokes_on(SCENE)), tmp_path)
