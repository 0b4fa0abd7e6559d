"""Photos that lie on their side or their head."""

import numpy as np
import pytest

from d3f_lite.observation.landmarks import interocular_distance
from d3f_lite.observation.photo import Photo
from d3f_lite.observe import observe
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.perception.rescue import quarter_turns, turned_back


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_back_undoes_a_turn(turns):
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[5, 50] = 255
    row, column = np.argwhere(np.rot90(pixels, turns)[..., 0])[0]
    assert np.allclose(turned_back(np.array([[column + 0.5, row + 0.5]]), turns, (40, 60)), [[50.5, 5.5]])


@pytest.mark.parametrize("name, turns", [("grace_hopper", 1), ("astronaut", 2), ("grace_hopper", 3)])
def test_a_photo_on_its_side_or_head_gives_the_same_face(name, turns, portraits, detector):
    photo, upright = portraits[name]
    turned = Photo.from_array(np.rot90(photo.pixels, turns))
    found = detect_landmarks(turned, detector=detector)
    apart = np.linalg.norm(turned_back(found.xy, turns, photo.shape) - upright.xy, axis=1)
    assert apart.mean() < 0.03 * interocular_distance(upright.xy) and (quarter_turns(found) + turns) % 4 == 0


@pytest.mark.slow
def test_a_mask_upside_down_is_found_upside_down(portraits, detector):
    photo, landmarks = portraits["grace_hopper"]
    photo, _ = draw_occluder(photo, landmarks, "surgical_mask", seed=0)
    turned = observe(Photo.from_array(photo.pixels[::-1, ::-1]), detector=detector)
    upright = observe(photo, detector=detector)
    both = turned.masks.occluded[::-1, ::-1] & upright.masks.occluded
    assert both.sum() > 0.95 * upright.masks.occluded.sum()
