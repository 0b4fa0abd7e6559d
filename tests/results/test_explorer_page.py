"""The explorer: its JavaScript finds the heads that Python finds, and a real browser shows them, offline, at a desk and on a phone."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from browser import MISSING, REASON, chromium, drawn, pixels, poll
from scipy.special import gammaincc
from small_head import one_way

from d3f_lite.diversity.search import PartialHead, ball_radius, diversify_published, spread_out, widest_modes
from d3f_lite.fitting.fit import fit_visible
from d3f_lite.heads.gaussian import GaussianHeads
from d3f_lite.metrics import asd, rms_distances, spread
from d3f_lite.observation.photo import sample_photo
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.reconstruct import complete, reconstruct
from d3f_lite.results.explorer_data import explorer_data
from d3f_lite.results.explorer_page import MODULE, explorer_page
from d3f_lite.settings import DiversitySettings, FitSettings, Settings
from widgets.dpp_scene import DppScene

pytestmark = pytest.mark.slow

HOSTILE = "</title><script>hacked = 1</script> José & co"
SIZES = {"desk": (1280, 800), "phone": (390, 844)}
LARGEST, LARGEST_PAGE = 1_000_000, 4_000_000  # bytes of the data, and of the whole page
ROUNDING = 0.15  # mm, of a head: the remainder's steps
IMPORT = "import(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })))"
DECODED = "heads => heads.map(head => Array.from(head))"


@pytest.fixture(scope="module")
def found():
    """A Reconstruction of sixteen heads, without colours, of a photo with a hostile name."""
    portrait = sample_photo("astronaut")
    photo, occluded = draw_occluder(portrait, detect_landmarks(portrait), "surgical_mask")
    return reconstruct(replace(photo, name=HOSTILE), occluded, settings=Settings(fit=FitSettings(photometric_iterations=0)))


@pytest.fixture(scope="module")
def path(found, tmp_path_factory):
    """The page of ``found``."""
    path = tmp_path_factory.mktemp("explorer") / "viewer.html"
    path.write_text(explorer_page(found), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser():
    """Debian's chromium."""
    if MISSING:
        pytest.skip(REASON)
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def engine(browser, found):
    """A function that runs JavaScript with the module ``m``, the unpacked data ``model``, and an argument ``given``."""
    page = browser.new_page()
    text = json.dumps(explorer_data(found))
    load = f"async ([source, data]) => {{ window.m = await {IMPORT}; window.model = await m.unpack(JSON.parse(data)); }}"
    page.evaluate(load, [MODULE.read_text(encoding="utf-8"), text])
    yield lambda code, given=None: page.evaluate(f"(given) => {{ {code} }}", given)
    page.close()


@pytest.fixture
def shown(browser, path):
    """A function that opens the page, offline and by default without motion, and waits for its heads; no fault may be told."""
    contexts, faults = [], []

    def open_page(size="desk", address="", scheme="light", motion="reduce"):
        width, height = SIZES[size]
        context = browser.new_context(offline=True, viewport={"width": width, "height": height}, color_scheme=scheme,
                                      reduced_motion=motion)  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.goto(path.as_uri() + address)
        poll(lambda: page.locator(".bar").count() >= 6, "no measures")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults


def first_number(page, measure, bar=0):
    """What a bar of a measure says."""
    text = page.locator("tr", has_text=measure).locator(".bar").nth(bar).text_content()
    return float(re.search(r"[\d.]+(?!.*\d)", text)[0])


