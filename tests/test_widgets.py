"""The widgets, driven from Python as the browser would: no browser here (see test_browser)."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from d3f_lite import metrics
from d3f_lite.errors import MaskError, SettingsError
from d3f_lite.landmarks import detect_landmarks
from d3f_lite.occluders import draw_occluder
from d3f_lite.photo import sample_photo
from d3f_lite.pipeline import reconstruct
from d3f_lite.settings import FitSettings, Settings
from widgets import BackgroundTask, HeadViewer


@pytest.fixture(scope="module")
def reconstruction():
    """A quick one: the fit without colours."""
    portrait = sample_photo("grace_hopper")
    photo, occluded = draw_occluder(portrait, detect_landmarks(portrait), "surgical_mask")
    return reconstruct(photo, occluded, samples=4, settings=Settings(fit=FitSettings(photometric_iterations=0)))


def gated(gate, begun, result):
    """Work that reports, waits at a gate and reports again, as a slow computation would."""

    def work(progress):
        progress("first half", 0.0)
        begun.set()
        assert gate.wait(10.0)
        progress("second half", 0.5)
        return result

    return work


def test_only_the_latest_of_many_jobs_is_shown():
    task, shown, gate, begun = BackgroundTask(), [], threading.Event(), threading.Event()
    task.start(gated(gate, begun, "stale"), shown.append)
    assert begun.wait(10.0)
    for place in range(200):
        task.start(lambda progress, place=place: place, shown.append)
    gate.set()
    assert task.wait(10.0)
    assert shown == [199]


def test_stop_stops_a_running_job_and_the_next_one_runs():
    task, shown, gate, begun = BackgroundTask(), [], threading.Event(), threading.Event()
    task.start(gated(gate, begun, "stopped"), shown.append)
    assert begun.wait(10.0) and not task.stop_button.disabled
    task.stop_button.click()
    gate.set()
    assert task.wait(10.0) and shown == [] and "stopped" in task.words.value
    task.start(lambda progress: "next", shown.append)
    assert task.wait(10.0) and shown == ["next"] and task.words.value == ""


def test_errors_are_told_in_words():
    def refused(progress):
        raise MaskError("the mask is <all> black")

    task = BackgroundTask()
    task.start(refused, lambda _: None)
    assert task.wait(10.0) and "the mask is &lt;all&gt; black" in task.words.value
    task.start(lambda progress: 1 / 0, lambda _: None)
    assert task.wait(10.0) and "ZeroDivisionError" in task.words.value


def test_head_viewer_draws_the_heads_and_heatmap_of_its_sliders(reconstruction):
    viewer = HeadViewer(reconstruction)
    assert np.array_equal(viewer.mesh.vertices, reconstruction.fit.vertices)
    viewer.shown.value = 3
    assert np.array_equal(viewer.mesh.vertices, reconstruction.samples.vertices[2])
    viewer.number.value = 6
    viewer.weight.value = 0
    assert viewer.task.wait()
    found = viewer.reconstruction
    assert len(found.samples.vertices) == 6 and found.settings.diversity.dpp_weight == 0.0
    assert np.array_equal(viewer.mesh.vertices, found.samples.vertices[2])
    where = found.fit.occluded & (found.spread > 0.1)
    np.testing.assert_allclose(viewer.mesh.attribute[where], found.spread[where], rtol=1e-5)
    assert not viewer.mesh.attribute[~found.fit.occluded].any()
    assert f"ASD {metrics.asd(found.samples.vertices, found.fit.occluded):.2f} mm" in viewer.readout.value
    viewer.weight.value = 256
    assert viewer.task.wait()
    assert viewer.reconstruction.measures()["asd_occluded_mm"] > 1.5 * found.measures()["asd_occluded_mm"]


def test_one_head_has_no_spread(reconstruction):
    samples = replace(reconstruction.samples, vertices=reconstruction.samples.vertices[:1])
    with pytest.raises(SettingsError, match="samples=2"):
        HeadViewer(replace(reconstruction, samples=samples))
