"""What is printed never fails: whatever the terminal's encoding, and when its reader has gone."""

import io
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from d3f_lite import batch
from d3f_lite.command_line import command_line, forgiving_output
from d3f_lite.errors import PhotoError

ROOT = Path(__file__).parents[2]
COMMANDS = (["-m", "d3f_lite", "--help"], ["data_fetch.py", "list"], ["-m", "research.study.masks", "--help"])
PRINTING = """
import sys
from d3f_lite import command_line
@command_line.command_line("program")
def main():
    for number in range({lines}):
        print("résultats/王小明", chr(0xdc80))
    print("done", file=open({done!r}, "w"))
sys.exit(main())
"""


def run(arguments, **options):
    """A Python process, its output as bytes."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | options.pop("env", {})
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, stderr=subprocess.PIPE, **options)


def closed_pipe():
    """The end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("encoding, line", [("cp1252", b"r\xe9sultats/\\u738b\\u5c0f\\u660e \\udc80"), ("ascii", b"r\\xe9sultats/\\u738b\\u5c0f\\u660e \\udc80"),
                                            ("utf-8", "résultats/王小明 \\udc80".encode())])  # fmt: skip
def test_a_path_is_printed_in_any_encoding(encoding, line, tmp_path):
    code = PRINTING.format(lines=1, done=str(tmp_path / "done"))
    told = run(["-c", code], stdout=subprocess.PIPE, env={"PYTHONIOENCODING": encoding})
    assert (told.returncode, told.stdout.strip(), told.stderr) == (0, line, b"")


@pytest.mark.parametrize("unbuffered", ("", "1"))
@pytest.mark.parametrize("lines", (1, 10_000))
def test_a_closed_pipe_ends_quietly_and_the_work_is_done(lines, unbuffered, tmp_path):
    code = PRINTING.format(lines=lines, done=str(tmp_path / "done"))
    told = run(["-c", code], stdout=closed_pipe(), env={"PYTHONUNBUFFERED": unbuffered})
    assert (told.returncode, told.stderr) == (0, b"") and (tmp_path / "done").read_text() == "done\n"


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_commands_print_so(command):
    told = run(command, stdout=closed_pipe())
    assert (told.returncode, told.stderr) == (0, b"")
    told = run(command, stdout=subprocess.PIPE, env={"PYTHONIOENCODING": "ascii"})
    assert told.returncode == 0 and told.stdout.isascii()


def test_a_closed_standard_error_keeps_words_out_of_the_output(tmp_path):
    command = [sys.executable, "-m", "d3f_lite", "reconstruct", "nowhere.png"]
    told = subprocess.run(
        ["sh", "-c", '"$@" 2>&-', "sh", *command], stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert (told.returncode, told.stdout) == (2, b"")


def test_codes_and_streams_of_a_command(capsys, monkeypatch):
    def raises(error):
        raise error

    before = sys.stdout, sys.stderr
    for error, code in ((PhotoError("no\nphoto"), 2), (KeyboardInterrupt(), 130)):
        assert command_line("program")(raises)(error) == code
    assert capsys.readouterr().err == "program: no photo\nprogram: stopped; nothing half done was written\n"
    assert command_line("program")(lambda: None)() == 0 and command_line("program")(lambda: 1)() == 1
    with pytest.raises(ZeroDivisionError):
        command_line("program")(raises)(ZeroDivisionError())
    assert (sys.stdout, sys.stderr) == before
    monkeypatch.setattr(sys, "stdout", io.StringIO())  # as notebooks have it: without an encoding
    with forgiving_output():
        print("王", flush=True)
    assert sys.stdout.getvalue() == "王\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a full device")
@pytest.mark.parametrize("lines", (1, 10_000))
def test_a_full_disk_under_the_output_is_one_line(lines, tmp_path):
    with open("/dev/full", "w") as full:
        told = run(["-c", PRINTING.format(lines=lines, done=str(tmp_path / "done"))], stdout=full)
    assert told.returncode == 2 and (tmp_path / "done").read_text() == "done\n"
    assert told.stderr == b"program: cannot print: No space left on device; what is written to files is whole\n"


def test_a_library_that_cannot_be_loaded_is_one_line(capsys):
    def needs_opencv():
        raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")

    def needs_ourselves():
        raise ImportError("cannot import name 'nobody'", name="d3f_lite.nowhere")

    assert command_line("program")(needs_opencv)() == 2
    assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(ImportError):
        command_line("program")(needs_ourselves)()


STOPPED = {
    "in a folder": """
with whole_folder(out / "face", lambda folder: True):
    print("begun", flush=True)
    time.sleep(600)
""",
    "where an import hides it": """
try:
    print("begun", flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    raise ImportError("the module failed to load")
""",
    "where Python drops it": """
class Watched: pass
watched = Watched()
weakref.finalize(watched, lambda: None)
reference = weakref.ref(watched, lambda _: (print("begun", flush=True), time.sleep(600)))
del watched
while True:
    time.sleep(0.01)
""",
    "in a batch": """
def forever(job, plan, out):
    with whole_folder(out / job.name, lambda folder: True):
        (out / "begun").touch()
        time.sleep(600)
batch.row_of = forever
batch.Plan.check = lambda plan: None
threading.Thread(target=tell, daemon=True).start()
with workers("loky", 2):
    batch.run_batch(out, out)
""",
}
PROGRAM = """
import pathlib, sys, threading, time, weakref
from d3f_lite import batch
from d3f_lite.command_line import command_line
from d3f_lite.common.workers import workers
from d3f_lite.files.whole import whole_folder
out = pathlib.Path({out!r})
def tell():
    while not (out / "begun").exists():
        time.sleep(0.05)
    print("begun", flush=True)
@command_line("program")
def main():
{body}
sys.exit(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("place", STOPPED)
@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM))
def test_who_stops_a_command_finds_nothing_half_done(number, place, tmp_path):
    for name in ("a.png", "b.png"):
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(tmp_path / name)
    code = PROGRAM.format(out=str(tmp_path), body=textwrap.indent(STOPPED[place], "    "))
    child = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "begun\n"
    child.send_signal(number)
    said = child.communicate()[1].split("\r")[-1].splitlines()  # a progress bar is before it
    assert child.returncode == 128 + number and said[-1] == "program: stopped; nothing half done was written"
    assert "Traceback" not in "\n".join(said)
    assert not [path.name for path in tmp_path.iterdir() if path.name[0] == "." and path.name != batch.ROWS]
