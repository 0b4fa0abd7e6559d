"""The explorer as a widget: from a photo and its mask to heads and files, and what Python and the browser tell each other."""

import io
import tempfile
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import trimesh
from browser import MISSING, REASON, chromium, poll, tab
from PIL import Image

from d3f_lite import metrics
from d3f_lite.errors import D3FError, SettingsError
from d3f_lite.observation.masks import Stroke
from d3f_lite.observation.photo import sample_photo
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.reconstruct import complete, reconstruct
from d3f_lite.results.explorer_data import explorer_data
from d3f_lite.settings import FitSettings, Settings
from widgets import Explorer, ExplorerView

pytestmark = pytest.mark.slow

QUICK = Settings(fit=FitSettings(photometric_iterations=0))
# A model as anywidget gives one, and the view of it; in the browser what is sent is kept in ``sent``.
VIEW = """
async ([source, data, state]) => {
  const values = { data: {}, state };
  window.listeners = {};
  window.sent = [];
  window.model = {
    get: (name) => values[name],
    set: (name, value) => { values[name] = value; (listeners[`change:${name}`] ?? []).forEach((one) => one()); },
    save_changes: () => sent.push(values.state),
    on: (event, listener) => (listeners[event] ??= []).push(listener),
    off: (event, listener) => (listeners[event] = listeners[event].filter((one) => one !== listener)),
  };
  const module = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  window.close = await module.default.render({ model, el: document.body });
  window.before = document.body.textContent;
  model.set("data", data);
}
"""


@pytest.fixture(scope="module")
def masked():
    """A portrait with a drawn mask."""
    portrait = sample_photo("grace_hopper")
    return draw_occluder(portrait, detect_landmarks(portrait), "surgical_mask")


@pytest.fixture(scope="module")
def found(masked):
    """A Reconstruction of four heads, without colours."""
    return reconstruct(*masked, samples=4, settings=QUICK)


@pytest.fixture(scope="module")
def explorer(masked):
    """An Explorer of the same."""
    explorer = Explorer(*masked, settings=QUICK, samples=4)
    assert explorer.reconstruction is None and explorer.export.disabled
    assert explorer.wait(), explorer.task.words.value
    return explorer


def test_the_state_says_with_which_settings_python_makes_the_same_heads(found):
    view = ExplorerView(found)
    assert view.reconstruction.settings == found.settings
    view.state = {"dpp_weight": 8, "number": 12, "seed": 5, "mass": 0.5, "head": 2, "form": "iid"}
    changed = replace(found.settings.diversity, dpp_weight=8.0, mass=0.5, form="iid")
    assert view.reconstruction.settings == replace(found.settings, diversity=changed)
    assert (len(view.reconstruction.samples.vertices), view.reconstruction.samples.seed) == (12, 5)
    for state, words in (
        ({"mass": 7.0}, "mass must be a number from"),
        ({"number": 10**6}, "number must be"),
        ({"seed": -1}, "seed must"),
    ):
        view.state = state
        with pytest.raises(SettingsError, match=words):
            _ = view.reconstruction


def test_its_heads_are_those_of_python_for_the_same_settings(explorer, found, masked):
    np.testing.assert_array_equal(explorer.reconstruction.samples.vertices, found.samples.vertices)
    explorer.view.state = {"number": 3, "bandwidth": 0.6, "mass": 0.5}
    same = reconstruct(*masked, samples=3, settings=explorer.reconstruction.settings)
    np.testing.assert_array_equal(explorer.reconstruction.samples.vertices, same.samples.vertices)
    explorer.view.state = {"number": 3, "seed": 2}
    same = complete(found.fit, found.head, found.settings.diversity, 3, 2)
    np.testing.assert_array_equal(explorer.reconstruction.samples.vertices, same.vertices)
    explorer.view.state = {"bandwidth": 0.5}
    narrow, where = explorer.reconstruction.samples.vertices, found.fit.occluded
    assert metrics.asd(narrow, where) < 0.9 * metrics.asd(found.samples.vertices, where)
    explorer.view.state = {}


