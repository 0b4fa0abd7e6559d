"""The widgets, driven from Python as the browser would: no browser here (see test_browser)."""

import threading
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from traitlets import TraitError

from d3f_lite import metrics
from d3f_lite.errors import MaskError, SettingsError
from d3f_lite.formats.landmark_files import read_landmarks
from d3f_lite.observation.masks import Stroke, read_mask, read_strokes
from d3f_lite.observation.photo import SAMPLE_PHOTOS, Photo, sample_photo
from d3f_lite.observe import observe
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.reconstruct import reconstruct
from d3f_lite.results.pictures import heatmap_colours, heatmap_shares
from d3f_lite.settings import FitSettings, Settings
from widgets import (
    BackgroundTask,
    DppPlayground,
    FittingViewer,
    HeadGrid,
    HeadModelExplorer,
    HeadViewer,
    LandmarkEditor,
    MaskPainter,
    PhotoControls,
)  # fmt: skip
from widgets.plots import scale_top

pytestmark = pytest.mark.slow


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
        assert gate.wait(60.0)
        progress("second half", 0.5)
        return result

    return work


def test_only_the_latest_of_many_jobs_is_shown():
    task, shown, gate, begun = BackgroundTask(), [], threading.Event(), threading.Event()
    task.start(gated(gate, begun, "stale"), shown.append)
    assert begun.wait(60.0)
    for place in range(200):
        task.start(lambda progress, place=place: place, shown.append)
    gate.set()
    assert task.wait(60.0)
    assert shown == [199]


def test_stop_stops_a_running_job_and_the_next_one_runs():
    task, shown, gate, begun = BackgroundTask(), [], threading.Event(), threading.Event()
    task.start(gated(gate, begun, "stopped"), shown.append)
    assert begun.wait(60.0) and not task.stop_button.disabled
    task.stop_button.click()
    gate.set()
    assert task.wait(60.0) and shown == [] and "stopped" in task.words.value
    task.start(lambda progress: "next", shown.append)
    assert task.wait(60.0) and shown == ["next"] and task.words.value == ""


def test_stop_forgets_a_waiting_job_and_says_so():
    task, shown, gate, begun = BackgroundTask(), [], threading.Event(), threading.Event()

    def show(result):
        begun.set()
        assert gate.wait(60.0)
        shown.append(result)

    task.start(lambda progress: "drawn", show)
    assert begun.wait(60.0)
    task.start(lambda progress: "forgotten", shown.append)
    task.stop_button.click()
    gate.set()
    assert task.wait(60.0) and shown == ["drawn"] and task.words.value == "stopped"


def test_each_stage_starts_the_bar_anew():
    task, bars = BackgroundTask(), []
    task.bar.observe(lambda change: bars.append(change["new"]), "value")

    def work(progress):
        for stage in ("landmarks", "colours"):
            for fraction in (0.0, 0.01, 0.5, 1.0):
                progress(stage, fraction)

    task.start(work, lambda _: None)
    assert task.wait(60.0) and bars == [0.5, 1.0, 0.0, 0.5, 1.0]


def test_errors_are_told_in_words():
    def refused(progress):
        raise MaskError("the mask is <all> black")

    task = BackgroundTask()
    task.start(refused, lambda _: None)
    assert task.wait(60.0) and "the mask is &lt;all&gt; black" in task.words.value
    task.start(lambda progress: 1 / 0, lambda _: None)
    assert task.wait(60.0) and "ZeroDivisionError" in task.words.value


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
    assert any(getattr(one, "text", "") == r"\text{spread, mm}" for one in viewer.plot.objects)
    colours = np.stack([viewer.mesh.colors >> shift & 255 for shift in (16, 8, 0)], 1) / 255
    share, never = heatmap_shares(found.fit, found.head)
    expected = heatmap_colours(found.spread, share, viewer.mesh.color_range[1], never)
    np.testing.assert_allclose(colours, expected, atol=1 / 255)
    assert (np.ptp(colours[share == 0], axis=1) < 0.03).all()  # no colour there
    assert f"ASD {metrics.asd(found.samples.vertices, found.fit.occluded):.2f} mm" in viewer.readout.value
    viewer.weight.value = 256
    assert viewer.task.wait()
    assert viewer.reconstruction.measures()["asd_occluded_mm"] > 1.5 * found.measures()["asd_occluded_mm"]


