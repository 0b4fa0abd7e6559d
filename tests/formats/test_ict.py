"""ICT-FaceKit's files: folders and archives, read in memory and within limits."""

import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ict_format import EXPRESSIONS, IDENTITIES, write_ict
from small_head import small_head

from d3f_lite.errors import HeadError
from d3f_lite.formats import ict
from d3f_lite.formats.archives import Limits
from d3f_lite.formats.load_head import load_head


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_ict(tmp_path_factory.mktemp("ict") / "ICT-FaceKit-main")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The same of a head of few vertices."""
    return write_ict(tmp_path_factory.mktemp("small") / "ICT-FaceKit-main", small_head())


def test_a_square_becomes_two_triangles():
    data = b"v 0 0 0\nv 1 0 0\nvt 0 0\nv 1 1 0\r\nv 0 1 0\nusemtl a\nf 1/1 2/1 3/1 4/1\nf 1//1 3//1 4//1\n"
    vertices = ict._vertices(data, "a.obj")
    np.testing.assert_array_equal(vertices, [[0, 0, 0], [10, 0, 0], [10, 10, 0], [0, 10, 0]])  # mm
    np.testing.assert_array_equal(ict._triangles(data, 4), [[0, 1, 2], [0, 2, 3], [0, 2, 3]])


def test_head_model_is_the_head_it_was_made_from(folder):
    shipped, head = load_head(), load_head(f"ict:{folder}")
    shift = head.mean[0] - shipped.mean[0]
    assert np.abs(shift).max() < 1.0
    np.testing.assert_allclose(head.mean - shift, shipped.mean, atol=1e-3)
    np.testing.assert_allclose(head.bases.shape, shipped.bases.shape[:IDENTITIES], atol=1e-3)
    np.testing.assert_allclose(head.bases.expression, shipped.bases.expression[: len(EXPRESSIONS)], atol=1e-3)
    np.testing.assert_array_equal(head.parts, shipped.parts)
    for yaw in (-0.6, 0.0, 0.6):
        points = head.landmark_points(head.mean, yaw) - shift
        np.testing.assert_allclose(points, shipped.landmark_points(shipped.mean, yaw), atol=0.05)
    assert head.provenance["licence"] == "MIT"


def test_archives_give_the_same_head_and_write_nothing(small, tmp_path):
    expected = ict.read_ict(small)
    archives = [shutil.make_archive(tmp_path / "ict", kind, small.parent) for kind in ("zip", "tar", "gztar", "xztar")]
    before = sorted(tmp_path.rglob("*"))
    for archive in archives:
        head = ict.read_ict(archive)
        for name in ("neutral", "triangles", "shape", "expression"):
            np.testing.assert_array_equal(getattr(head, name), getattr(expected, name))
    assert sorted(tmp_path.rglob("*")) == before


def test_the_full_model_keeps_face_head_sockets_and_eyeballs():
    neutral = np.zeros((26_719, 3), np.float32)
    assert not ict.is_full_model(neutral)
    right, left = ict.INNER_LANDMARKS[[36 - 17, 45 - 17]]
    neutral[right], neutral[left] = (-45.0, 20.0, 90.0), (45.0, 20.0, 90.0)
    assert ict.is_full_model(neutral)
    assert len(set(ict.INNER_LANDMARKS)) == 51 and max(ict.INNER_LANDMARKS) < ict.KEPT[0][2]


def test_the_lips_close_with_the_jaw_that_they_close_on():
    neutral, shape = np.zeros((4, 3), np.float32), np.zeros((1, 4, 3), np.float32)
    expression = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    head = ict.IctHead(neutral, np.array([[0, 1, 2]]), shape, expression, ("mouthClose", "jawOpen"))
    np.testing.assert_array_equal(head.to_fit().expression, [expression[0] + expression[1], expression[1]])
    np.testing.assert_array_equal(head.expression, expression)


def test_its_expressions_run_from_rest_to_their_full_strength(folder):
    head = load_head(f"ict:{folder}")
    strongest = np.zeros(len(head.basis))
    strongest[len(head.bases.shape)] = 100.0
    full = ict.read_ict(folder)
    moved = full.expression[0] / full.sigma
    np.testing.assert_allclose(head.vertices(strongest) - head.mean, moved, atol=1e-3)
    np.testing.assert_array_equal(head.vertices(-strongest), head.mean)


def _broken(folder, tmp_path, name, content):
    shutil.copytree(folder / "FaceXModel", tmp_path / "model")
    path = tmp_path / "model" / name
    path.unlink() if content is None else path.write_bytes(content)
    return tmp_path / "model"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("generic_neutral_mesh.obj", None),
        ("identity000.obj", None),
        ("jawOpen.obj", None),
        ("identity003.obj", b"v 0 0 0\n"),
        ("identity003.obj", b"<html>"),
        ("identity003.obj", b"v 0 nan 0\n"),
        ("identity003.obj", b"v 0 x 0\n"),
        ("generic_neutral_mesh.obj", b"v 0 0 0\nf 1 2 3\n"),
        ("generic_neutral_mesh.obj", b"v 0 0 0\nf 1 " + b"1 " * 100 + b"\n"),
        ("vertex_indices.json", b"{"),
        ("vertex_indices.json", b'{"expressions": 3}'),
        ("vertex_indices.json", b'{"expressions": ["../../etc/passwd"]}'),
    ],
)
def test_broken_models_are_refused(small, tmp_path, name, content):
    with pytest.raises(HeadError) as error:
        ict.read_ict(_broken(small, tmp_path, name, content))
    assert "\n" not in str(error.value)


def test_an_archive_that_takes_too_much_memory_to_unpack_is_refused(small, tmp_path):
    archive = shutil.make_archive(tmp_path / "ict", "xztar", small)
    with pytest.raises(HeadError, match="emory"):
        ict.read_ict(archive, Limits(dictionary=2**20))
    whole = Path(archive).read_bytes()
    Path(archive).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(HeadError):
        ict.read_ict(archive)


def test_bombs_and_members_that_point_outside(small, tmp_path):
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("FaceXModel/generic_neutral_mesh.obj", b"v 0 0 0\n" * (Limits.member // 7))
    with pytest.raises(HeadError, match="MB"):
        ict.read_ict(bomb)
    sly = tmp_path / "sly.tar"
    with tarfile.open(sly, "w") as archive:
        archive.add(small / "FaceXModel" / "jawOpen.obj", "../FaceXModel/jawOpen.obj")
        link = tarfile.TarInfo("FaceXModel/generic_neutral_mesh.obj")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(HeadError, match="missing"):
        ict.read_ict(sly)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bomb.zip", "sly.tar"]
    with pytest.raises(HeadError, match="data_fetch"):
        ict.read_ict(tmp_path / "nothing.zip")
