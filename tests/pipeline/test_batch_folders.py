"""Folders as people have them: pipes, links, masks by other names, names like formulas, endless JPEGs, killed workers."""

import csv
import io
import os
import signal

import numpy as np
import pytest
from PIL import Image

from d3f_lite import batch
from d3f_lite.common.workers import WORKER_KILLED, workers
from d3f_lite.errors import PhotoError, SettingsError
from d3f_lite.observation.photo import Photo
from d3f_lite.photo_folder import ignored_line, jobs_in, left_in

SCENE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
DRAWN = np.zeros((64, 64), np.uint8)
DRAWN[20:40, 10:50] = 255


def save(pixels, path):
    Image.fromarray(pixels).save(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_pipes_and_links_to_themselves_are_left(tmp_path):
    save(SCENE, tmp_path / "a.png")
    for name in ("pipe", "pipe.png"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "circle").symlink_to(tmp_path)
    jobs = jobs_in(tmp_path)
    assert [job.photo.name for job in jobs] == ["a.png"]
    assert sorted(left_in(tmp_path, jobs, tmp_path / "out")) == ["loop.png", "pipe", "pipe.png"]


@pytest.mark.parametrize("name", ("1-mask", "1_mask", "1_occlusion", "1-Mask", "1.mask", "1 occluder"))
def test_masks_by_other_names_are_used(name, tmp_path):
    save(SCENE, tmp_path / "1.jpg")
    save(DRAWN, tmp_path / f"{name}.png")
    (job,) = jobs_in(tmp_path)
    assert job.mask == tmp_path / f"{name}.png"


def test_of_other_masks_the_rule_is_told():
    assert "the mask of x.jpg is x_mask.png beside it" in ignored_line(["masks"])
    assert "the mask of" not in ignored_line(["notes.txt"])


def test_no_name_is_a_formula(tmp_path, monkeypatch):
    names = ["=1+1", "+a", "-b", "@c", "d"]
    for name in names:
        save(SCENE, tmp_path / f"{name}.png")
    monkeypatch.setattr(
        batch, "row_of", lambda job, plan, out: (job, {"photo": job.photo.name, "error": "=x", "yaw_degrees": -3.0})
    )
    with workers("threading", 1):
        rows = batch.run_batch(tmp_path, tmp_path / "out")
    assert sorted(row["photo"] for row in rows) == sorted(f"{name}.png" for name in names)
    with open(tmp_path / "out" / "photos.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert sorted(row["photo"].lstrip("'") for row in table) == sorted(f"{name}.png" for name in names)
    assert not any(row[name].startswith(tuple("=+-@")) for row in table for name in ("photo", "error"))
    assert {row["yaw_degrees"] for row in table} == {"-3.0"}


def jpeg(scans):
    """A progressive JPEG whose last scan is repeated until there are so many."""
    stream = io.BytesIO()
    Image.fromarray(SCENE).save(stream, "JPEG", progressive=True)
    data = stream.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * (scans - data.count(b"\xff\xda") + 1) + data[-2:]


def test_a_jpeg_that_repeats_its_scans_is_refused_before_it_is_decoded(tmp_path):
    (tmp_path / "few.jpg").write_bytes(jpeg(20) + b"\xff\xda" * 99)  # a film after the picture is no scan
    (tmp_path / "many.jpg").write_bytes(jpeg(100))
    assert Photo.open(tmp_path / "few.jpg").shape == (64, 64)
    for options in ({}, {"content": jpeg(100)}):
        with pytest.raises(PhotoError, match="more than 64 scans"):
            Photo.open(tmp_path / "many.jpg", **options)


@pytest.mark.slow
def test_a_worker_that_the_system_kills_leaves_a_table(tmp_path, monkeypatch):
    for name in "abc":
        save(SCENE, tmp_path / f"{name}.png")

    def killed(job, plan, out):
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(batch, "row_of", killed)
    with workers("loky", 2):
        rows = batch.run_batch(tmp_path, tmp_path / "out")
    assert [row["error"] for row in rows] == [WORKER_KILLED] * 3 and (tmp_path / "out" / "photos.csv").is_file()


def test_a_killed_worker_is_one_line_elsewhere():
    with pytest.raises(SettingsError, match="killed a worker"), workers("loky", 2):
        raise batch.BrokenProcessPool