def test_one_head_has_no_spread(reconstruction):
    found = reconstruction.samples
    samples = replace(found, vertices=found.vertices[:1], latents=found.latents[:1])
    with pytest.raises(SettingsError, match="samples=2"):
        HeadViewer(replace(reconstruction, samples=samples))


def test_the_colour_scale_ends_where_its_ticks_are_round():
    """k3d halves a step of a tenth of the next power of ten until four fit, and rounds the label to its first digit."""
    for highest in (0.3, 1.2, 5.5, 12.0, 21.0):
        top = scale_top(highest)
        step = 10.0 ** np.ceil(np.log10(top)) / 10
        while np.floor(top / step + 1e-3) < 4:
            step /= 2
        digits = max(int(np.ceil(-np.log10(step))), 0)
        assert top >= highest and round(step, digits) == step


def test_head_grid_keeps_its_meshes_while_the_number_of_heads_stays(reconstruction):
    grid, heads = HeadGrid(reconstruction.head.triangles), reconstruction.samples.vertices
    grid.show(heads)
    before = list(grid.meshes)
    grid.show(heads + 1.0)
    assert grid.meshes == before and len(grid.plot.objects) == 4
    assert not np.allclose(grid.meshes[0].vertices, grid.meshes[1].vertices, atol=50.0)
    grid.show(heads[:2])
    assert len(grid.plot.objects) == 2


def test_head_model_explorer_draws_the_coefficients_of_its_sliders(reconstruction):
    head = reconstruction.head
    explorer = HeadModelExplorer(head)
    explorer.sliders[0].value = 2.0
    explorer.region.value = "lips"
    explorer.regional[1].value = -1.0
    coefficients = np.zeros(len(head.basis))
    coefficients[0] = 2.0
    row = [place for place, name in enumerate(head.bases.regional_names) if name == "lips"][1]
    coefficients[len(head.bases.shape) + len(head.bases.expression) + row] = -1.0
    np.testing.assert_array_equal(explorer.mesh.vertices, head.vertices(coefficients))
    explorer.region.value = "nose"
    assert explorer.regional[1].value == 0.0
    explorer.region.value = "lips"
    assert explorer.regional[1].value == -1.0
    explorer.random.click()
    assert explorer.sliders[0].value != 2.0 and np.abs(explorer.coefficients).max() > 2.0
    explorer.reset.click()
    np.testing.assert_array_equal(explorer.mesh.vertices, head.mean)


def test_painter_turns_strokes_into_a_mask_of_the_photo(tmp_path):
    photo = Photo.from_array(np.full((200, 800, 3), 128, np.uint8))
    given = np.zeros((200, 800), bool)
    given[:20] = True
    calls = []
    painter = MaskPainter(photo, given, lambda: calls.append(painter.occluded.sum()))
    width, height = painter.size
    assert (width, height) == (400, 100) and np.array_equal(painter.occluded, given) and not painter.strokes.any()
    strokes = np.zeros((height, width), np.uint8)
    strokes[20:30, 100:150], strokes[5:10, 200:300] = Stroke.OCCLUDED, Stroke.VISIBLE
    painter.set_state({"painted": memoryview(strokes.tobytes())})  # as the browser sends it
    expected = given.copy()
    expected[40:60, 200:300], expected[10:20, 400:600] = True, False
    np.testing.assert_array_equal(painter.occluded, expected)
    painter.save(tmp_path / "mask.png")
    painter.save_strokes(tmp_path / "strokes.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png", photo), expected)
    np.testing.assert_array_equal(read_strokes(tmp_path / "strokes.png", photo), painter.strokes)
    painter.set_state({"painted": memoryview(bytes(width * height))})
    assert np.array_equal(painter.occluded, given)
    assert calls == [expected.sum(), given.sum()]


@pytest.mark.parametrize("painted", (b"", b"\x07", None), ids=("nothing", "no stroke", "too short"))
def test_the_brush_keeps_its_strokes_where_a_browser_sends_what_cannot_be_some(painted, reconstruction):
    painter = MaskPainter(reconstruction.observation.photo)
    before = painter.painted
    sent = before[:-1] if painted is None else painted * len(before)
    with pytest.raises(TraitError, match="strokes must be"):
        painter.set_state({"painted": memoryview(sent)})
    assert painter.painted == before and not painter.occluded.any()


@pytest.mark.parametrize("points", ([], [[0.0, 0.0]] * 67, [["x", 0.0]] * 68, [[float("nan"), 0.0]] * 68))
def test_the_editor_keeps_its_points_where_a_browser_sends_what_cannot_be_some(points, reconstruction):
    editor = LandmarkEditor(reconstruction.observation)
    before = editor.points
    with pytest.raises(TraitError):
        editor.set_state({"points": points})
    assert editor.points == before and editor.landmarks is reconstruction.observation.landmarks


