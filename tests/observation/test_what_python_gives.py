"""Photos, masks, strokes and landmarks as notebooks hold them: Pillow images, paths, lists, tensors; or one line."""

import numpy as np
import pytest
import torch
from PIL import Image

from d3f_lite.errors import D3FError, LandmarkError, MaskError, PhotoError
from d3f_lite.formats.landmark_files import as_landmarks
from d3f_lite.observation.masks import check_mask, check_strokes
from d3f_lite.observation.photo import Photo
from d3f_lite.reconstruct import as_photo

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
PHOTO = Photo.from_array(PIXELS)
MASK = np.zeros((40, 60), bool)
MASK[10:20, 10:40] = True
POINTS = np.random.default_rng(0).uniform((5, 5), (55, 35), (68, 2))
POINTS[36], POINTS[45] = (20, 20), (40, 20)


@pytest.mark.parametrize("kind", ("Pillow", "a file by Pillow", "turned by EXIF", "with alpha", "list", "tensor", "path"))
def test_a_photo(kind, tmp_path):
    image = Image.fromarray(PIXELS)
    if kind == "turned by EXIF":
        image = Image.fromarray(np.rot90(PIXELS, -1))
        image.getexif()[0x0112] = 8  # to be turned left
    image.save(tmp_path / "face.png", exif=image.getexif())
    given = {"Pillow": image, "turned by EXIF": image, "list": PIXELS, "tensor": torch.from_numpy(PIXELS)}.get(kind)
    if kind == "with alpha":
        image.putalpha(255)
        given = image
    elif given is None:
        given = Image.open(tmp_path / "face.png") if "Pillow" in kind else str(tmp_path / "face.png")
    photo = as_photo(given)
    np.testing.assert_array_equal(photo.pixels, PIXELS)
    assert photo.name == ("face" if kind in ("a file by Pillow", "path") else "photo")


def test_a_mask_and_strokes(tmp_path):
    Image.fromarray(np.uint8(255) * MASK).save(tmp_path / "mask.png")
    Image.fromarray(np.dstack((np.uint8(255) * MASK, *np.zeros((2, 40, 60), np.uint8)))).save(tmp_path / "strokes.png")
    given = (tmp_path / "mask.png", str(tmp_path / "mask.png"), Image.open(tmp_path / "mask.png"), MASK.tolist(),
             torch.from_numpy(MASK), torch.from_numpy(np.uint8(255) * MASK))  # fmt: skip
    for mask in given:
        np.testing.assert_array_equal(check_mask(mask, PHOTO), MASK)
    for strokes in (tmp_path / "strokes.png", MASK.astype(int).tolist(), torch.from_numpy(MASK.astype(np.int64))):
        np.testing.assert_array_equal(check_strokes(strokes, PHOTO), MASK)


@pytest.mark.parametrize("points", (POINTS.tolist(), torch.from_numpy(POINTS), torch.from_numpy(POINTS).requires_grad_()))
def test_landmarks(points):
    np.testing.assert_allclose(as_landmarks(points, PHOTO).xy, POINTS, atol=1e-4)


@pytest.mark.parametrize(
    "value", (5, object(), {"a": 1}, [[1, 2], [3]], "no such file", [["a"]], None, torch.zeros(3, dtype=torch.bfloat16))
)
def test_anything_else_is_one_line(value):
    readers = {as_photo: PhotoError, lambda mask: check_mask(mask, PHOTO): MaskError,
               lambda strokes: check_strokes(strokes, PHOTO): MaskError, lambda points: as_landmarks(points, PHOTO): LandmarkError}  # fmt: skip
    for read, error in readers.items():
        with pytest.raises(error) as told:
            read(value)
        assert isinstance(told.value, D3FError) and len(str(told.value)) < 200
