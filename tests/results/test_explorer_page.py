"""The explorer's page: its data are small and right, and a real browser shows its heads, offline, at a desk and on a phone."""

import json
import re
from dataclasses import replace

import javascript
import numpy as np
import pytest
from browser import MISSING, REASON, chromium, drawn, pixels, poll, tab

from d3f_lite.errors import OutputError
from d3f_lite.metrics import asd
from d3f_lite.observation.photo import sample_photo
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.reconstruct import complete, reconstruct
from d3f_lite.results import explorer_page
from d3f_lite.results.explorer_data import explorer_data
from d3f_lite.settings import DiversitySettings, FitSettings, Settings

pytestmark = pytest.mark.slow

HOSTILE = "</title><script>hacked = 1</script> José & co"
SIZES = {"desk": (1280, 800), "phone": (390, 844)}
LARGEST, LARGEST_PAGE = 1_000_000, 4_000_000  # bytes of the data, and of the whole page
ROUNDING = 0.15  # mm, of a head: the remainder's steps


@pytest.fixture(scope="module")
def found():
    """A Reconstruction of sixteen heads, without colours, of a photo with a hostile name."""
    portrait = sample_photo("astronaut")
    photo, occluded = draw_occluder(portrait, detect_landmarks(portrait), "surgical_mask")
    return reconstruct(replace(photo, name=HOSTILE), occluded, settings=Settings(fit=FitSettings(photometric_iterations=0)))


@pytest.fixture(scope="module")
def data(found):
    """What its page holds."""
    return explorer_data(found)


