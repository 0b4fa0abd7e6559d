"""Files of arrays that others wrote (pickle, npy, npz), read as data: nothing that such a file says is ever run."""

import io
import lzma
import math
import pickle
import re
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from tokenize import TokenError

import numpy as np

from d3f_lite.errors import HeadError

LARGEST_FILE = 512 * 2**20  # bytes, on disk and unpacked; FLAME takes 53 MB
MOST_OPCODES = 200_000  # of a pickle; FLAME needs a few hundred
UNREADABLE = (  # what the libraries raise over broken files
    OSError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, ImportError, OverflowError,
    MemoryError, RecursionError, AssertionError, NotImplementedError, RuntimeError, SyntaxError, TokenError,
    pickle.UnpicklingError, struct.error, zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError,
)  # fmt: skip


def read_table(path):
    """Read a file of named arrays.

    Args:
        path: a pickled dict (any protocol, from Python 2 as well), an npz, or an npy that holds a pickled dict.

    Returns:
        dict of names to values, to be taken out with ``array_of``.

    Raises:
        HeadError: the file is missing, too large, of another kind, or asks for code to be run.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise HeadError(f"{path.name} has more than {LARGEST_FILE >> 20} MB: not a head model")
        data = path.read_bytes()
        table = _value(_parse(data))
    except UNREADABLE as error:
        raise HeadError(f"cannot read {path.name}: {reason_of(error)}") from error
    if not isinstance(table, dict):
        raise HeadError(f"{path.name} holds no named arrays: is it the model's own file?")
    return table


def array_of(table, name, shape, kind="f"):
    """Take one array out of a table.

    Args:
        table: what ``read_table`` gave.
        name: its key.
        shape: the expected shape, None where any length will do.
        kind: "f" for finite numbers (float64), "i" for integers (int64).

    Raises:
        HeadError: it is missing, or not such an array.
    """
    try:
        array = _value(table[name])
    except (HeadError, *UNREADABLE) as error:
        raise HeadError(f"the head file has no readable {name!r}: {reason_of(error)}") from error
    if not isinstance(array, np.ndarray) or array.ndim != len(shape):
        raise HeadError(f"{name!r} in the head file is not an array of {len(shape)} dimensions")
    if any(wanted not in (None, length) for wanted, length in zip(shape, array.shape)) or array.size == 0:
        raise HeadError(f"{name!r} in the head file has shape {array.shape}, expected {shape}")
    if kind == "i" and array.dtype.kind not in "iu":
        raise HeadError(f"{name!r} in the head file does not hold integers")
    if not np.isfinite(array).all():
        raise HeadError(f"{name!r} in the head file holds NaN or infinite numbers")
    return array.astype(np.int64 if kind == "i" else np.float64)


def reason_of(error):
    """What went wrong, on one line of at most 120 characters."""
    return (" ".join(str(error).split()) or type(error).__name__)[:120]


def _parse(data):
    """The content of a file, whichever of the three kinds it is."""
    if data.startswith(b"PK\x03\x04"):
        return _read_npz(data)
    return _read_npy(data) if data.startswith(b"\x93NUMPY") else _Unpickler(data).load()


def _read_npz(data):
    """The arrays of an npz, by name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
        if not members:
            raise HeadError("this archive holds no arrays: unpack it first and give the model file inside it")
        if sum(member.file_size for member in members) > LARGEST_FILE:
            raise HeadError(f"the archive unpacks to more than {LARGEST_FILE >> 20} MB: not a head model")
        return {member.filename[:-4]: _read_npy(archive.read(member)) for member in members}


