"""Whether given landmarks lie on the face that a detector sees, and if not, what would put them there."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float

from d3f_lite.errors import LandmarkError
from d3f_lite.observation.landmarks import Landmarks, face_region
from d3f_lite.perception.turned_and_cut_faces import turned_back

INNER = np.arange(68) >= 17  # the jaw's landmarks mean another thing to each detector
# Parts of the face's size, about the distance between the outer eye corners. Behind drawn occluders, masks unknown, detectors err
# by 0.1 at most, by 0.03 as a rule; another person's landmarks are 0.17 off where their faces lie in the same place.
CLEARLY_ASTRAY, ASTRAY, FITS = 0.15, 0.08, 0.03


def check_agreement(given: Landmarks, seen: Landmarks, occluded: Bool[np.ndarray, "H W"], fewest: int = 10) -> None:
    """Refuse landmarks that clearly lie elsewhere than those that a detector sees, and say what would make them fit.

    Args:
        given: of one face of a photo, px.
        seen: in the same photo, those under the occluder without confidence.
        occluded: True under the occluder; a face that it mostly covers may be one that no detector sees.
        fewest: reliable ones within the face; with less nothing is said.

    Raises:
        LandmarkError: they disagree in place, size, turn or form.
    """
    both = INNER & seen.reliable & given.reliable
    hidden = occluded[face_region(given, occluded.shape)]
    if both.sum() < fewest or (hidden.size and hidden.mean() > 0.5):
        return
    points, wanted = given.xy[both].astype(float), seen.xy[both].astype(float)
    size = 2 * np.sqrt(((wanted - wanted.mean(axis=0)) ** 2).sum(axis=1).mean())
    gap = lambda moved: np.median(np.linalg.norm(moved - wanted, axis=1)) / size
    error = gap(points)
    if error <= ASTRAY or _mirrored(points, wanted):
        return
    remedy = next((words for words, moved, most in _remedies(points, wanted, occluded.shape) if gap(moved) < most), None)
    if remedy is not None:
        raise LandmarkError(f"the landmarks are not those of this picture: {remedy} they would fit the face that is seen here")
    if error > CLEARLY_ASTRAY:
        raise LandmarkError(
            "the landmarks fit no face here: they differ in place or form from the face that is seen; give this person's, px of "
            "this photo as it stands upright, or none and have them detected"
        )


def _remedies(
    points: Float[np.ndarray, "P 2"], wanted: Float[np.ndarray, "P 2"], shape: tuple[int, int]
) -> Iterator[tuple[str, Float[np.ndarray, "P 2"], float]]:
    """What may ail points px in a photo of ``shape`` (H, W): in words, the points put right, how far off these may be.

    The more freely they are put right, the nearer they must come: every two faces are alike once both are moved and scaled.
    """
    for turns, words in ((2, "180°"), (1, "90° to the right"), (3, "90° to the left")):
        yield f"turned by {words}", turned_back(points, turns, shape), ASTRAY
    scale = (points * wanted).sum() / (points**2).sum()
    yield f"at × {scale:.3g}", scale * points, FITS
    across, down = scales = (points * wanted).sum(axis=0) / (points**2).sum(axis=0)
    yield f"at × {across:.3g} across and × {down:.3g} down", scales * points, FITS
    offset = np.median(wanted - points, axis=0)
    yield f"moved by {_way(offset)}", points + offset, FITS
    centre, middle = points.mean(axis=0), wanted.mean(axis=0)
    scale = ((points - centre) * (wanted - middle)).sum() / ((points - centre) ** 2).sum()
    yield f"at × {scale:.3g} and moved by {_way(middle - scale * centre)}", scale * (points - centre) + middle, FITS / 2


def _mirrored(points, wanted):
    """Whether the mirror image of points is more like the wanted ones: ``fitting.plausibility`` will say what was swapped."""
    z, w = ((place - place.mean(axis=0)) @ (1, 1j) for place in (points, wanted))
    return abs(np.vdot(z.conj(), w)) > abs(np.vdot(z, w))


def _way(offset):
    """An offset (x, y) px in words."""
    (x, y), words = offset.round().astype(int), []
    for length, one, other in ((x, "right", "left"), (y, "down", "up")):
        if length:
            words.append(f"{abs(length)} px {one if length > 0 else other}")
    return " and ".join(words) or "less than a px"
