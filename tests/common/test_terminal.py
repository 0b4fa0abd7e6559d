"""What is printed never fails: whatever the terminal's encoding, and when its reader has gone."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

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
