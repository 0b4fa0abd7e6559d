"""Facial landmarks with confidences, found by a detector that is blind to what occludes the face.

MediaPipe's face landmarker finds the face and its mesh; its points, or those of a network given the face, are the 68.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, Shaped, UInt8

from d3f_lite.common.pull_push import pull_push
from d3f_lite.errors import LandmarkError
from d3f_lite.observation.photo import Photo, check_mask
from d3f_lite.perception.face_detection import (
    MediapipeDetector,
    face_size,
    find_faces,
    find_large_faces,
    find_small_faces,
    same_face,
    square_crop,
)
from d3f_lite.perception.half_faces import find_half_face

MEDIAPIPE, FACE_ALIGNMENT = "mediapipe", "face-alignment"  # names of backends
BY_HAND = ", corrected by hand"  # ends the name of a backend some of whose points were moved
FARTHEST = 1e6  # px, more than any photo is wide

# Indices into MediaPipe's 478 mesh points. Jaw 0-16: two contours from the temple to the chin, each starting
# 30 % of the way from its first to its second point.
JAW_CONTOURS = (
    (127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152),
    (356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152),
)
JAW_START = 0.3
JAW_HALF = 9  # points per contour, the chin counted in both
# Brows, nose, eyes and mouth 17-67: one mesh point, or the mean of two.
INNER_POINTS = (
    (70, 46), (63, 53), (105, 52), (66, 65), (107, 55), (336, 285), (296, 295), (334, 282), (293, 283), (300, 276),
    (168,), (197,), (195, 5), (4,), (75,), (97,), (2, 94), (326,), (305,),
    (33,), (160, 159), (158,), (133,), (153,), (144,), (362,), (385,), (387, 386), (263,), (373,), (380,),
    (61,), (40, 39), (37,), (0,), (267,), (270, 269), (291,), (321, 405), (314,), (17,), (84,), (91, 181),
    (78,), (82,), (13,), (312,), (308,), (317,), (14,), (87,),
)  # fmt: skip
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
OUTER_EYE_CORNERS = (36, 45)  # of the 68

JITTER_SHIFT = 0.04  # of the face size
JITTER_LOG_SCALE = 0.08
JITTER_ROTATION = np.radians(6)  # radians
CROP_SIDE = 256  # px of a jittered crop
CROP_FACE = 0.5  # of the crop's side that the face takes
STEADY = 1.0  # % of the inter-ocular distance: a spread up to this is full confidence
ASTRAY = 10.0  # % of the inter-ocular distance: a look farther off than this, on average, has failed
RELIABLE = 0.3  # confidence from which a landmark is used
FEWEST, FEWEST_INNER = 14, 10  # reliable landmarks, and those of them within the face, that a fit needs
DECAY = 3.0  # % of the inter-ocular distance: beyond it, confidence falls by e over this much
MASK_MARGIN = 0.02  # of the inter-ocular distance, by which the occluder is widened when it hides a landmark
FEWEST_SKIN_PIXELS = 64
SURELY_UPRIGHT = 0.8  # mean confidence from which nobody looks whether the photo lies on its side or its head
TURNED_STEADIER, TURNED_STEADIER_FILLED = (
    0.1,
    0.25,
)  # by which it must grow once the photo is turned; and beside a filled occluder
HALF_FACE_TRUST = 0.4  # in points that are found only once a half of the face is mirrored: they lie about twice as far off
CUT_MARGIN, CUT_SHOWN = 0.25, (0.2, 0.98)  # of the photo, that its mirrored borders are wide; how much of a face may show there
SMALL_FACE_STEADY = 0.1  # mean confidence, below which a small thing only looks like a face: a medal, a buckle


@dataclass(frozen=True, eq=False)
class Landmarks:
    """68 landmarks `xy` (68, 2) px in the order of Multi-PIE/300-W, with `confidence` (68,) from 0 to 1.

    `backend` names where they come from, `faces` is the number of faces found (the largest is taken), and `dense`
    (478, 2) px is MediaPipe's mesh, if any. Raises LandmarkError for other shapes, and for numbers out of range.
    """

    xy: np.ndarray
    confidence: np.ndarray
    backend: str
    faces: int
    dense: np.ndarray | None = None

    def __post_init__(self):
        for name, values, shape, low, high in (
            ("landmarks", self.xy, (68, 2), -FARTHEST, FARTHEST), ("confidences", self.confidence, (68,), 0.0, 1.0),
        ):  # fmt: skip
            if np.shape(values) != shape or not np.all((np.asarray(values) >= low) & (np.asarray(values) <= high)):
                raise LandmarkError(f"{name} must be of shape {shape} and lie between {low:g} and {high:g}")

    @property
    def detector(self) -> str:
        """The backend that a calibration speaks of: a few points corrected by hand leave it what it is."""
        return self.backend.removesuffix(BY_HAND)

    @property
    def reliable(self) -> Bool[np.ndarray, "68"]:
        """The landmarks that a fit may use, (68,) bool."""
        return self.confidence >= RELIABLE

    @property
    def enough(self) -> bool:
        """Whether so many are reliable that a fit is possible."""
        return bool(self.reliable.sum() >= FEWEST and self.reliable[17:].sum() >= FEWEST_INNER)

    def beside(self, occluded: Bool[np.ndarray, "H W"]) -> "Landmarks":
        """The same, without confidence in those that `occluded` hides (or almost), or off the photo."""
        return replace(self, confidence=self.confidence * _shown(self.xy, occluded).astype(self.confidence.dtype))


def detect_landmarks(
    photo: Photo,
    occluded: np.ndarray | None = None,
    *,
    seed: int = 0,
    jitters: int = 13,
    detector: MediapipeDetector | None = None,
    network=None,
    turns: int | None = None,
    near: np.ndarray | None = None,
) -> Landmarks:
    """Find the largest face's landmarks from the unmasked pixels only.

    The masked pixels are painted before the detector looks, so their content cannot matter: first with the colours
    around them, then with the median of the face's visible part. Points are medians over `jitters` shifted, scaled and
    turned crops (0: one look only); their spread, the mask and the photo's border give the confidence. With a `network`
    (a FaceAlignmentNetwork), its points and scores take the place of those of MediaPipe. Where no face is found so, one of
    which a half shows is looked for, and then small ones; where none is found for sure, also in the photo turned upside down or
    on its side, and the surest is taken. `turns` says how many quarter turns to the left make the face upright, where that is
    known. With points `near` (P, 2) px, the face that lies where they do is taken, as the photo stands.

    `occluded` (H, W) bool is True where something covers the face. Raises MaskError for an unusable mask and
    LandmarkError if no face is found.
    """
    if detector is None:
        with MediapipeDetector() as detector:
            options = {"jitters": jitters, "network": network, "turns": turns, "near": near}
            return detect_landmarks(photo, occluded, seed=seed, detector=detector, **options)
    occluded = np.zeros(photo.shape, bool) if occluded is None else check_mask(occluded, photo)
    options = {"seed": seed, "jitters": jitters, "detector": detector, "network": network}
    if near is not None:
        return _detect_upright(photo, occluded, **options, near=near)[0]
    if turns:
        found, _ = _detect_turned(photo, occluded, turns, **options)
    else:
        found = _detect_as_it_stands(photo, occluded, options, search=turns is None)
    if found is None:
        raise LandmarkError(f"{photo.name}: no face was found; use an upright photo that shows more of one face")
    return found


def _detect_as_it_stands(photo, occluded, options, search: bool) -> Landmarks | None:
    """The landmarks of an upright face, or, if one is to `search`, of one that is much steadier once the photo is turned."""
    try:
        found, steady = _detect_upright(photo, occluded, **options)
    except LandmarkError:
        found, steady = None, -1.0
    if search and steady < SURELY_UPRIGHT:
        least = steady + (TURNED_STEADIER_FILLED if occluded.any() else TURNED_STEADIER)
        turned = [_detect_turned(photo, occluded, turns, **options) for turns in (2, 1, 3)]
        best, steadiest = max(turned, key=lambda one: one[1])
        found = best if best is not None and steadiest > least else found
    return found


def _detect_upright(photo, occluded, *, seed, jitters, detector, network, near=None) -> tuple[Landmarks, float]:
    """See `detect_landmarks`; of a face that stands upright. And how steady its points are on average, hidden or not."""
    pixels = diffuse(photo.pixels, occluded)
    faces, least_steady = find_large_faces(pixels, detector), 0.0
    if near is not None:
        faces = same_face(faces, near) or same_face(find_small_faces(pixels, detector), near)
    for detect in () if faces or near is not None else (detect_cut_face, detect_half_face):
        try:
            part = detect(photo, occluded, seed=seed, jitters=jitters, detector=detector, network=network)
            return part, float(part.confidence.mean())
        except LandmarkError:
            least_steady = 0.0 if occluded.any() else SMALL_FACE_STEADY
    faces = faces if near is not None else faces or find_small_faces(pixels, detector)
    if not faces:
        raise LandmarkError(f"{photo.name}: no upright face was found")
    pixels, face = _painted(photo.pixels, occluded, faces[0], detector) if occluded.any() else (pixels, faces[0])
    xy, confidence, dense, backend = _located(pixels, face, seed, jitters, detector, network)
    if confidence.mean() < least_steady:
        raise LandmarkError(f"{photo.name}: no upright face was found, only what looks a little like one")
    return Landmarks(xy, confidence, backend, len(faces), dense).beside(occluded), float(confidence.mean())


def _detect_turned(photo, occluded, turns, **options) -> tuple[Landmarks | None, float]:
    """As `_detect_upright`, in the photo after so many quarter `turns` to the left; None where no face is found at once."""
    pixels, hidden = (np.ascontiguousarray(np.rot90(layer, turns)) for layer in (photo.pixels, occluded))
    if not options["detector"].detect(diffuse(pixels, hidden)):
        return None, 0.0
    found, steady = _detect_upright(Photo(pixels, photo.name), hidden, **options)
    dense = None if found.dense is None else turned_back(found.dense, turns, photo.shape)
    return replace(found, xy=turned_back(found.xy, turns, photo.shape), dense=dense), steady


def quarter_turns(landmarks: Landmarks) -> int:
    """How many quarter turns to the left make the face of these landmarks upright, 0 to 3."""
    right, down = landmarks.xy[OUTER_EYE_CORNERS[1]] - landmarks.xy[OUTER_EYE_CORNERS[0]]
    return int(np.rint(np.arctan2(down, right) / (np.pi / 2))) % 4


def turned_back(points: Float[np.ndarray, "P 2"], turns: int, shape: tuple[int, int]) -> Float[np.ndarray, "P 2"]:
    """Where `points` px of a photo that was turned left by so many quarter `turns` lie in the photo of `shape` (H, W)."""
    height, width = shape
    x, y = points.T
    places = {0: (x, y), 1: (width - y, x), 2: (width - x, height - y), 3: (y, height - x)}
    return np.stack(places[turns % 4], axis=1)


def detect_cut_face(
    photo: Photo, occluded: np.ndarray, *, seed: int = 0, jitters: int = 13, detector: MediapipeDetector, network=None
) -> Landmarks:
    """Find the landmarks of a face that the photo's border cuts: the photo is mirrored at its borders before the detector looks.

    Those beyond the border are not trusted, the others less than usual. Arguments are those of `detect_landmarks`;
    raises LandmarkError if no such face is found.
    """
    high, wide = (int(CUT_MARGIN * length) for length in photo.shape)
    mirrored = cv2.copyMakeBorder(diffuse(photo.pixels, occluded), high, high, wide, wide, cv2.BORDER_REFLECT)
    inside = np.array(photo.shape[::-1])
    faces = [face for face in detector.detect(mirrored) if _cut(face - (wide, high), inside)]
    if not faces:
        raise LandmarkError(f"{photo.name}: no face was found at the border")
    xy, confidence, dense, backend = _located(mirrored, faces[0], seed, jitters, detector, network)
    xy, dense = (points - np.array((wide, high), np.float32) for points in (xy, dense))
    return Landmarks(xy, HALF_FACE_TRUST * confidence, backend, 1, dense).beside(occluded)


def _cut(face, inside) -> bool:
    """Whether a border of the photo (0, 0) to `inside` px runs through the `face` (478, 2) px, most of which it need not show."""
    shown = ((face >= 0) & (face < inside)).all(1).mean()
    return CUT_SHOWN[0] < shown < CUT_SHOWN[1]


def detect_half_face(
    photo: Photo, occluded: np.ndarray, *, seed: int = 0, jitters: int = 13, detector: MediapipeDetector, network=None
) -> Landmarks:
    """Find the landmarks of a face of which a half shows: that half is mirrored onto the other before the detector looks.

    Those of the mirrored half are not trusted, the others less than usual. Arguments are those of `detect_landmarks`;
    raises LandmarkError if no such face is found.
    """
    half = find_half_face(diffuse(photo.pixels, occluded), detector)
    if half is None:
        raise LandmarkError(f"{photo.name}: no half face was found")
    xy, confidence, dense, backend = _located(half.pixels, half.mesh, seed, jitters, detector, network)
    return Landmarks(xy, HALF_FACE_TRUST * confidence, backend, 1, dense).beside(occluded | half.mirrored)


def with_mesh(
    landmarks: Landmarks, photo: Photo, occluded: np.ndarray, *, seed: int = 0, detector: MediapipeDetector | None = None
) -> Landmarks:
    """Landmarks from elsewhere, with the mesh that the detector finds on the same face, if any; none hidden is trusted."""
    try:
        found = detect_landmarks(photo, occluded, seed=seed, detector=detector)
        if found.faces > 1 and not same_face([landmarks.xy], found.dense):
            found = detect_landmarks(photo, occluded, seed=seed, detector=detector, near=landmarks.xy)
    except LandmarkError:
        return replace(landmarks, faces=0, dense=None).beside(occluded)
    same = bool(same_face([landmarks.xy], found.dense))
    return replace(landmarks, faces=found.faces, dense=found.dense if same else None).beside(occluded)


def to_68(points: Float[np.ndarray, "P 2"]) -> Float[np.ndarray, "68 2"]:
    """The 68 landmarks (68, 2) px from MediaPipe's mesh points (478, 2) px; the jaw is resampled by arc length."""
    right, left = (_resampled_jaw(points[list(contour)]) for contour in JAW_CONTOURS)
    inner = [points[list(indices)].mean(axis=0) for indices in INNER_POINTS]
    return np.concatenate([right, left[-2::-1], inner])


