"""What is observed of a face: the photo, its landmarks, and which pixels are face and which are occluded."""

from dataclasses import dataclass

from d3f_lite.observation.landmarks import INNER, Landmarks
from d3f_lite.observation.masks import Masks
from d3f_lite.observation.photo import Photo


@dataclass(frozen=True, eq=False)
class Observation:
    """One photo with its landmarks and masks: all that the fit gets to see.

    Args:
        photo: the whole photo.
        landmarks: of one face in it; those that are hidden have no confidence.
        masks: the face and what hides it.
        alternatives: where an estimated mask is unsure, the same photo as seen under the wider and the narrower mask
            that it may have as well.
    """

    photo: Photo
    landmarks: Landmarks
    masks: Masks
    alternatives: tuple["Observation", ...] = ()


def too_few_landmarks(observation: Observation) -> str:
    """Why so few landmarks are reliable that the heads follow the prior, in one line; empty if enough are."""
    landmarks, masks, photo = observation.landmarks, observation.masks, observation.photo
    if landmarks.enough:
        return ""
    many = (
        f"only {landmarks.reliable.sum()} of 68 landmarks are reliable ({landmarks.reliable[INNER].sum()} within the face), "
        "so the heads follow the population more than the photo: "
    )
    if masks.share > 0.4:
        covers = f"the {masks.origin} mask covers {masks.share:.0%} of the face; "
        if masks.origin == "given":
            return many + covers + "mark less as occluded"
        return many + covers + "if that is wrong, --mask none says that nothing hides it, and --strokes corrects it"
    outside = ((landmarks.xy < 0) | (landmarks.xy >= photo.shape[::-1])).any(axis=1).mean()
    if outside > 0.25:
        return many + f"{outside:.0%} of them lie off the photo; use one that shows more of the face"
    bright = (photo.pixels.min(axis=2) > 250)[masks.visible].mean() if masks.visible.any() else 0.0
    if bright > 0.3:
        return many + f"{bright:.0%} of what shows of the face is overexposed; use a darker photo, or place the landmarks by hand"
    unsure = "the detector is unsure of the others (a profile, blur?); use a sharper view from the front, or place them by hand"
    return many + unsure