def test_editor_trusts_a_dragged_landmark(reconstruction, tmp_path):
    editor = LandmarkEditor(reconstruction.observation)
    points = [list(point) for point in editor.points]
    points[33][0] += 5.0
    editor.set_state({"points": points})
    before = reconstruction.observation.landmarks
    moved = np.linalg.norm(editor.observation.landmarks.xy - before.xy, axis=1)
    assert moved[33] == pytest.approx(5.0, abs=1e-4) and np.delete(moved, 33).max() == 0.0
    assert before.confidence[33] < 1.0 == editor.landmarks.confidence[33]
    assert "1 of 68" in editor.words
    editor.save(tmp_path / "landmarks.csv")
    again = read_landmarks(tmp_path / "landmarks.csv", reconstruction.observation.photo)
    np.testing.assert_array_equal(again.xy, editor.landmarks.xy)
    assert again.backend == editor.landmarks.backend and again.detector == before.detector
    editor._handle_custom_msg("reset", [])  # as the browser sends it
    assert editor.landmarks is before


def test_fitting_viewer_fits_with_its_switches(reconstruction):
    viewer = FittingViewer(reconstruction.observation, reconstruction.head)
    viewer.controls["photometric_iterations"].value, drawn = 6, []
    viewer.losses.observe(lambda change: drawn.append((change["new"], viewer.fit)), "value")
    viewer.button.click()
    assert viewer.task.wait()
    assert [f"after {count} steps" in picture for count, (picture, _) in zip((0, 1, 2), drawn)] == [True] * 3
    assert drawn[2][1] is None and "after 6 steps" in viewer.losses.value  # drawn before there was a fit
    viewer.controls["photometric_iterations"].value = 0
    viewer.button.click()
    assert viewer.task.wait()
    np.testing.assert_array_equal(viewer.fit.vertices, reconstruction.fit.vertices)
    hidden = replace(reconstruction.observation.landmarks, confidence=np.zeros(68, np.float32))
    blind = FittingViewer(replace(reconstruction.observation, landmarks=hidden), reconstruction.head)
    blind.start()
    assert blind.task.wait() and blind.fit is not None  # nothing is reliable: colours and population say the rest


def test_playground_spreads_points_in_the_plane():
    playground = DppPlayground(number=8)
    before = playground.samples
    assert before.vertices.shape == (8, 2, 3) and not before.vertices[:, 0].any()
    playground.sliders["dpp_weight"].value = 0
    assert np.abs(playground.samples.vertices).max() < 0.1 * np.abs(before.vertices).max()
    playground.method.value, playground.number.value = "published DPP loss", 5
    assert playground.samples.method == "published" and playground.sliders["mass"].layout.display == "none"
    assert playground.samples.vertices.shape == (5, 2, 3)


def test_photo_is_uploaded_its_occluder_estimated_and_corrected_by_strokes():
    path = Path(find_spec("skimage").origin).parent / SAMPLE_PHOTOS["astronaut"][1]
    told = []
    controls = PhotoControls(sample_photo("grace_hopper"), changed=lambda: told.append(controls.evidence[0].name))
    task = controls.task
    send = lambda name, content: controls.upload._handle_custom_msg({"name": name}, [memoryview(content)])
    send("../astronaut.png", path.read_bytes())
    assert task.wait() and told == ["astronaut"], task.words.value
    strokes = np.zeros(controls.painter.size[::-1], np.uint8)
    strokes[120:140, 150:200] = Stroke.OCCLUDED
    controls.painter.set_state({"painted": memoryview(strokes.tobytes())})
    photo, occluded, painted = controls.evidence
    assert photo.shape == (512, 512) and occluded is None and painted[160, 220] == Stroke.OCCLUDED
    observation = observe(photo, occluded, strokes=painted)
    controls.show(observation)
    np.testing.assert_array_equal(controls.painter.occluded, observation.masks.occluded)
    controls.occluder.value = "sunglasses"
    assert task.wait()
    photo, occluded, painted = controls.evidence
    assert occluded.any() and painted is None and (photo.pixels != controls.portrait.pixels)[occluded].any()
    send("diary.txt", b"no image")
    assert task.wait() and "diary.txt: not an image" in task.words.value and controls.evidence[0] is photo