def test_data_are_small_and_the_page_takes_no_name_for_html(found, path):
    assert len(json.dumps(explorer_data(found))) <= LARGEST and path.stat().st_size <= LARGEST_PAGE
    page = path.read_text(encoding="utf-8")
    assert page.startswith('<!doctype html>\n<html lang="en">') and HOSTILE not in page and "sampled, not observed" in page
    assert set(re.findall(r"https?://[^\"'\s)]+", page)) == {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert not re.search(r"fetch\(|XMLHttpRequest|WebSocket|\bsrc=|\bimport\(", page)


def test_a_seed_draws_what_numpy_draws(engine):
    for seed in (0, 1, 2**32 - 1):
        drawn = np.array(engine("return Array.from(m.standardNormal(given, 20000));", seed))
        np.testing.assert_allclose(drawn, np.random.default_rng(seed).standard_normal(20000, np.float32), rtol=2e-6)


def test_radius(engine):
    for mass, dimensions in ((0.9, 12), (0.5, 1), (0.99, 7), (0.01, 64)):
        radius = engine("return m.ballRadius(...given);", [mass, dimensions])
        assert radius == pytest.approx(ball_radius(mass, dimensions), rel=1e-12)


@pytest.mark.parametrize(
    "number, changes", [(2, {}), (16, {}), (48, {"bandwidth": 0.6}), (16, {"dpp_weight": 256.0, "mass": 0.5})]
)
def test_search_from_the_same_start_gives_the_same_places(engine, found, number, changes):
    settings = replace(found.settings.diversity, **changes)
    modes = widest_modes(found.decoder, found.fit.free, settings.dimensions)
    latents = np.random.default_rng(5).standard_normal((number, found.decoder.latent_size), np.float32)
    start = latents.astype(np.float64) @ modes.directions.numpy()
    places, history = spread_out(modes.directions.new_tensor(start), modes, settings)
    told = {
        "weight": settings.dpp_weight,
        "bandwidth": settings.bandwidth,
        "mass": settings.mass,
        "iterations": settings.iterations,
    }
    ended, cardinality = engine(
        "const search = new m.CalibratedSearch(Float64Array.from(given[0]), model.reach, model.deviation, given[1]); let last;"
        "while (!search.done) { search.step(); last = search.cardinality; } return [Array.from(search.places), last];",
        [start.ravel().tolist(), told],
    )
    moved = (np.reshape(ended, places.shape) - places.numpy()) * modes.reach.numpy()
    assert np.linalg.norm(moved, axis=1).max() < 1e-6  # mm
    assert cardinality == pytest.approx(history[-1, 1], rel=1e-5)


@pytest.mark.parametrize("form", ("calibrated", "iid"))
def test_heads_and_measures_are_those_of_python(engine, found, form):
    settings = replace(found.settings.diversity, form=form, dpp_weight=22.0)
    samples = complete(found.fit, found.head, settings, 12, 7)
    told = {"form": form, "weight": 22.0, "number": 12, "seed": 7}
    heads, measures = engine(
        "const got = m.atOnce(m.explored(model, { ...model.settings, ...given }));"
        f"return [({DECODED})(got.heads), [got.cardinality, got.apart, got.farthest, got.widest]];",
        told,
    )
    heads = np.reshape(heads, samples.vertices.shape)
    apart = np.sqrt(np.square(heads - samples.vertices).sum(-1).mean(1))
    assert apart.max() < ROUNDING
    fit, free = found.fit, found.fit.free
    scene = DppScene(found.decoder, PartialHead(fit.vertices, fit.visible, free, found.head.triangles))
    expected = scene.measures(samples, scene.kernel(samples, settings))
    most_likely = found.decoder.mean[None]
    np.testing.assert_allclose(
        measures,
        [expected["expected cardinality"], asd(samples.vertices, free),
         rms_distances(samples.vertices, most_likely, free).max(), spread(samples.vertices)[free].max()],
        rtol=0.01,
    )  # fmt: skip


@pytest.mark.parametrize("form", ("calibrated", "iid"))
def test_heads_keep_to_their_bounds(engine, found, form):
    head = one_way(found.head)
    fit = fit_visible(found.observation, head, found.settings.fit)
    samples = complete(fit, head, replace(found.settings.diversity, form=form), 8, 7)
    bent = replace(found, head=head, fit=fit, samples=samples)
    heads = engine(
        "return m.unpack(JSON.parse(given[0])).then(model => m.atOnce(m.explored(model, { ...model.settings, ...given[1] })))"
        f".then(got => ({DECODED})(got.heads));",
        [json.dumps(explorer_data(bent)), {"form": form, "number": 8, "seed": 7}],
    )
    apart = np.sqrt(np.square(np.reshape(heads, samples.vertices.shape) - samples.vertices).sum(-1).mean(1))
    assert apart.max() < ROUNDING
    straight = replace(bent.decoder, bounds=None).decode(torch.from_numpy(samples.latents)).numpy()
    assert np.abs(straight - samples.vertices).max() > 10 * ROUNDING


@pytest.mark.parametrize("names", (["chin"], ["chin", "tip of the nose"]))
def test_points_that_are_held_condition_the_posterior(engine, found, names):
    held = [explorer_data(found)["points"][name] for name in names]
    some = [*held, *np.flatnonzero(found.fit.occluded)[::9]]
    places = found.decoder.mean[held] + np.float32([3.0, -4.0, 2.0])
    told = [[vertex, *place] for vertex, place in zip(held, places.tolist())]
    free, got, likeliest, moves, covariance, farther = engine(
        "const settings = { ...model.settings, form: 'iid', number: 48, seed: 3 }, cache = {};"
        "const some = (flat) => Array.from({ length: flat.length / (3 * model.count) }, (_, row) => given[1].map((vertex) =>"
        "[0, 1, 2].map((i) => flat[3 * (row * model.count + vertex) + i])));"
        "const free = m.atOnce(m.explored(model, settings, cache)).heads.flatMap(some);"
        "const got = m.atOnce(m.explored(model, { ...settings, held: given[0] }, cache));"
        "return [free, got.heads.flatMap(some), some(got.likeliest), [...some(model.directions), ...some(model.remainder)],"
        "Array.from(m.covarianceAt(model, given[1].at(-1), 1, got.hold)), got.hold.farther];",
        [told, [int(vertex) for vertex in some]],
    )
    free, got, likeliest, moves = (np.array(one) for one in (free, got, likeliest, moves))
    first = np.arange(len(some)) < len(held)
    target, mean, moves = (
        np.where(first[:, None], found.decoder.mean[some], 0.0),
        found.decoder.mean[some],
        moves.astype(np.float32),
    )
    target[first] = places
    expected = GaussianHeads.prior(mean, moves).condition(target.astype(np.float32), first, noise_mm=1.0)
    np.testing.assert_allclose(likeliest[0], expected.mean, atol=1e-3)  # of the posterior as the page has it
    exact = np.einsum("kz,kvi->zvi", found.decoder.factor, found.decoder.basis[:, some])
    exact = GaussianHeads.prior(mean, exact).condition(target.astype(np.float32), first, noise_mm=1.0)
    np.testing.assert_allclose(likeliest[0], exact.mean, atol=ROUNDING)
    assert np.sqrt(np.trace(np.reshape(covariance, (3, 3)))) == pytest.approx(expected.spread()[-1], rel=1e-3)
    assert np.sqrt(np.square(likeliest[0] - mean).sum(-1).mean()) > 1.0
    # Draws stay draws: what carries the points turns their covariance into the conditioned one.
    points = moves[:, first].reshape(len(moves), -1).astype(float)
    before, after = ((heads[:, first] - one[first]).reshape(48, -1) for heads, one in ((free, mean), (got, likeliest[0])))
    carry, residual, *_ = np.linalg.lstsq(before, after, rcond=None)
    root = (np.einsum("kz,kvi->zvi", expected.factor, expected.basis)[:, first]).reshape(len(moves), -1).astype(float)
    np.testing.assert_allclose(carry.T @ points.T @ points @ carry, root.T @ root, atol=5e-3)
    assert residual.max() < 1e-5
    gap = (places - found.decoder.mean[held]).ravel().astype(float)
    unusual = gap @ np.linalg.solve(points.T @ points + np.eye(len(gap)), gap)
    assert farther == pytest.approx(gammaincc(len(gap) / 2, unusual / 2), rel=1e-3)


def test_a_place_that_no_head_has_is_held_no_farther_than_heads_go(engine, found):
    chin = explorer_data(found)["points"]["chin"]
    for place in ([1e6, 0.0, 0.0], found.decoder.mean[chin].tolist()):
        farther, place, heads = engine(
            "const hold = m.holding(model, [given]); const got = m.atOnce(m.explored(model, { ...model.settings, held: [given] }));"
            "return [hold.farther, hold.held[0], Math.max(...got.heads.map(head => Math.max(...head.map(Math.abs))))];",
            [chin, *place],
        )
        assert 0.99e-4 < farther <= 1.0 and heads < 300.0
        assert np.linalg.norm(place[1:] - found.decoder.mean[chin]) < 40.0


def test_head_zero_and_the_searched_part_are_exact(engine, found):
    head = engine("return Array.from(m.atOnce(m.explored(model, { ...model.settings, number: 2 })).heads[0]);")
    np.testing.assert_allclose(np.reshape(head, (-1, 3)), found.samples.vertices[0], atol=1e-3)
    modes = widest_modes(found.decoder, found.fit.free, 12)
    latents = (modes.directions[:, -1] * 2.0).float()[None]  # along the widest direction, nothing else
    expected = found.decoder.decode(latents)[0].numpy()
    place = [0.0] * 11 + [2.0]
    moved = engine(
        "const head = Float32Array.from(model.mean); given.forEach((amount, row) => {"
        "for (let i = 0; i < head.length; i++) head[i] += amount * model.directions[row * head.length + i]; });"
        "return Array.from(head);",
        place,
    )
    np.testing.assert_allclose(np.reshape(moved, (-1, 3)), expected, atol=1e-3)


def test_each_moment_of_the_motion_is_a_draw_of_the_posterior(engine, found):
    ends = [
        complete(found.fit, found.head, replace(found.settings.diversity, form="iid"), 1, seed).vertices[0] for seed in (4, 5)
    ]
    likeliest = found.decoder.mean
    shares = {0.0: (1.0, 0.0), 0.5: (0.5**0.5, 0.5**0.5), 1.0: (0.0, 1.0)}  # cos and sin of the turn
    heads = engine(
        "const way = new m.Passage(model, 4); return given.map(share => Array.from(way.at(share * m.SWING)));", list(shares)
    )
    for head, (one, other) in zip(heads, shares.values()):
        expected = likeliest + one * (ends[0] - likeliest) + other * (ends[1] - likeliest)
        assert np.sqrt(np.square(np.reshape(head, (-1, 3)) - expected).sum(-1).mean()) < ROUNDING
    late = engine("return Array.from(new m.Passage(model, 2 ** 32 - 1).at(7.3 * m.SWING));")
    assert np.isfinite(late).all()
    place = [float(value) for value in likeliest[explorer_data(found)["points"]["chin"]] + np.float32([0.0, -4.0, 0.0])]
    chin = explorer_data(found)["points"]["chin"]
    held = engine(
        "const hold = m.holding(model, [given]), way = new m.Passage(model, 4);"
        "return [0.2, 0.9, 1.6].map(share => Array.from(way.at(share * m.SWING, hold).slice(3 * given[0], 3 * given[0] + 3)));",
        [chin, *place],
    )
    assert np.linalg.norm(np.array(held) - place, axis=1).max() < 4.0  # held to 1 mm along each axis


def test_the_frontier_is_that_of_the_searches(engine, found):
    points = engine(
        "const settings = { ...model.settings, number: 8, seed: 2 }, points = [];"
        "m.atOnce(m.frontier(model, m.atOnce(m.explored(model, settings)), 'calibrated', points)); return points;"
    )
    modes, free = widest_modes(found.decoder, found.fit.free, 12), found.fit.free
    for point, weight in ((points[0], 0.0), (points[4], 20.0), (points[-1], 256.0)):
        samples = complete(found.fit, found.head, replace(found.settings.diversity, dpp_weight=weight), 8, 2)
        cost = 0.5 * np.square(samples.latents @ modes.directions.numpy()).sum(1).mean()
        assert point["cost"] == pytest.approx(cost, rel=1e-3, abs=1e-6)
        assert point["apart"] == pytest.approx(asd(samples.vertices, free), rel=0.01)
    costs = [point["cost"] for point in points]
    assert costs == sorted(costs) and points[-1]["apart"] > 2 * points[0]["apart"]


def test_published_loss_gives_nearly_the_same_heads(engine, found):
    settings = DiversitySettings(form="published", iterations=12)
    shown = PartialHead.of(found.fit, found.head)
    samples = diversify_published(found.decoder, shown, settings, number=4, seed=3)
    heads = engine(
        f"const got = m.atOnce(m.explored(model, {{ ...model.settings, ...given }})); return ({DECODED})(got.heads);",
        {"form": "published", "published": settings.published_weight, "iterations": 12, "number": 4, "seed": 3},
    )
    heads = np.reshape(heads, samples.vertices.shape)
    assert np.sqrt(np.square(heads - samples.vertices).sum(-1).mean()) < 0.3
    assert asd(heads, found.fit.occluded) == pytest.approx(asd(samples.vertices, found.fit.occluded), rel=0.02)


def test_a_point_s_spread_is_the_posterior_s(engine, found):
    spreads = found.decoder.spread()
    for vertex in (found.fit.occluded.argmax(), found.fit.visible.argmax()):
        covariance = np.reshape(engine("return Array.from(m.covarianceAt(model, given));", int(vertex)), (3, 3))
        assert np.sqrt(np.trace(covariance)) == pytest.approx(spreads[vertex], rel=0.02, abs=0.02)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ("light", "dark"))
