"""Heads that were read once: read again when their files change, and not before."""

import os

import numpy as np
import pytest
from ict_format import write_ict
from small_head import small_head

from d3f_lite.errors import HeadError
from d3f_lite.formats.kept import kept_head
from d3f_lite.formats.load_head import load_head


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("D3F_LITE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "heads"


@pytest.fixture
def readings():
    return []


@pytest.fixture
def load(tmp_path, readings):
    """A function that loads a head of one file, and notes in ``readings`` when it is read."""
    file = tmp_path / "head.bin"
    file.write_bytes(b"a head")

    def read():
        readings.append(file.read_bytes())
        return small_head()

    return lambda: kept_head("mine", [file, tmp_path / "missing.txt"], read)


def test_a_file_is_read_once(cache, load, readings, tmp_path):
    first, second = load(), load()
    assert readings == [b"a head"] and second.name == "mine"
    np.testing.assert_array_equal(second.basis, first.basis)
    np.testing.assert_array_equal(second.albedo_regions, first.albedo_regions)
    (tmp_path / "head.bin").write_bytes(b"another head")
    load()
    (tmp_path / "missing.txt").write_text("now there")
    load(), load()
    assert readings == [b"a head", b"another head", b"another head"]
    assert len(list(cache.iterdir())) == 1


def test_what_is_kept_may_be_damaged_or_not_be_kept_at_all(cache, load, readings):
    load()
    (kept,) = cache.iterdir()
    kept.write_bytes(kept.read_bytes()[:1000])
    load(), load()
    assert len(readings) == 2
    kept.unlink()
    cache.rmdir()
    cache.write_text("a file where the folder should be")
    assert len(load().basis) == len(small_head().basis)


def test_a_broken_file_leaves_nothing(cache, tmp_path):
    def read():
        raise HeadError("broken")

    with pytest.raises(HeadError):
        kept_head("mine", [tmp_path / "broken"], read)
    assert not cache.exists()


def test_a_folder_is_read_again_when_one_mesh_of_it_changes(cache, tmp_path):
    folder = write_ict(tmp_path / "ict")
    mesh = folder / "FaceXModel" / "identity000.obj"
    heads = []
    for _ in range(2):
        load_head.cache_clear()
        heads.append(load_head(f"ict:{folder}"))
        mesh.write_bytes((folder / "FaceXModel" / "identity001.obj").read_bytes())
        os.utime(mesh, (1, 1))
    load_head.cache_clear()
    assert not np.allclose(heads[0].basis[0], heads[1].basis[0])
    np.testing.assert_array_equal(heads[1].basis[0], heads[1].basis[1])
