"""Estimate what hides a face: a network's probability and the face's parts, then a random walker on the colours."""

from collections.abc import Collection
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.ndimage import distance_transform_edt, label
from scipy.special import expit, logit

from d3f_lite.observation.landmarks import Landmarks, face_region
from d3f_lite.observation.masks import Stroke, check_strokes, correct
from d3f_lite.observation.photo import Photo
from d3f_lite.perception.closeup import Closeup, whole_face
from d3f_lite.perception.detector import to_68
from d3f_lite.perception.face_parts import FaceParts, load_parts_segmenter
from d3f_lite.perception.occlusion_net import load_occlusion_net
from d3f_lite.perception.random_walker import random_walk

HIDES = ("hair", "glasses")  # what hides a face only for those who say so
SMALLEST_OCCLUDER = 0.006  # of the face's area
LIKELY = 0.5  # probability above which a part is what it is said to be


@dataclass(frozen=True, eq=False)
class OcclusionEstimate:
    """What hides a face, as far as the photo tells.

    Where the mask is unsure and nobody corrected it, ``others`` are a wider and a narrower one: a pixel lies in about as many
    of the three as it is likely to be occluded.
    """

    occluded: Bool[np.ndarray, "H W"]  # the mask, unsure pixels included
    confidence: float  # 0 to 1, the mean of |2 p - 1| over the face's pixels: 1 if every one is sure
    hair: Bool[np.ndarray, "H W"]  # where hair (beards, too) covers the face and nothing else does
    glasses: Bool[np.ndarray, "H W"]  # the same of clear glasses
    kinds: dict[str, float]  # as in Masks
    others: tuple[Bool[np.ndarray, "H W"], ...] = ()

    def masks(self, hides: Collection[str]) -> list[Bool[np.ndarray, "H W"]]:
        """The mask and the others, each with those of HIDES that count as hiding the face."""
        more = [getattr(self, name) for name in HIDES if name in hides]
        return [np.any([occluded, *more], axis=0) for occluded in (self.occluded, *self.others)]


def estimate_occlusion(photo: Photo, landmarks: Landmarks, strokes=None) -> OcclusionEstimate:
    """Estimate what hides the face of these landmarks.

    Args:
        strokes: (H, W) int8 that correct the estimate (see Stroke), nearby too, where the colours are alike.

    Raises:
        MaskError: unusable strokes.
    """
    # A close-up, in which the face is whole even where the photo's border cuts it.
    net = load_occlusion_net()
    closeup = Closeup.of(photo, dense_mesh(landmarks, net.canonical))
    whole = whole_face(closeup.pixels, closeup.mesh, net)
    face = closeup.scaled(face_region(landmarks, photo.shape))
    # The network's probability and the segmenter's parts, as one; what strokes say of them.
    probability = net.probability(whole.pixels, whole.mesh)[whole.window]
    parts = load_parts_segmenter().parts(whole.pixels, whole.mesh).within(whole.window)
    belief = _belief(probability, parts, face)
    probability = np.where(face, with_parts(probability, parts, belief), 0.0)
    trust = np.where(face, np.abs(2 * probability - 1) ** 1.5 + 0.02, 1e-3)  # off the face, the network says nothing
    if strokes is not None:
        strokes = check_strokes(strokes, photo)
        probability, trust = apply_strokes(probability, trust, closeup.colours, closeup.strokes(strokes))
    # Pixels of like colour agree; those above a threshold are the mask, unsure ones included.
    probability = random_walk(probability, trust, closeup.colours)
    mask = _widened(_without_specks(probability > 0.35, face))
    hair, glasses, kinds = _kinds(parts, face & (belief > 0), mask, face)
    others = _wide_and_narrow(probability, mask, face) if strokes is None else ()
    # Back to the photo's own pixels.
    occluded, hair, glasses, *others = (closeup.enlarged(region) for region in (mask, hair, glasses, *others))
    if strokes is not None:  # whoever corrected the mask has settled it
        occluded, hair, glasses = (correct(region, strokes) for region in (occluded, hair, glasses))
    sure = float(np.abs(2 * probability - 1)[face].mean()) if face.any() else 0.0
    return OcclusionEstimate(occluded, sure, hair & ~occluded, glasses & ~occluded, kinds, tuple(others))


def with_parts(
    probability: Float[np.ndarray, "h w"], parts: FaceParts, belief: float, share: float = 0.5, hands: float = 0.2
) -> Float[np.ndarray, "h w"]:
    """The network's ``probability`` of being occluded and the face's parts as one: a weighted mean of their log odds.

    What is neither the face's skin nor hair hides it. The parts have a ``share``, and the more of ``hands``, which the network
    takes for faces; all times the ``belief`` in them, from 0 to 1.
    """
    weight = belief * (share + hands * parts.hands)
    odds = (1 - weight) * _log_odds(probability) + weight * _log_odds(1 - parts.skin - parts.hair)
    return expit(odds).astype(np.float32)


