"""The colours of a head: the photo's where it is seen, the other side's where that is, never the occluder's."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from d3f_lite.evaluation.synthetic import paint
from d3f_lite.fitting.camera import Camera
from d3f_lite.fitting.fit import Fit, fit_visible, what_the_photo_shows
from d3f_lite.fitting.rendering import render
from d3f_lite.formats.load_head import load_head
from d3f_lite.heads.model import ALBEDO_REGIONS, PARTS
from d3f_lite.observation.landmarks import Landmarks
from d3f_lite.observation.masks import Masks
from d3f_lite.observation.observation import Observation
from d3f_lite.observation.photo import Photo
from d3f_lite.observe import observe
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.results.refinement import refinement
from d3f_lite.results.texture import colour_skin, fine_normals

HEAD = load_head()
MESH = refinement(HEAD)


FACE = MESH(HEAD.face[:, None].astype(np.float32))[:, 0]  # how far each vertex belongs to the face, 0 to 1


def fit_of(vertices, camera, occluded):
    """A Fit that is true, of a head of which only the vertices count."""
    visible, hidden = what_the_photo_shows(vertices, HEAD, camera, occluded)
    size = len(HEAD.basis)
    return Fit(vertices, np.zeros(size), camera, None, np.eye(size), visible, hidden, np.zeros((68, 2)), np.zeros(0))


def drawn(albedo, light, occluded, colour):
    """The mean head in these colours, a patch of ``colour`` over it: Observation, and its Fit."""
    camera = Camera.from_angles(0.0, 0.0, 0.0, 2.0, (220.0, 260.0))
    pixels, index = render(
        MESH(HEAD.mean), MESH.triangles, camera, albedo, light, occluded.shape, 0.5, fine_normals(HEAD, HEAD.mean)
    )
    pixels = np.where(occluded[..., None], np.uint8(colour), pixels)
    landmarks = Landmarks(camera.project(HEAD.landmark_points(HEAD.mean)), np.ones(68, np.float32), "test", 1)
    return Observation(Photo.from_array(pixels), landmarks, Masks(index >= 0, occluded)), fit_of(HEAD.mean, camera, occluded)


def test_light_is_divided_out_and_a_mole_is_found_on_the_hidden_side():
    albedo = MESH(paint(HEAD.albedo_regions))
    cheek = MESH(HEAD.mean)[FACE > 0.9]
    spot = cheek[np.linalg.norm((cheek - (38.0, -20.0, 0.0))[:, :2], axis=1).argmin()]
    mole = np.linalg.norm(MESH(HEAD.mean) - spot, axis=1) < 6.0
    albedo[mole] *= 0.75
    light = np.zeros((9, 3), np.float32)
    light[:4] = np.array((1.0, 0.30, 0.10, 0.10))[:, None]
    occluded = np.zeros((520, 440), bool)
    occluded[100:420, 60:215] = True  # the head's right side, on the photo's left
    found = colour_skin(*(case := drawn(albedo * 0.7, light, occluded, (20, 220, 20)))[:1], HEAD, case[1])
    plain = (found.seen > 0.99) & (FACE > 0.99)
    level = np.median(found.albedo[plain] / (0.7 * albedo[plain]))
    assert np.abs(found.albedo / level - 0.7 * albedo)[plain].mean() < 0.02
    np.testing.assert_allclose(found.light[1:4, 0] * level, light[1:4, 0], atol=0.08)
    # The other cheek has the mole, as dark against its skin, and nothing there is green.
    _, twin = cKDTree(MESH(HEAD.mean)).query(spot * (-1.0, 1.0, 1.0))
    there = np.linalg.norm(MESH(HEAD.mean) - MESH(HEAD.mean)[twin], axis=1)
    assert (found.seen[there < 8.0] == 0.0).all()
    ratio = found.albedo[there < 4.0].mean(0) / found.albedo[(there > 9.0) & (there < 12.0)].mean(0)
    np.testing.assert_allclose(ratio, 0.75, atol=0.06)
    hidden = (found.seen == 0.0) & (FACE > 0.99)
    assert (found.albedo[hidden, 1] < found.albedo[hidden, 0] + 0.02).all()


def found_on(albedo, occluded):
    """The Texture of the mean head in these colours and even light, a green patch over it."""
    light = np.zeros((9, 3), np.float32)
    light[0] = 1.0
    observation, fit = drawn(albedo, light, occluded, (20, 220, 20))
    return colour_skin(observation, HEAD, fit)


def test_a_hidden_patch_takes_the_tone_of_the_skin_around_it_not_that_of_the_face():
    mean, plain = MESH(HEAD.mean), np.full((len(FACE), 3), (0.60, 0.48, 0.40), np.float32)
    plain[mean[:, 1] < 5.0] *= 1.2
    occluded = np.zeros((520, 440), bool)
    occluded[300:412, 160:280] = True
    found = found_on(plain, occluded)
    hidden = fit_of(HEAD.mean, Camera.from_angles(0.0, 0.0, 0.0, 2.0, (220.0, 260.0)), occluded).occluded
    made_up = np.flatnonzero(hidden & (HEAD.albedo_regions[ALBEDO_REGIONS.index("lips")] == 0.0) & HEAD.face)
    shade = 1.0 + fine_normals(HEAD, HEAD.mean) @ found.light[1:4, 0]
    ratio = ((found.albedo * shade[:, None]) / plain)[made_up]
    assert len(made_up) > 30 and np.abs(np.median(ratio, axis=0) - 1.0).max() < 0.04


def test_the_hidden_iris_has_the_colour_of_the_visible_one():
    albedo, mean = np.full((len(FACE), 3), (0.60, 0.48, 0.40), np.float32), MESH(HEAD.mean)
    balls = MESH((HEAD.parts == PARTS.index("eyeballs"))[:, None].astype(np.float32))[:, 0] > 0.99
    fronts = [mean[balls & (side * mean[:, 0] > 0)] for side in (-1, 1)]
    apart = np.min([np.linalg.norm((mean - ball[ball[:, 2].argmax()])[:, :2], axis=1) for ball in fronts], axis=0)
    iris = balls & (apart < 5.0) & (mean[:, 2] > 50.0)
    albedo[balls], albedo[iris] = 0.5, (0.20, 0.30, 0.50)
    occluded = np.zeros((520, 440), bool)
    occluded[100:420, 60:215] = True  # the head's right side
    found = found_on(albedo, occluded)
    seen = iris & (found.seen > 0.99)
    _, twin = cKDTree(mean).query(mean[seen] * (-1.0, 1.0, 1.0))
    assert seen.sum() > 30 and not found.seen[twin].any()
    np.testing.assert_allclose(np.median(found.albedo[twin], axis=0), np.median(found.albedo[seen], axis=0), atol=0.04)


@pytest.fixture(scope="module")
def cases(portraits):
    """Name to (Observation, Fit, Texture) of both portraits, each under another occluder."""
    found = {}
    for name, occluder in (("astronaut", "surgical_mask"), ("grace_hopper", "sunglasses")):
        observation = observe(*draw_occluder(*portraits[name], occluder))
        fit = fit_visible(observation, HEAD)
        found[f"{name} {occluder}"] = observation, fit, colour_skin(observation, HEAD, fit)
    return found


def test_visible_skin_looks_as_in_the_photo(cases):
    for name, (observation, fit, texture) in cases.items():
        pixels, index = render(MESH(fit.vertices), MESH.triangles, fit.camera, texture.albedo, texture.light,
                               observation.photo.shape, 1.0, fine_normals(HEAD, fit.vertices))  # fmt: skip
        face = FACE > 0.99
        skin = np.append((face & (texture.seen > 0.99))[MESH.triangles].all(1), False)[index]
        difference = np.abs(pixels[skin].astype(float) - observation.photo.pixels[skin])
        assert skin.sum() > 1000 and difference.mean() < 6.0, name


def test_under_sunglasses_brows_are_dark_and_eyes_go_with_the_skin(cases):
    _, _, texture = cases["grace_hopper sunglasses"]
    area = lambda name: MESH(HEAD.albedo_regions[ALBEDO_REGIONS.index(name)][:, None])[:, 0]
    hidden = texture.seen == 0.0
    bright = lambda where: np.median(texture.albedo[where & hidden].mean(1))
    skin = (area("cheeks") > 0.9) | (area("nose") > 0.9)
    assert bright(area("brows") > 0.7) < 0.70 * bright(skin)
    iris = np.median(texture.albedo[hidden & (area("irises") > 0.7)], axis=0)
    assert iris[0] > 1.4 * iris[2]  # brown, as red skin asks, not grey


def test_the_occluder_leaves_no_trace(cases):
    for observation, fit, texture in cases.values():
        other = np.where(observation.masks.occluded[..., None], np.uint8((0, 255, 0)), observation.photo.pixels)
        again = colour_skin(replace(observation, photo=Photo.from_array(other)), HEAD, fit)
        np.testing.assert_array_equal(again.albedo, texture.albedo)
        assert np.isfinite(texture.albedo).all() and 0.0 <= texture.seen.min() and texture.seen.max() <= 1.0
        shade = 1.0 + fine_normals(HEAD, fit.vertices) @ fit.camera.rotation.T @ texture.light[1:4, 0]
        assert shade.min() > 0.3  # no dark side


def test_a_photo_without_skin_gives_a_head_of_typical_skin(cases):
    observation, fit, _ = cases["astronaut surgical_mask"]
    nothing = np.ones(observation.photo.shape, bool)
    texture = colour_skin(replace(observation, masks=replace(observation.masks, occluded=nothing)), HEAD, fit)
    assert not texture.seen.any() and (np.ptp(texture.albedo[FACE > 0.99], axis=0) < 0.7).all()
