"""Estimate what hides a face: a network's probability and the face's parts, then a random walker on the colours."""

from collections.abc import Collection
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import expit, logit

from d3f_lite.observation.landmarks import Landmarks, face_region
from d3f_lite.observation.masks import Stroke, check_strokes, correct
from d3f_lite.observation.photo import Photo
from d3f_lite.perception.closeup import Closeup
from d3f_lite.perception.cut_faces import whole_face
from d3f_lite.perception.face_mesh import to_68
from d3f_lite.perception.face_parts import FaceParts, load_parts_segmenter
from d3f_lite.perception.occlusion_net import load_occlusion_net
from d3f_lite.perception.random_walker import random_walk

HIDES = ("hair", "glasses")  # what hides a face only for those who say so


@dataclass(frozen=True)
class MaskModel:
    """How a mask is estimated. Lengths are px of the close-up; shares are of the face's area in it.

    Args:
        size: of the face in the close-up.
        margin: around the face that the estimate may reach into.
        farthest: beyond the photo's border, that a face is continued.
        least_trust: in the network where it is quite unsure,
        no_trust: and off the face, where it says nothing.
        parts: share of the log odds that the parts of the face say,
        hands: and the more where they say "hand".
        visible: the network's probability below which a pixel surely shows the face.
        fewest_visible: px of these that tell anything.
        person: mean probability of skin and hair there, below which the parts are worth nothing; from the second on, all.
        surest: probability that any of them may have.
        likely: probability above which a part is what it is said to be.
        occluded: probability from which a pixel counts as occluded: unsure ones do.
        smallest_occluder, largest_hole: shares.
        widening: of the mask.
        sharper: factor on the log odds, which are too small: what the share of truly occluded pixels says on drawn occluders.
        border: px that shadows and soft edges reach beyond the mask,
        beside: and how likely pixels right beside it are.
        wide, narrow: that probability, from which a pixel is in the wide mask, and in the narrow one.
        unsure: share about which the two must differ to count: the border alone makes 3 to 8 %.
    """

    size: float = 160.0
    margin: int = 40
    farthest: int = 320
    least_trust: float = 0.02
    no_trust: float = 1e-3
    parts: float = 0.5
    hands: float = 0.2
    visible: float = 0.2
    fewest_visible: int = 50
    person: tuple[float, float] = (0.6, 0.8)
    surest: float = 0.99
    likely: float = 0.5
    occluded: float = 0.35
    smallest_occluder: float = 0.006
    largest_hole: float = 0.01
    widening: int = 1
    sharper: float = 1.7
    border: float = 2.6
    beside: float = 0.55
    wide: float = 1 / 6
    narrow: float = 5 / 6
    unsure: float = 0.08


MODEL = MaskModel()


@dataclass(frozen=True, eq=False)
class OcclusionEstimate:
    """What hides a face, as far as the photo tells.

    Args:
        probability: of being occluded, 0 away from the face.
        occluded: the mask, unsure pixels included.
        confidence: 0 to 1, the mean of ``|2 p - 1|`` over the face's pixels: 1 if every one is sure.
        hair: where hair (beards, too) covers the face and nothing else does.
        glasses: the same of clear glasses.
        kinds: as in Masks.
        others: where the mask is unsure and nobody corrected it, a wider and a narrower one: a pixel lies in about as
            many of the three as it is likely to be occluded.
    """

    probability: Float[np.ndarray, "H W"]
    occluded: Bool[np.ndarray, "H W"]
    confidence: float
    hair: Bool[np.ndarray, "H W"]
    glasses: Bool[np.ndarray, "H W"]
    kinds: dict[str, float]
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
    closeup = Closeup.of(photo, dense_mesh(landmarks, net.canonical.numpy()), MODEL.size, MODEL.margin)
    whole = whole_face(closeup.pixels, closeup.mesh, net, MODEL.margin, MODEL.farthest)
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
    hidden = _widened(_without_specks(probability > MODEL.occluded, face.sum()))
    regions, kinds = _told_apart(parts, face & (belief > 0), hidden, face.sum())
    occluded, hair, glasses = (closeup.enlarged_region(region) for region in (hidden, *regions))
    others = ()
    if strokes is None:
        others = tuple(map(closeup.enlarged_region, _wide_and_narrow(probability, hidden, face)))
    else:  # whoever corrected the mask has settled it
        occluded, hair, glasses = (correct(region, strokes) for region in (occluded, hair, glasses))
    sure = float(np.abs(2 * probability - 1)[face].mean()) if face.any() else 0.0
    hair, glasses = hair & ~occluded, glasses & ~occluded
    return OcclusionEstimate(closeup.enlarged(probability), occluded, sure, hair, glasses, kinds, others)


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
    from scipy.ndimage import distance_transform_edt, label

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


