"""Readers that give a HeadModel: the shipped one, and those that a user adds."""

from functools import lru_cache
from pathlib import Path

from d3f_lite.errors import HeadError


@lru_cache(maxsize=2)
def load_head(name="anny"):
    """Load a head model by name.

    Args:
        name: ``"anny"``, the shipped open head; ``"flame:PATH"``, FLAME's own pickle or npz; ``"ict:PATH"``,
            ICT-FaceKit's folder or archive; ``"flame"`` or ``"ict"``, what ``data_fetch.py`` put into the cache folder.

    Returns:
        HeadModel.

    Raises:
        HeadError: no such head, or its file is missing, broken or hostile.
    """
    kind, _, path = name.partition(":")
    if name == "anny":
        from d3f_lite.heads.anny import load_anny

        return load_anny()
    if kind == "flame":
        from d3f_lite.heads.flame import read_flame

        return read_flame(path or _installed_flame()).head_model(name)
    if kind == "ict":
        from d3f_lite.assets import assets
        from d3f_lite.heads.ict import read_ict

        return read_ict(path or assets()["ict-facekit.zip"].path, name)
    raise HeadError(f"unknown head {name[:80]!r}: use 'anny', 'flame:PATH' or 'ict:PATH'")


def _installed_flame():
    """The FLAME file that ``data_fetch.py flame --file`` installed."""
    from d3f_lite.assets import assets
    from d3f_lite.heads.flame import MODELS

    folder = Path(assets()["flame"].path)
    for model in MODELS:
        if (folder / model).is_file():
            return folder / model
    raise HeadError("no FLAME installed: python data_fetch.py flame --file generic_model.pkl, or use 'flame:PATH'")