@pytest.fixture(scope="module")
def path(found, tmp_path_factory):
    """The page of ``found``."""
    path = tmp_path_factory.mktemp("explorer") / "viewer.html"
    path.write_text(explorer_page.explorer_page(found), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def fresh(path):
    """A function that opens the page anew, offline and by default without motion; no fault may be told."""
    if MISSING:
        pytest.skip(REASON)
    faults = []
    with chromium() as browser:

        def open_page(address="", size="desk", scheme="light", motion="reduce", home=path, before=""):
            width, height = SIZES[size]
            page = tab(
                browser, offline=True, viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion=motion
            )
            page.on("pageerror", lambda fault: faults.append(str(fault)))
            page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
            page.add_init_script(before)
            page.goto(home.as_uri() + address)
            settled(page)
            return page

        open_page.faults = faults
        yield open_page
    assert not faults


@pytest.fixture(scope="module")
def shared(fresh):
    """One page that most tests share."""
    return fresh()


@pytest.fixture
def shown(shared):
    """A function that moves the shared page to an address, as a link does."""

    def go(address="#"):
        shared.evaluate("hash => { location.hash = hash; dispatchEvent(new Event('hashchange')); }", address)
        settled(shared)
        return shared

    return go


def settled(page):
    """Wait until a page shows the heads of its settings."""
    poll(lambda: page.locator(".d3fx[aria-busy=false]").count() and page.locator(".bar").count() >= 6, "no heads")


def first_number(page, measure, bar=0):
    """What a bar of a measure says."""
    text = page.locator("tr", has_text=measure).locator(".bar").nth(bar).text_content()
    return float(re.search(r"[\d.]+(?!.*\d)", text)[0])


def coloured(page):
    """Whether the large head stands there in the heat map's colours."""
    large = pixels(page.locator(".stage"))
    return drawn(large) and (large.astype(int).max(-1) - large.min(-1) > 60).mean() > 0.03


def choose(page, label, value):
    """Choose an option by its value, though it may be folded away."""
    page.get_by_label(label).evaluate("(one, value) => { one.value = value; one.dispatchEvent(new Event('change')); }", value)
    settled(page)


def test_data_are_small_and_the_page_takes_no_name_for_html(data, path):
    assert len(json.dumps(data)) <= LARGEST and path.stat().st_size <= LARGEST_PAGE
    page = path.read_text(encoding="utf-8")
    assert page.startswith('<!doctype html>\n<html lang="en">') and HOSTILE not in page and "sampled, not observed" in page
    assert set(re.findall(r"https?://[^\"'\s)]+", page)) == {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert not re.search(r"fetch\(|XMLHttpRequest|WebSocket|\bsrc=|\bimport\b[^a]", page)


def test_a_page_says_that_it_holds_the_photo_or_holds_neither_it_nor_its_colours(found, data, shown):
    holds = "This page holds the photo and the face's colours"
    assert holds in shown().locator(".d3fx").text_content() and data["photo"].startswith("data:image/jpeg")
    bare = explorer_data(found, with_photo=False)
    assert not bare["photo"] and not bare["mask"]
    photo = found.observation.photo
    other = replace(found, observation=replace(found.observation, photo=replace(photo, pixels=255 - photo.pixels)))
    assert bare["packed"] == explorer_data(other, with_photo=False)["packed"] != data["packed"]
    assert data["packed"] != explorer_data(other)["packed"]


def test_a_page_without_the_photo_shows_its_heads(found, tmp_path, fresh):
    path = tmp_path / "bare.html"
    path.write_text(explorer_page.explorer_page(found, with_photo=False), encoding="utf-8")
    page = fresh(home=path)
    assert coloured(page) and not page.locator("img").count()
    assert [page.get_by_label(look, exact=True).count() for look in ("Photo", "Skin", "Spread", "Clay")] == [0, 0, 1, 1]
    assert "holds neither the photo nor its colours" in page.locator(".d3fx").text_content()
    page.close()


def test_where_a_browser_has_no_webgl_the_stage_says_so_and_the_rest_works(fresh):
    page = fresh(
        before="HTMLCanvasElement.prototype.getContext = (own => function (kind, ...more) {"
        "return kind === 'webgl2' ? null : own.call(this, kind, ...more); })(HTMLCanvasElement.prototype.getContext)"
    )
    said, stage = page.locator(".stage .missing"), page.locator(".stage").bounding_box()
    box = said.bounding_box()
    assert "no WebGL 2" in said.text_content() and stage["y"] < box["y"] < stage["y"] + stage["height"]
    wide = first_number(page, "nearest")
    page.mouse.click(stage["x"] + 200, stage["y"] + 150)
    page.get_by_label("DPP weight").first.press("Home")
    poll(lambda: first_number(page, "nearest") < 0.7 * wide, "the measures do not follow")
    page.close()


def test_a_page_runs_and_loads_nothing_but_its_own(fresh):
    page = fresh()
    for attack in ("Object.assign(document.createElement('img'), {src: 'x', onerror: 'hacked = 1'})",
                   "Object.assign(document.createElement('script'), {textContent: 'hacked = 1'})"):  # fmt: skip
        page.evaluate(f"document.body.append({attack})")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p onclick=\"hacked = 1\" id=trap>x</p>')")
    page.evaluate("document.querySelector('#trap').click()")
    refused = page.evaluate("fetch('data:text/plain,x').then(() => 'fetched', () => 'refused')")
    assert refused == "refused" and page.evaluate("typeof hacked") == "undefined"
    page.close()
    fresh.faults.clear()  # the browser tells of each


def test_without_anybody_who_makes_a_page_one_line_says_what_to_do(found, monkeypatch):
    monkeypatch.setattr(explorer_page, "entry_points", lambda group: [])
    with pytest.raises(OutputError, match="install d3f-lite again"):
        explorer_page.explorer_page(found)


def test_limits_and_stops_are_those_of_the_settings(found, data):
    photo, occluded = found.observation.photo, found.observation.masks.occluded
    for name, argument in (("number", "samples"), ("seed", "seed")):
        for beyond in (data["limits"][name][0] - 1, data["limits"][name][1] + 1):
            with pytest.raises(Exception, match=argument):
                reconstruct(photo, occluded, **{argument: beyond})
    for name, stops in data["stops"].items():
        low, high = data["limits"][name]
        assert low <= min(stops) and max(stops) <= high and list(stops) == sorted(stops)
    for form in data["limits"]["form"]:
        Settings(diversity=DiversitySettings(form=form))


@pytest.mark.skipif(javascript.MISSING, reason=javascript.REASON)
def test_the_packed_posterior_gives_the_heads_of_python(found, data):
    with javascript.javascript("data", "exploring", "posterior", "slices") as js:
        js("kept.posterior = await unpack(given);", data)
        for form in ("calibrated", "iid"):
            settings = replace(found.settings.diversity, form=form, dpp_weight=22.0)
            samples = complete(found.fit, found.head, settings, 12, 7)
            told = data["settings"] | {"form": form, "dpp_weight": 22.0, "number": 12, "seed": 7}
            heads = np.reshape(js("return atOnce(explored(kept.posterior, given)).heads;", told), samples.vertices.shape)
            assert np.sqrt(np.square(heads - samples.vertices).sum(-1).mean(1)).max() < ROUNDING
            if form == "calibrated":
                np.testing.assert_allclose(heads[0], found.samples.vertices[0], atol=1e-3)  # the most likely one is exact
        spreads = found.decoder.spread()
        for vertex in (found.fit.occluded.argmax(), found.fit.visible.argmax()):
            covariance = np.reshape(js("return marginalCovariance(kept.posterior, given);", int(vertex)), (3, 3))
            assert np.sqrt(np.trace(covariance)) == pytest.approx(spreads[vertex], rel=0.02, abs=0.02)


@pytest.mark.parametrize("size, scheme", (("desk", "dark"), ("phone", "light")))
def test_the_first_screen_shows_heads_photo_and_controls(fresh, size, scheme):
    page = fresh(size=size, scheme=scheme)
    width, height = SIZES[size]
    assert page.title() == f"{HOSTILE}: heads to explore" and page.evaluate("typeof hacked") == "undefined"
    assert page.evaluate("document.documentElement.scrollWidth") == width
    within = [page.locator(".stage"), page.locator(".heads"), page.get_by_alt_text("The photo"), page.get_by_label("DPP weight").first,
              page.get_by_label("Number of heads"), page.get_by_label("Seed"), page.locator(".said")]  # fmt: skip
    for part in within:
        box = part.bounding_box()
        assert part.is_visible() and box["y"] >= 0 and box["y"] + box["height"] <= height
    assert re.search(r"Where seen, this face is [\d.]+ mm from the average one", page.locator(".said").text_content())
    assert page.locator(".scale").text_content().count(" mm") == 3
    assert coloured(page)
    assert page.locator(".head").count() == 16
    for place in (0, 15):
        assert np.unique(pixels(page.locator(".head").nth(place)).reshape(-1, 3), axis=0).shape[0] > 200
    page.close()


def test_sliders_move_the_heads_and_the_address_brings_them_back(shown, fresh, found):
    page = shown()
    wide, before = first_number(page, "nearest"), pixels(page.locator(".heads"))
    page.get_by_label("DPP weight").first.press("Home")
    poll(lambda: first_number(page, "nearest") < 0.7 * wide, "less weight left the heads as far apart")
    independent = complete(found.fit, found.head, replace(found.settings.diversity, form="iid"), 16, 0)
    assert first_number(page, "nearest", bar=1) == pytest.approx(asd(independent.vertices, found.fit.occluded), abs=0.06)
    poll(lambda: (pixels(page.locator(".heads")) != before).any(-1).mean() > 0.01, "the heads did not move")
    page.get_by_label("Number of heads").fill("9")
    poll(lambda: page.locator(".head").count() == 9, "there are not nine heads")
    page.get_by_role("button", name="New draw").click()
    page.get_by_text("Clay").click()
    poll(lambda: {"w=0", "n=9", "s=1", "look=clay"} <= set(page.evaluate("location.hash").lstrip("#").split("&")), "no address")
    settled(page)
    narrow = first_number(page, "nearest")
    again = fresh(page.evaluate("location.hash"))
    assert again.locator(".head").count() == 9 and first_number(again, "nearest") == narrow
    assert again.get_by_label("Clay").is_checked()
    again.close()


def test_everything_goes_by_keyboard(shown):
    page = shown()
    page.evaluate("document.activeElement.blur()")
    for part in (".turn", ".head[aria-selected=true]", "input[type=range]"):  # in this order
        for _ in range(9):
            page.keyboard.press("Tab")
            if page.evaluate(f"document.activeElement.matches({part!r})"):
                break
        else:
            raise AssertionError(f"Tab does not reach {part}")
    page.locator(".head").first.focus()
    large = pixels(page.locator(".stage"))
    columns = page.locator(".heads").evaluate("one => getComputedStyle(one).gridTemplateColumns.split(' ').length")
    for key, head in (("ArrowRight", 1), ("ArrowDown", 1 + columns), ("End", 15), ("Home", 0), ("ArrowRight", 1)):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.textContent") == str(head)
        assert page.locator(".words").text_content().startswith(f"Head {head}")
    assert page.locator(".head[aria-selected=true]").count() == 1
    poll(lambda: (pixels(page.locator(".stage")) != large).any(-1).mean() > 0.005, "the large head stayed as it was")
    assert re.match(r"Head 1, [\d.]+ mm from the most likely", page.locator(".head").nth(1).get_attribute("aria-label"))
    front = pixels(page.locator(".stage"))
    page.locator(".turn").press("ArrowLeft")
    poll(lambda: (pixels(page.locator(".stage")) != front).any(-1).mean() > 0.02, "the head did not turn")
    names = page.locator("input, select, button, [tabindex]").evaluate_all(
        "all => all.map(one => one.ariaLabel || one.labels?.[0]?.textContent || one.textContent)"
    )
    assert all(name.strip() for name in names)


def test_one_head_and_very_many_are_shown(shown):
    page = shown("#n=1")
    assert page.locator(".head").count() == 1 and "0.0 mm" in page.locator("tr", has_text="nearest").text_content()
    choose(page, "Heads by", "published")
    assert "Head 0, 0" not in page.locator(".head").get_attribute("aria-label")
    assert shown("#n=200&t=5").locator(".head").count() == 200


def test_the_fit_can_be_seen_too(shown):
    page = shown()
    page.get_by_role("button", name="The fit").click()
    assert page.locator(".words").text_content().startswith("The fit") and not page.locator(".head[aria-selected=true]").count()
    poll(lambda: "head=-1" in page.evaluate("location.hash"), "the address does not tell it")
    page.locator(".head").nth(2).focus()
    assert page.locator(".words").text_content().startswith("Head 2")


def test_the_frontier_shows_where_the_settings_lie(shown):
    page = shown("#n=2&t=20")
    curve = lambda form: (page.locator(f"polyline.{form}").get_attribute("points") or "").split()
    poll(lambda: len(curve("calibrated")) == 8, "no curve")
    places = np.array([place.split(",") for place in curve("calibrated")], float)
    spot = lambda: np.array([float(page.locator("circle.now").get_attribute(name)) for name in ("cx", "cy")])
    assert np.linalg.norm(spot() - places[4]) < 0.5  # 20 nats, on the curve
    page.get_by_label("DPP weight").first.press("Home")
    poll(lambda: np.linalg.norm(spot() - places[0]) < 0.5, "it did not move")
    choose(page, "Heads by", "iid")
    assert np.linalg.norm(spot() - places, axis=1).min() > 5
    page.get_by_role("button", name="Add the published loss").click()
    poll(lambda: len(curve("published")) == 4 and "being computed" not in page.locator(".chart").text_content(), "no other curve")


def test_two_hundred_moves_leave_nothing_behind_and_no_request_leaves_the_page(shown):
    page, asked = shown("#n=8"), []
    page.on("request", lambda request: asked.append(request.url))
    tools = page.context.new_cdp_session(page)
    moves = """times => { // as a hand moves them, faster than heads are found
        const [weight, number] = ["DPP weight", "Number of heads"].map((name) =>
            [...document.querySelectorAll("label")].find((one) => one.textContent === name).control);
        const move = (slider, step) => { slider.valueAsNumber += step; slider.dispatchEvent(new Event("input")); };
        for (let n = 0; n < times / 4; n++) for (const step of [1, -1]) { move(weight, step); move(number, -step); }
    }"""

    def move(times):
        page.evaluate(moves, times)
        settled(page)
        points = lambda: (page.locator("polyline.calibrated").get_attribute("points") or "").split()
        poll(lambda: page.locator(".head").count() == 8 and len(points()) == 8, "the moves left a queue")

    def held():
        """Memory in MB, nodes and listeners that no garbage collection takes away."""
        tools.send("HeapProfiler.collectGarbage")
        counts = tools.send("Memory.getDOMCounters")
        size = tools.send("Runtime.getHeapUsage")["usedSize"] / 2**20
        return np.array([size, counts["nodes"], counts["jsEventListeners"]])

    move(20)
    before = held()
    move(200)
    poll(lambda: (held() - before < [4.0, 50, 20]).all(), "the moves left something behind")
    assert not [address for address in asked if not address.startswith(("data:", "blob:"))]


def test_hovering_a_head_makes_it_large_and_dragging_turns_it(shown):
    page = shown()
    page.locator(".head").nth(6).hover()
    poll(lambda: page.locator(".words").text_content().startswith("Head 6"), "the large head is another one")
    before, box = pixels(page.locator(".stage")), page.locator(".turn").bounding_box()
    page.mouse.move(box["x"] + 150, box["y"] + 300)
    page.mouse.down()
    page.mouse.move(box["x"] + 250, box["y"] + 300, steps=4)
    page.mouse.up()
    poll(lambda: (pixels(page.locator(".stage")) != before).any(-1).mean() > 0.02, "the head did not turn")
    assert not page.locator(".plot svg").count()  # a drag touches no point


def test_motion_until_it_is_stopped_and_only_where_it_is_wanted(shown, fresh):
    still, page = shown(), fresh(motion="no-preference")
    words = lambda: page.locator(".words").text_content()
    assert not still.get_by_role("button", name="Draws in motion").is_visible()
    assert still.locator(".words").text_content().startswith("Head 0") and still.get_by_role("button", name="Play").is_visible()
    name = page.locator(".words b")
    poll(lambda: name.text_content() == "Head 2", "the heads do not pass by themselves")
    page.get_by_role("button", name="Pause").click()
    paused = name.text_content()
    page.get_by_label("DPP weight").first.press("Home")
    settled(page)
    assert name.text_content() == paused and page.get_by_role("button", name="Play").is_visible()

    page.get_by_role("button", name="Draws in motion").click()
    first = poll(lambda: re.match(r"A draw of the posterior[\d.]+ mm", words()) and words(), "no draw passes")
    before = pixels(page.locator(".stage"))
    poll(lambda: words() != first and (pixels(page.locator(".stage")) != before).any(-1).mean() > 0.005, "nothing moves")
    page.get_by_role("button", name="Stop the motion").click()
    assert words().startswith("Head")
    page.get_by_role("button", name="Draws in motion").click()
    page.locator(".head").nth(3).focus()
    assert words().startswith("Head 3") and page.get_by_role("button", name="Draws in motion").is_visible()
    page.close()


def test_a_touched_point_tells_its_spread(shown, found, data):
    page = shown()
    box = page.locator(".turn").bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.72 * box["height"])  # the chin, behind the mask
    poll(lambda: "sampled, not observed. Standard deviation" in page.locator(".about").text_content(), "the point tells nothing")
    assert page.locator(".plot circle").count() == 16 and page.locator(".stage ellipse").count() == 2
    page.get_by_label("Look at one point").select_option(label="tip of the nose")
    told = float(re.search(r"deviation ([\d.]+) mm", page.locator(".about").text_content())[1])
    assert told == pytest.approx(found.decoder.spread()[data["points"]["tip of the nose"]], abs=0.06)
    page.locator(".turn").press("Escape")
    assert not page.locator(".about").text_content()


