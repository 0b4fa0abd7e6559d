"""Fetch, install and check the files that d3f-lite does not ship: ``d3f-lite fetch list``, or ``python data_fetch.py list``."""

import argparse
import json
import os
import shutil
from functools import partial
from itertools import chain
from pathlib import Path

from d3f_lite.assets import assets, cache_folder, sha256_of
from d3f_lite.errors import AssetError, HeadError
from d3f_lite.files.whole import whole_file, write_json

RECORD = "fetched.json"  # in the cache folder: sha256 of the files for which the table has none


def _download(part, size, progress, url, output_file, _):
    """Download ``url`` by way of ``part``, from where an interrupted download stopped; pooch then checks the file's hash."""
    import requests

    done = part.stat().st_size if part.is_file() else 0
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={done}-"} if done else {})}
    with requests.get(url, headers=headers, stream=True, timeout=30.0) as answer:
        if answer.status_code != 416:  # else nothing is left to send, or the file has changed: the hash will tell
            answer.raise_for_status()
            _append(answer, part, done if answer.status_code == 206 else 0, size, progress)
    os.replace(part, output_file)


def _append(answer, part, done, size, progress, most=2**31, chunk=2**16):
    """Write the answer's body to the part, after its first ``done`` bytes; a file of unknown size (0) has ``most`` bytes."""
    from tqdm import tqdm

    whole = size or done + int(answer.headers.get("Content-Length", 0)) or None
    chunks = answer.iter_content(chunk)
    first = next(chunks, b"")
    if not done:
        _refuse_web_page(first, answer.headers.get("Content-Type", ""))
    bar = tqdm(total=whole, initial=done, unit="B", unit_scale=True, desc=part.stem, disable=not progress)
    with bar, open(part, "ab" if done else "wb") as stream:
        for portion in chain((first,), chunks):
            done += len(portion)
            if done > (size or most):
                stream.truncate(0)
                raise AssetError(f"{answer.url} sends more than {size or most:,} bytes: not the file it should be")
            stream.write(portion)
            bar.update(len(portion))


def _refuse_web_page(start, content_type=""):
    """Raise AssetError for a page that a server sends in place of a file."""
    beginning = start[:512].lstrip().lower()
    if "text/html" in content_type.lower() or beginning.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        raise AssetError("the server sent a web page instead of the file")


