"""What is observed of a face: the photo, its landmarks, and which pixels are face and which are occluded."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int

from d3f_lite.errors import LandmarkError
from d3f_lite.observation.landmarks import (
    Landmarks,
    MediapipeDetector,
    detect_half_face,
    detect_landmarks,
    face_region,
    face_size,
    quarter_turns,
    same_face,
    to_68,
    with_mesh,
)  # fmt: skip
from d3f_lite.observation.photo import OCCLUDED, VISIBLE, Photo, check_mask, check_strokes
from d3f_lite.perception.cut_faces import whole_face
from d3f_lite.perception.face_detection import find_faces
from d3f_lite.perception.face_parts import FaceParts, load_parts_segmenter
from d3f_lite.perception.random_walker import random_walk

FACE_SIZE = 160  # px: faces are scaled to this size to estimate a mask; distances below are px at this size
MARGIN = 40  # px around the face that the estimate may reach into
FARTHEST = 2 * FACE_SIZE  # px beyond the photo's border that a face is filled
LEAST_TRUST = 0.02  # in the network where it is quite unsure
NO_TRUST = 1e-3  # off the face, where it says nothing
STROKE_TRUST = 1e3
PARTS_SHARE, HANDS_SHARE = 0.5, 0.2  # of the log odds that the parts of the face say, and the more where they say "hand"
SURELY_VISIBLE, FEWEST_VISIBLE = 0.2, 50  # the network's probability below which a pixel is, and px that tell anything
PERSON_DENIED, PERSON_SEEN = 0.6, 0.8  # mean probability of skin and hair there: below, the parts are worth nothing; from, all
SUREST = 0.99  # probability, of either
MOST_LIKELY = 0.5  # probability above which a part is what it is said to be
THRESHOLD = 0.35  # from this probability on a pixel counts as occluded: unsure ones do
SMALLEST_OCCLUDER, LARGEST_HOLE = 0.006, 0.01  # of the face's area
INVERTED_BORDER, INVERTED_FACE = 0.9, 0.25  # shares from which a given mask may be inverted: no occluder covers a photo's border
SHRUNK = 0.8  # of its size: a mesh that filling an occluder makes smaller than this lies on something else
STEADY = 0.5  # mean confidence, above which a face as it stands was found steadily, occluder and all
MOST_HIDDEN, MOST_OUTSIDE = 0.4, 0.25  # shares of the face, and of the landmarks, that explain why few are reliable
OVEREXPOSED, MOST_BRIGHT = 250, 0.3  # of 255 in each channel, and the share of such pixels that explains it
HIDES = ("hair", "glasses")  # what hides a face only for those who say so
WIDENING = 1  # px by which the mask is widened
# What the share of truly occluded pixels says of the estimate, on drawn occluders: its log odds are too small by a factor, and
# shadows and soft edges reach beyond the mask, by about so many px; right beside it they are about so likely.
SHARPER, BORDER, BESIDE = 1.7, 2.6, 0.55
LEVELS = (1 / 6, 5 / 6)  # of that probability, from which a pixel is in the wide mask, and in the narrow one
UNSURE = 0.08  # of the face, about which the two must differ to count: the border alone makes 3 to 8 %
STROKE_PULL, STROKE_REACH = 0.9, 12.0  # at most, and px
STROKE_COLOUR = 3.0  # Lab units by which a stroke's colour may always vary


@dataclass(frozen=True, eq=False)
class Masks:
    """Two regions of a photo, (H, W) bool each: the whole `face`, hidden parts too, and what is `occluded`.

    `origin` says where `occluded` comes from: "given", "estimated", or "corrected" by strokes; `confidence` how sure
    it is: 1 if given, else that of the OcclusionEstimate; `strokes` are those that corrected it, if any.
    `doubt` says what looks wrong with a given mask, if anything does. Where the mask was estimated, `kinds` says what share of
    the face is covered by hands, cloth, things, hair (beards, too), …
    """

    face: Bool[np.ndarray, "H W"]
    occluded: Bool[np.ndarray, "H W"]
    origin: str = "given"
    confidence: float = 1.0
    strokes: Int[np.ndarray, "H W"] | None = None
    doubt: str = ""
    kinds: dict[str, float] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """The share of the face that is occluded, 0 to 1."""
        return float(self.occluded[self.face].mean()) if self.face.any() else 0.0

    @property
    def visible(self) -> Bool[np.ndarray, "H W"]:
        """The face's visible pixels, (H, W) bool."""
        return self.face & ~self.occluded