def test_the_first_screen_shows_heads_photo_and_controls(shown, size, scheme):
    page = shown(size, scheme=scheme)
    width, height = SIZES[size]
    assert page.title() == f"{HOSTILE}: heads to explore" and page.evaluate("typeof hacked") == "undefined"
    assert page.evaluate("document.documentElement.scrollWidth") == width
    within = [page.locator(".stage"), page.locator(".heads"), page.get_by_alt_text("The photo"), page.get_by_label("DPP weight").first,
              page.get_by_label("Number of heads"), page.get_by_label("Seed")]  # fmt: skip
    for part in within:
        box = part.bounding_box()
        assert part.is_visible() and box["y"] >= 0 and box["y"] + box["height"] <= height
    large = pixels(page.locator(".stage"))
    assert drawn(large) and (large.astype(int).max(-1) - large.min(-1) > 60).mean() > 0.03  # the heat map's colours
    assert page.locator(".head").count() == 16
    for place in (0, 15):
        assert np.unique(pixels(page.locator(".head").nth(place)).reshape(-1, 3), axis=0).shape[0] > 200


def test_sliders_move_the_heads_and_the_address_brings_them_back(shown, found):
    page = shown()
    wide, before = first_number(page, "nearest"), pixels(page.locator(".heads"))
    page.get_by_label("DPP weight").first.press("Home")
    poll(lambda: first_number(page, "nearest") < 0.7 * wide, "less weight left the heads as far apart")
    assert first_number(page, "nearest", bar=1) == pytest.approx(asd(complete_iid(found).vertices, found.fit.occluded), abs=0.06)
    poll(lambda: (pixels(page.locator(".heads")) != before).any(-1).mean() > 0.01, "the heads did not move")
    page.get_by_label("Number of heads").fill("9")
    poll(lambda: page.locator(".head").count() == 9, "there are not nine heads")
    page.get_by_role("button", name="New draw").click()
    page.get_by_text("Clay").click()
    poll(lambda: {"w=0", "n=9", "s=1", "look=clay"} <= set(page.evaluate("location.hash").lstrip("#").split("&")), "no address")
    narrow, hash_ = first_number(page, "nearest"), page.evaluate("location.hash")
    again = shown(address=hash_)
    poll(
        lambda: again.locator(".head").count() == 9 and first_number(again, "nearest") == narrow,
        "the address does not tell it all",
    )
    assert again.get_by_label("Clay").is_checked()


