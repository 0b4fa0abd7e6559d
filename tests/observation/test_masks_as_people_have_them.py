"""A mask is understood or refused: its two values may be any, and what is no mask never means that nothing is hidden."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from d3f_lite.__main__ import _tell
from d3f_lite.errors import LandmarkError, MaskError
from d3f_lite.observation.masks import check_mask, misplaced, read_mask
from d3f_lite.observation.photo import Photo
from d3f_lite.observe import observe
from d3f_lite.occluders.drawing import OCCLUDER_KINDS, draw_occluder
from d3f_lite.settings import Settings

HIDDEN = np.zeros((40, 60), bool)
HIDDEN[10:25, 20:50] = True
PHOTO = Photo.from_array(np.zeros((40, 60, 3), np.uint8))
RANDOM = np.random.default_rng(0)


def grey(low, high):
    """A grey picture of two values."""
    return Image.fromarray(np.where(HIDDEN, high, low).astype(np.uint8))


def palette(*colours):
    """A picture with a palette, index 1 where hidden, as of VOC."""
    image = Image.fromarray(HIDDEN.astype(np.uint8)).convert("P")
    image.putpalette([channel for colour in colours for channel in colour])
    return image


def layer(colour, opacity=255):
    """A transparent layer that is painted where hidden."""
    pixels = np.zeros((40, 60, 4), np.uint8)
    pixels[HIDDEN] = (*colour, opacity)
    return Image.fromarray(pixels)


def soft(size=3):
    """Black and white with soft edges."""
    small = Image.fromarray(np.uint8(255) * HIDDEN).resize((60 * size, 40 * size), Image.BICUBIC)
    return small.resize((60, 40), Image.BOX)


MASKS = {
    "0 and 255": grey(0, 255), "0 and 1": grey(0, 1), "7 and 9": grey(7, 9), "one bit": grey(0, 255).convert("1"),
    "16 bits, 0 and 1": Image.fromarray(HIDDEN.astype(np.uint16)), "16 bits": Image.fromarray(np.uint16(65_535) * HIDDEN),
    "VOC": palette((0, 0, 0), (128, 0, 0)), "red on black": grey(0, 255).convert("RGB").convert("RGB", (1, 0, 0, 0) * 2 + (0,) * 4),
    "red on transparent": layer((255, 0, 0)), "black on transparent": layer((0, 0, 0)), "half opaque": layer((255, 255, 255), 140),
    "opaque": grey(0, 255).convert("RGBA"), "soft edges": soft(),
}  # fmt: skip


@pytest.mark.parametrize("kind", MASKS)
def test_two_values_are_a_mask_whatever_they_are(kind, tmp_path):
    MASKS[kind].save(tmp_path / "mask.png")
    assert np.array_equal(read_mask(tmp_path / "mask.png", PHOTO), HIDDEN)


def test_a_jpeg_is_a_mask_too(tmp_path):
    grey(0, 255).save(tmp_path / "mask.jpg", quality=90)
    assert (read_mask(tmp_path / "mask.jpg", PHOTO) == HIDDEN).mean() > 0.98


@pytest.mark.parametrize("levels", [(0, 1), (0, 255), (3, 200)])
def test_arrays_of_two_values(levels):
    assert np.array_equal(check_mask(np.where(HIDDEN, levels[1], levels[0]).astype(np.uint8), PHOTO), HIDDEN)


@pytest.mark.parametrize(
    "image, word",
    [
        (Image.fromarray(np.where(HIDDEN, 1, RANDOM.choice([0, 255], (40, 60))).astype(np.uint8)), "0, 1, 255"),
        (Image.fromarray(np.full((40, 60), 1, np.uint8)), "value 1; 255"),
        (Image.fromarray(RANDOM.integers(0, 256, (40, 60), np.uint8)), "values: a mask has two"),
        (Image.fromarray(RANDOM.integers(100, 140, (40, 60), np.uint8)), "values: a mask has two"),
        (Image.fromarray(RANDOM.integers(0, 256, (40, 60, 3), np.uint8)), "colours"),
        (Image.fromarray(RANDOM.integers(0, 256, (40, 60, 4), np.uint8)), "transparent"),
        (Image.fromarray(np.full((40, 60), 255, np.uint8)), "all white"),
    ],
)
def test_what_is_no_mask_is_refused(image, word, tmp_path):
    image.save(tmp_path / "mask.png")
    with pytest.raises(MaskError, match=f"mask.png: .*{word}"):
        read_mask(tmp_path / "mask.png", PHOTO)


@pytest.mark.parametrize("occluder", OCCLUDER_KINDS)
def test_an_inverted_mask_is_suspected(occluder, portraits, detector):
    photo, landmarks = portraits["grace_hopper"]
    photo, mask = draw_occluder(photo, landmarks, occluder, seed=0)
    assert not observe(photo, mask, landmarks=landmarks, detector=detector).masks.doubt
    with pytest.raises(LandmarkError, match="inverted"):  # too little of the face shows to find it
        observe(photo, ~mask, detector=detector)
    masks = observe(photo, ~mask, landmarks=landmarks, detector=detector).masks
    assert "inverted" in masks.doubt and masks.confidence == 0.0


FACE = np.zeros((200, 300), bool)
FACE[20:120, 60:140] = True
AREA = np.zeros((200, 300), bool)
AREA[70:110, 70:130] = True
OUTLINE = AREA.copy()
OUTLINE[71:109, 71:129] = False
BESIDE = np.zeros((200, 300), bool)
BESIDE[90:110, 145:155] = True


@pytest.mark.parametrize(
    "mask, doubt",
    [
        (AREA, ""),
        (np.zeros_like(AREA), ""),
        (AREA[::-1, ::-1], "hides nothing of the face; turned by 180° it would hide 30%"),
        (AREA[:, ::-1], "mirrored it would hide 30%"),
        (BESIDE, "hides nothing of the face: was it made for this photo"),
        (OUTLINE, "hides 2% of the face: if it is an outline, fill it, and it hides 30%"),
    ],
)
def test_a_mask_that_lies_elsewhere_is_said_to(mask, doubt):
    assert doubt in misplaced(mask, FACE) and bool(misplaced(mask, FACE)) == bool(doubt)


def test_a_square_mask_may_lie_on_its_side():
    mask = np.zeros((200, 200), bool)
    mask[20:40, 80:120] = True
    face = np.rot90(mask)
    assert "turned by 90° it would hide 100%" in misplaced(mask, face) and "turned by 270°" in misplaced(face, mask)


def test_a_mask_of_the_unturned_photo_is_refused_with_what_would_fit():
    with pytest.raises(MaskError, match="40×60 px but the photo is 60×40 px; turned by 90° it would fit"):
        check_mask(HIDDEN.T, PHOTO)


def test_the_terminal_does_not_call_a_mask_beside_the_face_nothing(portraits, detector, capsys):
    photo, landmarks = portraits["astronaut"]
    _, mask = draw_occluder(photo, landmarks, "surgical_mask", seed=0)
    observation = observe(photo, mask[::-1, ::-1], landmarks=landmarks, detector=detector)
    _tell(SimpleNamespace(observation=observation, settings=Settings()))
    told = capsys.readouterr().out
    assert "mask: given, nothing of the face" in told and "careful: the mask hides nothing of the face; turned by 180°" in told
