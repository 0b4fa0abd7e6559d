"""The explorer as a widget: what Python reads of its state, and how the browser keeps that state in step."""

from dataclasses import replace

import pytest
from browser import MISSING, REASON, chromium, poll

from d3f_lite.errors import SettingsError
from d3f_lite.observation.photo import sample_photo
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.reconstruct import reconstruct
from d3f_lite.results.explorer_page import MODULE
from d3f_lite.settings import FitSettings, Settings
from widgets import HeadExplorer

pytestmark = pytest.mark.slow

# A model as anywidget gives one, and the view of it; in the browser what is sent is kept in ``sent``.
VIEW = """
async ([source, data, state]) => {
  const values = { data, state }, listeners = {};
  const change = (name, value) => { values[name] = value; (listeners[`change:${name}`] ?? []).forEach((one) => one()); };
  window.sent = [];
  window.model = {
    get: (name) => values[name],
    set: change,
    save_changes: () => sent.push(values.state),
    on: (event, listener) => (listeners[event] ??= []).push(listener),
    off: (event, listener) => (listeners[event] = listeners[event].filter((one) => one !== listener)),
  };
  const module = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  window.close = await module.default.render({ model, el: document.body });
}
"""


@pytest.fixture(scope="module")
def found():
    """A Reconstruction of six heads, without colours."""
    portrait = sample_photo("grace_hopper")
    photo, occluded = draw_occluder(portrait, detect_landmarks(portrait), "surgical_mask")
    return reconstruct(photo, occluded, samples=6, seed=3, settings=Settings(fit=FitSettings(photometric_iterations=0)))


def test_the_state_says_with_which_settings_python_makes_the_same_heads(found):
    explorer = HeadExplorer(found)
    assert (explorer.settings, explorer.number, explorer.seed) == (found.settings, 6, 3)
    explorer.state = {"weight": 8, "number": 12, "seed": 5, "mass": 0.5, "head": 2, "form": "iid"}
    changed = replace(found.settings.diversity, dpp_weight=8.0, mass=0.5, form="iid")
    assert explorer.settings == replace(found.settings, diversity=changed)
    assert (explorer.number, explorer.seed) == (12, 5)
    explorer.state = {"mass": 7.0}
    with pytest.raises(SettingsError, match="mass must be from"):
        _ = explorer.settings


@pytest.mark.skipif(MISSING, reason=REASON)
def test_sliders_and_state_move_each_other(found):
    explorer = HeadExplorer(found, weight=8.0)
    with chromium() as browser:
        page, faults = browser.new_page(reduced_motion="reduce"), []
        page.on("pageerror", lambda fault: faults.append(fault))
        page.evaluate(VIEW, [MODULE.read_text(encoding="utf-8"), explorer.data, explorer.state])
        poll(lambda: page.locator(".head").count() == 6, "there are not six heads")
        assert page.get_by_label("DPP weight").first.get_attribute("aria-valuetext") == "8 nats"
        page.get_by_label("Number of heads").fill("9")
        poll(lambda: page.locator(".head").count() == 9, "there are not nine heads")
        of_nine = lambda: (state := page.evaluate("sent.at(-1)")) and state.get("number") == 9 and state
        explorer.state = poll(of_nine, "the state was not sent")
        assert (explorer.settings.diversity.dpp_weight, explorer.number, explorer.seed) == (8.0, 9, 3)
        page.evaluate("model.set('state', { number: 4, weight: 2 })")  # as from Python
        poll(lambda: page.locator(".head").count() == 4, "there are not four heads")
        assert page.get_by_label("DPP weight").first.get_attribute("aria-valuetext") == "2 nats"
        page.evaluate("close()")
        assert page.locator(".head").count() == 0 and not faults