def complete_iid(found):
    """Sixteen independent draws."""
    return complete(found.fit, found.head, replace(found.settings.diversity, form="iid"), 16, 0)


def test_everything_goes_by_keyboard(shown):
    page = shown()
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
    for named in page.locator("input, select, button, [tabindex]").all():
        name = named.get_attribute("aria-label") or named.evaluate("one => one.labels?.[0]?.textContent || one.textContent")
        assert name.strip()


def test_one_head_and_very_many_are_shown(shown):
    page = shown(address="#n=1")
    assert page.locator(".head").count() == 1 and "0.0 mm" in page.locator("tr", has_text="nearest").text_content()
    page.get_by_label("Heads by").evaluate("one => { one.value = 'published'; one.dispatchEvent(new Event('change')); }")
    poll(lambda: "Head 0, 0" not in (page.locator(".head").get_attribute("aria-label") or ""), "the one head is not drawn")
    many = shown(address="#n=200")
    poll(lambda: many.locator(".head").count() == 200, "there are not two hundred heads")


def test_the_fit_can_be_seen_too(shown):
    page = shown()
    page.get_by_role("button", name="The fit").click()
    assert page.locator(".words").text_content().startswith("The fit") and not page.locator(".head[aria-selected=true]").count()
    poll(lambda: "head=-1" in page.evaluate("location.hash"), "the address does not tell it")
    page.locator(".head").nth(2).focus()
    assert page.locator(".words").text_content().startswith("Head 2")


