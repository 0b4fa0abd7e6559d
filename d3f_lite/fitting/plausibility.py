"""Whether a landmark fit is that of a face at all, and if not, what its landmarks look like."""

from dataclasses import replace

import numpy as np

from d3f_lite.errors import LandmarkError
from d3f_lite.fitting.calibration import calibration_of
from d3f_lite.fitting.landmark_fitting import LandmarkFit, fit_landmarks
from d3f_lite.heads.model import HeadModel
from d3f_lite.observation.landmarks import Landmarks
from d3f_lite.settings import FitSettings

# Twice the least value of the fit's objective by the number of landmark coordinates: about 1 at most where errors are as the
# calibration has them; 0.3 as a rule, 0.9 at most on 141 photos and renders, 4.7 at least with landmarks in a wrong order.
LARGEST_MISFIT = 3.0
UNCALIBRATED_CAUTION = 2.0  # errors of an unknown detector are taken for so many times the usual ones
LARGEST_YAW, LARGEST_PITCH = np.radians(80.0), np.radians(65.0)  # no detector sees a face turned farther
MOST_UPRIGHT = np.radians(60.0)  # roll up to which landmarks put right are believed
MISTAKES = {  # what landmarks may look like, and how (68, 2) px are put right
    "x and y were swapped": lambda xy: xy[:, ::-1],
    "y was counted upwards": lambda xy: xy * (1.0, -1.0),
    "left and right were swapped": lambda xy: xy * (-1.0, 1.0),
}


def check_plausible(head: HeadModel, landmarks: Landmarks, settings: FitSettings) -> None:
    """Refuse landmarks that no face can have: a fit with the default priors leaves too much over, or sees the head from behind.

    Args:
        landmarks: enough of them reliable.
        settings: FitSettings; ``calibrated`` counts.

    Raises:
        LandmarkError: they look like no face; it says what they look like instead.
    """
    known = settings.calibrated and calibration_of(landmarks.detector)
    largest = LARGEST_MISFIT if known else LARGEST_MISFIT / UNCALIBRATED_CAUTION**2
    settings = FitSettings(calibrated=settings.calibrated)
    if is_face(fit_landmarks(head, landmarks, settings), largest):
        return
    for mistake, put_right in MISTAKES.items():
        right = replace(landmarks, xy=np.ascontiguousarray(put_right(landmarks.xy), np.float32))
        fit = fit_landmarks(head, right, settings)
        if is_face(fit, largest) and abs(fit.camera.angles[2]) < MOST_UPRIGHT:
            raise LandmarkError(f"the landmarks look as if {mistake}: put them right (68 points as in iBUG's 300-W, px, y down)")
    raise LandmarkError(
        "the landmarks do not look like a face: check their order (68 points as in iBUG's 300-W) and units (px of this photo), "
        "or leave them out to have them detected"
    )


def is_face(fit: LandmarkFit, largest: float = LARGEST_MISFIT) -> bool:
    """Whether a landmark fit is one that a face could have given: a misfit of ``largest`` at most, seen from the front."""
    yaw, pitch, _ = np.abs(fit.camera.angles)
    return bool(fit.misfit <= largest and yaw <= LARGEST_YAW and pitch <= LARGEST_PITCH)