def interocular_distance(xy: Float[np.ndarray, "68 2"]) -> float:
    """Distance in px between the outer eye corners of the 68 landmarks `xy`."""
    right, left = OUTER_EYE_CORNERS
    return float(np.linalg.norm(xy[left] - xy[right]))


def face_region(landmarks: Landmarks, shape: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """The face with its forehead as (H, W) bool, for a photo of `shape` (H, W)."""
    if landmarks.dense is not None:
        return region_inside(landmarks.dense[list(FACE_OVAL)], shape)
    jaw, brows, chin = landmarks.xy[:17], landmarks.xy[17:27], landmarks.xy[8]
    up = (landmarks.xy[27] - chin) * 0.5  # the forehead is about half as high as the nose bridge over the chin
    return region_inside(cv2.convexHull(np.concatenate([jaw, brows + up]).astype(np.float32))[:, 0], shape)


def region_inside(polygon: Shaped[np.ndarray, "P 2"], shape: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """The pixels of a photo of `shape` (H, W) inside `polygon` px, as (H, W) bool."""
    region = np.zeros(shape, np.uint8)
    cv2.fillPoly(region, [np.round((polygon - 0.5) * 16).astype(np.int32)], 1, shift=4)
    return region.astype(bool)


def diffuse(pixels: Shaped[np.ndarray, "H W 3"], where: Bool[np.ndarray, "H W"]) -> Shaped[np.ndarray, "H W 3"]:
    """A copy of `pixels` with the region `where` filled by the colours around it."""
    if not where.any():
        return pixels.copy()
    smooth = pull_push(pixels, (~where).astype(np.float32))
    return np.where(where[..., None], smooth.round().clip(0, 255).astype(np.uint8), pixels)


def paint(
    pixels: UInt8[np.ndarray, "H W 3"], where: Bool[np.ndarray, "H W"], like: Bool[np.ndarray, "H W"]
) -> UInt8[np.ndarray, "H W 3"]:
    """A copy of `pixels` with the region `where` in the median colour of the region `like` (both (H, W))."""
    painted = pixels.copy()
    painted[where] = np.median(pixels[like], axis=0)
    return painted


def _located(pixels, face, seed, jitters, detector, network):
    """Landmarks (68, 2) px, confidences (68,), mesh (478, 2) px, float32, and their backend, of the `face` (478, 2) px."""
    looks = _jittered(pixels, face, jitters, np.random.default_rng(seed), detector)
    dense = np.median(looks or [face], axis=0)
    if network is None:
        backend, xy = MEDIAPIPE, to_68(dense)
        confidence = _steadiness(looks, xy, jitters)
    else:
        backend, (xy, confidence) = network.name, network.locate(pixels, dense)
    return *(values.astype(np.float32) for values in (xy, confidence, dense)), backend


def _painted(pixels, occluded, face, detector) -> tuple[np.ndarray, np.ndarray]:
    """The pixels with the occluder in the colour of the visible `face` (478, 2) px, and the same face found again there."""
    skin = region_inside(face[list(FACE_OVAL)], occluded.shape) & ~occluded
    if skin.sum() < FEWEST_SKIN_PIXELS:
        return diffuse(pixels, occluded), face
    painted = paint(pixels, occluded, skin)
    return painted, (same_face(find_faces(painted, detector), face) or [face])[0]


def _jittered(pixels, face, jitters: int, random, detector) -> list[np.ndarray]:
    """The mesh points (478, 2) px found in each of the jittered crops around `face`, where one was found."""
    centre, size = (face.max(axis=0) + face.min(axis=0)) / 2, face_size(face)
    looks = []
    for _ in range(jitters):
        shift = random.normal(0, JITTER_SHIFT * size, 2)
        scale = CROP_FACE * CROP_SIDE / size * np.exp(random.normal(0, JITTER_LOG_SCALE))
        turn = random.normal(0, JITTER_ROTATION)
        linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        offset = CROP_SIDE / 2 - linear @ (centre + shift)
        found = detector.detect(square_crop(pixels, linear, offset, CROP_SIDE))
        looks += same_face([(points - offset) @ np.linalg.inv(linear).T for points in found], face)[:1]
    return looks


def _steadiness(looks, xy, jitters: int) -> np.ndarray:
    """Confidence (68,) from the spread over jittered looks (in % of the inter-ocular distance) and their success."""
    if jitters == 0:
        return np.ones(len(xy))
    squared = (np.array([to_68(look) - xy for look in looks]).reshape(-1, *xy.shape) ** 2).sum(axis=2)
    unit = interocular_distance(xy) / 100
    # A look that takes something else for the face is a failed one: it must not cost the others their confidence.
    squared = squared[np.sqrt(squared).mean(axis=1) < ASTRAY * unit]
    if not len(squared):
        return np.zeros(len(xy))
    spread = np.sqrt(squared.mean(axis=0)) / unit
    return len(squared) / jitters * np.exp(-np.maximum(spread - STEADY, 0) / DECAY)


def _shown(xy, occluded) -> np.ndarray:
    """1 where the photo shows the landmark, 0 where it is hidden by (or next to) the occluder, or off the photo."""
    height, width = occluded.shape
    margin = 2 * int(np.ceil(MASK_MARGIN * interocular_distance(xy))) + 1
    hidden = cv2.dilate(occluded.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (margin, margin)))
    x, y = np.floor(xy).astype(int).T
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return inside * (1.0 - hidden[y.clip(0, height - 1), x.clip(0, width - 1)])


def _resampled_jaw(contour: np.ndarray) -> np.ndarray:
    """Points (9, 2) px at equal arc lengths along a contour from temple to chin."""
    contour = np.concatenate([contour[:1] + JAW_START * (contour[1:2] - contour[:1]), contour[1:]])
    length = np.concatenate([[0], np.linalg.norm(np.diff(contour, axis=0), axis=1).cumsum()])
    at = np.linspace(0, length[-1], JAW_HALF)
    return np.stack([np.interp(at, length, contour[:, axis]) for axis in (0, 1)], axis=1)