def test_the_frontier_shows_where_the_settings_lie(shown):
    page = shown()
    poll(lambda: len(page.locator("polyline.calibrated").get_attribute("points").split()) == 8, "no curve", patience=30)
    places = np.array([place.split(",") for place in page.locator("polyline.calibrated").get_attribute("points").split()], float)
    spot = lambda: np.array([float(page.locator("circle.now").get_attribute(name)) for name in ("cx", "cy")])
    assert np.linalg.norm(spot() - places[4]) < 0.5  # 20 nats, on the curve
    page.get_by_label("DPP weight").first.press("Home")
    poll(lambda: np.linalg.norm(spot() - places[0]) < 0.5, "it did not move")
    page.get_by_label("Heads by").evaluate("one => { one.value = 'iid'; one.dispatchEvent(new Event('change')); }")
    poll(lambda: np.linalg.norm(spot() - places, axis=1).min() > 5, "independent draws lie on the curve")
    page.get_by_label("Number of heads").fill("2")
    page.get_by_role("button", name="Add the published loss").click()
    poll(lambda: len((page.locator("polyline.published").get_attribute("points") or "").split()) == 4, "no other curve")
    assert "being computed" not in page.locator(".chart").text_content()


def test_draws_pass_in_motion_until_stopped_and_not_where_motion_is_unwanted(shown):
    assert not shown().get_by_role("button", name="Draws in motion").is_visible()
    page = shown(motion="no-preference")
    page.get_by_role("button", name="Draws in motion").click()
    words = lambda: page.locator(".words").text_content()
    first = poll(lambda: re.match(r"A draw of the posterior[\d.]+ mm", words()) and words(), "no draw passes")
    before = pixels(page.locator(".stage"))
    poll(lambda: words() != first and (pixels(page.locator(".stage")) != before).any(-1).mean() > 0.005, "nothing moves")
    page.get_by_role("button", name="Stop the motion").click()
    assert words().startswith("Head")
    page.get_by_role("button", name="Draws in motion").click()
    page.locator(".head").nth(3).focus()
    assert words().startswith("Head 3") and page.get_by_role("button", name="Draws in motion").is_visible()