@dataclass(frozen=True, eq=False)
class Observation:
    """One photo with its landmarks and masks: all that the fit gets to see.

    Where an estimated mask is unsure, `alternatives` are the same photo as seen under the wide and the narrow mask that it may
    have as well.
    """

    photo: Photo
    landmarks: Landmarks
    masks: Masks
    alternatives: tuple["Observation", ...] = ()


@dataclass(frozen=True, eq=False)
class OcclusionEstimate:
    """What hides a face, as far as the photo tells.

    `probability` of being occluded, 0 away from the face; `occluded`, unsure pixels
    included; `confidence` from 0 to 1, the mean of ``|2 p - 1|`` over the face's pixels: 1 if every one is sure. `hair` and
    `glasses` are the regions of hair (beards, too) and of clear glasses that nothing else hides; `kinds` as in Masks.
    `others`, where the mask is unsure and nobody corrected it, are a wider and a narrower one: a pixel lies in about as many of
    the three as it is likely to be occluded.
    """

    probability: Float[np.ndarray, "H W"]
    occluded: Bool[np.ndarray, "H W"]
    confidence: float
    hair: Bool[np.ndarray, "H W"]
    glasses: Bool[np.ndarray, "H W"]
    kinds: dict[str, float]
    others: tuple[Bool[np.ndarray, "H W"], ...] = ()

    def hiding(self, hides: Collection[str], occluded=None) -> Bool[np.ndarray, "H W"]:
        """What is `occluded`, or one of the `others`, and those of HIDES that count as hiding the face."""
        occluded = self.occluded if occluded is None else occluded
        return np.any([occluded, *(getattr(self, name) for name in HIDES if name in hides)], axis=0)


def observe(
    photo: Photo,
    occluded=None,
    *,
    landmarks: Landmarks | None = None,
    strokes=None,
    seed: int = 0,
    detector: MediapipeDetector | None = None,
    network=None,
    face: int = 1,
    hides: Collection[str] = (),
) -> Observation:
    """Find the landmarks and masks of a photo.

    `occluded` (H, W) bool is True under the occluder; None: it is estimated (all False: nothing is occluded). `strokes`
    (H, W) int8 (0 says nothing, 1 = occluded, 2 = visible) correct a given mask pixel by pixel, and an estimated one also
    nearby, where the colours are alike. `landmarks`, if given, are taken where the mask does not hide them; else they
    are detected, with the occluder filled, in the end by `network` if there is one. Of several faces the largest is taken,
    or that which `face` numbers, by size from 1. An estimated mask takes hair and beards, or clear glasses, for occluders only if
    `hides` names them, "hair" or "glasses"; where it is unsure, the Observation has alternatives.

    Raises MaskError for an unusable mask or strokes, and LandmarkError if no face is found.
    """
    if detector is None:
        with MediapipeDetector() as detector:
            options = {"detector": detector, "network": network, "face": face, "hides": hides}
            return observe(photo, occluded, landmarks=landmarks, strokes=strokes, seed=seed, **options)
    near = None if face == 1 or landmarks is not None else _numbered_face(photo, face, detector)

    def look(hidden, network=None, before=None):
        if landmarks is None:
            turns = None if before is None else quarter_turns(before)  # the face lies as it did before
            return detect_landmarks(photo, hidden, seed=seed, detector=detector, network=network, turns=turns, near=near)
        return with_mesh(landmarks, photo, hidden, seed=seed, detector=detector)

    origin, confidence, earlier, kinds, others = "given" if strokes is None else "corrected", 1.0, None, {}, []
    if occluded is None:
        estimate, earlier, first = _estimated_twice(photo, look, strokes)
        occluded, confidence, kinds = estimate.hiding(hides), estimate.confidence, estimate.kinds
        others = [estimate.hiding(hides, other) for other in estimate.others]
        origin = "estimated" if strokes is None else "corrected"
    elif strokes is not None:
        occluded = corrected(check_mask(occluded, photo), check_strokes(strokes, photo))
    occluded = check_mask(occluded, photo)
    earlier = None if earlier is None else earlier.beside(occluded)
    try:
        found = look(occluded, network, earlier)
    except LandmarkError as error:
        if earlier is None:
            raise _unseen(error, occluded) from None
        found = earlier
    if earlier is not None and not _on_the_same_face(found, first):
        found = first.beside(occluded)
    elif earlier is not None and not found.enough:
        if earlier.enough:
            found = earlier  # filled by a mask that differs little, the face was found more steadily
        elif first.confidence.mean() > STEADY:
            found = first.beside(occluded)  # filled, little of a face is left: the pose is better seen with its occluder
    if landmarks is None and near is None and occluded.any() and not found.enough:
        found = _other_half(found, photo, occluded, seed=seed, detector=detector, network=network)
    region = face_region(found, photo.shape)
    doubt = _doubt(occluded, region) if origin == "given" else ""
    masks = Masks(region, occluded, origin, confidence if not doubt else 0.0, strokes, doubt, kinds)
    unsure = others if found.enough else []
    return Observation(photo, found, masks, _alternatives(photo, masks, unsure, lambda hidden: look(hidden, network, earlier)))


