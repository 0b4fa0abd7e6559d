"""Files from elsewhere: a web page instead of a model, a Notepad's settings, names without end, archives of nothing, a home's ~."""

import io
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from d3f_lite.errors import HeadError, SettingsError
from d3f_lite.files.arrays import MOST_MEMBERS, read_arrays
from d3f_lite.formats.flame import read_flame
from d3f_lite.formats.ict import read_ict
from d3f_lite.formats.landmark_files import read_landmarks, write_landmarks
from d3f_lite.formats.load_head import load_head
from d3f_lite.observation.landmarks import Landmarks
from d3f_lite.observation.masks import read_mask
from d3f_lite.observation.photo import Photo
from d3f_lite.settings import Settings


@pytest.mark.parametrize(
    "page", (b"<!DOCTYPE html>\n<html>log in", b"\xef\xbb\xbf <HTML><body>", b'<?xml version="1.0"?><!DOCTYPE html>')
)
def test_a_web_page_saved_as_a_model_is_named_for_what_it_is(page, tmp_path):
    for name, read in (
        ("generic_model.pkl", read_flame),
        ("ict.zip", read_ict),
        ("gnm.npz", lambda path: load_head(f"gnm:{path}")),
    ):
        (tmp_path / name).write_bytes(page)
        with pytest.raises(HeadError, match="it is a web page"):
            read(tmp_path / name)


def test_settings_of_a_notepad_are_read(tmp_path):
    (tmp_path / "bom.toml").write_bytes(b"\xef\xbb\xbf[fit]\r\nregional = false\r\n")
    assert Settings.load(tmp_path / "bom.toml").fit.regional is False


@pytest.mark.parametrize("text", ("a" + ".a" * 30_000 + " = 1", "[" + "a." * 30_000 + "a]"))
def test_a_name_without_end_is_refused_at_once(text, tmp_path):
    (tmp_path / "long.toml").write_text(text)
    with pytest.raises(SettingsError, match="100 dots"):
        Settings.load(tmp_path / "long.toml")


def zip_of_nothing(members):
    """A zip that lists so many empty files, all in one place."""
    one = io.BytesIO()
    with zipfile.ZipFile(one, "w") as archive:
        archive.writestr("a.npy", b"")
    data = one.getvalue()
    listed, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    record = data[listed:end]
    return (
        data[:listed]
        + record * members
        + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(record) * members, listed, 0)
    )


def tar_of_nothing(members):
    """A tar.gz of so many empty files."""
    stream, header = io.BytesIO(), tarfile.TarInfo("a").tobuf()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        archive.fileobj.write(header * members)
    return stream.getvalue()


@pytest.mark.parametrize("data", (zip_of_nothing(MOST_MEMBERS + 1), tar_of_nothing(MOST_MEMBERS + 1)), ids=("zip", "tar"))
def test_archives_of_nothing_are_refused_before_they_are_listed(data, tmp_path, monkeypatch):
    (tmp_path / "archive").write_bytes(data)
    with pytest.raises(HeadError, match="more than 20,000 files"):
        read_ict(tmp_path / "archive")
    if data.startswith(b"PK"):
        monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("listed"))
        for inside in ((), ("generic_model.pkl",)):
            with pytest.raises(HeadError, match="more than 20,000 files"):
                read_arrays(tmp_path / "archive", HeadError, inside=inside)


def test_a_tilde_is_a_person_s_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(np.uint8(255) * (pixels[..., 0] > 99)).save(tmp_path / "mask.png")
    (tmp_path / "s.toml").write_text("[fit]\nregional = false\n")
    points = np.random.default_rng(0).uniform((5, 5), (60, 60), (68, 2)).astype(np.float32)
    write_landmarks(Landmarks(points, np.ones(68, np.float32), "by hand", 1), tmp_path / "l.csv")
    photo = Photo.open("~/a.png")
    assert photo.name == "a" and read_mask("~/mask.png", photo).any() and not Settings.load("~/s.toml").fit.regional
    assert len(read_landmarks("~/l.csv", photo).xy) == 68
    (tmp_path / "m.pkl").write_bytes(b"<html>")
    for name in ("flame", "ict", "gnm"):
        with pytest.raises(HeadError, match="web page"):
            load_head(f"{name}:~/m.pkl")