def test_a_hidden_point_can_be_dragged_and_let_go(shown):
    page = shown("#look=spread")
    page.get_by_label("Look at one point").select_option(label="left brow")
    handle = page.locator(".handle")
    assert "the photo shows it" in page.locator(".about").text_content() and not handle.is_visible()
    page.get_by_label("Look at one point").select_option(label="chin")
    poll(handle.is_visible, "no handle")
    wide, before, box = first_number(page, "nearest"), pixels(page.locator(".heads")), handle.bounding_box()
    page.mouse.move(box["x"] + 22, box["y"] + 22)
    page.mouse.down()
    page.mouse.move(box["x"] + 22, box["y"] + 36, steps=3)
    page.mouse.up()
    poll(lambda: first_number(page, "nearest") < 0.85 * wide, "the heads differ as before")
    assert re.search(r"is held [\d.]+ mm from .* [\d.]+ % of all heads", page.locator(".about").text_content())
    poll(lambda: (pixels(page.locator(".heads")) != before).any(-1).mean() > 0.02, "the heads did not answer")
    moved = handle.bounding_box()
    assert abs(moved["y"] - box["y"] - 14) < 3 and abs(moved["x"] - box["x"]) < 3  # the place is held, the view did not turn
    held = poll(lambda: re.search(r"hold=[^&]+", page.evaluate("location.hash")), "the address does not tell it")[0]
    narrow = first_number(page, "nearest")
    page.get_by_role("button", name="Let go").click()
    poll(lambda: first_number(page, "nearest") == wide, "it is still held")
    assert first_number(shown(f"#look=spread&{held}"), "nearest") == pytest.approx(narrow, abs=0.11)