def _alternatives(photo: Photo, masks: Masks, others, look) -> tuple[Observation, ...]:
    """The photo as seen under each of the `others` (H, W) that leave enough of the face; `look(hidden)` finds landmarks."""
    found = []
    for hidden in others:
        try:
            seen = look(hidden)
        except LandmarkError:
            continue
        if seen.enough:
            found.append(Observation(photo, seen, replace(masks, face=face_region(seen, photo.shape), occluded=hidden)))
    return tuple(found)


def count_faces(photo: Photo) -> int:
    """How many faces `observe` can tell apart, 1 at least: one that is found in another way than by size is one, too."""
    with MediapipeDetector() as detector:
        return max(1, len(find_faces(photo.pixels, detector)))


def _numbered_face(photo: Photo, face: int, detector: MediapipeDetector) -> Float[np.ndarray, "478 2"]:
    """The mesh points px of the face of this number, by size from 1."""
    faces = find_faces(photo.pixels, detector)
    if not 1 <= face <= len(faces):
        found = "no face was found" if not faces else f"{len(faces)} faces were found" if len(faces) > 1 else "one face was found"
        raise LandmarkError(f"{photo.name}: {found}, so there is no face {face}; number them by size from 1")
    return faces[face - 1]


def too_few_landmarks(observation: Observation) -> str:
    """Why so few landmarks of an Observation are reliable that the heads follow the prior, in one line; empty if enough are."""
    if observation.landmarks.enough:
        return ""
    landmarks, masks, photo = observation.landmarks, observation.masks, observation.photo
    within = landmarks.reliable[17:].sum()
    many = (
        f"only {landmarks.reliable.sum()} of 68 landmarks are reliable ({within} within the face), "
        "so the heads follow the population more than the photo: "
    )
    outside = ((landmarks.xy < 0) | (landmarks.xy >= photo.shape[::-1])).any(axis=1).mean()
    if masks.share > MOST_HIDDEN:
        covers = f"the {masks.origin} mask covers {masks.share:.0%} of the face; "
        if masks.origin == "given":
            return many + covers + "mark less as occluded"
        return many + covers + "if that is wrong, --mask none says that nothing hides it, and --strokes corrects it"
    if outside > MOST_OUTSIDE:
        return many + f"{outside:.0%} of them lie off the photo; use one that shows more of the face"
    bright = (photo.pixels.min(axis=2) > OVEREXPOSED)[masks.visible].mean() if masks.visible.any() else 0.0
    if bright > MOST_BRIGHT:
        return many + f"{bright:.0%} of what shows of the face is overexposed; use a darker photo, or place the landmarks by hand"
    return (
        many + "the detector is unsure of the others (a profile, blur?); use a sharper view from the front, or place them by hand"
    )


def _unseen(error: LandmarkError, occluded) -> LandmarkError:
    """The error that no face was found, with the mask named where it may be the reason."""
    covered = occluded.mean()
    if covered <= 0.5:
        return error
    return LandmarkError(f"{error}; the mask covers {covered:.0%} of the photo: is it inverted? White is what hides the face")


def _doubt(occluded, face) -> str:
    """What looks wrong with a given mask (H, W): it may be inverted, if it covers the photo's border and much of the face."""
    border = np.concatenate([occluded[0], occluded[-1], occluded[:, 0], occluded[:, -1]]).mean()
    hidden = occluded[face].mean() if face.any() else 0.0
    if border < INVERTED_BORDER or hidden < INVERTED_FACE:
        return ""
    covers = f"{border:.0%} of the photo's border and {hidden:.0%} of the face"
    return f"the mask covers {covers}: is it inverted? White is what hides the face"


