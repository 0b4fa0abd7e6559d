"""Colours as they were meant: profiles become sRGB, and few bits in many are not black."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from d3f_lite.errors import MaskError, PhotoError
from d3f_lite.files.images import read_image, read_mask_levels

COLOURS = np.array([[(200, 60, 50), (128, 128, 128)], [(0, 0, 0), (255, 255, 255)]], np.uint8).repeat(32, 0).repeat(32, 1)


def profile(primaries, gamma=2.2):
    """A matrix profile of these primaries, (x, y) each: sRGB's with other columns, written by hand."""
    white = np.array((0.9642, 1.0, 0.8249))  # D50
    xyz = np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in primaries]).T
    columns = xyz * np.linalg.solve(xyz, white)
    fixed = lambda values: np.round(np.asarray(values) * 65536).astype(">i4").tobytes()
    description = b"desc" + bytes(4) + (5).to_bytes(4, "big") + b"wide\0" + bytes(78)
    curve = b"curv" + bytes(4) + (1).to_bytes(4, "big") + int(gamma * 256).to_bytes(2, "big") + bytes(2)
    tags = {b"desc": description, b"wtpt": b"XYZ " + bytes(4) + fixed(white)}
    for name, column in zip(b"rgb", columns.T):
        tags[bytes((name,)) + b"XYZ"] = b"XYZ " + bytes(4) + fixed(column)
        tags[bytes((name,)) + b"TRC"] = curve
    table, body, start = len(tags).to_bytes(4, "big"), b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + (start + len(body)).to_bytes(4, "big") + len(content).to_bytes(4, "big")
        body += content + bytes(-len(content) % 4)
    header = bytearray(128)
    header[8:12], header[12:24], header[36:40] = b"\x02\x10\0\0", b"mntrRGB XYZ ", b"acsp"
    header[68:80] = fixed(white)
    header[0:4] = (128 + len(table) + len(body)).to_bytes(4, "big")
    return bytes(header) + table + body


WIDE = {  # (x, y) of red, green and blue, adapted to D50
    "Adobe RGB": [(0.6484, 0.3309), (0.2302, 0.7016), (0.1559, 0.0660)],
    "ProPhoto": [(0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)],
    "Display P3": [(0.6841, 0.3209), (0.2845, 0.6746), (0.1568, 0.0675)],
}


def opened(path):
    return np.asarray(read_image(path, PhotoError)[0]).astype(int)


@pytest.mark.parametrize("alpha", (False, True))
@pytest.mark.parametrize("name", WIDE)
def test_a_wide_profile_becomes_srgb(name, alpha, tmp_path):
    wide = profile(WIDE[name])
    inside = ImageCms.profileToProfile(
        Image.fromarray(COLOURS), ImageCms.createProfile("sRGB"), ImageCms.ImageCmsProfile(io.BytesIO(wide)), outputMode="RGB"
    )
    assert np.abs(np.asarray(inside).astype(int) - COLOURS).max() > 8
    if alpha:
        inside.putalpha(255)
    inside.save(tmp_path / "photo.png", icc_profile=wide)
    assert np.abs(opened(tmp_path / "photo.png") - COLOURS).max() <= 2


def test_profiles_that_say_nothing_leave_the_pixels(tmp_path):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    broken = bytearray(srgb)
    broken[128:200] = b"\xff" * 72
    for number, content in enumerate((srgb, bytes(broken), b"nothing", srgb[:200], profile(WIDE["ProPhoto"])[:300])):
        Image.fromarray(COLOURS).save(tmp_path / f"{number}.png", icc_profile=content)
        np.testing.assert_array_equal(opened(tmp_path / f"{number}.png"), COLOURS)


def test_a_mask_s_values_are_no_colours(tmp_path):
    levels = (COLOURS[..., 0] > 150).astype(np.uint8)
    Image.fromarray(np.dstack([levels] * 3)).save(tmp_path / "mask.png", icc_profile=profile(WIDE["ProPhoto"]))
    np.testing.assert_array_equal(read_mask_levels(tmp_path / "mask.png", MaskError) == 255, levels == 1)


@pytest.mark.parametrize("bits", (8, 10, 12, 16))
def test_few_bits_in_sixteen_are_not_black(bits, tmp_path):
    ramp = np.linspace(0, 2**bits - 1, 64).round().astype(np.uint16)
    Image.fromarray(np.tile(ramp, (64, 1))).save(tmp_path / "grey.png")
    assert np.abs(opened(tmp_path / "grey.png")[0, :, 0] - np.linspace(0, 255, 64)).max() <= 1
