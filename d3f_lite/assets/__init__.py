"""The files that this kit ships or can fetch: one table, ASSETS.toml, and where each of them lies."""

import hashlib
import os
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from d3f_lite.errors import AssetError

SHIPPED = Path(__file__).parent  # where the files lie that come with the package
TABLE = SHIPPED / "ASSETS.toml"


@dataclass(frozen=True)
class Asset:
    """One row of the table.

    Args:
        name: the file's name.
        kind: "shipped" with the package, "fetched" by data_fetch.py, or "yours": brought by the user.
        what: what it is, in a few words.
        source: where it comes from.
        author: who made it.
        licence: SPDX name or a sentence.
        registration: whether its owner requires registration.
        sha256: hex, empty where it is not known before the first download.
        bytes: its size, 0 where it is not known.
        urls: mirrors, tried in this order.
        folder: "assets", "cache" or "torch" (torch hub's checkpoints).
        notice: text that the licence requires to be passed on.
    """

    name: str
    kind: str
    what: str
    source: str
    author: str
    licence: str
    registration: bool = False
    sha256: str = ""
    bytes: int = 0
    urls: tuple = ()
    folder: str = "cache"
    notice: str = ""

    @property
    def path(self):
        """Where the file lies, or would lie."""
        if self.folder == "torch":
            return _torch_hub() / "checkpoints" / self.name
        return (SHIPPED if self.folder == "assets" else cache_folder()) / self.name


def assets():
    """Every row of the table, in its order, as a dict of names to Asset."""
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return {name: Asset(name, **{**row, "urls": tuple(row.get("urls", ()))}) for name, row in rows.items()}


def _torch_hub():
    """Where torch keeps what it downloads: what ``torch.hub.get_dir`` says, which needs torch only if it was set there."""
    if "torch" in sys.modules:
        return Path(sys.modules["torch"].hub.get_dir())
    home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
    return Path(home).expanduser() / "hub"


def cache_folder():
    """Where fetched files lie: the environment's D3F_LITE_CACHE, else the user's cache folder."""
    import pooch

    return Path(os.environ.get("D3F_LITE_CACHE") or pooch.os_cache("d3f-lite"))


def sha256_of(path):
    """The sha256 of a file, as hex."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_shipped(name: str, path: Path | str | None = None) -> bytes:
    """The bytes of a shipped file, or of another that is to be the same, once their sha256 says so.

    Raises:
        AssetError: the file is missing, or another one.
    """
    asset = assets()[name]
    path = asset.path if path is None else Path(path)
    if not path.is_file():
        raise AssetError(f"{path}: this file is missing; install d3f-lite again")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != asset.sha256:
        raise AssetError(f"{path}: not the expected file (sha256 differs); install d3f-lite again")
    return content