def estimate_occlusion(photo: Photo, landmarks: Landmarks, strokes=None) -> OcclusionEstimate:
    """Estimate what hides the face: the occlusion network's probability and the face's parts, then a walker on the colours.

    `strokes` (H, W) int8 correct it: 0 says nothing, 1 = occluded, 2 = visible. Raises MaskError for unusable strokes.
    """
    from d3f_lite.perception.occlusion_net import load_occlusion_net

    net = load_occlusion_net()
    mesh = dense_mesh(landmarks, net.canonical.numpy())
    closeup = _Closeup.of(photo, mesh)
    whole = whole_face(closeup.pixels, closeup.mesh, net, MARGIN, FARTHEST)
    face = closeup.scaled(face_region(landmarks, photo.shape))
    probability = net.probability(whole.pixels, whole.mesh)[whole.window]
    parts = load_parts_segmenter().parts(whole.pixels, whole.mesh).within(whole.window)
    believed = _belief(probability, parts, face)
    probability = np.where(face, with_parts(probability, parts, believed), 0.0)
    trust = np.where(face, np.abs(2 * probability - 1) ** 1.5 + LEAST_TRUST, NO_TRUST)
    if strokes is not None:
        strokes = check_strokes(strokes, photo)
        probability, trust = pulled(probability, trust, closeup.colours, closeup.strokes(strokes))
    probability = random_walk(probability, trust, closeup.colours)
    hidden = _cleaned(probability > THRESHOLD, face.sum())
    occluded = closeup.enlarged(hidden.astype(np.float32)) > 0.5
    sure = float(np.abs(2 * probability - 1)[face].mean()) if face.any() else 0.0
    regions, kinds = _told_apart(parts, face & (believed > 0), hidden, face.sum())
    hair, glasses = (closeup.enlarged(region.astype(np.float32)) > 0.5 for region in regions)
    others = []
    if strokes is None:
        others = [closeup.enlarged(other.astype(np.float32)) > 0.5 for other in _wide_and_narrow(probability, hidden, face)]
    else:  # whoever corrected the mask has settled it
        occluded, hair, glasses = (corrected(region, strokes) for region in (occluded, hair, glasses))
    hair, glasses = hair & ~occluded, glasses & ~occluded
    return OcclusionEstimate(closeup.enlarged(probability), occluded, sure, hair, glasses, kinds, tuple(others))


def with_parts(probability: Float[np.ndarray, "h w"], parts: FaceParts, believed: float) -> Float[np.ndarray, "h w"]:
    """The network's `probability` of being occluded and the face's parts as one: a weighted mean of their log odds.

    What is neither the face's skin nor hair hides it. Hands, which the network takes for faces, weigh more. The parts are
    `believed` from 0, not at all, to 1.
    """
    weight = believed * (PARTS_SHARE + HANDS_SHARE * parts.hands)
    odds = (1 - weight) * _log_odds(probability) + weight * _log_odds(1 - parts.skin - parts.hair)
    return (1 / (1 + np.exp(-odds))).astype(np.float32)


def _belief(probability, parts: FaceParts, face) -> float:
    """How far the parts are to be believed, 0 to 1: the less, the less of a person is seen in what surely shows of the face.

    So blurred, nothing is a person to the segmenter. `probability` is the network's.
    """
    visible = face & (probability < SURELY_VISIBLE)
    person = (parts.skin + parts.hands + parts.hair)[visible].mean() if visible.sum() >= FEWEST_VISIBLE else 1.0
    return float(np.clip((person - PERSON_DENIED) / (PERSON_SEEN - PERSON_DENIED), 0.0, 1.0))


def _told_apart(parts: FaceParts, face, hidden, area) -> tuple[tuple[np.ndarray, np.ndarray], dict[str, float]]:
    """Hair and clear glasses over the visible `face` (h, w), and what share of its `area` px each kind of thing covers.

    Clear glasses are things that the network, which was shown many, takes for visible.
    """
    regions = tuple(_cleaned(face & ~hidden & (layer > MOST_LIKELY), area) & face for layer in (parts.hair, parts.things))
    covers = {"hands": parts.hands, "cloth": parts.cloth, "things": parts.things, "background": parts.background}
    covers = {name: hidden & face & (layer > MOST_LIKELY) for name, layer in covers.items()}
    covers |= dict(zip(("hair", "clear glasses"), regions))
    return regions, {
        name: float(region.sum() / area) for name, region in covers.items() if region.sum() > SMALLEST_OCCLUDER * area
    }


