"""Many photos: the folder is read as promised, a batch killed half-way goes on, and a bad photo costs nobody else."""

import csv
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from d3f_lite.__main__ import main
from d3f_lite.errors import D3FError, PhotoError
from d3f_lite.photo import sample_photo
from d3f_lite.settings import FitSettings, Settings
from d3f_lite.study import batch
from d3f_lite.study.workers import workers

PATIENCE = 180.0  # seconds


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