def test_export_gives_the_heads_as_they_stand_and_leaves_nothing_on_the_server(explorer, masked, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "server"))
    (tmp_path / "server").mkdir()
    explorer.view.state = {"dpp_weight": 4.0}
    sent = []
    monkeypatch.setattr(explorer.view, "send", lambda content, buffers: sent.append((content["archive"], *buffers)))
    explorer.export.click()
    assert explorer.wait() and "ready" in explorer.task.words.value
    [(name, content)] = sent
    assert name == f"{masked[0].name}.zip"
    assert not any((tmp_path / "server").iterdir())  # a stranger's photo does not stay
    folder = tmp_path / masked[0].name
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder)
    found = explorer.reconstruction
    assert Settings.load(folder / "settings.toml") == found.settings and found.settings.diversity.dpp_weight == 4.0
    meshes = [trimesh.load(folder / f"sample_{number:03d}.ply", process=False).vertices for number in range(4)]
    np.testing.assert_allclose(meshes, found.samples.vertices, atol=1e-4)
    assert not (folder / "sample_004.ply").exists() and Image.open(folder / "samples.png").size > (500, 500)
    explorer.view.state = {}


def test_a_stroke_gives_other_heads_under_the_same_settings(explorer, masked):
    explorer.view.state = {"number": 3}
    strokes = np.zeros(explorer.photo.painter.size[::-1], np.uint8)
    strokes[40:90, 120:200] = Stroke.OCCLUDED
    explorer.photo.painter.set_state({"painted": memoryview(strokes.tobytes())})
    assert explorer.export.disabled and explorer.wait()
    found = explorer.reconstruction
    assert len(found.samples.vertices) == 3 and (found.observation.masks.occluded & ~masked[1]).any()


def test_it_opens_with_a_masked_portrait_takes_another_occluder_and_says_what_is_wrong_with_another():
    explorer = Explorer(settings=QUICK, samples=2)
    assert explorer.wait() and explorer.photo.occluder.value == "surgical_mask"
    assert explorer.view.data["name"] == "grace_hopper" and explorer.reconstruction.fit.occluded.any()
    explorer.photo.occluder.value = "sunglasses"
    assert explorer.wait() and not explorer.export.disabled
    portrait, occluded = explorer.photo.portrait, explorer.reconstruction.observation.masks.occluded
    np.testing.assert_array_equal(occluded, draw_occluder(portrait, detect_landmarks(portrait), "sunglasses")[1])
    blank = Explorer(np.full((200, 200, 3), 128, np.uint8), settings=QUICK)
    assert blank.wait() and "face" in blank.task.words.value and blank.reconstruction is None
    with pytest.raises(D3FError):
        Explorer("nowhere.png")


@pytest.mark.skipif(MISSING, reason=REASON)
def test_sliders_and_state_move_each_other_and_other_data_keep_the_state(found):
    view = ExplorerView(found, dpp_weight=8.0)
    with chromium() as browser:
        page, faults = tab(browser, reduced_motion="reduce"), []
        page.on("pageerror", lambda fault: faults.append(fault))
        page.evaluate(VIEW, [ExplorerView._esm, view.data, view.state])
        assert "as soon as the photo is fitted" in page.evaluate("before")
        poll(lambda: page.locator(".head").count() == 4, "there are not four heads")
        weight = page.get_by_label("DPP weight").first
        assert weight.get_attribute("aria-valuetext") == "8 nats"
        page.get_by_label("Number of heads").fill("9")
        poll(lambda: page.locator(".head").count() == 9, "there are not nine heads")
        of_nine = lambda: (state := page.evaluate("sent.at(-1)")) and state.get("number") == 9 and state
        view.state = poll(of_nine, "the state was not sent")
        assert view.reconstruction.settings.diversity.dpp_weight == 8.0 and len(view.reconstruction.samples.vertices) == 9
        page.evaluate("model.set('state', { number: 5, dpp_weight: 2 })")  # as from Python
        poll(lambda: page.locator(".head").count() == 5, "there are not five heads")
        assert weight.get_attribute("aria-valuetext") == "2 nats"
        other = explorer_data(
            replace(found, observation=replace(found.observation, photo=replace(found.observation.photo, name="b")))
        )
        page.evaluate("data => model.set('data', data)", other)
        poll(lambda: page.locator("h1").text_content() == "b", "it shows the first photo")
        poll(lambda: page.locator(".head").count() == 5, "the state is lost")
        assert page.locator(".d3fx").count() == 1
        page.evaluate("listeners['msg:custom'][0]({ archive: 'b.zip' }, [new Uint8Array([80, 75])])")
        with page.expect_download() as download:
            page.get_by_text("Download b.zip").click()
        assert download.value.suggested_filename == "b.zip" and download.value.path().read_bytes() == b"PK"
        page.evaluate("close()")
        assert page.locator(".head").count() == 0 and not faults
