"""Readers that give a HeadModel: the shipped one, and those that a user adds."""

from functools import lru_cache

from d3f_lite.errors import HeadError


@lru_cache(maxsize=2)
def load_head(name="anny"):
    """Load a head model by name.

    Args:
        name: ``"anny"``, the shipped open head.

    Returns:
        HeadModel.

    Raises:
        HeadError: no such head.
    """
    if name == "anny":
        from d3f_lite.heads.anny import load_anny

        return load_anny()
    raise HeadError(f"unknown head {name!r}: use 'anny'")
