"""Small files that unpack to gigabytes: refused, or read, within bounded memory."""

import io
import struct
import tarfile
import zlib

import numpy as np
import pytest
from hostile import bounded_memory, watched
from hostile_pictures import png
from safetensors.numpy import save_file
from small_head import small_head

from d3f_lite.completion.mesh_vae import FORMAT, load_mesh_vae
from d3f_lite.errors import D3FError
from d3f_lite.fitting.calibration import load_calibration
from d3f_lite.formats.flame import read_flame
from d3f_lite.formats.ict import read_ict
from d3f_lite.observation.photo import Photo

pytestmark = pytest.mark.slow

GIGABYTES = 4
MESH, ARRAY = b"FaceXModel/generic_neutral_mesh.obj", b"v_template.npy"


def zeros(gigabytes=GIGABYTES):
    """So many gigabytes of zeros as a raw deflate stream of a few megabytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)  # may be repeated: it leans on nothing before
    return block * (1024 * gigabytes) + zlib.compressobj(9, zlib.DEFLATED, -15).flush()


def zipped(name, packed, claimed, method=8):
    """A zip of one member that claims to unpack to ``claimed`` bytes."""
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, method, 0, 0, 0, len(packed), claimed, len(name), 0) + name
    central = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, method, 0, 0, 0, len(packed), claimed, len(name), *(0,) * 6) + name
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(central), len(local) + len(packed), 0)
    return local + packed + central + end


def gzipped(packed):
    """A gzip of a raw deflate stream."""
    return b"\x1f\x8b\x08" + bytes(6) + b"\xff" + packed + bytes(8)


def long_name():
    """A tar.gz whose first member has a name of gigabytes."""
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, GIGABYTES * 2**30
    stored = struct.pack("<BHH", 0, 512, 0xFFFF - 512) + member.tobuf(tarfile.GNU_FORMAT)
    return gzipped(stored + zeros())


def zlib_stream(packed):
    return b"\x78\xda" + packed


def png_with(name, body):
    """A small PNG with another chunk before its pixels."""
    whole = png(64, 64, 8, 0, bytes(64 * 65))
    chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return whole[:33] + chunk + whole[33:]


def huge_tensors():
    """Weights of a few megabytes that ask for gigabytes beside them."""
    return {"mean": np.zeros((716, 3), np.float32), "graph.0.edges": np.zeros((2, 1), np.int32),
            "directions": np.zeros((4, 1, 1), np.float16), "down.0.convolution.bias": np.zeros((1, 1, 2**24), np.float16)}  # fmt: skip


def array_that_claims(shape):
    """An npy without the numbers that it promises."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return stream.getvalue()


BOMBS = {
    "PNG that claims 16 000 × 16 000": (Photo.open, lambda: png(16_000, 16_000)),
    "PNG of 60 megapixels, which is allowed": (Photo.open, lambda: png(10_000, 6000, 8, 2, bytes(6000 * 30_001))),
    "PNG's colour profile": (Photo.open, lambda: png_with(b"iCCP", b"a\0\0" + zlib_stream(zeros(1)))),
    "PNG's text": (Photo.open, lambda: png_with(b"zTXt", b"a\0\0" + zlib_stream(zeros(1)))),
    "npz that says so": (read_flame, lambda: zipped(ARRAY, zeros(), 2**32 - 2)),
    "npz that lies": (read_flame, lambda: zipped(ARRAY, zeros(), 2000)),
    "npz packed another way": (load_calibration.__wrapped__, lambda: zipped(b"bias.npy", zeros(), 2000, method=14)),
    "npy that promises terabytes": (read_flame, lambda: zipped(ARRAY, array_that_claims((2**40, 3)), 128, method=0)),
    "zip that says so": (read_ict, lambda: zipped(MESH, zeros(), 2**32 - 2)),
    "zip that lies": (read_ict, lambda: zipped(MESH, zeros(), 2000)),
    "tar.gz with a long name": (read_ict, long_name),
    "tar.gz of zeros": (read_ict, lambda: gzipped(zeros(1))),
    "gzip where a pickle should be": (read_flame, lambda: gzipped(zeros())),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_do_not_go_off(name, tmp_path):
    read, make = BOMBS[name]
    (tmp_path / "bomb").write_bytes(make())
    with bounded_memory(), watched():
        try:
            found = read(tmp_path / "bomb")
        except D3FError as error:
            assert str(error).isprintable()
        else:
            assert isinstance(found, Photo)


def test_weights_that_ask_for_gigabytes(tmp_path):
    path, notes = tmp_path / "weights.safetensors", {"format": FORMAT, "head": "small", "scale_mm": "3.0"}
    save_file(huge_tensors(), path, notes)
    with bounded_memory(), pytest.raises(D3FError):
        load_mesh_vae(small_head(), path)


def test_the_bound_itself_can_fail():
    with pytest.raises(AssertionError), bounded_memory(100):
        np.ones(2**25)  # 256 MB
