"""Whether a landmark fit is that of a face at all, and if not, what its landmarks look like."""

from dataclasses import replace

import numpy as np

from d3f_lite.errors import LandmarkError
from d3f_lite.fitting.calibration import calibration_of
from d3f_lite.fitting.gauss_newton import Estimate, fit_landmarks
from d3f_lite.fitting.landmark_equations import LandmarkEquations
from d3f_lite.heads.model import HeadModel
from d3f_lite.observation.landmarks import Landmarks
from d3f_lite.settings import FitSettings

# About 1 at most where errors are as the calibration has them; 0.3 as a rule, 0.9 at most on 141 photos and renders, 4.7 at
# least with landmarks in a wrong order.
LARGEST_MISFIT = 3.0
MISTAKES = {  # what landmarks may look like, and how (68, 2) px are put right
    "x and y were swapped": lambda xy: xy[:, ::-1],
    "y was counted upwards": lambda xy: xy * (1.0, -1.0),
    "left and right were swapped": lambda xy: xy * (-1.0, 1.0),
}


def check_plausible(
    head: HeadModel, landmarks: Landmarks, settings: FitSettings, caution: float = 2.0, largest_roll: float = np.radians(60.0)
) -> None:
    """Refuse landmarks that no face can have: a fit with the default priors leaves too much over, or sees the head from behind.

    Args:
        head: to fit to them.
        landmarks: enough of them reliable.
        settings: ``calibrated`` counts.
        caution: how many times larger the errors of an unknown detector are taken than they usually are.
        largest_roll: radians, up to which landmarks put right are believed.

    Raises:
        LandmarkError: they look like no face; it says what they look like instead.
    """
    known = settings.calibrated and calibration_of(landmarks.detector) is not None
    largest = LARGEST_MISFIT if known else LARGEST_MISFIT / caution**2
    settings = FitSettings(calibrated=settings.calibrated)
    if is_face(fit_landmarks(LandmarkEquations.of(head, landmarks, settings)), largest):
        return
    for mistake, put_right in MISTAKES.items():
        right = replace(landmarks, xy=np.ascontiguousarray(put_right(landmarks.xy), np.float32))
        fit = fit_landmarks(LandmarkEquations.of(head, right, settings))
        if is_face(fit, largest) and abs(fit.camera.angles[2]) < largest_roll:
            raise LandmarkError(f"the landmarks look as if {mistake}: put them right (68 points as in iBUG's 300-W, px, y down)")
    raise LandmarkError(
        "the landmarks do not look like a face: check their order (68 points as in iBUG's 300-W) and units (px of this photo), "
        "or leave them out to have them detected"
    )


def is_face(fit: Estimate, largest: float = LARGEST_MISFIT) -> bool:
    """Whether a face could have given these landmarks: a misfit of ``largest`` at most, and seen from the front.

    No detector sees a face turned by more than a yaw of 80° or a pitch of 65°.
    """
    yaw, pitch, _ = np.degrees(np.abs(fit.camera.angles))
    return bool(fit.misfit <= largest and yaw <= 80.0 and pitch <= 65.0)
