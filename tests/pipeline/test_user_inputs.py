"""Files as people have them: masks whose colours mislead, tables in another order, many threads, a system without descriptors."""

import errno
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from d3f_lite.errors import LandmarkError, MaskError, PhotoError
from d3f_lite.formats.landmark_files import read_landmarks
from d3f_lite.observation.masks import read_mask
from d3f_lite.observation.photo import Photo
from d3f_lite.perception.detector import MediapipeDetector, find_large_faces

PHOTO = Photo.from_array(np.zeros((200, 300, 3), np.uint8))
BLOCK = np.zeros((200, 300), bool)
BLOCK[50:120, 80:200] = True
POINTS = np.random.default_rng(0).uniform((50, 20), (250, 180), (68, 2))
POINTS[36], POINTS[45] = (100, 100), (200, 105)


def test_a_palette_of_one_colour_is_read_by_its_indices(tmp_path):
    image = Image.fromarray(BLOCK.astype(np.uint8), "P")
    image.putpalette([0] * 768)
    image.save(tmp_path / "mask.png")
    assert np.array_equal(read_mask(tmp_path / "mask.png", PHOTO), BLOCK)


def test_paint_on_white_is_refused(tmp_path):
    Image.fromarray(np.where(BLOCK[..., None], (255, 0, 0), 255).astype(np.uint8)).save(tmp_path / "mask.png")
    with pytest.raises(MaskError, match="paint on white"):
        read_mask(tmp_path / "mask.png", PHOTO)


@pytest.mark.parametrize("quality", (10, 50, 75, 85, 90, 95, 100))
def test_a_jpeg_of_black_and_white_is_a_mask_at_any_quality(quality, tmp_path):
    Image.fromarray(np.uint8(255) * BLOCK).save(tmp_path / "mask.jpg", quality=quality)
    assert np.array_equal(read_mask(tmp_path / "mask.jpg", PHOTO), BLOCK)


def test_classes_with_a_void_are_no_mask(tmp_path):
    classes = BLOCK.astype(np.uint8)
    classes[48:50, 80:200] = 255
    Image.fromarray(classes).save(tmp_path / "mask.png")
    with pytest.raises(MaskError, match="0, 1, 255"):
        read_mask(tmp_path / "mask.png", PHOTO)


def test_threads_leave_the_filters_of_warnings(tmp_path):
    Image.fromarray(PHOTO.pixels).save(tmp_path / "photo.png")
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(Photo.open, [tmp_path / "photo.png"] * 300))
    assert warnings.filters == before


def test_a_fault_of_the_system_is_not_called_damage(tmp_path, monkeypatch):
    Image.fromarray(PHOTO.pixels).save(tmp_path / "photo.png")

    def no_descriptor(*_, **__):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(Image, "open", no_descriptor)
    with pytest.raises(PhotoError, match="cannot be read: Too many open files"):
        Photo.open(tmp_path / "photo.png")


def test_a_face_found_twice_is_counted_once():
    face = np.random.default_rng(0).uniform(10, 90, (478, 2))

    class Twice(MediapipeDetector):
        def __init__(self):
            pass

        def detect(self, _):
            return [face, face * 0.9 + 5]

    assert len(find_large_faces(np.zeros((100, 100, 3), np.uint8), Twice())) == 1


@pytest.mark.parametrize("form", ('"{x}","{y}"', "{x} {y}", "{n};{x};{y}", "{n},{px},{py}"))
def test_tables_of_other_programs(form, tmp_path):
    comma = "." if form == "{x} {y}" else ","
    rows = []
    for number, (x, y) in enumerate(POINTS, 1):
        px, py = f"{x:.2f}", f"{y:.2f}"
        rows.append(form.format(n=number, x=px.replace(".", comma), y=py.replace(".", comma), px=px, py=py))
    numbered = "{n}" in form
    head = [form.format(n="id", x="x", y="y", px="x", py="y")] if numbered else []
    (tmp_path / "l.csv").write_text("\n".join(head + rows[:: -1 if numbered else 1]))
    np.testing.assert_allclose(read_landmarks(tmp_path / "l.csv", PHOTO).xy, POINTS, atol=0.01)


@pytest.mark.parametrize("text, word", (("1,5,2,5\n" * 68, "semicolons"), ("id,x,y\n" + "7,1,2\n" * 68, "each once")))
def test_tables_that_are_refused_by_their_form(text, word, tmp_path):
    (tmp_path / "l.csv").write_text(text)
    with pytest.raises(LandmarkError, match=word):
        read_landmarks(tmp_path / "l.csv", PHOTO)