def test_a_point_is_held_by_keyboard_and_escape_lets_it_go(shown, data):
    page = shown(f"#at={data['points']['chin']}")
    held = lambda: float(re.search(r"held ([\d.]+) mm", page.locator(".about").text_content())[1])
    page.locator(".handle").press("ArrowDown")
    poll(lambda: "What if the chin were here?" in page.locator(".about").text_content(), "no point is held")
    away = held()
    for _ in range(3):
        page.locator(".handle").press("ArrowUp")
    poll(lambda: held() > away + 0.5, "it did not move on")
    page.locator(".handle").press("Escape")
    poll(lambda: "Standard deviation" in page.locator(".about").text_content(), "it is still held")
    page.locator(".handle").press("Escape")
    assert not page.locator(".about").text_content() and page.evaluate("document.activeElement.matches('.turn')")


def test_a_pinned_setting_stands_beside_another_on_one_scale(shown):
    page = shown("#look=spread")
    wide = first_number(page, "nearest")
    page.get_by_role("button", name="Pin").click()
    page.get_by_label("DPP weight").first.press("Home")
    poll(lambda: first_number(page, "nearest") < 0.7 * wide, "less weight left the heads as far apart")
    assert first_number(page, "nearest", bar=2) == wide and "pinned: 16 heads, 20 nats" in page.locator(".sides").text_content()

    def yellow():
        halves = np.split(pixels(page.locator(".stage"))[:-120, :508].astype(int), 2, axis=1)
        return [(half[..., 0] - half[..., 2] > 60).mean() for half in halves]

    poll(lambda: (parts := yellow())[0] > 0.002 > 10 * parts[1], "the pinned heads, left, do not spread wider")
    page.get_by_role("button", name="Unpin").click()
    poll(lambda: not page.locator(".sides").is_visible(), "it is still pinned")


