"""The evaluation: measures worked out by hand, cases that are kept, the same numbers on every backend."""

import json

import numpy as np
import pytest

from d3f_lite.__main__ import main
from d3f_lite.common.workers import workers
from d3f_lite.diversity.search import PartialHead
from d3f_lite.errors import SettingsError
from d3f_lite.evaluation import evaluate as study
from d3f_lite.evaluation import report
from d3f_lite.evaluation.methods import Answer
from d3f_lite.evaluation.truth import STREAMS, align_all, case_seed
from d3f_lite.occluders import drawing
from d3f_lite.settings import DiversitySettings, Settings

pytestmark = pytest.mark.slow

FAST = Settings(diversity=DiversitySettings(iterations=3))
TINY = study.Plan(heads=1, occluders=("surgical_mask",), samples=4, curves=0, settings=FAST)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    with workers("threading", 1):
        return study.evaluate(TINY, tmp_path_factory.mktemp("tiny"))


def without_seconds(records):
    kept = [{**record, "rows": [{**row, "seconds": 0.0} for row in record["rows"]]} for record in records]
    return json.dumps(kept)


def test_a_single_head_by_hand():
    truth = np.array([[0, 0, 0], [9, 0, 0], [0, 9, 0], [0, 0, 9]], np.float32)
    occluded = np.array([False, False, True, True])
    shown = PartialHead(truth, ~occluded, occluded, np.zeros((0, 3), np.int32))
    head = truth + np.array([[0, 0, 0], [0, 0, 0], [3, 0, 0], [0, 4, 0]], np.float32)
    row = study.measured(Answer("one", head[None], None, 0.5), truth, shown, np.ones(4, bool))
    assert row["cse_occluded"] == pytest.approx(np.sqrt((9 + 16) / 2)) and row["cse"] == pytest.approx(2.5)
    assert row["asd_occluded"] is None and row["coverage"] is None


def test_all_heads_are_carried_by_what_one_of_them_needs():
    generator = np.random.default_rng(0)
    truth = generator.normal(size=(20, 3)).astype(np.float32) * 50
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], np.float32)
    base = (truth @ turn) * 1.1 + np.float32(7.0)
    change = generator.normal(size=(1, 20, 3)).astype(np.float32)
    carried = align_all(np.concatenate([base[None], base + change]), base, truth, np.arange(20) < 12)
    np.testing.assert_allclose(carried[0], truth, atol=1e-3)
    np.testing.assert_allclose(carried[1:], truth + (change @ turn.T) / 1.1, atol=1e-3)


def test_a_case_s_stream_goes_by_the_occluder_s_name(monkeypatch):
    # What RESULTS.md was measured with: the place of each occluder in the list of that day.
    today = ["surgical_mask", "sunglasses", "scarf", "hand", "sticker", "half_face", "random_blob"]
    seeds = {name: case_seed(3, name) for name in today}
    assert list(seeds.values()) == list(range(3000, 3007)) and list(STREAMS) == today
    monkeypatch.setattr(drawing, "OCCLUDER_KINDS", ("veil", *today))  # a new one, before all others
    assert {name: case_seed(3, name) for name in today} == seeds
    assert len({case_seed(number, name) for number in range(64) for name in drawing.OCCLUDER_KINDS}) == 64 * 8


def test_every_method_is_measured_in_one_case(records):
    (record,) = records
    assert record["refused"] is None
    photo, exact = report.rows_of(records, "photo"), report.rows_of(records, "vertices")
    assert {report.DEFAULT, "single fit, blind to the occluder", "prior: i.i.d.", "Gaussian given photo: i.i.d."} <= set(photo)
    assert {report.DEFAULT, "mesh VAE: i.i.d."} <= set(exact) and "single fit, blind to the occluder" not in exact
    for rows in (photo, exact):
        (prior,), (known,) = rows["prior: i.i.d."], rows["Gaussian given vertices: i.i.d."]
        assert known["asd_visible"] < 0.2 * prior["asd_visible"] and known["cse"] < prior["cse"]
    (ours,), (fit,) = photo[report.DEFAULT], photo["single fit, global + local"]
    assert ours["cse"] <= fit["cse"] + 1e-3  # the most likely head, which is the fit, is one of them
    assert exact["Gaussian given vertices: mean"][0]["cse"] < fit["cse"]


def test_finished_cases_are_kept_and_the_missing_made_again(records, tmp_path, monkeypatch):
    two = study.Plan(**{**vars(TINY), "heads": 2})
    path = tmp_path / "case_000_surgical_mask.json"
    tmp_path.joinpath("case_001_surgical_mask.part").write_text('{"half')  # as after a crash
    path.write_text(json.dumps(records[0]))
    made = []
    monkeypatch.setattr(study, "evaluate_case", lambda plan, number, occluder: made.append(number) or {
        **records[0], "head": number, "occluder": occluder})  # fmt: skip
    with workers("threading", 1):
        found = study.evaluate(two, tmp_path)
        assert made == [1] and [record["head"] for record in found] == [0, 1]
        assert study.evaluate(two, tmp_path) == found and made == [1]
        with pytest.raises(SettingsError, match="other settings"):
            study.evaluate(study.Plan(**{**vars(two), "seed": 1}), tmp_path)


def test_a_dask_cluster_gives_the_same_numbers(records, tmp_path):
    with workers("dask", 1):
        assert without_seconds(study.evaluate(TINY, tmp_path)) == without_seconds(records)


def test_the_report_of_the_command(records, tmp_path, monkeypatch, capsys):
    curve = {"frontier": {report.DEFAULT: [(0.0, 1.0, 3.0), (8.0, 2.0, 2.5)]}, "number": {"prior: i.i.d.": [3.0] * 9}}
    monkeypatch.setattr(study, "evaluate", lambda plan, folder: [{**records[0], "curves": curve}])
    assert main(["evaluate", "--heads", "1", "--out", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "cases.csv", "table.md", "frontier.png", "number.png", "calibration.png"}  # fmt: skip
    lines = (tmp_path / "cases.csv").read_text().splitlines()
    assert len(lines) == 1 + len(records[0]["rows"]) and lines[0].startswith("head,occluder,source,method,asd_occluded")
    text = (tmp_path / "table.md").read_text()
    assert "| calibrated DPP | DPP weight 8 | 2.00 | 2.50 |" in text and text in capsys.readouterr().out
    assert "mesh VAE: calibrated DPP against mesh VAE: i.i.d." in text


@pytest.mark.parametrize("wrong", (["--heads", "65"], ["--samples", "2"], ["--heads", "0"]))
def test_senseless_plans_are_refused(wrong, tmp_path, capsys):
    assert main(["evaluate", "--out", str(tmp_path), *wrong]) == 2
    assert "whole number" in capsys.readouterr().err
