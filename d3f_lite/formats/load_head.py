"""A head model by its name: the shipped one, or one that somebody else made."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from d3f_lite.errors import HeadError

if TYPE_CHECKING:
    from d3f_lite.heads.model import HeadModel

LARGEST_STEP = 200.0  # mm that one standard deviation of one coefficient may move a vertex; in FLAME and ICT-FaceKit under 30


@lru_cache(maxsize=2)
def load_head(name: str = "anny") -> "HeadModel":
    """Load a head model by name.

    Args:
        name: ``"anny"``, the shipped open head; ``"flame:PATH"``, FLAME's zip, pickle or npz; ``"ict:PATH"``,
            ICT-FaceKit's folder or archive; ``"gnm:PATH"``, GNM's npz; ``"flame"``, ``"ict"`` or ``"gnm"``, what
            ``data_fetch.py`` put into the cache folder.

    Raises:
        HeadError: no such head, or its file is missing, broken or hostile.
    """
    kind, _, path = str(name).partition(":")
    if name == "anny":
        from d3f_lite.formats.anny import load_anny

        return load_anny()
    return _checked(_load_foreign(name, kind, path))


def available_heads() -> tuple[str, ...]:
    """The names that ``load_head`` takes without a path on this computer: "anny", and "flame", "ict" or "gnm" once fetched."""
    from d3f_lite.assets import assets

    fetched = (("ict", "ict-facekit.zip"), ("gnm", "gnm_head.npz"))
    brought = (("flame", _installed_flame() is not None), *((name, assets()[file].path.is_file()) for name, file in fetched))
    return ("anny", *(name for name, there in brought if there))


def _load_foreign(name, kind, path):
    """A head that somebody else made; arguments as ``load_head`` splits them."""
    from d3f_lite.assets import assets
    from d3f_lite.formats.kept import kept_head

    if kind == "flame":
        from d3f_lite.formats import flame

        path = path or _installed_flame()
        if path is None:
            raise HeadError("no FLAME installed: python data_fetch.py flame --file FLAME2023Open.zip, or use 'flame:PATH'")
        return kept_head(name, flame.files_of(path), lambda: flame.read_flame(path).head_model(name))
    if kind == "ict":
        from d3f_lite.formats import ict

        path = path or assets()["ict-facekit.zip"].path
        return kept_head(name, ict.files_of(path), lambda: ict.read_ict(path).to_fit().head_model(name, ict.HEIGHT))
    if kind == "gnm":
        from d3f_lite.formats import gnm

        fetched = assets()["gnm_head.npz"].path
        if not path and not fetched.is_file():
            raise HeadError("no GNM here: python data_fetch.py gnm fetches it, or use 'gnm:PATH'")
        path = path or fetched
        return kept_head(name, gnm.files_of(path), lambda: gnm.read_gnm(path).head_model(name))
    raise HeadError(f"unknown head {name!r:.80}: use 'anny', 'flame:PATH', 'ict:PATH' or 'gnm:PATH'")


def _installed_flame():
    """Path of the FLAME file that ``data_fetch.py flame --file`` installed, or None."""
    from d3f_lite.assets import assets
    from d3f_lite.formats.flame import MODELS

    folder = Path(assets()["flame"].path)
    brought = (*(folder / model for model in MODELS), *sorted(folder.glob("*.zip")))
    return next((path for path in brought if path.is_file()), None)


def _checked(head):
    """The head, if its coefficients move it as a head's do.

    Raises:
        HeadError: they do not.
    """
    farthest = abs(head.basis).max(initial=0.0)
    if not 0.0 < farthest <= LARGEST_STEP:
        raise HeadError(f"one coefficient of {head.name[:80]} moves it by {farthest:.4g} mm: is the file damaged?")
    return head