NONSENSE = (
    "#w=abc&t=-5&n=1e9&s=-5&f=magic&head=77&yaw=NaN&at=999999&pin.n=x&look=&zoom=&hold=1651,NaN,1,2;x;7,1e300,0,0;1651,1e9,0,-1e9"
)
INHERITED = "#constructor=1&toString=2&look=toString&f=constructor&pin.valueOf=3&__proto__=x&pin.__proto__=y&n=5"


def test_an_address_that_says_nonsense_opens_all_the_same(fresh):
    page = fresh(NONSENSE)
    assert page.locator(".head").count() == 256
    assert page.get_by_label("DPP weight").first.get_attribute("aria-valuetext") == "20 nats"
    assert page.locator(".head[aria-selected=true]").count() == 1 and page.get_by_text("Photo", exact=True).is_visible()
    page.goto("about:blank")
    page.close()
    page = fresh(INHERITED)
    assert page.locator(".head").count() == 5 and page.get_by_label("Photo").first.is_checked()
    page.close()


def test_a_lost_canvas_is_drawn_again(shown):
    page = shown()
    lose = "gl = document.querySelector('.stage canvas').getContext('webgl2').getExtension('WEBGL_lose_context')"
    page.evaluate(f"() => {{ window.{lose}; gl.loseContext(); }}")
    poll(lambda: not coloured(page), "the canvas is still there")
    page.evaluate("gl.restoreContext()")
    poll(lambda: coloured(page), "it is not drawn again")
