"""Downloads against a server on this machine: interrupted, wrong, a web page; and the table of assets."""

import dataclasses
import hashlib
import json
import re
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from flame_format import write_embeddings, write_flame

import data_fetch
from d3f_lite import __main__ as command_line
from d3f_lite.assets import SHIPPED, TABLE, assets, sha256_of
from d3f_lite.errors import AssetError
from d3f_lite.formats import fetch
from research.bake.assets import markdown, refresh

CONTENT = bytes(range(256)) * 4096  # 1 MiB
PAGE = b"<!DOCTYPE html>\n<html>please log in</html>"


class _Handler(BaseHTTPRequestHandler):
    """/file whole or from a range, /cut closes half-way, /wrong other bytes, /page a web page, /large too much."""

    def do_GET(self):
        self.server.requests.append((self.path, self.headers.get("Range")))
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        body = {"/wrong": CONTENT[::-1], "/page": PAGE, "/large": CONTENT * 2}.get(self.path, CONTENT)
        if self.path == "/missing" or start >= len(body):
            return self.send_error(404 if self.path == "/missing" else 416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.send_header("Content-Type", "application/octet-stream")
        self.end_headers()
        half = self.path == "/cut" and not start
        self.wfile.write(body[start : len(body) // 2 if half else None])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    """A server; ``server.requests`` holds what it was asked."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.requests = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def row(server, tmp_path, monkeypatch):
    """Set the one row of the table: give it the server's paths and a hash."""
    monkeypatch.setenv("D3F_LITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("time.sleep", lambda _: None)

    def set_row(*paths, sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT)):
        urls = tuple(f"http://127.0.0.1:{server.server_port}{path}" for path in paths)
        asset = dataclasses.replace(assets()["ict-facekit.zip"], sha256=sha256, bytes=size, urls=urls)
        monkeypatch.setattr(fetch, "assets", lambda: {asset.name: asset})
        return asset

    return set_row


def test_fetch_and_fetch_again(server, row):
    asset = row("/file")
    assert fetch.fetch(asset.name, progress=False).read_bytes() == CONTENT
    fetch.fetch(asset.name, progress=False)
    assert len(server.requests) == 1
    asset.path.write_bytes(b"changed")
    assert fetch.fetch(asset.name, progress=False).read_bytes() == CONTENT


def test_an_interrupted_download_goes_on(server, row):
    asset = row("/cut")
    assert fetch.fetch(asset.name, progress=False).read_bytes() == CONTENT
    assert server.requests[-1] == ("/cut", f"bytes={len(CONTENT) // 2}-")


def test_a_part_of_a_killed_run_is_used(server, row):
    asset = row("/file")
    part = asset.path.with_name(f"{asset.name}.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:1000])
    assert fetch.fetch(asset.name, progress=False).read_bytes() == CONTENT
    assert server.requests == [("/file", "bytes=1000-")]
    assert [path.name for path in part.parent.iterdir()] == [asset.name]


def test_a_part_of_another_file_is_given_up(row):
    asset = row("/file")
    asset.path.parent.mkdir(parents=True)
    asset.path.with_name(f"{asset.name}.part").write_bytes(b"x" * (len(CONTENT) + 10))
    assert fetch.fetch(asset.name, progress=False).read_bytes() == CONTENT


@pytest.mark.parametrize("path", ["/wrong", "/page", "/missing", "/large"])
def test_what_is_not_the_file_is_refused_and_leaves_nothing(row, path):
    asset = row(path)
    with pytest.raises(AssetError) as error:
        fetch.fetch(asset.name, progress=False)
    assert "\n" not in str(error.value)
    left = [file for file in asset.path.parent.rglob("*") if file.is_file() and file.stat().st_size]
    assert left == []


def test_the_next_mirror_is_tried(row):
    asset = row("/page", "/missing", "/file")
    assert fetch.fetch(asset.name, progress=False).read_bytes() == CONTENT


def test_a_hash_that_is_not_known_is_kept_from_the_first_time(row):
    asset = row("/file", sha256="", size=0)
    fetch.fetch(asset.name, progress=False)
    assert fetch.verify() == [(asset.name, "ok")]
    asset.path.write_bytes(b"changed")
    assert fetch.verify() == [(asset.name, "changed")]
    row("/wrong", sha256="", size=0)
    with pytest.raises(AssetError):
        fetch.fetch(asset.name, progress=False)


def test_an_archive_that_is_no_head_is_removed(row):
    asset = row("/file", sha256="", size=0)
    assert data_fetch.main(["ict"]) == 2
    assert not asset.path.exists()
    assert json.loads((asset.path.parent / fetch.RECORD).read_text()) == {}


def test_install_flame(tmp_path, monkeypatch, capsys):
    from d3f_lite.formats.load_head import load_head

    monkeypatch.setenv("D3F_LITE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "mine").mkdir()
    path = write_flame(tmp_path / "mine")
    write_embeddings(tmp_path / "mine")
    static = tmp_path / "mine" / "flame_static_embedding.pkl"
    assert data_fetch.main(["flame", "--file", str(path), "--file", str(static)]) == 0
    load_head.cache_clear()
    assert load_head("flame").name == "flame"
    (tmp_path / "cache" / "flame" / "generic_model.pkl").write_bytes(b"changed")
    assert data_fetch.main(["verify"]) == 2
    assert "flame/generic_model.pkl" in capsys.readouterr().err
    load_head.cache_clear()


def test_install_flame_from_its_zip(tmp_path, monkeypatch):
    from d3f_lite.formats.load_head import available_heads

    monkeypatch.setenv("D3F_LITE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "FLAME2023Open.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(write_flame(tmp_path), "flame2023_Open.pkl")
    assert available_heads() == ("anny",)
    assert data_fetch.main(["flame", "--file", str(path)]) == 0
    assert available_heads() == ("anny", "flame")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("generic_model.pkl", b"<html>"),
        ("FLAME2023.zip", b"PK\x03\x04"),
        ("generic_model.pkl", b"cos\nsystem\n(S'true'\ntR."),
        ("other.pkl", b""),
    ],
)
def test_what_is_not_flame_is_not_installed(tmp_path, monkeypatch, capsys, name, content):
    monkeypatch.setenv("D3F_LITE_CACHE", str(tmp_path / "cache"))
    (tmp_path / name).write_bytes(content)
    assert data_fetch.main(["flame", "--file", str(tmp_path / name)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "cache").exists()


def test_every_shipped_file_has_a_row_and_its_hash(tmp_path, monkeypatch):
    monkeypatch.setenv("D3F_LITE_CACHE", str(tmp_path))
    shipped = {name for name, asset in assets().items() if asset.kind == "shipped"}
    lying = {path.name for path in SHIPPED.iterdir() if path.suffix not in (".py", ".md", ".toml", "")}
    assert shipped == lying
    states = dict(fetch.verify())
    assert {states[name] for name in shipped} == {"ok"}, "after a bake: python -m research.bake.assets"


def test_the_table_is_complete():
    for asset in assets().values():
        assert asset.what and asset.source and asset.author and asset.licence
        assert asset.kind in ("shipped", "fetched", "yours") and bool(asset.urls) == (asset.kind == "fetched")
        assert re.fullmatch(r"([0-9a-f]{64})?", asset.sha256)
        prefix = re.search(r"-([0-9a-f]{10})\.pth", asset.name)
        assert prefix is None or asset.sha256.startswith(prefix[1])
    assert markdown().count("\n") == len(assets()) + 1


def test_refresh_mends_a_stale_hash_and_nothing_else(tmp_path):
    table = tmp_path / "ASSETS.toml"
    table.write_text(TABLE.read_text())
    refresh(table)
    fresh = table.read_text()
    digest = sha256_of(SHIPPED / "head.npz")
    assert fresh.count(digest) == 1
    table.write_text(fresh.replace(digest, "0" * 64))
    refresh(table)
    assert table.read_text() == fresh


def test_fetch_is_a_subcommand_too(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("D3F_LITE_CACHE", str(tmp_path))
    assert command_line.main(["fetch", "list"]) == data_fetch.main(["list"]) == 0
    said = capsys.readouterr().out
    assert said[: len(said) // 2] == said[len(said) // 2 :] and "ict-facekit.zip" in said
    assert command_line.main(["fetch", "flame", "--file", str(tmp_path / "none.pkl")]) == 2
    assert capsys.readouterr().err.startswith("d3f-lite: no such file")
