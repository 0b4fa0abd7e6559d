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
