"""Estimate what hides a face: a network's probability and the face's parts, then a random walker on the colours."""

from collections.abc import Collection
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.interpolate import RBFInterpolator
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


@dataclass(frozen=True)
class MaskModel:
    """How a mask is estimated; lengths are px of the close-up."""

    least_trust: float = 0.02  # in the network where it is quite unsure
    no_trust: float = 1e-3  # off the face, where it says nothing
    parts: float = 0.5  # share of the log odds that the parts of the face say,
    hands: float = 0.2  # and the more where they say "hand"
    visible: float = 0.2  # the network's probability below which a pixel surely shows the face
    fewest_visible: int = 50  # of these pixels, to tell anything
    person: tuple[float, float] = (0.6, 0.8)  # mean probability of a person there, up to which the parts are worth nothing; all
    surest: float = 0.99  # probability, of the network or of the parts
    likely: float = 0.5  # probability above which a part is what it is said to be
    occluded: float = 0.35  # probability above which a pixel counts as occluded: unsure ones do
    smallest_occluder: float = 0.006  # of the face's area
    largest_hole: float = 0.01  # of the face's area
    widening: int = 1  # of the mask
    # What the share of truly occluded pixels says of the estimate, on drawn occluders: its log odds are too small by a factor;
    # shadows and soft edges reach beyond the mask by a border, and right beside it they are so likely.
    sharper: float = 1.7
    border: float = 2.6
    beside: float = 0.55
    wide: float = 1 / 6  # of that probability, from which a pixel is in the wide mask,
    narrow: float = 5 / 6  # and in the narrow one
    unsure: float = 0.08  # of the face, about which the two must differ to count: the border alone makes 3 to 8 %


MODEL = MaskModel()


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
    net = load_occlusion_net()
    closeup = Closeup.of(photo, dense_mesh(landmarks, net.canonical.numpy()))
    whole = whole_face(closeup.pixels, closeup.mesh, net)
    face = closeup.scaled(face_region(landmarks, photo.shape))
    probability = net.probability(whole.pixels, whole.mesh)[whole.window]
    parts = load_parts_segmenter().parts(whole.pixels, whole.mesh).within(whole.window)
    belief = _belief(probability, parts, face)
    probability = np.where(face, with_parts(probability, parts, belief), 0.0)
    trust = np.where(face, np.abs(2 * probability - 1) ** 1.5 + MODEL.least_trust, MODEL.no_trust)
    if strokes is not None:
        strokes = check_strokes(strokes, photo)
        probability, trust = apply_strokes(probability, trust, closeup.colours, closeup.strokes(strokes))
    probability = random_walk(probability, trust, closeup.colours)
    mask = _widened(_without_specks(probability > MODEL.occluded, face))
    hair, glasses, kinds = _kinds(parts, face & (belief > 0), mask, face)
    others = _wide_and_narrow(probability, mask, face) if strokes is None else ()
    occluded, hair, glasses, *others = (closeup.enlarged(region) for region in (mask, hair, glasses, *others))
    if strokes is not None:  # whoever corrected the mask has settled it
        occluded, hair, glasses = (correct(region, strokes) for region in (occluded, hair, glasses))
    sure = float(np.abs(2 * probability - 1)[face].mean()) if face.any() else 0.0
    return OcclusionEstimate(occluded, sure, hair & ~occluded, glasses & ~occluded, kinds, tuple(others))


def with_parts(probability: Float[np.ndarray, "h w"], parts: FaceParts, belief: float) -> Float[np.ndarray, "h w"]:
    """The network's ``probability`` of being occluded and the face's parts as one: a weighted mean of their log odds.

    What is neither the face's skin nor hair hides it. Hands, which the network takes for faces, weigh more.

    Args:
        belief: in the parts, from 0, none at all, to 1.
    """
    weight = belief * (MODEL.parts + MODEL.hands * parts.hands)
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
    """Pull a probability and the trust in it towards what strokes say.

    Each stroke pulls by s exp(-m²/4) exp(-(d/r)²) at d px from it, m the Mahalanobis distance to its own colours.

    Args:
        colours: Lab.
        strokes: values of Stroke.
        strength: s, at most.
        reach: r, px.
        colour: Lab units by which a stroke's colour may always vary.

    Returns:
        The probability, float32, and the trust.
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


def sharpened(probability: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """How likely a pixel is truly occluded, from the estimated ``probability`` and its distance to the mask."""
    own = expit(MODEL.sharper * _log_odds(probability))
    if not mask.any():
        return own
    distance = distance_transform_edt(~mask)
    return 1 - (1 - own) * (1 - MODEL.beside * np.exp(-0.5 * (distance / MODEL.border) ** 2) * ~mask)


def dense_mesh(landmarks: Landmarks, canonical: Float[np.ndarray, "468 2"]) -> Float[np.ndarray, "P 2"]:
    """MediaPipe's mesh (468 points or more, px), or, where only 68 are known, the mean face ``canonical`` bent onto them."""
    if landmarks.dense is not None:
        return landmarks.dense
    return RBFInterpolator(to_68(canonical), landmarks.xy, smoothing=1e-3)(canonical)


def _belief(probability, parts, face):
    """How far to believe the parts, 0 to 1: not where they see no person in what, to the network, surely shows the face.

    So blurred, nothing is a person to the segmenter.
    """
    visible = face & (probability < MODEL.visible)
    person = (parts.skin + parts.hands + parts.hair)[visible].mean() if visible.sum() >= MODEL.fewest_visible else 1.0
    nobody, somebody = MODEL.person
    return float(np.clip((person - nobody) / (somebody - nobody), 0.0, 1.0))


def _kinds(parts, known, mask, face):
    """Hair and clear glasses over the visible face, (h, w) each, and what share of the face each kind of thing covers.

    Clear glasses are things that the network, which was shown many, takes for visible. ``known`` is where the parts are.
    """
    hair, glasses = (
        _widened(_without_specks(known & ~mask & (layer > MODEL.likely), face)) & known for layer in (parts.hair, parts.things)
    )
    covers = {name: known & mask & (getattr(parts, name) > MODEL.likely) for name in ("hands", "cloth", "things", "background")}
    shares = {
        name: region.sum() / max(face.sum(), 1) for name, region in (covers | {"hair": hair, "clear glasses": glasses}).items()
    }
    return hair, glasses, {name: float(share) for name, share in shares.items() if share > MODEL.smallest_occluder}


def _wide_and_narrow(probability, mask, face):
    """The wider and the narrower mask (h, w) that ``mask`` may be as well; none where they differ little within the face."""
    likely = sharpened(probability, mask)
    wide = _without_specks(likely > MODEL.wide, face) | mask
    narrow = _without_specks(likely > MODEL.narrow, face) & mask
    return (wide, narrow) if (wide & ~narrow & face).sum() > MODEL.unsure * face.sum() else ()


def _log_odds(probability):
    """Of a probability that is never quite sure."""
    return logit(np.clip(probability, 1 - MODEL.surest, MODEL.surest))


def _without_specks(mask, face):
    """The mask (h, w) without specks and holes that are small against the face."""
    from skimage.morphology import remove_small_holes, remove_small_objects

    mask = remove_small_objects(mask, max_size=int(MODEL.smallest_occluder * face.sum()))
    return remove_small_holes(mask, max_size=int(MODEL.largest_hole * face.sum()))


def _widened(mask):
    """The mask (h, w), a little wider."""
    side = 2 * MODEL.widening + 1
    return cv2.dilate(mask.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))) > 0
