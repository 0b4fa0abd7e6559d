"""Whatever is wrong with what people load: a typed error of one line or a valid object, and nothing else happens."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hostile import bounded_memory
from hostile_heads import CALLS, Attack, tiny_flame
from hostile_kinds import kinds
from hostile_pictures import picture, png
from PIL import Image

from d3f_lite.__main__ import main
from d3f_lite.observation.photo import sample_photo

pytestmark = pytest.mark.slow

KINDS, ROOT = kinds(), Path(__file__).parents[2]


def test_more_than_two_thousand_bad_inputs():
    assert sum(kind.examples for kind in KINDS) >= 2000


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_bad_input_is_refused_or_harmless(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with bounded_memory():
        tally = kind.run(kind.examples)
    assert tally.tried >= kind.examples and tally.refused >= kind.refused * tally.tried
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Bad files of every kind that the command line takes, and a good photo."""
    folder = tmp_path_factory.mktemp("files")
    Image.fromarray(sample_photo("astronaut").pixels).save(folder / "face.png")
    tiff = picture("TIFF", "RGB", compression="tiff_lzw")
    files = {
        "cut.tif": tiff[: len(tiff) // 2], "line\nbreak.png": b"", "bomb.png": png(16_000, 16_000), "small.png": png(1, 1),
        "marks.csv": b"x,y\n" + b"nan,1\n" * 68, "huge.toml": b"[fit]\nprior_weight = 0x" + b"f" * 5000,
        "flame.pkl": pickle.dumps({**tiny_flame(), "f": Attack(*CALLS[0])}), "ict.zip": b"PK\x03\x04" + bytes(99),
        "results/evaluation/plan.json": b"{",
    }  # fmt: skip
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


BAD_COMMANDS = [
    "reconstruct cut.tif", "reconstruct line\nbreak.png", "reconstruct bomb.png", "reconstruct small.png",
    "reconstruct face.png --mask cut.tif", "reconstruct face.png --strokes bomb.png", "reconstruct face.png --landmarks marks.csv",
    "reconstruct face.png --config huge.toml", "reconstruct face.png --head flame:flame.pkl",
    "reconstruct face.png --head ict:ict.zip", "reconstruct face.png --samples 99999999999999999999", "demo --seed -1",
    "evaluate --heads 1", "evaluate --heads 0",
]  # fmt: skip


@pytest.mark.parametrize("command", BAD_COMMANDS)
def test_commands_say_it_in_one_line(command, folder, monkeypatch, capfd):
    monkeypatch.chdir(folder)
    before = sorted(folder.rglob("*"))
    assert main(command.split(" ")) == 2
    told = capfd.readouterr()
    assert told.err.count("\n") == 1 and told.err.startswith("d3f-lite: ") and not told.out
    assert sorted(folder.rglob("*")) == before


def test_commands_end_with_exit_code_2(folder):
    module = "import sys; from {} import main; sys.exit(main(sys.argv[1:]))"
    for name, arguments in (("d3f_lite.__main__", ["reconstruct", "cut.tif"]), ("data_fetch", ["flame", "--file", "flame.pkl"])):
        run = subprocess.run([sys.executable, "-c", module.format(name), *arguments], cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)},
                             capture_output=True, text=True)  # fmt: skip
        assert run.returncode == 2 and len(run.stderr.splitlines()) == 1, run.stderr