def fetch(name: str, progress: bool = True, tries: int = 3) -> Path:
    """Fetch one file of the table, unless it is there already.

    Args:
        name: its name in ASSETS.toml.
        progress: whether to draw a bar.
        tries: of each mirror.

    Returns:
        its Path.

    Raises:
        AssetError: no mirror has the right file; nothing was written.
    """
    import pooch
    import requests

    asset = assets()[name]
    expected = asset.sha256 or _recorded().get(name)
    path, failures = asset.path, []
    pooch.get_logger().setLevel("ERROR")
    for url in asset.urls:
        fetcher = pooch.create(path.parent, base_url="", registry={name: expected}, urls={name: url}, retry_if_failed=tries - 1)
        downloader = partial(_download, path.with_name(f"{name}.part"), asset.bytes, progress)
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
        AssetError, HeadError: it cannot be fetched or read; an unreadable file is removed.
    """
    from d3f_lite.formats.ict import read_ict

    path = fetch("ict-facekit.zip")
    try:
        read_ict(path)
    except HeadError:
        path.unlink()
        _record(path.name, None)
        raise
    return path


def install_flame(file: Path | str) -> Path:
    """Check a FLAME file that the user downloaded, and copy it into the cache folder.

    Args:
        file: the model, its zip as downloaded, or the masks or landmark embeddings that go with an installed one.

    Returns:
        the Path of the copy.

    Raises:
        AssetError: it is a web page, or no file of FLAME has that name.
        HeadError: it cannot be read as the file that its name says it is.
    """
    from d3f_lite.formats.flame import EXTRAS, MODELS, read_flame
    from d3f_lite.formats.pickles import read_table

    file = Path(file)
    if not file.is_file():
        raise AssetError(f"no such file: {file}")
    is_model = file.name in MODELS or file.suffix == ".zip"
    if not is_model and file.name not in EXTRAS:
        raise AssetError(f"{file.name}: name it as FLAME does, one of {', '.join((*MODELS, *EXTRAS))}, or give a zip")
    with open(file, "rb") as stream:
        _refuse_web_page(stream.read(512))
    read = read_flame if is_model else read_table
    read(file)
    target = assets()["flame"].path / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(target) as draft:
        shutil.copyfile(file, draft)
    _record(f"flame/{file.name}", sha256_of(target))
    return target


def verify() -> list[tuple[str, str]]:
    """Compare every shipped and every fetched file with the table.

    Returns:
        list of (name, state): "ok", "not fetched", "missing" or "changed".
    """
    recorded = _recorded()
    files = [(asset.name, asset.path, asset.sha256 or recorded.get(asset.name), asset.kind) for asset in assets().values()]
    brought = [(name, cache_folder() / name, digest, "brought") for name, digest in recorded.items() if name.startswith("flame/")]
    states = []
    for name, path, expected, kind in (*(file for file in files if file[-1] != "yours"), *brought):
        if not path.is_file():
            state = "not fetched" if kind == "fetched" else "missing"
        else:
            state = "ok" if sha256_of(path) == expected else "changed"
        states.append((name, state))
    return states


def _recorded():
    """Name to sha256 of the files whose hash was not known before they came."""
    try:
        found = json.loads((cache_folder() / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {str(name): str(digest) for name, digest in found.items()} if isinstance(found, dict) else {}


def _record(name, digest):
    """Keep the sha256 of a file, or forget it when ``digest`` is None."""
    kept = {key: value for key, value in {**_recorded(), name: digest}.items() if value is not None}
    cache_folder().mkdir(parents=True, exist_ok=True)
    write_json(cache_folder() / RECORD, kept)


def _list():
    """Print each file: its size, its licence, whether it needs registration, and whether it is here."""
    for asset in assets().values():
        size = f"{asset.bytes / 1e6:.1f} MB" if asset.bytes else "size unknown"
        if asset.kind == "fetched":
            here = "fetched" if asset.path.is_file() else "can be fetched"
        else:
            here = {"shipped": "shipped", "yours": "yours to bring"}[asset.kind]
        registration = "registration needed" if asset.registration else "no registration"
        print(f"{asset.name}: {asset.what}\n    {size} | {asset.licence} | {registration} | {here} | {asset.source}")


def _verify():
    """Print every file's state; AssetError if one is missing or changed."""
    states = verify()
    for name, state in states:
        print(f"{state:12} {name}")
    wrong = [name for name, state in states if state in ("missing", "changed")]
    if wrong:
        raise AssetError(f"missing or changed: {', '.join(wrong)}; fetch or install them again")


def _gnm():
    """Fetch GNM's landmarks and then GNM itself."""
    fetch("head_sparse_68.txt")
    print(fetch("gnm_head.npz"))


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Give an argparse parser the commands of ``run``: list, ict, gnm, face-alignment, flame, verify."""
    commands = parser.add_subparsers(required=True)

    def add(name, summary, action):
        command = commands.add_parser(name, help=summary)
        command.set_defaults(action=action)
        return command

    add("list", "all files, their sizes and licences, and which need registration", lambda _: _list())
    add("ict", "ICT-FaceKit, an open head model from scans (MIT)", lambda _: print(fetch_ict()))
    add("gnm", "GNM Head, Google's open head model from scans (Apache-2.0)", lambda _: _gnm())
    weights = "2DFAN4-11f355bf06.pth.tar"
    add("face-alignment", "the weights of the face-alignment landmark detector", lambda _: print(fetch(weights)))
    flame = add("flame", "install FLAME files that you downloaded (2023 Open needs no registration)",
                lambda options: [print(install_flame(file)) for file in options.file])  # fmt: skip
    flame.add_argument("--file", type=Path, action="append", required=True, help="may be given several times")
    add("verify", "check every shipped and fetched file", lambda _: _verify())


def run(options: argparse.Namespace) -> None:
    """Do what the options of ``add_commands`` say, and print what came of it.

    Raises:
        AssetError, HeadError: it cannot be done.
    """
    try:
        options.action(options)
    except OSError as error:
        raise AssetError(str(error)) from error