def apply_strokes(
    probability: Float[np.ndarray, "h w"],
    trust: Float[np.ndarray, "h w"],
    colours: Float[np.ndarray, "h w 3"],
    strokes: Int[np.ndarray, "h w"],
    strength: float = 0.9,
    reach: float = 12.0,
    colour: float = 3.0,
) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """Pull a probability and the trust in it towards what strokes, values of Stroke, say.

    Each stroke pulls by s exp(-m²/4) exp(-(d/r)²) at d px from it, m the Mahalanobis distance to its own colours.

    Args:
        colours: Lab.
        strength: s, at most.
        reach: r, px.
        colour: Lab units by which a stroke's colour may always vary.
    """
    for stroke, target in ((Stroke.OCCLUDED, 1.0), (Stroke.VISIBLE, 0.0)):
        pieces, number = label(strokes == stroke, np.ones((3, 3)))
        for piece in range(1, number + 1):
            own = colours[pieces == piece]
            covariance = np.cov(own.T) if len(own) > 3 else 0.0
            precision = np.linalg.inv(covariance + colour**2 * np.eye(3))
            offset = colours - own.mean(axis=0)
            likeness = np.exp(-np.einsum("...i,ij,...j->...", offset, precision, offset) / 4)
            distance = distance_transform_edt(pieces != piece)
            pull = strength * likeness * np.exp(-((distance / reach) ** 2))
            probability, trust = probability + pull * (target - probability), trust * (1 - pull) + pull
    probability = np.where(strokes > 0, strokes == Stroke.OCCLUDED, probability)
    return probability.astype(np.float32), np.where(strokes > 0, 1e3, trust)


def sharpened(
    probability: Float[np.ndarray, "h w"],
    mask: Bool[np.ndarray, "h w"],
    factor: float = 1.7,
    border: float = 2.6,
    beside: float = 0.55,
) -> Float[np.ndarray, "h w"]:
    """How likely a pixel is truly occluded, as the shares of truly occluded pixels under drawn occluders say.

    The log odds of the estimated ``probability`` are too small by a ``factor``; shadows and soft edges reach beyond the mask by a
    ``border`` px, and right ``beside`` it they are so likely.
    """
    sharp = expit(factor * _log_odds(probability))
    if not mask.any():
        return sharp
    distance = distance_transform_edt(~mask)
    return 1 - (1 - sharp) * (1 - beside * np.exp(-0.5 * (distance / border) ** 2) * ~mask)


def dense_mesh(landmarks: Landmarks, canonical: Float[np.ndarray, "468 2"]) -> Float[np.ndarray, "P 2"]:
    """MediaPipe's mesh (468 points or more, px), or, where only 68 are known, the mean face ``canonical`` bent onto them."""
    if landmarks.dense is not None:
        return landmarks.dense
    from scipy.interpolate import RBFInterpolator  # heavy, and only needed here

    return RBFInterpolator(to_68(canonical), landmarks.xy, smoothing=1e-3)(canonical)


def _belief(probability, parts, face, nobody: float = 0.6, somebody: float = 0.8):
    """How far to believe the parts, 0 to 1: not where they see no person in what, to the network, surely shows the face.

    So blurred, nothing is a person to the segmenter.
    """
    visible = face & (probability < 0.2)
    person = (parts.skin + parts.hands + parts.hair)[visible].mean() if visible.sum() >= 50 else 1.0
    return float(np.clip((person - nobody) / (somebody - nobody), 0.0, 1.0))


def _kinds(parts, known, mask, face):
    """Hair and clear glasses over the visible face, (h, w) each, and what share of the face each kind of thing covers.

    Clear glasses are things that the network, which was shown many, takes for visible. ``known`` is where the parts are.
    """
    hair, glasses = (
        _widened(_without_specks(known & ~mask & (layer > LIKELY), face)) & known for layer in (parts.hair, parts.things)
    )
    covers = {name: known & mask & (getattr(parts, name) > LIKELY) for name in ("hands", "cloth", "things", "background")}
    shares = {
        name: region.sum() / max(face.sum(), 1) for name, region in (covers | {"hair": hair, "clear glasses": glasses}).items()
    }
    return hair, glasses, {name: float(share) for name, share in shares.items() if share > SMALLEST_OCCLUDER}


def _wide_and_narrow(probability, mask, face, unsure: float = 0.08):
    """The wider and the narrower mask (h, w) that ``mask`` may be as well, where they differ about enough of the face to count.

    The border alone makes 3 to 8 %.
    """
    likely = sharpened(probability, mask)
    wide = _without_specks(likely > 1 / 6, face) | mask
    narrow = _without_specks(likely > 5 / 6, face) & mask
    return (wide, narrow) if (wide & ~narrow & face).sum() > unsure * face.sum() else ()


def _log_odds(probability, surest: float = 0.99):
    """Of a probability that is never quite sure."""
    return logit(np.clip(probability, 1 - surest, surest))


def _without_specks(mask, face):
    """The mask (h, w) without specks and holes that are small against the face."""
    mask = _larger_parts(mask, int(SMALLEST_OCCLUDER * face.sum()))
    return ~_larger_parts(~mask, int(0.01 * face.sum()))


def _larger_parts(mask, size):
    """The parts of a mask (h, w) that have more than ``size`` px."""
    _, parts, described, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    return mask & (described[:, cv2.CC_STAT_AREA] > size)[parts]


def _widened(mask):
    """The mask (h, w), wider by a pixel."""
    return cv2.dilate(mask.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))) > 0
