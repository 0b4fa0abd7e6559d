"""Landmarks that no face can have are refused, and the message says what they look like."""

from dataclasses import replace

import numpy as np
import pytest

from d3f_lite.errors import LandmarkError
from d3f_lite.fitting.plausibility import check_plausible
from d3f_lite.formats.load_head import load_head
from d3f_lite.settings import FitSettings

SWAPPED = {
    "left and right were swapped": lambda xy: xy * (-1, 1) + (512, 0),
    "y was counted upwards": lambda xy: xy * (1, -1) + (0, 600),
    "x and y were swapped": lambda xy: xy[:, ::-1],
}
NO_FACE = {
    "shuffled": lambda xy: xy[np.random.default_rng(0).permutation(68)],
    "reversed": lambda xy: xy[::-1],
    "shifted by one": lambda xy: np.roll(xy, 1, axis=0),
    "anywhere": lambda xy: np.random.default_rng(1).uniform(0, 500, (68, 2)),
}


@pytest.mark.parametrize(
    "mistake, message",
    [pytest.param(mistake, said, id=said) for said, mistake in SWAPPED.items()]
    + [pytest.param(mistake, "do not look like a face", id=name) for name, mistake in NO_FACE.items()],
)
def test_the_message_says_what_landmarks_look_like(mistake, message, portraits):
    for (_, landmarks), backend in zip(portraits.values(), ("mediapipe", "file")):
        wrong = np.ascontiguousarray(mistake(landmarks.xy), np.float32)
        with pytest.raises(LandmarkError, match=message):
            check_plausible(load_head(), replace(landmarks, xy=wrong, backend=backend), FitSettings())


@pytest.mark.parametrize("backend", ("mediapipe", "file"))
def test_faces_are_believed(backend, portraits):
    for _, landmarks in portraits.values():
        check_plausible(load_head(), replace(landmarks, backend=backend), FitSettings())
