"""The command line: one line and exit code 2 for whatever is wrong, and nothing written."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from d3f_lite.__main__ import main
from d3f_lite.observation.photo import sample_photo


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Photos, masks and settings files, good and bad."""
    folder = tmp_path_factory.mktemp("files")
    portrait = sample_photo("astronaut").pixels
    Image.fromarray(portrait).save(folder / "face.png")
    Image.fromarray(np.full((200, 200, 3), 127, np.uint8)).save(folder / "grey.png")
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(folder / "small_mask.png")
    Image.fromarray(np.full(portrait.shape[:2], 255, np.uint8)).save(folder / "white_mask.png")
    most = np.zeros(portrait.shape[:2], np.uint8)
    most[88:190, 160:290] = 255  # from the eyes to the mouth
    Image.fromarray(most).save(folder / "most_mask.png")
    (folder / "text.png").write_text("not an image")
    (folder / "empty.png").write_bytes(b"")
    (folder / "bad.toml").write_text("[fit]\ncolour = 3\n")
    (folder / "a_file").write_text("")
    return folder


@pytest.mark.parametrize(
    "arguments, word",
    [
        (["missing.png"], "no such file"),
        (["text.png"], "image"),
        (["empty.png"], "empty"),
        (["grey.png"], "no face"),
        (["face.png", "--mask", "small_mask.png"], "size"),
        (["face.png", "--mask", "white_mask.png"], "mask"),
        (["face.png", "--mask", "most_mask.png"], "show"),
        (["face.png", "--strokes", "grey.png"], "strokes"),
        (["face.png", "--landmarks", "missing.pts"], "no such file"),
        (["face.png", "--landmarks", "face.png"], ".pts"),
        (["face.png", "--detector", "face-alignment"], "data_fetch.py"),
        (["face.png", "--config", "bad.toml"], "colour"),
        (["face.png", "--samples", "0"], "samples"),
        (["face.png", "--head", "nobody"], "head"),
        (["face.png", "--out", "a_file"], "write"),
        (["face.png", "--device", "gpu"], "device"),
        (["face.png", "--device", "cuda:99"], "device"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(files, arguments, word, capfd, monkeypatch):
    monkeypatch.chdir(files)
    before = sorted(files.rglob("*"))
    assert main(["reconstruct", *arguments]) == 2
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith("d3f-lite: ") and word in said[0].lower()
    assert sorted(files.rglob("*")) == before


@pytest.mark.parametrize(
    "words", ["reconstruct x.png --samples x", "reconstruct", "nonsense", "demo --occluder", "batch f --jobs two"]
)
def test_wrong_options_are_one_line_too(words, capfd):
    with pytest.raises(SystemExit) as stopped:
        main(words.split())
    said = capfd.readouterr().err.splitlines()
    assert stopped.value.code == 2 and len(said) == 1 and said[0].startswith("d3f-lite: ") and "--help" in said[0]


@pytest.mark.slow
def test_a_mask_that_hides_too_much_is_named(files, tmp_path, capfd):
    covered = np.zeros((512, 512), np.uint8)
    covered[70:260, 140:310] = 255
    covered[95:125, 190:240] = 0
    Image.fromarray(covered).save(tmp_path / "mask.png")
    words = f"reconstruct {files / 'face.png'} --mask {tmp_path / 'mask.png'} --out {tmp_path} --samples 2"
    assert main(words.split()) == 0  # a face is found: little of it widens what is possible, and is said
    assert "careful: only" in (told := capfd.readouterr().out) and "the given mask covers" in told


@pytest.mark.slow
def test_of_two_faces_the_larger_or_the_one_asked_for_is_taken(tmp_path, capsys):
    large = sample_photo("grace_hopper").pixels
    small = np.asarray(Image.fromarray(sample_photo("astronaut").pixels[:256, 96:352]).resize((420, 420)))
    both = np.full((600, 1000, 3), 255, np.uint8)
    both[:, :512], both[:420, 580:] = large, small
    Image.fromarray(both).save(tmp_path / "two.png")

    def run(options):
        return main(["reconstruct", str(tmp_path / "two.png"), "--samples", "1", "--out", str(tmp_path), *options.split()])

    def stored(name):
        with np.load(tmp_path / name / "samples.npz", allow_pickle=False) as arrays:
            return dict(arrays)

    assert run("--face all") == 0  # each has a result of its own
    assert "2 faces found; took the largest" in capsys.readouterr().out
    one, other = (stored(f"two_face-{face}")["landmarks"][:, 0] for face in (1, 2))
    assert one.max() < 512 < 580 < other.mean()
    # The files of the second one bring back its head, though the first is larger.
    second = tmp_path / "two_face-2"
    assert run(f"--mask {second / 'mask.png'} --landmarks {second / 'landmarks.csv'}") == 0
    assert stored("two")["fit"].tobytes() == stored("two_face-2")["fit"].tobytes()
    assert run("--face 3") == 2 and "2 faces were found, so there is no face 3" in capsys.readouterr().err


def test_help_is_there_and_imports_nothing_heavy():
    code = "import sys, d3f_lite.__main__ as m\ntry: m.main(['--help'])\nexcept SystemExit: pass\n"
    code += "heavy = {'torch', 'mediapipe', 'matplotlib', 'k3d', 'numba', 'skimage', 'scipy'} & set(sys.modules)\nassert not heavy, heavy"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "reconstruct" in told.stdout
