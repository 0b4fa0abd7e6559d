"""FLAME's files: read without running anything, posed as smplx poses them, and turned into a HeadModel."""

import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
from flame_format import as_chumpy, flame_table, python2_pickle, write_embeddings, write_flame, write_masks
from scipy.sparse import csc_matrix

from d3f_lite.errors import HeadError
from d3f_lite.formats.flame import FlameHead, FlameLandmarks, read_flame
from d3f_lite.formats.load_head import load_head
from d3f_lite.formats.pickles import read_table


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a model file alone."""
    folder = tmp_path_factory.mktemp("flame")
    write_flame(folder)
    return folder


def test_a_point_on_the_jaw_turns_about_the_jaw_joint():
    # Two vertices: the jaw joint itself at (0, 0, 0) and a chin 10 mm in front of it; a small turn about x lowers it.
    zeros = np.zeros((1, 2, 3))
    head = FlameHead(
        template=np.array([[0.0, 0, 0], [0.0, 0, 10]]), triangles=np.zeros((1, 3), int), shape=zeros, expression=zeros,
        jaw_correctives=np.zeros((9, 2, 3)), joint_regressor=np.tile([1.0, 0.0], (5, 1)),
        skinning=np.array([[0.0, 1, 0, 0, 0], [0.0, 0, 1, 0, 0]]), landmarks=FlameLandmarks(),
    )  # fmt: skip
    opening, sliding = head.jaw_directions(opening=0.1, sliding=0.01)
    np.testing.assert_allclose(opening, [[0, 0, 0], [0, -1, 0]], atol=1e-12)
    np.testing.assert_allclose(sliding, [[0, 0, 0], [0.1, 0, 0]], atol=1e-12)


def test_equals_smplx(folder, tmp_path):
    smplx = pytest.importorskip("smplx")
    import torch

    write_embeddings(tmp_path)
    path = write_flame(tmp_path, name="FLAME_NEUTRAL.pkl")
    theirs = smplx.FLAME(str(tmp_path), num_betas=300, num_expression_coeffs=100, dtype=torch.float64)
    generator = np.random.default_rng(3)
    shape, expression, step = generator.normal(size=(1, 300)), generator.normal(size=(1, 100)), 1e-5

    def posed(**given):
        return theirs(**{name: torch.tensor(value) for name, value in given.items()}).vertices.detach().numpy()[0] * 1000.0

    ours = read_flame(path)
    expected = posed(betas=shape, expression=expression)
    assert np.abs(expected - ours.template).max() > 2.0
    found = ours.template + np.tensordot(shape[0], ours.shape, 1) + np.tensordot(expression[0], ours.expression, 1)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    for axis, direction in enumerate(ours.jaw_directions(1.0, 1.0)):
        turn = step * np.eye(3)[None, axis]
        difference = (posed(jaw_pose=turn) - posed(jaw_pose=-turn)) / (2.0 * step)
        assert np.abs(difference).max() > 50.0
        np.testing.assert_allclose(direction, difference, atol=1e-4)


def test_dynamic_rows_are_the_ones_that_smplx_takes():
    lbs = pytest.importorskip("smplx.lbs")
    import torch

    rows = np.arange(79)
    table = torch.from_numpy(np.tile(rows[:, None], (1, 17)))
    weights = np.repeat(rows, 51).reshape(79, 17, 3).astype(np.float32)
    ours = FlameLandmarks(dynamic=(table.numpy().astype(np.int32), weights)).over(load_head().landmarks)
    for degrees in (-60, -39, -10, 0, 1, 25, 60):
        pose = torch.tensor([[0.0, np.radians(degrees), 0.0]], dtype=torch.float64)
        theirs, _ = lbs.find_dynamic_lmk_idx_and_bcoords(
            torch.zeros(1, 1, 3, dtype=torch.float64), pose, table, torch.from_numpy(weights), torch.tensor([0])
        )
        assert ours.at(np.radians(degrees))[0][0] == theirs[0, 0], degrees


def test_head_model_is_the_head_it_was_made_from(folder):
    shipped, head = load_head(), load_head(f"flame:{folder / 'generic_model.pkl'}")
    shift = head.mean[0] - shipped.mean[0]
    assert np.abs(shift).max() < 1.0  # the ears' centres again
    np.testing.assert_allclose(head.mean - shift, shipped.mean, atol=1e-3)
    np.testing.assert_allclose(head.bases.shape, shipped.bases.shape[:100], atol=1e-3)  # the strongest are taken
    np.testing.assert_allclose(head.bases.expression[:-2], shipped.bases.expression, atol=1e-3)
    for yaw in (-0.6, 0.0, 0.6):
        points = head.landmark_points(head.mean, yaw)
        np.testing.assert_allclose(points - shift, shipped.landmark_points(shipped.mean, yaw), atol=0.05)
    skin = shipped.parts == 0
    for name in ("nose", "left_ear", "lips", "scalp"):
        assert np.abs(head.regions[name] - shipped.regions[name])[skin].mean() < 0.01
    np.testing.assert_allclose(sum(weight**2 for weight in head.regions.values()), 1.0, atol=2e-3)
    np.testing.assert_allclose(head.albedo_regions.sum(0), 1.0, atol=2e-3)
    assert head.face.sum() > 1000


def test_the_jaw_opens_downwards(folder):
    flame = read_flame(folder / "generic_model.pkl")
    opening, sideways = flame.jaw_directions()
    chin = flame.skinning[:, 2] > 0.9
    assert opening[chin, 1].mean() < -3.0
    assert sideways[chin, 0].mean() > 0.5
    assert np.abs(opening[flame.skinning[:, 2] == 0.0]).max() < 0.2  # only pose correctives reach beyond the jaw


def test_the_jaw_of_a_head_model_only_opens(folder):
    head = load_head(f"flame:{folder / 'generic_model.pkl'}")
    coefficients = np.zeros(len(head.basis))
    coefficients[-2] = -3.0
    np.testing.assert_array_equal(head.vertices(coefficients), head.mean)
    coefficients[-2] = 100.0
    opened = (head.vertices(coefficients) - head.mean) @ (0.0, -1.0, 0.0)
    assert 30.0 < opened.max() < 60.0  # mm
    assert np.isinf(np.delete(head.bounds, -2, axis=0)).all()


def test_the_open_model_is_read_from_its_zip(folder, tmp_path):
    path = tmp_path / "FLAME2023Open.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("FLAME2023Open/generic_model.pkl", b"not this one")
        archive.writestr("FLAME2023Open/license.txt", "CC-BY-4.0")
        archive.write(folder / "generic_model.pkl", "FLAME2023Open/flame2023_Open.pkl")
        archive.writestr("__MACOSX/FLAME2023Open/._flame2023_Open.pkl", b"\0")
    head, other = load_head(f"flame:{path}"), load_head(f"flame:{folder / 'generic_model.pkl'}")
    np.testing.assert_array_equal(head.basis, other.basis)
    assert head.provenance["licence"] == "CC-BY-4.0" != other.provenance["licence"]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "no model")
    with pytest.raises(HeadError, match="arrays"):
        read_flame(path)


def test_landmark_and_mask_files_beside_the_model(tmp_path):
    path = write_flame(tmp_path)
    write_embeddings(tmp_path)
    write_masks(tmp_path)
    shipped, head = load_head(), load_head(f"flame:{path}")
    shift = head.mean[0] - shipped.mean[0]
    assert len(head.landmarks.yaws) == 79
    for yaw in (-0.6, 0.0, 0.6):
        points = head.landmark_points(head.mean, yaw) - shift
        np.testing.assert_allclose(points, shipped.landmark_points(shipped.mean, yaw), atol=1e-3)
    assert (head.regions["boundary"][head.mean[:, 1] < head.mean[:, 1].min() + 5.0] > 0.5).all()
    np.testing.assert_allclose(sum(weight**2 for weight in head.regions.values()), 1.0, atol=1e-5)


@pytest.mark.parametrize("protocol", [*range(6), "python2", "npz"])
def test_every_way_to_write_the_same_arrays(tmp_path, protocol, monkeypatch):
    expected = np.arange(12.0).reshape(3, 4)
    table = {"a": expected, "f": np.asfortranarray(expected.astype(">f4")), "i": np.arange(3, dtype=np.uint32)}
    path = tmp_path / "arrays"
    if protocol == "npz":
        np.savez(path, **table, j=expected)
        path = path.with_suffix(".npz")
    else:
        table |= {"j": csc_matrix(expected), "c": as_chumpy(expected, monkeypatch), "text": "lbs"}
        python2_pickle(table, path) if protocol == "python2" else path.write_bytes(pickle.dumps(table, protocol))
    found = read_table(path)
    for name in table.keys() & {"a", "f", "j", "c"}:
        np.testing.assert_array_equal(found.array(name, (3, None)), expected)
    np.testing.assert_array_equal(found.array("i", (3,), np.int32), [0, 1, 2])


class _Attack:
    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


def _hash_bomb():
    """A dict key of nested pairs that takes 2**60 steps to hash."""
    return b"\x80\x02}(" + b")" + b"2\x86" * 60 + b"K\x01u."


HOSTILE = {
    "os.system": lambda mark: pickle.dumps({"v": _Attack(os.system, f"touch {mark}")}, 2),
    "eval": lambda mark: pickle.dumps({"v": _Attack(eval, f"open({str(mark)!r}, 'w')")}, 0),
    "open": lambda mark: pickle.dumps([_Attack(open, str(mark), "w")], 4),
    "getattr": lambda mark: pickle.dumps(_Attack(getattr, "a", "upper"), 5),
    "deep names": lambda mark: b"\x80\x04\x8c\x05numpy\x8c\x0ftesting.os.open\x93.",
    "hash bomb": lambda mark: _hash_bomb(),
    "memo bomb": lambda mark: b"\x80\x02}r" + struct.pack("<I", 2**32 - 1) + b".",
    "claimed length": lambda mark: b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b".",
    "long": lambda mark: b"\x80\x02](" + b"]" * 2_000_000 + b"e.",
    "numpy.load": lambda mark: pickle.dumps({"v": _Attack(np.load, str(mark))}, 4),
    "empty": lambda mark: b"",
    "text": lambda mark: b"<!DOCTYPE html><html>log in</html>",
    "self build": lambda mark: b"\x80\x02cchumpy.ch\nCh\nN}U\x01xK\x01s\x86b.",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_pickles_are_refused_and_run_nothing(tmp_path, kind):
    mark, path = tmp_path / "mark", tmp_path / "generic_model.pkl"
    path.write_bytes(HOSTILE[kind](mark))
    with pytest.raises(HeadError) as error:
        read_flame(path)
    assert "\n" not in str(error.value)
    assert not mark.exists()


def _changed(name, value):
    table = {"v_template": np.zeros((4, 3)), "shapedirs": np.zeros((4, 3, 400)), "posedirs": np.zeros((4, 3, 36)),
             "J_regressor": np.full((5, 4), 0.25), "weights": np.full((4, 5), 0.2), "f": np.array([[0, 1, 2]]),
             "kintree_table": np.array([[-1, 0, 1, 1, 1], [0, 1, 2, 3, 4]])}  # fmt: skip
    return {**table, name: value}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("v_template", np.full((4, 3), np.nan)),
        ("v_template", np.zeros((0, 3))),
        ("v_template", None),
        ("shapedirs", np.zeros((4, 3, 20))),
        ("posedirs", np.zeros((5, 3, 36))),
        ("f", np.array([[0, 1, 4]])),
        ("f", np.array([[0, 1, -1]])),
        ("f", np.array([[0.0, 1.0, 2.0]])),
        ("kintree_table", np.array([[-1, 0, 3, 1, 1], [0, 1, 2, 3, 4]])),
        ("weights", np.array([["a"] * 5] * 4)),
    ],
)
def test_wrong_arrays_are_refused(tmp_path, name, value):
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(_changed(name, value), 2))
    with pytest.raises(HeadError, match=name):
        read_flame(tmp_path / "model.pkl")


def test_cut_off_and_missing_files_are_refused(folder, tmp_path):
    data = (folder / "generic_model.pkl").read_bytes()
    for length in (100, 5_000, len(data) // 2, len(data) - 1):
        (tmp_path / "model.pkl").write_bytes(data[:length])
        with pytest.raises(HeadError):
            read_flame(tmp_path / "model.pkl")
    with pytest.raises(HeadError):
        load_head("flame:no/such/file.pkl")
    with pytest.raises(HeadError, match="unknown head"):
        load_head("smpl")


def test_table_of_the_format_helper_is_flame_shaped():
    table = flame_table()
    assert table["shapedirs"].shape[2] == 400
    np.testing.assert_allclose(table["weights"].sum(1), 1.0)
    np.testing.assert_allclose(table["J_regressor"].sum(1), 1.0)
