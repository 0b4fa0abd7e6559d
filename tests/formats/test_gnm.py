"""GNM's files: an npz of plain arrays and a text of landmarks, read within bounds and turned into a HeadModel."""

import pickle
import zipfile

import numpy as np
import pytest
from gnm_format import FIRST, OFFSET, SHOULDERS, TEETH, gnm_table, write_gnm, write_landmarks

import data_fetch
from d3f_lite.assets import assets
from d3f_lite.errors import HeadError
from d3f_lite.files.arrays import ArrayTable
from d3f_lite.formats import fetch
from d3f_lite.formats.gnm import _strongest, read_gnm
from d3f_lite.formats.load_head import available_heads, load_head
from d3f_lite.formats.transfer import anatomical_places
from d3f_lite.heads.model import JAW_POINTS, PARTS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a model and its landmarks."""
    folder = tmp_path_factory.mktemp("gnm")
    write_gnm(folder)
    write_landmarks(folder)
    return folder


def test_the_directions_that_move_the_skin_most_stay_in_order():
    directions = np.zeros((5, 3, 3), np.float32)
    directions[[0, 1, 2, 4], [0, 0, 1, 1], 2] = 1.0, 3.0, 2.0, 1e-4
    directions[3, 2] = 50.0  # of a vertex that is no skin
    skin = np.array([0, 1])
    np.testing.assert_array_equal(_strongest(directions, skin, 2), [1, 2])
    np.testing.assert_array_equal(_strongest(directions, skin, 9), [0, 1, 2])


def test_a_landmark_lies_between_its_three_vertices_in_mm(tmp_path):
    path = write_gnm(tmp_path, _small())
    write_landmarks(tmp_path, ["0 0.5 1 0.25 2 0.25"] * 68)
    points = read_gnm(path).inner
    np.testing.assert_allclose(points, np.tile([250.0, 250.0, 0.0], (51, 1)))


def test_the_file_is_read_in_mm(folder):
    table, gnm = gnm_table(), read_gnm(folder / "gnm_head.npz")
    assert gnm.identity.shape[0] == 253 and gnm.expression.shape[0] == 383
    np.testing.assert_allclose(gnm.template, table["template_vertex_positions"] * 1000.0, rtol=1e-6)
    np.testing.assert_allclose(gnm.identity, table["vertex_identity_basis"] * 1000.0, rtol=1e-6)
    np.testing.assert_allclose(gnm.expression, table["expression_basis"] * 1000.0, rtol=1e-6)
    points = anatomical_places(load_head())
    np.testing.assert_allclose(gnm.inner - OFFSET * 1000.0, points, atol=0.02)  # weights have three decimals


@pytest.mark.parametrize("landmarks", [True, False])
def test_head_model_is_the_head_it_was_made_from(folder, tmp_path, landmarks):
    path = folder / "gnm_head.npz"
    if not landmarks:
        path = tmp_path / "gnm_head.npz"
        path.write_bytes((folder / "gnm_head.npz").read_bytes())
    shipped, head = load_head(), load_head(f"gnm:{path}")
    shift = head.mean[0] - shipped.mean[0]
    assert np.abs(shift).max() < 1.0  # the ears' centres again
    np.testing.assert_array_equal(head.triangles, shipped.triangles)
    np.testing.assert_array_equal(head.parts, shipped.parts)
    np.testing.assert_allclose(head.mean - shift, shipped.mean, atol=1e-3)
    motion = np.square(shipped.bases.shape[:, shipped.parts == PARTS.index("skin")]).sum((1, 2))
    strongest = np.sort(np.argsort(-motion)[:100])
    np.testing.assert_allclose(head.bases.shape, shipped.bases.shape[strongest], atol=1e-4)
    np.testing.assert_allclose(head.bases.expression, shipped.bases.expression, atol=1e-4)
    for yaw in (-0.6, 0.0, 0.6):
        points = head.landmark_points(head.mean, yaw) - shift
        np.testing.assert_allclose(points, shipped.landmark_points(shipped.mean, yaw), atol=0.05)
    np.testing.assert_allclose(sum(weight**2 for weight in head.regions.values()), 1.0, atol=2e-3)
    assert head.provenance["licence"] == "Apache-2.0" and head.face.sum() > 1000


def test_the_files_own_landmarks_hold_another_face_in_place(tmp_path):
    shipped = load_head()
    face = shipped.sample(1, seed=3)[0]
    table = gnm_table(mean=face)
    table |= {name: table[name][200:210] for name in ("vertex_identity_basis", "expression_basis")}
    path, errors = write_gnm(tmp_path, table), []
    expected = shipped.landmark_points(face)[JAW_POINTS:]
    for landmarks in (False, True):
        if landmarks:
            write_landmarks(tmp_path)
        head = read_gnm(path).head_model()
        found = head.landmark_points(head.mean)[JAW_POINTS:] - head.mean[0] + face[0]
        errors.append(np.linalg.norm(found - expected, axis=1).mean())
    assert errors[1] < 1.5 < 3.0 < errors[0]  # mm


def test_teeth_inner_eyes_and_shoulders_are_left_out(folder):
    gnm = read_gnm(folder / "gnm_head.npz")
    parts = load_head().parts
    np.testing.assert_array_equal(gnm.parts[:FIRST], -1)
    np.testing.assert_array_equal(gnm.parts[FIRST : FIRST + len(parts)], parts)
    assert (gnm.parts[FIRST + len(parts) : -4] == -1).all()  # inner eyes
    skin = gnm.template[gnm.parts == PARTS.index("skin"), 1]
    assert np.ptp(skin) == pytest.approx(SHOULDERS, abs=0.01) and np.ptp(gnm.head_model().mean[:, 1]) < 270.0 < SHOULDERS


def _small(**changes):
    """A table that is read but is no head: four vertices."""
    table = {
        "version": np.array("3.0"), "variant": np.array("head"), "triangles": np.array([[0, 1, 2], [0, 2, 3]]),
        "template_vertex_positions": np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        "vertex_identity_basis": np.ones((2, 4, 3)), "expression_basis": np.ones((2, 4, 3)),
        "vertex_groups": np.float32([[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
        "vertex_group_names": np.array(["skin", "tongue", "eye_exteriors"]),
    }  # fmt: skip
    table |= changes
    return {name: value for name, value in table.items() if value is not None}


def _refused(path, match=None):
    with pytest.raises(HeadError, match=match) as error:
        read_gnm(path)
    assert str(error.value).isprintable() and len(str(error.value)) < 300


NO_CHARACTER = np.frombuffer(b"\xff\xff\xff\x7f", "<U1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, None) for name in _small() if name != "version"),
        ("variant", np.array("body")),
        ("variant", np.array(["head"])),
        ("variant", NO_CHARACTER.reshape(())),
        ("template_vertex_positions", np.full((4, 3), np.nan)),
        ("template_vertex_positions", np.zeros((4, 2))),
        ("template_vertex_positions", np.zeros((0, 3))),
        ("vertex_identity_basis", np.full((2, 4, 3), 1e30)),
        ("vertex_identity_basis", np.zeros((0, 4, 3))),
        ("expression_basis", np.zeros((2, 5, 3))),
        ("expression_basis", np.zeros((2, 4, 3), "U1")),
        ("triangles", np.array([[0, 1, 4]])),
        ("triangles", np.array([[0, 1, -1]])),
        ("triangles", np.array([[0.0, 1.0, 2.0]])),
        ("vertex_groups", np.ones((2, 4))),
        ("vertex_groups", np.zeros((3, 4))),
        ("vertex_group_names", np.array(["skin", "tongue", "teeth"])),
        ("vertex_group_names", np.arange(3)),
        ("vertex_group_names", np.repeat(NO_CHARACTER, 3)),
    ],
)
def test_wrong_arrays_are_refused(tmp_path, name, value):
    _refused(write_gnm(tmp_path, _small(**{name: value})), name.removesuffix("_names"))


def test_text_of_characters_that_there_are_not_is_refused():
    with pytest.raises(HeadError, match="characters"):
        ArrayTable("a.npz", {"variant": NO_CHARACTER.reshape(())}, HeadError).texts("variant", ())


def test_meshes_that_are_too_large_or_no_head_are_refused(tmp_path):
    many = 40_001
    large = {"template_vertex_positions": np.zeros((many, 3)), "vertex_groups": np.ones((3, many))}
    bases = {name: np.zeros((1, many, 3)) for name in ("vertex_identity_basis", "expression_basis")}
    _refused(write_gnm(tmp_path, _small(**large, **bases)), "not GNM's head")
    _refused(write_gnm(tmp_path, _small(triangles=np.zeros((120_001, 3), int))), "not GNM's head")
    with pytest.raises(HeadError, match="not a head"):
        load_head(f"gnm:{write_gnm(tmp_path, _small())}")


@pytest.mark.parametrize("change", [{"triangles": np.zeros((1, 3), int)}, {"template_vertex_positions": 0.1}])
def test_heads_without_a_face_are_refused(folder, tmp_path, change):
    table = gnm_table()
    scale = change.pop("template_vertex_positions", 1.0)  # dm instead of m
    table |= change | {"template_vertex_positions": table["template_vertex_positions"] * scale}
    with pytest.raises(HeadError) as error:
        load_head(f"gnm:{write_gnm(tmp_path, table)}")
    assert str(error.value).isprintable()


ROWS = ["0 1.0 1 0.0 2 0.0"] * 68


@pytest.mark.parametrize(
    "text",
    [
        "", "\n" * 68, "<html>\n" * 68, "\n".join(ROWS[:67]), "\n".join([*ROWS, ROWS[0]]), "\n".join(["0 1.0 1 0.0 2", *ROWS[1:]]),
        "\n".join(["0 1.0 1 0.0 4 0.0", *ROWS[1:]]), "\n".join(["-1 1.0 1 0.0 2 0.0", *ROWS[1:]]),
        "\n".join(["0.5 1.0 1 0.0 2 0.0", *ROWS[1:]]), "\n".join(["nan 1.0 1 0.0 2 0.0", *ROWS[1:]]),
        "\n".join(["0 nan 1 0.0 2 0.0", *ROWS[1:]]), "\n".join(["0 2.0 1 -1.0 2 0.0", *ROWS[1:]]),
        "\n".join(["0 0.5 1 0.0 2 0.0", *ROWS[1:]]), "\n".join(["0 inf 1 0.0 2 0.0", *ROWS[1:]]), "1 " * 2**20,
    ],
    ids=range(15),
)  # fmt: skip
def test_wrong_landmarks_are_refused(tmp_path, text):
    path = write_gnm(tmp_path, _small())
    (tmp_path / "head_sparse_68.txt").write_text(text)
    _refused(path, "head_sparse_68.txt")


class _Attack:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (str(self.mark), "w")


def test_pickles_are_refused_and_run_nothing(tmp_path):
    mark, path = tmp_path / "mark", tmp_path / "gnm_head.npz"
    np.savez(path, **_small(identity_names=np.array([_Attack(mark)], object)))
    _refused(path)
    path.write_bytes(pickle.dumps(_small(variant=_Attack(mark))))
    _refused(path)
    assert not mark.exists()


def test_bombs_cut_off_and_missing_files_are_refused(folder, tmp_path):
    path = tmp_path / "gnm_head.npz"
    _refused(path, "no such file")
    _refused(tmp_path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w", force_zip64=True) as stream:
        for _ in range(17):
            stream.write(bytes(2**24))
    _refused(path, "256 MB")
    data = (folder / "gnm_head.npz").read_bytes()
    for content in (data[:100], data[: len(data) // 2], data[:-1], b"", b"<!DOCTYPE html>\n<html>log in</html>"):
        path.write_bytes(content)
        _refused(path)


def test_fetching_gnm_brings_its_landmarks_too(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("D3F_LITE_CACHE", str(tmp_path))
    load_head.cache_clear()
    assert "gnm" not in available_heads()
    with pytest.raises(HeadError, match="data_fetch.py gnm"):
        load_head("gnm")

    def copy(name):
        assert len(assets()[name].sha256) == 64 and assets()[name].bytes and assets()[name].licence == "Apache-2.0"
        assets()[name].path.write_bytes((folder / name).read_bytes())
        return assets()[name].path

    monkeypatch.setattr(fetch, "fetch", copy)
    assert data_fetch.main(["gnm"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "gnm_head.npz")
    assert read_gnm(tmp_path / "gnm_head.npz").inner is not None
    assert available_heads() == ("anny", "gnm") and load_head("gnm").name == "gnm"
    load_head.cache_clear()


def test_table_of_the_format_helper_is_gnm_shaped():
    table = gnm_table()
    count = len(table["template_vertex_positions"])
    assert table["vertex_identity_basis"].shape == (253, count, 3) and table["expression_basis"].shape == (383, count, 3)
    components = np.isin(table["vertex_group_names"], table["mesh_component_names"])
    np.testing.assert_array_equal(table["vertex_groups"][components].sum(0), 1.0)  # each vertex belongs to one part
    assert len(table) == 23 and table["triangles"].max() < count and TEETH * 2 == FIRST