def test_two_hundred_moves_leave_nothing_behind_and_no_request_leaves_the_page(shown):
    page, asked = shown(), []
    page.on("request", lambda request: asked.append(request.url))
    tools = page.context.new_cdp_session(page)
    weight, number = page.get_by_label("DPP weight").first, page.get_by_label("Number of heads")

    def move(times):
        for _ in range(times // 4):
            weight.press("ArrowRight")
            number.press("ArrowLeft")
            weight.press("ArrowLeft")
            number.press("ArrowRight")
        poll(lambda: page.locator(".head").count() == 16 and page.locator("progress").is_hidden(), "the moves left a queue")
        page.wait_for_timeout(3000)  # the curve is there, too
        tools.send("HeapProfiler.collectGarbage")
        return tools.send("Runtime.getHeapUsage")["usedSize"] / 2**20, tools.send("Memory.getDOMCounters")

    before, nodes = move(20)
    after, then = move(200)
    assert after - before < 4.0  # MB
    assert then["nodes"] - nodes["nodes"] < 50 and then["jsEventListeners"] - nodes["jsEventListeners"] < 20
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


def test_the_heads_pass_by_themselves_until_paused_and_not_where_motion_is_unwanted(shown):
    still = shown()
    page = shown(motion="no-preference")
    poll(lambda: page.locator(".words").text_content().startswith("Head 2"), "the large head stays as it is")
    page.get_by_role("button", name="Pause").click()
    paused = page.locator(".words").text_content()
    page.wait_for_timeout(1500)
    assert page.locator(".words").text_content() == paused
    assert still.locator(".words").text_content().startswith("Head 0") and still.get_by_role("button", name="Play").is_visible()


def test_a_touched_point_tells_its_spread(shown, found):
    page = shown()
    box = page.locator(".turn").bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.72 * box["height"])  # the chin, behind the mask
    poll(lambda: "sampled, not observed. Standard deviation" in page.locator(".about").text_content(), "the point tells nothing")
    assert page.locator(".plot circle").count() == 16 and page.locator(".stage ellipse").count() == 2
    page.get_by_label("Look at one point").select_option(label="tip of the nose")
    vertex = explorer_data(found)["points"]["tip of the nose"]
    told = float(re.search(r"deviation ([\d.]+) mm", page.locator(".about").text_content())[1])
    assert told == pytest.approx(found.decoder.spread()[vertex], abs=0.06)
    page.locator(".turn").press("Escape")
    assert not page.locator(".about").text_content()


