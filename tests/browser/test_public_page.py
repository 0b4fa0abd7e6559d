"""The page for a class, as docs/hosting.md puts it up, and a visitor who means it ill: what is sent is bounded and gone."""

import io
import os
import re
import shlex
import shutil
import struct
import zlib
from functools import cache
from pathlib import Path

import psutil
import pytest
from browser import MISSING, REASON, ROOT, chromium, megabytes, poll, serving, tab
from PIL import Image

from d3f_lite.errors import PhotoError
from d3f_lite.observation.photo import sample_photo
from widgets import PhotoControls
from widgets.photo_controls import MOST_BYTES, MOST_PIXELS, opened

KERNEL = "JSON.parse(document.getElementById('jupyter-config-data').textContent).kernelId"
# Ask a kernel to run code, then send each widget a state that no page of ours sends; what it answers until its last reply.
ATTACK = """async kernel => {
  const text = new TextEncoder(), answers = [];
  const socket = new WebSocket(`ws://${location.host}/api/kernels/${kernel}/channels?session_id=visitor`,
    "v1.kernel.websocket.jupyter.org");
  socket.binaryType = "arraybuffer";
  const send = (msg_type, content) => {  // the number of offsets, the offsets, then channel, header, parent, metadata and content
    const header = { msg_id: crypto.randomUUID(), msg_type, session: "visitor", username: "", version: "5.3",
      date: new Date().toISOString() };
    const parts = [text.encode("shell"), ...[header, {}, {}, content].map((one) => text.encode(JSON.stringify(one)))];
    const offsets = [8 * (parts.length + 2)];
    for (const part of parts) offsets.push(offsets.at(-1) + part.length);
    const whole = new Uint8Array(offsets.at(-1)), view = new DataView(whole.buffer);
    [offsets.length, ...offsets].forEach((number, place) => view.setBigUint64(8 * place, BigInt(number), true));
    parts.forEach((part, place) => whole.set(part, offsets[place]));
    socket.send(whole);
  };
  const received = (data) => {
    const view = new DataView(data), at = (place) => Number(view.getBigUint64(8 * place, true));
    const part = (place) => JSON.parse(new TextDecoder().decode(new Uint8Array(data, at(place), at(place + 1) - at(place))));
    return { type: part(2).msg_type, content: part(5) };
  };
  const replied = (type) => new Promise((done) =>
    socket.addEventListener("message", (event) => received(event.data).type === type && done(received(event.data))));
  socket.addEventListener("message", (event) => answers.push(received(event.data)));
  await new Promise((open) => socket.addEventListener("open", open));
  send("execute_request", { code: "print('r' + 'an')", silent: false, store_history: false, user_expressions: {},
    allow_stdin: false, stop_on_error: true });
  send("comm_info_request", {});
  const { comms } = (await replied("comm_info_reply")).content;
  for (const comm_id of Object.keys(comms))
    send("comm_msg", { comm_id, data: { method: "update", state: { painted: null, size: "x", points: 3, options: 1 },
      buffer_paths: [] } });
  send("kernel_info_request", {});
  await replied("kernel_info_reply");
  socket.close();
  return answers;
}"""
MOST_MORE = 900.0  # MB that a visitor's photos may add to what the page takes


@cache
def png(width, height, chunks=()):
    """A PNG of one colour that unpacks to width × height px of RGB; ``chunks``: (kind, data) before the pixels."""
    packer, row = zlib.compressobj(1), bytes(1 + 3 * width)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    whole = [head, *chunks, (b"IDAT", pixels), (b"IEND", b"")]
    told = [struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in whole]
    return b"\x89PNG\r\n\x1a\n" + b"".join(told)


def portrait(name):
    """A portrait as a PNG file."""
    stream = io.BytesIO()
    Image.fromarray(sample_photo(name).pixels).save(stream, "png")
    return stream.getvalue()


BOMB = zlib.compress(bytes(200_000_000), 9)  # 200 kB
FILES = {  # what a visitor may send, and what is said of it
    "huge.png": (lambda: png(20_000, 10_000), "huge.png: the image is larger than 24 megapixels"),
    "bomb.png": (lambda: png(6_000, 4_001), "bomb.png: the image is larger than 24 megapixels"),
    "text.png": (lambda: png(64, 64, ((b"zTXt", b"note\0\0" + BOMB),)), "text.png: the image is damaged"),
    "profile.png": (lambda: png(64, 64, ((b"iCCP", b"note\0\0" + BOMB),)), "profile.png: the image is damaged"),
    "cut.png": (lambda: portrait("astronaut")[:4000], "cut.png: the image is damaged or cut short"),
    "letter.pdf": (lambda: b"%PDF-1.4 no photo", "letter.pdf: not an image that can be read"),
    "page.svg": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "page.svg: not an image"),
    "photo.gif": (lambda: b"GIF89a" + bytes(99), "photo.gif: not an image that can be read here: send a JPEG or a PNG"),
    "nothing.png": (lambda: b"", "nothing.png: the file is empty"),
    "<img src=x onerror=alert(1)>.png": (lambda: b"x", "_img_src_x_onerror_alert_1_.png: not an image"),
    "../../etc/passwd": (lambda: b"root", "passwd: not an image"),
    "a" * 5000: (lambda: b"x", "a" * 200 + ": not an image"),
}