def _log_odds(probability):
    """Of a probability that is never quite sure."""
    kept = np.clip(probability, 1 - SUREST, SUREST)
    return np.log(kept / (1 - kept))


def _estimated_twice(photo: Photo, look, strokes) -> tuple[OcclusionEstimate, Landmarks, Landmarks]:
    """The mask, the landmarks it was estimated with: those that `look(hidden)` finds under a first estimate; and the first.

    The detector squeezes its mesh into what it sees of a face. Once the occluder is filled, it does so less; but of a face
    that is nearly all filled, it may find something else. `strokes` correct the second estimate only, so that none moves the
    mesh, and with it the mask elsewhere.
    """
    first = landmarks = look(np.zeros(photo.shape, bool))
    estimate = estimate_occlusion(photo, landmarks)
    if estimate.occluded.any():
        try:
            filled = look(estimate.occluded, before=landmarks)
            landmarks = filled if _on_the_same_face(filled, first) else first.beside(estimate.occluded)
        except LandmarkError:
            pass  # filled, it looks like a face no more
    if strokes is None and landmarks.dense is first.dense:
        return estimate, landmarks, first
    return estimate_occlusion(photo, landmarks, strokes), landmarks, first


def _on_the_same_face(filled: Landmarks, first: Landmarks) -> bool:
    """Whether what was found once the occluder is `filled` is the `first` face: in its place, and larger rather than smaller."""
    if filled.dense is None or first.dense is None:
        return True
    larger = face_size(filled.dense) > SHRUNK * face_size(first.dense)
    return larger and bool(same_face([first.dense], filled.dense))


def _other_half(landmarks: Landmarks, photo: Photo, occluded, **options) -> Landmarks:
    """Those `landmarks`, too few of which are reliable, or enough that are found once the visible half is mirrored."""
    try:
        found = detect_half_face(photo, occluded, **options)
    except LandmarkError:
        return landmarks
    return found if found.enough else landmarks