def test_a_hidden_point_can_be_dragged_and_let_go(shown):
    page = shown(address="#look=spread")
    page.get_by_label("Look at one point").select_option(label="left brow")
    handle = page.locator(".handle")
    assert "the photo shows it" in page.locator(".about").text_content() and not handle.is_visible()
    page.get_by_label("Look at one point").select_option(label="chin")
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
    again = shown(address=f"#look=spread&{held}")
    assert first_number(again, "nearest") == pytest.approx(first_number(page, "nearest"), abs=0.11)
    page.get_by_role("button", name="Let go").click()
    poll(lambda: first_number(page, "nearest") == wide, "it is still held")


def test_a_point_is_held_by_keyboard_and_escape_lets_it_go(shown):
    page = shown(address="#at=1651")
    page.locator(".handle").press("ArrowDown")
    poll(lambda: "What if the chin were here?" in page.locator(".about").text_content(), "no point is held")
    away = first_held(page)
    for _ in range(3):
        page.locator(".handle").press("ArrowUp")
    poll(lambda: first_held(page) > away + 0.5, "it did not move on")
    page.locator(".handle").press("Escape")
    poll(lambda: "Standard deviation" in page.locator(".about").text_content(), "it is still held")
    page.locator(".handle").press("Escape")
    assert not page.locator(".about").text_content() and page.evaluate("document.activeElement.matches('.turn')")


def first_held(page):
    """How far the held point is from its most likely place, mm."""
    return float(re.search(r"held ([\d.]+) mm", page.locator(".about").text_content())[1])


def test_a_pinned_setting_stands_beside_another_on_one_scale(shown):
    page = shown(address="#look=spread")
    wide = first_number(page, "nearest")
    page.get_by_role("button", name="Pin").click()
    page.get_by_label("DPP weight").first.press("Home")
    poll(lambda: first_number(page, "nearest") < 0.7 * wide, "less weight left the heads as far apart")
    assert first_number(page, "nearest", bar=2) == wide and "pinned: 16 heads, 20 nats" in page.locator(".sides").text_content()
    halves = np.split(pixels(page.locator(".stage"))[:-120, :508].astype(int), 2, axis=1)
    yellow = [(half[..., 0] - half[..., 2] > 60).mean() for half in halves]
    assert yellow[0] > 0.002 > 10 * yellow[1]  # the pinned heads, left, spread wider
    page.get_by_role("button", name="Unpin").click()
    poll(lambda: not page.locator(".sides").is_visible(), "it is still pinned")


def test_an_address_that_says_nonsense_opens_all_the_same(shown):
    page = shown(
        address="#w=abc&n=1e9&s=-5&f=magic&head=77&yaw=NaN&at=999999&pin.n=x&look=&zoom=&hold=1651,NaN,1,2;x;7,1e300,0,0;1651,1e9,0,-1e9"
    )
    poll(lambda: page.locator(".head").count() == 256, "N is not the most there can be")