def _read_npy(data):
    """The array of an npy file; one of objects is unpickled by the same rules as a pickle."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read_header(stream)
    rest = data[stream.tell() :]
    return _Unpickler(rest).load() if dtype.hasobject else _numbers(rest, dtype.str, shape, fortran)


def _numbers(raw, code, shape, fortran):
    """An array of plain numbers from its bytes; their length must be what the shape asks for."""
    raw = _value(raw)
    raw = raw.encode("latin1") if isinstance(raw, str) else bytes(raw)
    if not re.fullmatch(r"[<>|=]?[biuf][1248]", code):
        raise HeadError(f"arrays of type {code!r} are not numbers")
    dtype, shape = np.dtype(code), tuple(int(length) for length in shape)
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(raw):
        raise HeadError("an array's length does not match its shape: the file is cut off or changed")
    array = np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran else "C")
    return array.astype(dtype.newbyteorder("="), copy=False)


def _value(thing):
    """What a parsed thing stands for."""
    return thing.value() if isinstance(thing, _Made) else thing


class _Made:
    """What a pickle wants made: arguments and state are kept, nothing happens."""

    def __new__(cls, *arguments):
        made = super().__new__(cls)
        made.arguments, made.state = arguments, None
        return made

    def __init__(self, *_):
        pass

    def __setstate__(self, state):
        self.state = state

    def value(self):
        """An object of no interest, such as a set; one of chumpy is worth its array ``x``."""
        return _value(self.state["x"]) if isinstance(self.state, dict) and "x" in self.state else None


class _Dtype(_Made):
    def value(self):
        order = self.state[1] if self.state else "="
        return ("" if order == "|" else order) + self.arguments[0].lstrip("<>|=")


class _Array(_Made):
    def value(self):
        _, shape, dtype, fortran, raw = self.state
        if re.fullmatch(r"[<>|=]?O8?", _value(dtype)):
            return _value(raw[0]) if len(shape) == 0 else None
        return _numbers(raw, _value(dtype), shape, fortran)


class _Buffer(_Made):
    def value(self):
        raw, dtype, shape, order = self.arguments
        return _numbers(raw, _value(dtype), shape, order == "F")


class _Scalar(_Made):
    def value(self):
        dtype, raw = self.arguments
        return _numbers(raw, _value(dtype), (), False)


class _Encoded(_Made):
    def value(self):
        return self.arguments[0].encode("latin1")


class _Sparse(_Made):
    def value(self):
        from scipy.sparse import csc_matrix

        shape = tuple(int(length) for length in self.state.get("_shape", self.state.get("shape")))
        if len(shape) != 2 or math.prod(shape) * 8 > LARGEST_FILE:
            raise HeadError("a sparse matrix of the file is too large")
        matrix = csc_matrix(tuple(_value(self.state[part]) for part in ("data", "indices", "indptr")), shape=shape)
        matrix.check_format(full_check=True)
        return matrix.toarray()


class _TorchStorage(_Made):
    def value(self):
        import torch

        raw = _value(self.arguments[0])
        raw = raw.encode("latin1") if isinstance(raw, str) else bytes(raw)
        return torch.load(io.BytesIO(raw), weights_only=True)


class _TorchTensor(_Made):
    def value(self):
        import torch

        storage, offset, shape, *_ = self.arguments
        storage = _value(storage)
        flat = torch.empty(0, dtype=storage.dtype).set_(storage).numpy()[int(offset) :]
        return flat[: math.prod(shape)].reshape([int(length) for length in shape])


class _Reconstructed(_Made):
    """Python 2's way to make an object of a class, its first argument."""

    def __new__(cls, kind, *_):
        if not issubclass(kind, _Made):
            raise TypeError("a pickle makes objects of classes only")
        return kind()


STAND_INS = (
    (r"numpy\.dtype", _Dtype),
    (r"numpy\.ndarray", _Made),
    (r"numpy\._?core\.multiarray\._reconstruct", _Array),
    (r"numpy\._?core\.multiarray\.scalar", _Scalar),
    (r"numpy\._?core\.numeric\._frombuffer", _Buffer),
    (r"scipy\.sparse\.(\w+\.)?csc_(matrix|array)", _Sparse),
    (r"chumpy(\.\w+)+", _Made),
    (r"copy_?reg\._reconstructor", _Reconstructed),
    (r"(__builtin__|builtins)\.(object|set|frozenset|bytes)", _Made),
    (r"collections\.OrderedDict", _Made),
    (r"_codecs\.encode", _Encoded),
    (r"torch\.storage\._load_from_bytes", _TorchStorage),
    (r"torch\._utils\._rebuild_tensor_v2", _TorchTensor),
)


def _listing(count):
    """An opcode that packs the topmost ``count`` values into a list, which cannot be hashed for ever as a tuple can."""

    def load(reader):
        reader.stack[-count:] = [reader.stack[-count:]]

    return load


def _load_bytearray(reader):
    """A bytearray as bytes, without first making room for a length that the file only claims."""
    (length,) = struct.unpack("<Q", reader.read(8))
    reader.append(reader.read(min(length, LARGEST_FILE)))


class _Opcodes(dict):
    """The opcodes of one pickle, counted as they are looked up."""

    left = MOST_OPCODES

    def __getitem__(self, opcode):
        self.left -= 1
        if self.left < 0:
            raise HeadError("the pickle is too long: not a head model")
        return super().__getitem__(opcode)


class _Unpickler(pickle._Unpickler):
    """A pickle reader that makes stand-ins only, within bounded time and memory.

    It is the one in Python, because the memo and the opcodes of the one in C cannot be bounded.
    """

    def __init__(self, data):
        super().__init__(io.BytesIO(data), encoding="latin1")
        self.dispatch = _Opcodes(OPCODES)

    def find_class(self, module, name):
        """The stand-in for what the pickle names.

        Raises:
            HeadError: it is not on the list of what head models need.
        """
        for pattern, stand_in in STAND_INS:
            if re.fullmatch(pattern, f"{module}.{name}"):
                return stand_in
        raise HeadError(f"the pickle asks for {module[:40]}.{name[:40]}, which no head model needs: refused")


OPCODES = {
    **pickle._Unpickler.dispatch,
    pickle.TUPLE[0]: pickle._Unpickler.dispatch[pickle.LIST[0]],
    pickle.EMPTY_TUPLE[0]: pickle._Unpickler.dispatch[pickle.EMPTY_LIST[0]],
    pickle.TUPLE1[0]: _listing(1),
    pickle.TUPLE2[0]: _listing(2),
    pickle.TUPLE3[0]: _listing(3),
    pickle.BYTEARRAY8[0]: _load_bytearray,
}