def corrected(occluded: Bool[np.ndarray, "H W"], strokes: Int[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """The mask `occluded` with the pixels of `strokes` as they say."""
    return (occluded | (strokes == OCCLUDED)) & (strokes != VISIBLE)


def dense_mesh(landmarks: Landmarks, canonical: Float[np.ndarray, "468 2"]) -> Float[np.ndarray, "P 2"]:
    """MediaPipe's mesh points (≥ 468, 2) px, or, where only 68 are known, the mean face `canonical` bent onto them."""
    from scipy.interpolate import RBFInterpolator

    if landmarks.dense is not None:
        return landmarks.dense
    return RBFInterpolator(to_68(canonical), landmarks.xy, smoothing=1e-3)(canonical)


def pulled(
    probability: Float[np.ndarray, "h w"],
    trust: Float[np.ndarray, "h w"],
    colours: Float[np.ndarray, "h w 3"],
    strokes: Int[np.ndarray, "h w"],
) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """Pull the `probability` and the `trust` in it, (h, w) each, towards what `strokes` say.

    Each stroke pulls by 0.9 exp(-m²/4) exp(-(d/12)²) at d px from it, m the Mahalanobis distance of the `colours`
    (h, w, 3) to its own.
    """
    from scipy.ndimage import distance_transform_edt, label

    for said, target in ((OCCLUDED, 1.0), (VISIBLE, 0.0)):
        pieces, number = label(strokes == said, np.ones((3, 3)))
        for piece in range(1, number + 1):
            own = colours[pieces == piece]
            covariance = np.cov(own.T) if len(own) > 3 else 0.0
            precision = np.linalg.inv(covariance + STROKE_COLOUR**2 * np.eye(3))
            offset = colours - own.mean(axis=0)
            likeness = np.exp(-np.einsum("...i,ij,...j->...", offset, precision, offset) / 4)
            distance = distance_transform_edt(pieces != piece)
            pull = STROKE_PULL * likeness * np.exp(-((distance / STROKE_REACH) ** 2))
            probability, trust = probability + pull * (target - probability), trust * (1 - pull) + pull
    probability = np.where(strokes > 0, strokes == OCCLUDED, probability)
    return probability.astype(np.float32), np.where(strokes > 0, STROKE_TRUST, trust)


def calibrated(probability: Float[np.ndarray, "h w"], hidden: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """How likely a pixel is occluded, from the estimated `probability` and how far it lies from the mask `hidden`."""
    from scipy.ndimage import distance_transform_edt

    own = 1 / (1 + np.exp(-SHARPER * _log_odds(probability)))
    if not hidden.any():
        return own
    away = distance_transform_edt(~hidden)
    return 1 - (1 - own) * (1 - BESIDE * np.exp(-0.5 * (away / BORDER) ** 2) * ~hidden)


def _wide_and_narrow(probability, hidden, face) -> tuple[np.ndarray, ...]:
    """The wider and the narrower mask (h, w) that `hidden` may be as well; none where they differ little within the `face`."""
    likely = calibrated(probability, hidden)
    wide, narrow = (_without_specks(likely > level, face.sum()) for level in LEVELS)
    wide, narrow = wide | hidden, narrow & hidden
    return (wide, narrow) if (wide & ~narrow & face).sum() > UNSURE * face.sum() else ()


def _without_specks(occluded, area: int) -> np.ndarray:
    """The mask (h, w) without specks and small holes; `area` is the face's in px."""
    from skimage.morphology import remove_small_holes, remove_small_objects

    occluded = remove_small_objects(occluded, max_size=int(SMALLEST_OCCLUDER * area))
    return remove_small_holes(occluded, max_size=int(LARGEST_HOLE * area))


def _cleaned(occluded, area: int) -> np.ndarray:
    """The mask (h, w) without specks and small holes, a little widened; `area` is the face's in px."""
    occluded = _without_specks(occluded, area)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * WIDENING + 1, 2 * WIDENING + 1))
    return cv2.dilate(occluded.astype(np.uint8), disc) > 0


@dataclass(frozen=True, eq=False)
class _Closeup:
    """The face of a photo scaled to FACE_SIZE.

    `pixels` (h, w, 3) uint8, their Lab `colours` (h, w, 3) float32, and the `mesh` (P, 2) px, of the part of the photo
    (of `shape`) from `low` to `high` (x, y) px.
    """

    pixels: np.ndarray
    colours: np.ndarray
    mesh: np.ndarray
    shape: tuple[int, int]
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, photo: Photo, mesh: np.ndarray) -> "_Closeup":
        scale = FACE_SIZE / face_size(mesh)
        limit = np.array(photo.shape[::-1])
        low = np.floor(mesh.min(axis=0) - MARGIN / scale).astype(int).clip(0, limit - 2)
        high = np.ceil(mesh.max(axis=0) + MARGIN / scale).astype(int).clip(low + 2, limit)
        size = np.maximum(np.round((high - low) * scale), 2).astype(int)
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        pixels = cv2.resize(photo.pixels[low[1] : high[1], low[0] : high[0]], size, interpolation=method)
        colours = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        return cls(pixels, colours, (mesh - low) * size / (high - low), photo.shape, low, high)

    def scaled(self, region) -> np.ndarray:
        """A region (H, W) bool of the photo in the close-up, (h, w) bool."""
        part = region[self.low[1] : self.high[1], self.low[0] : self.high[0]].astype(np.float32)
        return cv2.resize(part, self.pixels.shape[1::-1], interpolation=cv2.INTER_AREA) > 0.5

    def strokes(self, strokes) -> np.ndarray:
        """Strokes (H, W) int8 of the photo in the close-up, (h, w) int8; thin ones are not lost."""
        part, size = strokes[self.low[1] : self.high[1], self.low[0] : self.high[0]], self.pixels.shape[1::-1]
        found = np.zeros(size[::-1], np.int8)
        for said in (OCCLUDED, VISIBLE):
            found[cv2.resize((part == said).astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.1] = said
        return found

    def enlarged(self, layer) -> np.ndarray:
        """A layer (h, w) float32 of the close-up in the photo, (H, W) float32, 0 around it."""
        whole, size = np.zeros(self.shape, np.float32), self.high - self.low
        method = cv2.INTER_AREA if size[0] < layer.shape[1] else cv2.INTER_LINEAR
        whole[self.low[1] : self.high[1], self.low[0] : self.high[0]] = cv2.resize(layer, size, interpolation=method)
        return whole
