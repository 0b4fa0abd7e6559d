"""What is observed of a face: the photo, its landmarks, and which pixels are face and which are occluded."""

from dataclasses import dataclass

from d3f_lite.observation.landmarks import Landmarks
from d3f_lite.observation.masks import Masks
from d3f_lite.observation.photo import Photo


@dataclass(frozen=True, eq=False)
class Observation:
    """One photo with its landmarks and masks: all that the fit gets to see."""

    photo: Photo
    landmarks: Landmarks  # those that are hidden have no confidence
    masks: Masks
    alternatives: tuple["Observation", ...] = ()  # where an estimated mask is unsure: as seen under a wider, a narrower one


def landmark_doubt(observation: Observation, small: float = 32.0) -> str:
    """Why the heads follow the prior more than the photo, in one line: few reliable landmarks, or a small face; else empty.

    Args:
        small: px between the outer corners of the eyes; in a face of fewer, a landmark's usual error is a part of the mouth.
    """
    landmarks, masks, photo = observation.landmarks, observation.masks, observation.photo
    if landmarks.enough:
        apart = landmarks.interocular_distance
        wide = (
            f"the eyes are {apart:.0f} px apart: too few for lips and lids, which may look torn; use a larger picture of the face"
        )
        return wide if apart < small else ""
    outside = ((landmarks.xy < 0) | (landmarks.xy >= photo.shape[::-1])).any(axis=1).mean()
    bright = (photo.pixels.min(axis=2) > 250)[masks.visible].mean() if masks.visible.any() else 0.0
    if masks.share > 0.4:
        advice = "if that is wrong, --mask none says that nothing hides it, and --strokes corrects it"
        advice = "mark less as occluded" if masks.origin == "given" else advice
        reason = f"the {masks.origin} mask covers {masks.share:.0%} of the face; {advice}"
    elif outside > 0.25:
        reason = f"{outside:.0%} of them lie off the photo; use one that shows more of the face"
    elif bright > 0.3:
        reason = f"{bright:.0%} of what shows of the face is overexposed; use a darker photo, or place the landmarks by hand"
    else:
        reason = (
            "the detector is unsure of the others (a profile, blur?); use a sharper view from the front, or place them by hand"
        )
    many = f"only {landmarks.reliable.sum()} of 68 landmarks are reliable ({landmarks.reliable_inner} within the face)"
    return f"{many}, so the heads follow the population more than the photo: {reason}"
