"""Pickles of arrays, such as FLAME's files, read as data: nothing in them is ever executed."""

import io
import math
import pickle
import re
import struct
from collections.abc import Sequence
from pathlib import Path

from d3f_lite.errors import HeadError
from d3f_lite.files.arrays import LARGEST_FILE, ArrayTable, numbers, read_arrays


def read_table(path: Path | str, inside: Sequence[str] = ()) -> ArrayTable:
    """Read a file of named arrays that may hold pickles.

    Args:
        path: a pickled dict (any protocol, from Python 2 as well), an npz, or an npy that holds a pickled dict; or a zip.
        inside: names of files, one of which a zip must hold.

    Raises:
        HeadError: the file is missing, too large, of another kind, or tries to run code.
    """
    return read_arrays(path, HeadError, _unpickled, inside)


def _unpickled(data):
    """What a pickle holds; the entries of a dict are converted when they are used."""
    found = _value(_Unpickler(data).load())
    if not isinstance(found, dict):
        return found
    return {name: entry.value if isinstance(entry, _Made) else entry for name, entry in found.items()}


def _numbers(raw, code, shape, fortran):
    """``numbers`` of bytes that Python 2 may have stored as a string."""
    raw = _value(raw)
    return numbers(raw.encode("latin1") if isinstance(raw, str) else bytes(raw), code, shape, fortran)


def _value(thing):
    """What a parsed thing stands for."""
    return thing.value() if isinstance(thing, _Made) else thing


class _Made:
    """An object that a pickle asks for: its arguments and state are kept, and nothing is executed."""

    def __new__(cls, *arguments):
        made = super().__new__(cls)
        made.arguments, made.state = arguments, None
        return made

    def __init__(self, *_):
        pass

    def __setstate__(self, state):
        self.state = state

    def value(self):
        """None for an object that is not needed, such as a set; the array ``x`` of one of chumpy's."""
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
            raise ValueError("a sparse matrix of the file is too large")
        matrix = csc_matrix(tuple(_value(self.state[part]) for part in ("data", "indices", "indptr")), shape=shape)
        matrix.check_format(full_check=True)
        return matrix.toarray()


class _TorchStorage(_Made):
    def value(self):
        import torch

        raw = _value(self.arguments[0])
        raw = raw.encode("latin1") if isinstance(raw, str) else bytes(raw)
        if raw.startswith(b"PK"):
            raise ValueError("a packed torch archive in a pickle: not a head model")
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
    """An opcode that packs the topmost ``count`` values into a list: unlike nested tuples, lists are never hashed."""

    def load(reader):
        reader.stack[-count:] = [reader.stack[-count:]]

    return load


def _load_bytearray(reader):
    """A bytearray as bytes, without first allocating the length that the file claims."""
    (length,) = struct.unpack("<Q", reader.read(8))
    reader.append(reader.read(min(length, LARGEST_FILE)))


class _Opcodes(dict):
    """The opcodes of one pickle, counted as they are looked up."""

    left = 200_000  # FLAME needs a few hundred

    def __getitem__(self, opcode):
        self.left -= 1
        if self.left < 0:
            raise ValueError("the pickle is too long: not a head model")
        return super().__getitem__(opcode)


class _Unpickler(pickle._Unpickler):
    """A pickle reader that creates only stand-ins, within bounded time and memory.

    It extends Python's reader, because the memo and the opcodes of the one in C cannot be bounded.
    """

    def __init__(self, data):
        super().__init__(io.BytesIO(data), encoding="latin1")
        self.dispatch = _Opcodes(OPCODES)

    def find_class(self, module, name):
        """The stand-in for what the pickle names.

        Raises:
            ValueError: it is not on the list of what head models need.
        """
        for pattern, stand_in in STAND_INS:
            if re.fullmatch(pattern, f"{module}.{name}"):
                return stand_in
        raise ValueError(f"the pickle asks for {module[:40]}.{name[:40]}, which no head model needs: refused")


OPCODES = {
    **pickle._Unpickler.dispatch,
    pickle.TUPLE[0]: pickle._Unpickler.dispatch[pickle.LIST[0]],
    pickle.EMPTY_TUPLE[0]: pickle._Unpickler.dispatch[pickle.EMPTY_LIST[0]],
    pickle.TUPLE1[0]: _listing(1),
    pickle.TUPLE2[0]: _listing(2),
    pickle.TUPLE3[0]: _listing(3),
    pickle.BYTEARRAY8[0]: _load_bytearray,
}
