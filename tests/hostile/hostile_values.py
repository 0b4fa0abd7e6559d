"""Values that hostile inputs are made of."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from d3f_lite.observation.photo import Photo

HEIGHT, WIDTH = 48, 40  # px of the pictures
RANDOM = np.random.default_rng(0)
PHOTO = Photo.from_array(RANDOM.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
HUGE = st.sampled_from((-1, 1)).map(lambda sign: sign * 10**5000)  # more digits than Python writes out
NUMBERS = st.one_of(st.floats(), st.integers(-(10**30), 10**30), HUGE, st.sampled_from((0, -1, 2**63, 1e308, 5e-324)))
VALUES = st.recursive(
    st.one_of(NUMBERS, st.none(), st.booleans(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)
DTYPES = ("u1", "i1", "i8", "u8", "f2", "f4", ">f4", "f8", "c8", "?", "O", "U3", "V4", "M8[s]")


@st.composite
def any_array(draw, *shapes):
    """An array of any type, often of one of ``shapes``, of one value with another in one place."""
    shape = draw(st.one_of(st.sampled_from(shapes), st.lists(st.integers(0, 70), max_size=3).map(tuple)))
    values = st.sampled_from((0.0, 1.0, 2.0, 30.0, 127.0, 255.0, -1.0, 1e30, np.nan, np.inf, -np.inf))
    array = np.full(shape, draw(values))
    if array.size:
        array.flat[draw(st.integers(0, array.size - 1))] = draw(values)
    with np.errstate(all="ignore"):
        return array.astype(draw(st.sampled_from(DTYPES)))


def scratch(write):
    """What ``write(folder)`` leaves in a temporary folder: name to bytes."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}
