"""Fetch, install and check the files that d3f-lite does not ship: ``d3f-lite fetch list``, or ``python data_fetch.py list``."""

import argparse
import json
import os
import shutil
import tempfile
from itertools import chain
from pathlib import Path

from d3f_lite.assets import assets, cache_folder, sha256_of
from d3f_lite.errors import AssetError, HeadError

FACE_ALIGNMENT = "2DFAN4-11f355bf06.pth.tar"
LARGEST_DOWNLOAD = 2 * 2**30  # bytes, where the table knows no size
CHUNK = 2**18  # bytes
TIMEOUT = 30  # seconds without an answer
TRIES = 3  # of each mirror
RECORD = "fetched.json"  # in the cache folder: sha256 of files that the table knows none of


class ResumingDownload:
    """A pooch downloader that goes on where an interrupted one stopped, and takes no web page for a file.

    Args:
        part: where the bytes are kept until all are there.
        size: of the whole file, 0 when not known.
        progress: whether to draw a bar.
    """

    def __init__(self, part: Path, size: int = 0, progress: bool = True) -> None:
        self.part, self.size, self.progress = Path(part), size, progress

    def __call__(self, url, output_file, _):
        """Download ``url`` to ``output_file``.

        Raises:
            AssetError: the server sends a web page, or more than the file can have.
        """
        import requests

        done = self.part.stat().st_size if self.part.is_file() else 0
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={done}-"} if done else {})}
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            if answer.status_code == 416:  # Nothing is left to send, or the file has changed: the hash will tell.
                return self._finish(output_file)
            answer.raise_for_status()
            resumed = answer.status_code == 206
            self._save(answer, done if resumed else 0)
        self._finish(output_file)

    def _save(self, answer, done):
        """Append the answer's body to the part, after its first ``done`` bytes."""
        from tqdm import tqdm

        limit = self.size or LARGEST_DOWNLOAD
        whole = self.size or done + int(answer.headers.get("Content-Length", 0)) or None
        chunks = answer.iter_content(CHUNK)
        first = next(chunks, b"")
        if not done:
            _refuse_web_page(answer.headers.get("Content-Type", ""), first)
        bar = tqdm(total=whole, initial=done, unit="B", unit_scale=True, desc=self.part.stem, disable=not self.progress)
        with bar, open(self.part, "ab" if done else "wb") as stream:
            for chunk in chain((first,), chunks):
                done += len(chunk)
                if done > limit:
                    stream.truncate(0)
                    raise AssetError(f"{answer.url} sends more than {limit:,} bytes: not the file it should be")
                stream.write(chunk)
                bar.update(len(chunk))

    def _finish(self, output_file):
        """Hand the whole file over to pooch, which checks its hash and moves it into place."""
        os.replace(self.part, output_file)


def _refuse_web_page(content_type, start):
    """Raise AssetError for a page that a server sends in place of a file."""
    beginning = start[:512].lstrip().lower()
    if "text/html" in content_type.lower() or beginning.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        raise AssetError("the server sent a web page instead of the file")


def fetch(name: str, progress: bool = True) -> Path:
    """Fetch one file of the table, unless it is there already.

    Args:
        name: its name in ASSETS.toml.
        progress: whether to draw a bar.

    Returns:
        its Path.

    Raises:
        AssetError: no mirror has the file that it should be; nothing was written.
    """
    import pooch
    import requests

    asset = assets()[name]
    expected = asset.sha256 or _recorded().get(name)
    path, failures = asset.path, []
    pooch.get_logger().setLevel("ERROR")
    for url in asset.urls:
        fetcher = pooch.create(path.parent, base_url="", registry={name: expected}, urls={name: url}, retry_if_failed=TRIES - 1)
        downloader = ResumingDownload(path.with_name(f"{name}.part"), asset.bytes, progress)
        try:
            fetcher.fetch(name, downloader=downloader)
            if not expected:
                _record(name, sha256_of(path))
            return path
        except (AssetError, ValueError, OSError, requests.RequestException) as error:
            failures.append(f"{url.split('/')[2]}: {' '.join(str(error).split())[:200]}")
    raise AssetError(f"cannot fetch {name} ({'; '.join(failures)}); try again, it goes on where it stopped")


def fetch_ict() -> Path:
    """Fetch ICT-FaceKit and check that it is one.

    Raises:
        AssetError, HeadError: it cannot be had, or is not readable; then it is removed.
    """
    from d3f_lite.formats.ict import read_ict

    path = fetch("ict-facekit.zip")
    try:
        read_ict(path)
    except HeadError:
        path.unlink()
        _record("ict-facekit.zip", None)
        raise
    return path


def fetch_gnm() -> Path:
    """Fetch GNM's landmarks and then GNM itself, whose Path is returned.

    Raises:
        AssetError: they cannot be had.
    """
    fetch("head_sparse_68.txt")
    return fetch("gnm_head.npz")