@pytest.mark.parametrize("name", FILES, ids=lambda name: name[:20])
def test_what_a_stranger_sends_is_refused_in_one_line(name):
    make, said = FILES[name]
    with pytest.raises(PhotoError) as told:
        opened(make(), name)
    assert str(told.value).startswith(said) and "\n" not in str(told.value) and "/" not in str(told.value)


def test_too_many_bytes_and_pixels_are_refused_and_the_most_are_taken():
    with pytest.raises(PhotoError, match="9.0 MB is too much; a photo may have 9 MB"):
        opened(bytes(MOST_BYTES + 1), "large.jpg")
    assert opened(png(6_000, MOST_PIXELS // 6_000), "most.png").shape == (MOST_PIXELS // 6_000, 6_000)


def test_a_message_that_no_page_of_ours_sends_changes_nothing():
    controls = PhotoControls(sample_photo("astronaut"))
    before = controls.evidence[0]
    for content, buffers in ((None, []), ("name", [b"x"]), ({"name": 3}, [b"x"]), ({"name": "x.png"}, []), ({}, [b"x"] * 3)):
        controls.upload._handle_custom_msg(content, [memoryview(one) for one in buffers])
    assert controls.task.wait() and controls.evidence[0] is before and not controls.task.words.value


@pytest.fixture
def public(tmp_path, monkeypatch):
    """The page as docs/hosting.md puts it up, for two visitors at once: its address, its process, and the server's temporary folder."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    command = re.search(r"^\.venv/bin/voila (.*?)$\n```", (ROOT / "docs" / "hosting.md").read_text(), re.MULTILINE | re.DOTALL)[1]
    notebook, *options = [one for one in shlex.split(command) if not one.startswith("--port")]
    monkeypatch.chdir(ROOT)
    options += ["--BoundedKernels.most_kernels=2", "--BoundedKernels.patience=10"]
    page = shutil.copytree(ROOT / "notebooks", tmp_path / "page", ignore=shutil.ignore_patterns("[0-9]*"))
    (page / "somebody.png").write_bytes(portrait("astronaut"))
    with serving("voila", tmp_path, page / Path(notebook).name, *options) as (address, server):
        monkeypatch.undo()  # the browser keeps its own
        yield address, server, temporary


@pytest.mark.slow
@pytest.mark.skipif(MISSING, reason=REASON)
def test_a_hostile_visitor_leaves_nothing_behind(public):
    address, server, temporary = public
    with chromium() as browser:
        page, alerts = tab(browser, viewport={"width": 1400, "height": 1200}), []
        page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
        page.goto(address)
        explorer = page.locator(".d3f-explorer")
        poll(lambda: explorer.locator(".head").count() == 16, "no heads")
        size, upload = sum(megabytes(server)), page.get_by_label("Your photo")
        send = lambda name, content: upload.set_input_files({"name": name, "mimeType": "image/png", "buffer": content})
        for name, (make, said) in FILES.items():
            if len(name) < 200:
                send(name, make())
                last = said.split("/")[-1]
                poll(lambda: last in explorer.text_content(), f"nothing is said of {name}")
        send("heavy.jpg", bytes(MOST_BYTES + 1))
        poll(lambda: "heavy.jpg: 9.0 MB; a photo may have 9 MB" in explorer.text_content(), "nothing is said of its weight")

        other = tab(browser)
        assert other.goto(f"{address}?voila-theme=dark&voila-template=reveal").status == 200
        poll(lambda: other.locator(".head").count() == 16, "no heads for a second visitor")
        assert other.evaluate("document.body.dataset.jpThemeLight") == "true" and not other.locator(".reveal").count()
        with tab(browser) as third:  # one more visitor than may be there
            assert third.goto(address).status == 503
        for path in ("voila/files/somebody.png", "voila/files/explorer.ipynb", "api/kernels", "api/contents"):
            assert page.request.get(f"{address}/{path}").status in (403, 404), path
        kernels = [one.evaluate(KERNEL) for one in (page, other)]
        assert kernels[0] != kernels[1]
        for answer in page.evaluate(ATTACK, kernels[0]):
            assert answer["type"] != "execute_reply" and "ran" not in str(answer["content"]), answer
            assert not re.search(r"Traceback|site-packages|" + re.escape(str(ROOT)), str(answer["content"])), answer
        other.close()

        for _ in range(4):  # faster than they can be read
            send("most.png", png(6_000, MOST_PIXELS // 6_000))
        send("last.png", portrait("astronaut"))
        poll(lambda: page.get_by_alt_text("the photo last").count(), "the last photo is not there")
        poll(lambda: explorer.locator("h1").text_content() == "last", "there are no heads of it")
        explorer.get_by_role("button", name="Export").dblclick()
        with page.expect_download() as download:
            page.get_by_text("Download ").click()
        assert download.value.suggested_filename == "last.zip" and not alerts
        assert sum(megabytes(server)) - size < MOST_MORE

        kernels = psutil.Process(server.pid).children(recursive=True)
        assert kernels
        page.goto("about:blank")
        poll(lambda: not any(one.is_running() and one.status() != "zombie" for one in kernels), "the kernel lives on")
        left = [path for path in temporary.rglob("*") if path.is_file()]
        assert not [path.name for path in left if path.suffix != ".json"], left
        with tab(browser) as another:  # there is room again
            poll(lambda: another.goto(address).status == 200, "there is no room for another visitor")
    assert os.path.isdir(temporary)
