"""Many photos: the folder is read as promised, a batch killed half-way goes on, and a bad photo costs nobody else."""

import csv
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from d3f_lite import batch
from d3f_lite.__main__ import main
from d3f_lite.common.workers import workers
from d3f_lite.errors import D3FError, PhotoError
from d3f_lite.observation.photo import sample_photo
from d3f_lite.results import files
from d3f_lite.settings import FitSettings, Settings

pytestmark = pytest.mark.slow

PATIENCE = 1800.0  # seconds


@pytest.fixture
def photos(tmp_path):
    """Two portraits, one with a mask beside it, and a file that is no photo."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("astronaut", "grace_hopper"):
        Image.fromarray(sample_photo(name).pixels).save(folder / f"{name}.png")
    occluded = np.zeros(sample_photo("astronaut").shape, np.uint8)
    occluded[140:200, 170:290] = 255  # the mouth and the chin
    Image.fromarray(occluded).save(folder / "astronaut_mask.png")
    (folder / "broken.jpg").write_text("not an image")
    return folder


def test_a_folder_s_photos_masks_and_names(tmp_path):
    for name in ("b.jpg", "b_mask.png", "a.jpg", "a.PNG", "demo_mask.png", "notes.txt", ".hidden.png"):
        (tmp_path / name).touch()
    jobs = [(job.photo.name, job.mask and job.mask.name, job.name) for job in batch.jobs_in(tmp_path)]
    assert jobs == [("a.PNG", None, "a_PNG"), ("a.jpg", None, "a_jpg"), ("b.jpg", "b_mask.png", "b"),
                    ("demo_mask.png", None, "demo_mask")]  # fmt: skip
    for wrong, word in ((tmp_path / "nowhere", "no such folder"), (tmp_path / "empty", "no photo")):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(PhotoError, match=word):
            batch.jobs_in(wrong)


def test_a_batch_that_was_killed_goes_on_and_a_bad_photo_stops_nobody(photos, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["batch", str(photos), "--out", str(out), "--samples", "2", "--jobs", "1"]
    first, second = (out / batch.ROWS / f"{name}.json" for name in ("astronaut", "grace_hopper"))
    killed = subprocess.Popen([sys.executable, "-m", "d3f_lite", *arguments], stderr=subprocess.DEVNULL)
    end = time.monotonic() + PATIENCE
    while not first.exists() and time.monotonic() < end:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert first.exists() and not second.exists() and not (out / "photos.csv").exists()

    made = (out / "astronaut" / "report.json").stat().st_mtime_ns
    assert main(arguments) == 1  # some photo has no heads
    told = capsys.readouterr()
    assert "2 of 3 photos reconstructed" in told.out and "broken.jpg" in told.err
    assert (out / "astronaut" / "report.json").stat().st_mtime_ns == made
    assert {path.name for path in out.iterdir()} == {
        "astronaut", "grace_hopper", "photos.csv", "contact_sheet_01.png", batch.ROWS}  # fmt: skip
    with open(out / "photos.csv", newline="") as file:
        astronaut, broken, hopper = csv.DictReader(file)
    assert astronaut["mask"] == "given" and int(astronaut["occluded_vertices"]) > 100 and not astronaut["error"]
    assert hopper["mask"] == "estimated" and float(hopper["inner_landmark_error_percent"]) < 2.5
    assert "not an image" in broken["error"] and not broken["result"] and not broken["seconds"]


def test_only_what_changed_is_done_again(photos, tmp_path, monkeypatch):
    done = []

    def finished(job, plan, out):
        if job.name == "broken":
            raise ZeroDivisionError("a fault\nof our own")
        done.append(job.name)
        row = {"photo": job.photo.name, "result": job.name}
        Image.new("RGB", (40, 10)).save(out / batch.ROWS / f"{job.name}.png")
        batch.write_json(out / batch.ROWS / f"{job.name}.json", {"fingerprint": batch._fingerprint(job, plan), "row": row})
        return row

    monkeypatch.setattr(batch, "_reconstruct", finished)
    with workers("threading", 1):
        rows = batch.run_batch(photos, tmp_path / "out")
        assert done == ["astronaut", "grace_hopper"]
        assert rows[1] == {"photo": "broken.jpg", "error": "ZeroDivisionError: a fault of our own"}
        batch.run_batch(photos, tmp_path / "out")
        assert len(done) == 2
        Image.fromarray(255 - np.asarray(Image.open(photos / "astronaut_mask.png"))).save(photos / "astronaut_mask.png")
        batch.run_batch(photos, tmp_path / "out")
        assert done[2:] == ["astronaut"]
        plan = batch.Plan(settings=Settings(fit=FitSettings(regional=False)))
        assert batch.run_batch(photos, tmp_path / "out", plan)[0] == rows[0] and len(done) == 5
        for wrong in ({"samples": 0}, {"head": "nobody"}, {"device": "gpu"}, {"detector": "face-alignment"}):
            with pytest.raises(D3FError):
                batch.run_batch(photos, tmp_path / "out", batch.Plan(**wrong))


def scene(folder, name, colour=True):
    """A small picture with many colours, or greys, saved as ``name``."""
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3 if colour else 1), np.uint8)
    Image.fromarray(np.broadcast_to(pixels, (64, 64, 3))).save(folder / name)


def mask(folder, name, on=(255, 255, 255)):
    """A drawn mask, saved as ``name``."""
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[20:40, 10:50] = on
    Image.fromarray(pixels).save(folder / name)


def listed(folder, out=None):
    """What a batch takes of a folder, by name: photo to mask; and what it leaves."""
    jobs = batch.jobs_in(folder)
    return {job.photo.name: job.mask and job.mask.name for job in jobs}, batch.left_in(folder, jobs, out or folder / "out")


def test_a_mask_looks_like_one_or_it_is_a_photo(tmp_path):
    for name in ("a.jpg", "a_mask.jpg", "b.jpg", "c.png", "d.png", "e.png"):
        scene(tmp_path, name)
    scene(tmp_path, "b_mask.jpg", colour=False)  # grey, though not of two values: the reader of masks says what is wrong
    mask(tmp_path, "c_mask.jpg")
    mask(tmp_path, "d_mask.png", on=(255, 0, 0))
    mask(tmp_path, "d_mask.jpg")
    mask(tmp_path, "orphan_mask.png")
    (tmp_path / "e_mask.png").write_bytes(b"")
    masks = {"b.jpg": "b_mask.jpg", "c.png": "c_mask.jpg", "d.png": "d_mask.png", "e.png": "e_mask.png"}
    assert listed(tmp_path) == ({"a.jpg": None, "a_mask.jpg": None, **masks}, ["d_mask.jpg", "orphan_mask.png"])


def test_what_pillow_reads_is_taken_and_the_rest_is_named(tmp_path, capsys, monkeypatch):
    taken = ["a.avif", "a.gif", "a.JFIF", "a.jpe", "a.mpo", "a.webp"]
    for name in taken:
        scene(tmp_path, name)
    left = [*(f"b{number}.raw" for number in range(9)), "c.mov", "notes.txt"]
    for name in left:
        (tmp_path / name).touch()
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.jpg").touch()
    (tmp_path / ".hidden").touch()
    (tmp_path / "Thumbs.db").touch()
    photos, others = listed(tmp_path)
    assert sorted(photos) == sorted(taken) and sorted(others) == sorted([*left, "more"])
    for name in taken:
        assert batch.Photo.open(tmp_path / name).shape == (64, 64)
    with workers("threading", 1):
        monkeypatch.setattr(batch, "_reconstruct", lambda *_: {"photo": "x", "result": "x"})
        main(["batch", str(tmp_path), "--out", str(tmp_path / "out"), "--backend", "threading"])
    told = [line for line in capsys.readouterr().err.splitlines() if "ignored" in line]
    assert len(told) == 1 and "ignored 12 other files" in told[0] and "b0.raw" in told[0] and "4 more" in told[0]


NAMES = ("me(1)", "me[1]", "Jose\u0301", "$\\frac{", "B$_$", "a" * 240, "王小明", "हिन्दी")


def test_a_batch_of_any_names_takes_none_of_its_own_outputs(tmp_path, monkeypatch):
    portrait = sample_photo("astronaut")
    for name in NAMES:
        Image.fromarray(portrait.pixels[::8, ::8]).save(tmp_path / f"{name}.png")
    found = batch.reconstruct(portrait, np.zeros(portrait.shape, bool), samples=1)
    named = lambda photo: replace(found, observation=replace(found.observation, photo=replace(portrait, name=photo.name)))
    monkeypatch.setattr(batch, "reconstruct", lambda photo, *_, **__: named(photo))  # the same heads for all
    for slow in ("save_meshes", "explorer_page"):  # what no batch could take for a photo
        monkeypatch.setattr(files, slow, lambda *_, **__: "")
    with workers("threading", 2):
        rows = batch.run_batch(tmp_path, tmp_path)
    assert not [row for row in rows if "error" in row]
    names = [row["result"] for row in rows]
    assert len(set(names)) == len(NAMES) and all((tmp_path / name / "report.json").is_file() for name in names)
    assert {"me_1_", "me_1_2", "Jos\u00e9", "B_", "हिन्दी"} <= set(names)
    with open(tmp_path / "photos.csv", newline="", encoding="utf-8") as file:
        assert [(row["photo"], row["result"]) for row in csv.DictReader(file)] == [(row["photo"], row["result"]) for row in rows]
    with Image.open(tmp_path / "contact_sheet_01.png") as sheet:
        assert sheet.height > 100 * len(NAMES)
    photos, left = listed(tmp_path, tmp_path)
    assert len(photos) == len(NAMES) and not left
    with pytest.raises(PhotoError, match="a result"):
        batch.jobs_in(tmp_path / "B_")
    for place in (tmp_path / batch.ROWS, tmp_path / "nowhere"):
        with pytest.raises(PhotoError):
            batch.jobs_in(place)
    (tmp_path / "copied").mkdir()
    for name in ("samples.png", "heatmap.png"):
        (tmp_path / "copied" / name).write_bytes((tmp_path / "B_" / name).read_bytes())
    scene(tmp_path / "copied", "one.png")
    assert listed(tmp_path / "copied") == ({"one.png": None}, [])


def test_a_fault_in_a_sheet_is_told_in_its_row_and_ends_nothing(tmp_path, monkeypatch):
    (tmp_path / batch.ROWS).mkdir()
    Image.new("RGB", (40, 10)).save(tmp_path / batch.ROWS / "good.png")
    (tmp_path / batch.ROWS / "damaged.png").write_bytes(b"\x89PNG")
    rows = [{"photo": f"{name}$_$.png", "result": name} for name in ("good", "damaged", "gone")] + [
        {"photo": "x", "error": "$_$ " * 99}
    ]
    told = batch.write_contact_sheets(rows, tmp_path)
    assert [row.get("error", "")[:10] for row in told] == ["", "no picture", "no picture", "$_$ $_$ $_"]
    assert [row.get("result") for row in told] == ["good", "damaged", "gone", None] and (
        tmp_path / "contact_sheet_01.png"
    ).is_file()

    def fault(*_):
        raise ZeroDivisionError("a fault\nof our own")

    monkeypatch.setattr(batch, "_write_sheet", fault)
    told = batch.write_contact_sheets(rows, tmp_path)
    assert (
        told[0]["error"] == "not on the contact sheet: ZeroDivisionError: a fault of our own" and told[3]["error"] == "$_$ " * 99
    )
