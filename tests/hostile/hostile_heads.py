"""Head models, calibrations and weights as files, and what must hold of those that are read."""

import builtins
import io
import os
import pickle
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from flame_format import python2_pickle, write_embeddings, write_masks
from hostile import broken, finite, watched
from hostile_values import DTYPES, RANDOM, any_array, scratch
from hypothesis import strategies as st
from ict_format import write_ict
from small_head import small_head

from d3f_lite.completion.mesh_graph import build_graph
from d3f_lite.completion.mesh_vae import MeshVAE
from d3f_lite.errors import D3FError
from d3f_lite.formats.head_file import write_head
from d3f_lite.formats.pickles import read_table
from research.bake.mesh_vae import save


def npz(**changes):
    stream = io.BytesIO()
    np.savez(stream, **changes)
    return stream.getvalue()


def small_asset():
    """A head asset's bytes."""
    return scratch(lambda folder: write_head(small_head(), folder / "head.npz"))["head.npz"]


@st.composite
def changed_arrays(draw, arrays):
    """An npz of ``arrays`` with one of them missing, of another type or shape, or with bad numbers."""
    name = draw(st.sampled_from(sorted(arrays)))
    good, how = arrays[name], draw(st.sampled_from(("missing", "shape", "type", "number", "any")))
    bad = dict(arrays)
    if how == "missing":
        del bad[name]
    elif how == "shape":
        bad[name] = good[..., None] if draw(st.booleans()) or good.ndim == 0 else good[: len(good) // 2]
    elif how == "type":
        with np.errstate(all="ignore"):
            bad[name] = np.zeros(good.shape).astype(draw(st.sampled_from([code for code in DTYPES if code != "O"])))
    elif how == "number" and good.dtype.kind in "fiu" and good.size:
        bad[name] = good.copy()
        highest = np.iinfo(good.dtype).max if good.dtype.kind in "iu" else 6e4
        values = (-1, highest) if good.dtype.kind in "iu" else (np.nan, np.inf, -np.inf, highest, -highest)
        value = np.array(draw(st.sampled_from(values))).astype(good.dtype)  # -1 becomes the highest where there is no sign
        bad[name].flat[draw(st.integers(0, good.size - 1))] = value
    else:
        bad[name] = draw(any_array(good.shape).filter(lambda array: array.dtype != object))
    return npz(**bad)


def check_head(head):
    finite(head.mean, head.basis, head.albedo_regions, *head.regions.values(), head.landmark_points(head.mean))
    assert head.triangles.max() < len(head.mean) and head.basis.shape[1:] == head.mean.shape


def check_calibration(calibration):
    finite(calibration.bias_at(0.1, 0.1))
    np.linalg.cholesky(calibration.clean)


def tiny_flame():
    """FLAME's arrays for five vertices."""
    return {
        "v_template": RANDOM.normal(size=(5, 3)), "shapedirs": RANDOM.normal(size=(5, 3, 400)).astype(np.float32),
        "posedirs": RANDOM.normal(size=(5, 3, 36)), "J_regressor": np.full((5, 5), 0.2), "weights": np.full((5, 5), 0.2),
        "f": np.array([[0, 1, 2], [2, 3, 4]], np.uint32), "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], range(5)]),
    }  # fmt: skip


def flame_files(table):
    """A FLAME model's bytes as Python 2, Python 3 and numpy write it."""
    old = scratch(lambda folder: python2_pickle(table, folder / "old"))["old"]
    return [old, pickle.dumps(table, 0), pickle.dumps(table, 2), pickle.dumps(table, 4), npz(**table)]


def check_flame(flame):
    finite(flame.template, flame.jaw_directions())


class Attack:
    """Pickles as a call."""

    def __init__(self, call, arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


CANARY = "d3f-lite-canary"
CALLS = (
    (os.system, (f"touch {CANARY}",)), (eval, (f"open('{CANARY}', 'w')",)), (exec, (f"open('{CANARY}', 'w')",)),
    (builtins.open, (CANARY, "w")), (subprocess.Popen, (["touch", CANARY],)), (os.mkdir, (CANARY,)), (os.remove, (CANARY,)),
    (shutil.rmtree, (CANARY,)), (getattr, ("a", "upper")), (__import__, ("os",)),
    (np.load, (CANARY,)), (np.save, (CANARY, 1)), (torch.load, (CANARY,)), (pickle.loads, (b"N.",)), (bytearray, (2**40,)),
    (os.execv, ("/bin/touch", [CANARY])), (np.zeros, (2**40,)), (compile, ("1", "a", "eval")),
)  # fmt: skip


@st.composite
def attacks(draw, table):
    """A pickle of FLAME's arrays that also asks for a call, somewhere."""
    attack, bad = Attack(*draw(st.sampled_from(CALLS))), dict(table)
    name = draw(st.sampled_from(sorted(table)))
    bad[name] = draw(st.sampled_from((attack, [attack], {"x": attack}, (1, attack), {"a": [attack]})))
    return pickle.dumps(draw(st.sampled_from((bad, attack, [attack]))), draw(st.integers(0, 5)))


OPCODES = (
    b"(", b"0", b"1", b"2", b"N", b"K\x01", b"J\xff\xff\xff\x7f", b"]", b"}", b")", b"\x8f", b"\x85", b"\x86", b"\x87", b"t", b"l",
    b"d", b"s", b"u", b"a", b"e", b"\x90", b"\x91", b"R", b"b", b"o", b"\x81", b"\x92", b"\x93", b"\x94", b"q\x00", b"h\x00",
    b"p0\n", b"g0\n", b"j\xff\xff\xff\xff", b"r\xff\xff\xff\xff", b"\x8c\x02os", b"\x8c\x06system", b"\x8c\x05numpy",
    b"\x8c\x07ndarray", b"X\x04\x00\x00\x00echo", b"cos\nsystem\n", b"cbuiltins\neval\n", b"cnumpy\ndtype\n", b"cnumpy\nndarray\n",
    b"cnumpy.core.multiarray\n_reconstruct\n", b"cchumpy.ch\nCh\n", b"ccopy_reg\n_reconstructor\n", b"c__builtin__\nobject\n",
    b"c_codecs\nencode\n", b"cscipy.sparse.csc\ncsc_matrix\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"cnumpy.core.multiarray\nscalar\n",
    b"ctorch.storage\n_load_from_bytes\n", b"(S'ls'\nios\nsystem\n", b"Pname\n", b"Q", b"\x82\x01", b"\x96\xff\xff\xff\xff\xff\xff\xff\x00",
    b"\x97", b"\x98", b"\x95\xff\xff\xff\xff\xff\xff\xff\xff", b"\x8b\xff\xff\xff\x7f", b"S'x'\n", b"I7\n", b"F1e400\n", b"L9L\n", b"\x8a\xffxx",
)  # fmt: skip
PROGRAMS = st.lists(st.sampled_from(OPCODES), min_size=1, max_size=30).map(lambda parts: b"\x80\x02" + b"".join(parts) + b".")


def take_all(table):
    """Take every array out of a table."""
    for name in table.values:
        try:
            finite(table.array(name, (None,)))
        except D3FError:
            continue


def read_whole_table(path):
    """Read a table and everything in it."""
    table = read_table(path)
    take_all(table)
    return table


def beside(files, read):
    """A ``Kind.read`` of (name, bytes): the file is put among good ``files``."""

    def read_changed(changed, folder):
        for name, data in {**files, changed[0]: changed[1]}.items():
            (folder / name).write_bytes(data)
        with watched():
            return read(folder)

    return read_changed


def changed_file(files):
    """One of ``files`` (name to bytes), broken."""
    return st.one_of([st.tuples(st.just(name), broken([data])) for name, data in files.items()])


def flame_extras():
    """FLAME's landmark and mask files, for the small head."""

    def write(folder):
        write_embeddings(folder, small_head())
        write_masks(folder, small_head())

    return scratch(write)


def ict_files():
    """ICT-FaceKit's files of a small head."""
    with tempfile.TemporaryDirectory() as folder:
        target = write_ict(Path(folder) / "ict", small_head()) / "FaceXModel"
        return {path.name: path.read_bytes() for path in target.iterdir()}


def ict_archives():
    """The same as zip, tar.gz and tar."""
    with tempfile.TemporaryDirectory() as folder:
        write_ict(Path(folder) / "ict", small_head())
        return [
            Path(shutil.make_archive(f"{folder}/{kind}", kind, f"{folder}/ict")).read_bytes() for kind in ("zip", "gztar", "tar")
        ]


def check_ict(ict):
    finite(ict.neutral, ict.shape, ict.expression)
    assert 0 <= ict.triangles.min() <= ict.triangles.max() < len(ict.neutral)


def small_vae():
    """A mesh VAE for the small head."""
    head = small_head()
    torch.manual_seed(0)
    return MeshVAE(build_graph(head.mean, head.triangles), head.mean, 3.0, latent_size=4, widths=(4, 4))


def weights():
    """Its weights' bytes."""
    return scratch(lambda folder: save(small_vae(), folder / "weights.safetensors", "small", {}))["weights.safetensors"]


def check_vae(model):
    with torch.no_grad():
        finite(model.decode(torch.zeros(1, model.latent_size)).numpy())


def check_weights(net):
    finite(*(values for stage in net.kernels.values() for pair in stage for values in pair))
