"""Photos and masks: what is read comes out upright and RGB, and wrong input is named in one line."""

import base64

import numpy as np
import pytest
from PIL import Image

from d3f_lite.errors import MaskError, PhotoError
from d3f_lite.files.images import LARGEST_SIDE
from d3f_lite.observation.masks import check_mask, check_strokes, read_mask, read_strokes
from d3f_lite.observation.photo import Photo, sample_photo


def stripes(height=40, width=60):
    """A red top row block, so that turning and mirroring show."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:10] = (255, 0, 0)
    return pixels


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn by 90° clockwise to view"
    Image.fromarray(np.rot90(stripes())).save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(Photo.open(tmp_path / "turned.png").pixels, stripes())


@pytest.mark.parametrize("mode, expected", [("L", 76), ("P", None), ("CMYK", None), ("1", None), ("I;16", 128)])
def test_every_mode_becomes_rgb(tmp_path, mode, expected):
    if mode == "I;16":
        image = Image.fromarray(np.full((40, 60), 128 * 257, np.uint16))
    else:
        image = Image.fromarray(stripes()).convert(mode)
    image.save(tmp_path / "photo.tif")
    pixels = Photo.open(tmp_path / "photo.tif").pixels
    assert pixels.dtype == np.uint8 and pixels.shape == (40, 60, 3)
    if expected is not None:
        assert pixels[0, 0].tolist() == [expected] * 3


def test_transparent_parts_lie_on_white(tmp_path):
    pixels = np.zeros((40, 60, 4), np.uint8)
    pixels[20:, :, 3] = 255
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    photo = Photo.open(tmp_path / "photo.png")
    assert (photo.pixels[:20] == 255).all() and (photo.pixels[20:] == 0).all() and photo.name == "photo"


# 48×32 px, red at the left and blue at the right, as a phone writes it (base85).
HEIC = (
    "0000SW^{RQXk}?*00000ZE0pPXk}?*ZE0a<0004fZDn*}000000000XXk=`10000000000aA{+700000000000000000000B57=IV*mgE07O6l"
    "0RRC200001p#T8@00000001cf001LtX>Mi!000000RR916=`l}WdZ;I000310BCk&F#rGn01j|zbZr0t000010002}X>f9I0002pX>en20001X"
    "Xm(>m0RwOV0058x000009`FGC{rLC*01pFT0096PKmiN^|NjGU00093kN^M!000939=ZZRVE_RDDnbDP18@KU0|1Z!00RI30{|YNAb|yz>g1-m"
    "xCm%4AOHXZ10VnZ0{|gn00967L;=Bbz=;3=025<xY;ta6Y<K_x01W^JfB*mh6lrsCWdHyG00000KmY&$KmY&$C}V74Z~y=RFaQ7m0RR91AOHXW"
    "0ssI1@Bjb+0{{R2-~a#s0ssI25O8UDX#fBK00RgJ2mk;87-?{AVE_OC000000RRC7fdT^sga7~lF>PdFbN~PVB`5)}6M*G0_y4xZKiKs@!dWa5"
    "&+2UZn9BZ7-u@E9>nNkzbMO"
)  # fmt: skip


def test_heic_and_avif_are_read(tmp_path):
    (tmp_path / "photo.heic").write_bytes(base64.b85decode(HEIC))
    pixels = np.zeros((32, 48, 3), np.uint8)
    pixels[:, :24], pixels[:, 24:] = (200, 40, 40), (40, 40, 200)
    Image.fromarray(pixels).save(tmp_path / "photo.avif", quality=90)
    for name in ("photo.heic", "photo.avif"):
        photo = Photo.open(tmp_path / name)
        assert np.abs(photo.pixels[:, [4, 44]].astype(int) - pixels[:, [4, 44]]).max() < 30 and not photo.note


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif"])
def test_of_an_animation_the_first_picture_is_taken_and_that_is_said(suffix, tmp_path):
    first, second = (Image.new("RGB", (60, 40), colour) for colour in ("red", "blue"))
    first.save(tmp_path / f"moving.{suffix}", save_all=True, append_images=[second, first])
    photo = Photo.open(tmp_path / f"moving.{suffix}")
    assert (photo.pixels[20, 30] >= (250, 0, 0)).all() and photo.pixels[20, 30, 2] < 10
    assert "3 pictures" in photo.note and not Photo.from_array(photo.pixels).note


def empty(path):
    path.write_bytes(b"")


def text(path):
    path.write_text("this is no image")


def cut_short(path):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path, format="PNG")
    path.write_bytes(path.read_bytes()[:6000])


def tiny(path):
    Image.new("RGB", (200, 31)).save(path, format="PNG")


def long(path):
    Image.new("1", (LARGEST_SIDE + 1, 40)).save(path, format="PNG")


def bomb(path):
    Image.new("1", (16_000, 16_000)).save(path, format="PNG")


@pytest.mark.parametrize(
    "write, complaint",
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "not a file"),
        (empty, "empty"),
        (text, "not an image"),
        (cut_short, "cut short"),
        (tiny, "too small"),
        (long, "larger than"),
        (bomb, "larger than"),
    ],
)
def test_wrong_files_are_named_in_one_line(tmp_path, write, complaint, recwarn):
    write(tmp_path / "photo.jpg")
    with pytest.raises(PhotoError, match=complaint) as error:
        Photo.open(tmp_path / "photo.jpg")
    assert "\n" not in str(error.value) and "photo.jpg" in str(error.value) and not recwarn.list


@pytest.mark.parametrize("shape, dtype", [((40, 40, 3), float), ((40, 40), np.uint8), ((40, 40, 4), np.uint8)])
def test_wrong_arrays_are_refused(shape, dtype):
    with pytest.raises(PhotoError, match="pixels must be"):
        Photo.from_array(np.zeros(shape, dtype))


@pytest.mark.parametrize("file", ["...png", "..png", ".hidden.png", "a\nb.png", "a\x1b[2Jb.png", "ünï ½.png", "x" * 200 + ".png"])
def test_no_photo_is_saved_outside_its_folder(tmp_path, file):
    Image.fromarray(stripes()).save(tmp_path / file, "png")
    name = Photo.open(tmp_path / file).name
    results = tmp_path / "results"
    assert (results / name).resolve().parent == results and name.isprintable() and not name.startswith(".")
    assert Photo.from_array(stripes(), "../../etc").name == "_.._etc" and Photo.from_array(stripes(), "\0").name == "_"


def test_a_photo_owns_its_pixels():
    pixels = stripes()
    photo = Photo.from_array(pixels)
    pixels[:] = 7
    assert np.array_equal(photo.pixels, stripes())


def test_sample_photos():
    assert sample_photo("grace_hopper").shape == (600, 512)
    assert sample_photo("astronaut").shape == (512, 512)
    with pytest.raises(PhotoError, match="choose one of"):
        sample_photo("mona_lisa")


def test_white_is_occluded(tmp_path):
    photo = Photo.from_array(stripes())
    mask = np.zeros((40, 60), bool)
    mask[3:20, 5:9] = True
    Image.fromarray(mask.astype(np.uint8) * 255).save(tmp_path / "mask.png")
    assert np.array_equal(read_mask(tmp_path / "mask.png", photo), mask)
    assert np.array_equal(check_mask(mask, photo), mask)
    assert not check_mask(np.zeros_like(mask), photo).any()  # a mask may say that nothing is occluded


def test_red_strokes_are_occluded_green_and_blue_ones_visible(tmp_path):
    photo = Photo.from_array(stripes())
    painted = np.zeros((40, 60, 4), np.uint8)
    colours = {(220, 20, 60): 1, (0, 128, 0): 2, (30, 60, 255): 2, (0, 0, 0): 0, (255, 255, 255): 0, (128, 100, 90): 0}
    for column, colour in enumerate(colours):
        painted[3:6, column] = (*colour, 255)
    Image.fromarray(painted).save(tmp_path / "strokes.png")
    strokes = read_strokes(tmp_path / "strokes.png", photo)
    assert strokes.dtype == np.int8 and strokes.sum() == strokes[3:6].sum()
    assert np.array_equal(strokes[3:6, :6], [list(colours.values())] * 3)
    for values in (strokes[:30], strokes * 0.5, strokes + 1):
        with pytest.raises(MaskError):
            check_strokes(values, photo)
    Image.fromarray(stripes() // 4).save(tmp_path / "none.png")
    with pytest.raises(MaskError, match="no strokes"):
        read_strokes(tmp_path / "none.png", photo)


@pytest.mark.parametrize(
    "mask, complaint",
    [
        (np.full((40, 60), 255, np.uint8), "all white"),
        (np.eye(60, dtype=np.uint8) * 255, "60×60 px but the photo is 60×40"),
    ],
)
def test_unusable_masks_are_refused(tmp_path, mask, complaint):
    photo = Photo.from_array(stripes())
    Image.fromarray(mask).save(tmp_path / "mask.png")
    with pytest.raises(MaskError, match=complaint):
        read_mask(tmp_path / "mask.png", photo)
    with pytest.raises(MaskError, match=complaint):
        check_mask(mask, photo)
    with pytest.raises(MaskError, match="no such file"):
        read_mask(tmp_path / "none.png", photo)