def sharpened(probability: Float[np.ndarray, "h w"], hidden: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """How likely a pixel is truly occluded, from the estimated ``probability`` and its distance to the mask ``hidden``."""
    from scipy.ndimage import distance_transform_edt

    own = expit(MODEL.sharper * _log_odds(probability))
    if not hidden.any():
        return own
    distance = distance_transform_edt(~hidden)
    return 1 - (1 - own) * (1 - MODEL.beside * np.exp(-0.5 * (distance / MODEL.border) ** 2) * ~hidden)


def dense_mesh(landmarks: Landmarks, canonical: Float[np.ndarray, "468 2"]) -> Float[np.ndarray, "P 2"]:
    """MediaPipe's mesh (468 points or more, px), or, where only 68 are known, the mean face ``canonical`` bent onto them."""
    from scipy.interpolate import RBFInterpolator

    if landmarks.dense is not None:
        return landmarks.dense
    return RBFInterpolator(to_68(canonical), landmarks.xy, smoothing=1e-3)(canonical)


def _belief(probability, parts, face):
    """How far the parts are to be believed, 0 to 1: the less, the less of a person is seen in what surely shows of the face.

    So blurred, nothing is a person to the segmenter. ``probability`` is the network's.
    """
    visible = face & (probability < MODEL.visible)
    person = (parts.skin + parts.hands + parts.hair)[visible].mean() if visible.sum() >= MODEL.fewest_visible else 1.0
    nobody, somebody = MODEL.person
    return float(np.clip((person - nobody) / (somebody - nobody), 0.0, 1.0))


def _told_apart(parts, face, hidden, area):
    """Hair and clear glasses over the visible face, (h, w) each, and what share of its ``area`` px each kind of thing covers.

    Clear glasses are things that the network, which was shown many, takes for visible.
    """
    regions = [_widened(_without_specks(face & ~hidden & (layer > MODEL.likely), area)) & face
               for layer in (parts.hair, parts.things)]  # fmt: skip
    covers = {name: hidden & face & (getattr(parts, name) > MODEL.likely) for name in ("hands", "cloth", "things", "background")}
    covers |= dict(zip(("hair", "clear glasses"), regions))
    return regions, {
        name: float(region.sum() / area) for name, region in covers.items() if region.sum() > MODEL.smallest_occluder * area
    }


def _wide_and_narrow(probability, hidden, face):
    """The wider and the narrower mask (h, w) that ``hidden`` may be as well; none where they differ little within the face."""
    likely = sharpened(probability, hidden)
    wide = _without_specks(likely > MODEL.wide, face.sum()) | hidden
    narrow = _without_specks(likely > MODEL.narrow, face.sum()) & hidden
    return (wide, narrow) if (wide & ~narrow & face).sum() > MODEL.unsure * face.sum() else ()


def _log_odds(probability):
    """Of a probability that is never quite sure."""
    return logit(np.clip(probability, 1 - MODEL.surest, MODEL.surest))


def _without_specks(occluded, area):
    """The mask (h, w) without specks and small holes; ``area`` is the face's in px."""
    from skimage.morphology import remove_small_holes, remove_small_objects

    occluded = remove_small_objects(occluded, max_size=int(MODEL.smallest_occluder * area))
    return remove_small_holes(occluded, max_size=int(MODEL.largest_hole * area))


def _widened(occluded):
    """The mask (h, w) widened a little."""
    side = 2 * MODEL.widening + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return cv2.dilate(occluded.astype(np.uint8), disc) > 0