def install_flame(file: Path | str) -> Path:
    """Check a FLAME file that the user downloaded, and copy it into the cache folder.

    Args:
        file: the model, its zip as downloaded, or the masks or landmark embeddings that go with an installed one.

    Returns:
        the Path of the copy.

    Raises:
        AssetError: it is a web page, or of a name that FLAME has not.
        HeadError: it is not readable as what its name says.
    """
    from d3f_lite.formats.flame import BOTH, DYNAMIC, MASKS, MODELS, STATIC, read_flame
    from d3f_lite.formats.pickles import read_table

    file = Path(file)
    if not file.is_file():
        raise AssetError(f"no such file: {file}")
    names = (*MODELS, MASKS, STATIC, DYNAMIC, BOTH)
    is_model = file.name in MODELS or file.suffix == ".zip"
    if not is_model and file.name not in names:
        raise AssetError(f"{file.name}: name it as FLAME does, one of {', '.join(names)}, or give a zip")
    with open(file, "rb") as stream:
        _refuse_web_page("", stream.read(512))
    read_flame(file) if is_model else read_table(file)
    target = assets()["flame"].path / file.name
    _copy(file, target)
    _record(f"flame/{file.name}", sha256_of(target))
    return target


def verify() -> list[tuple[str, str]]:
    """Compare every shipped and every fetched file with the table.

    Returns:
        list of (name, state): "ok", "not fetched", "missing" or "changed".
    """
    recorded, states = _recorded(), []
    for asset in assets().values():
        if asset.kind != "yours":
            states.append((asset.name, _state(asset.path, asset.sha256 or recorded.get(asset.name), asset.kind)))
    yours = [name for name in recorded if name.startswith("flame/")]
    return states + [(name, _state(cache_folder() / name, recorded[name], "yours")) for name in yours]


def _state(path, expected, kind):
    """How a file stands against the hash that it should have."""
    if not path.is_file():
        return "not fetched" if kind == "fetched" else "missing"
    return "ok" if sha256_of(path) == expected else "changed"


def _copy(source, target):
    """Copy a file so that ``target`` is whole at every moment."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        draft = Path(folder) / target.name
        shutil.copyfile(source, draft)
        os.replace(draft, target)


def _recorded():
    """Names to sha256 of the files whose hash was not known before they came."""
    try:
        found = json.loads((cache_folder() / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(digest) for name, digest in found.items()} if isinstance(found, dict) else {}


def _record(name, digest):
    """Keep the sha256 of a file, or forget it when ``digest`` is None."""
    kept = {key: value for key, value in {**_recorded(), name: digest}.items() if value is not None}
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / RECORD
        draft.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        _copy(draft, cache_folder() / RECORD)


def _list():
    """One line for each file: size, licence, whether its owner wants a registration, and whether it is here."""
    for asset in assets().values():
        size = f"{asset.bytes / 1e6:.1f} MB" if asset.bytes else "size unknown"
        here = {"shipped": "shipped", "yours": "yours to bring"}.get(asset.kind, "fetched")
        here = "can be fetched" if asset.kind == "fetched" and not asset.path.is_file() else here
        registration = "registration needed" if asset.registration else "no registration"
        print(f"{asset.name}: {asset.what}\n    {size} | {asset.licence} | {registration} | {here} | {asset.source}")


def _verify():
    """Print every file's state.

    Raises:
        AssetError: a file is missing or changed.
    """
    states = verify()
    for name, state in states:
        print(f"{state:12} {name}")
    wrong = [name for name, state in states if state in ("missing", "changed")]
    if wrong:
        raise AssetError(f"missing or changed: {', '.join(wrong)}; fetch or install them again")


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Give an argparse parser the commands of ``run``: list, ict, gnm, face-alignment, flame, verify."""
    commands = parser.add_subparsers(dest="action", required=True)
    commands.add_parser("list", help="what can be had, its size, licence and whether it needs registration")
    commands.add_parser("ict", help="ICT-FaceKit, an open head model from scans (MIT)")
    commands.add_parser("gnm", help="GNM Head, Google's open head model from scans (Apache-2.0)")
    commands.add_parser("face-alignment", help="the weights of the face-alignment landmark backend")
    flame = commands.add_parser("flame", help="install FLAME files that you downloaded (2023 Open needs no registration)")
    flame.add_argument("--file", type=Path, action="append", required=True, help="may be given several times")
    commands.add_parser("verify", help="check every shipped and fetched file")


def run(options: argparse.Namespace) -> None:
    """Do what the options of ``add_commands`` say, and print what came of it.

    Raises:
        AssetError, HeadError: it cannot be done.
    """
    actions = {
        "list": _list,
        "ict": lambda: print(fetch_ict()),
        "gnm": lambda: print(fetch_gnm()),
        "face-alignment": lambda: print(fetch(FACE_ALIGNMENT)),
        "flame": lambda: [print(install_flame(file)) for file in options.file],
        "verify": _verify,
    }
    try:
        actions[options.action]()
    except OSError as error:
        raise AssetError(str(error)) from error
