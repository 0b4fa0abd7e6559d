"""Rescues: faces that the detector does not find at once, cut, half hidden, small or turned, and meshes that went astray."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float

from d3f_lite.observation.landmarks import OUTER_EYE_CORNERS, Landmarks
from d3f_lite.observation.photo import Photo
from d3f_lite.perception.detector import find_large_faces, find_small_faces
from d3f_lite.perception.face_mesh import face_size, same_face
from d3f_lite.perception.half_faces import find_half_face
from d3f_lite.perception.looks import Search, locate, locate_visible


@dataclass(frozen=True)
class Rescue:
    """When and how far rescues are trusted.

    Args:
        upright: mean confidence from which nobody looks whether the photo lies on its side or its head.
        turned: by how much the mean confidence must grow once the photo is turned,
        turned_inpainted: and beside an occluder that was filled.
        trust: factor on the confidence in points of a face that was mirrored; they lie about twice as far off as usual.
        cut_margin: of the photo, that its mirrored borders are wide.
        cut_shown: how much of the mesh of a cut face the photo may show.
        small: mean confidence below which a small thing only looks like a face: a medal, a buckle.
        shrunk: of its size; a mesh that filling an occluder makes smaller than this lies on something else.
        steady: mean confidence above which a face as it stands was found steadily, occluder and all.
    """

    upright: float = 0.8
    turned: float = 0.1
    turned_inpainted: float = 0.25
    trust: float = 0.4
    cut_margin: float = 0.25
    cut_shown: tuple[float, float] = (0.2, 0.98)
    small: float = 0.1
    shrunk: float = 0.8
    steady: float = 0.5


RESCUE = Rescue()


def upright_face(search: Search) -> Landmarks | None:
    """The landmarks of the largest face that stands upright, or of one that is cut, half hidden or small; None without any."""
    for find in (large_face, cut_face, half_face, small_face):
        landmarks = find(search)
        if landmarks is not None:
            return landmarks
    return None


def large_face(search: Search) -> Landmarks | None:
    """The landmarks of the largest of the faces that the whole photo shows."""
    meshes = find_large_faces(search.inpainted, search.detector)
    return locate_visible(search, meshes) if meshes else None


def cut_face(search: Search) -> Landmarks | None:
    """The landmarks of a face that the photo's border cuts: the photo is mirrored at its borders before the detector looks.

    Those beyond the border are not trusted, the others less than usual.
    """
    photo = search.photo
    high, wide = (int(RESCUE.cut_margin * length) for length in photo.shape)
    mirrored = cv2.copyMakeBorder(search.inpainted, high, high, wide, wide, cv2.BORDER_REFLECT)
    meshes = [mesh for mesh in search.detector.detect(mirrored) if _is_cut(mesh - (wide, high), photo.shape)]
    if not meshes:
        return None
    landmarks, corner = locate(search, mirrored, meshes[0]), np.array((wide, high), np.float32)
    less_sure = replace(landmarks, xy=landmarks.xy - corner, dense=landmarks.dense - corner,
                        confidence=RESCUE.trust * landmarks.confidence)  # fmt: skip
    return less_sure.mask_out(search.occluded)


def half_face(search: Search) -> Landmarks | None:
    """The landmarks of a face of which a half shows: that half is mirrored onto the other before the detector looks.

    Those of the mirrored half are not trusted, the others less than usual.
    """
    half = find_half_face(search.inpainted, search.detector)
    if half is None:
        return None
    landmarks = locate(search, half.pixels, half.mesh)
    less_sure = replace(landmarks, confidence=RESCUE.trust * landmarks.confidence)
    return less_sure.mask_out(search.occluded | half.mirrored)


def small_face(search: Search) -> Landmarks | None:
    """The landmarks of the largest of the faces that parts of the photo show, unless it only looks a little like one."""
    meshes = find_small_faces(search.inpainted, search.detector)
    landmarks = locate_visible(search, meshes) if meshes else None
    if landmarks is not None and not search.occluded.any() and landmarks.confidence.mean() < RESCUE.small:
        return None
    return landmarks


def face_near(search: Search, place: Float[np.ndarray, "P 2"]) -> Landmarks | None:
    """The landmarks of the face that lies where these points px do."""
    for find in (find_large_faces, find_small_faces):
        meshes = same_face(find(search.inpainted, search.detector), place)
        if meshes:
            return locate_visible(search, meshes)
    return None


def turned_face(search: Search, turns: int) -> Landmarks | None:
    """The landmarks of a face that is upright once the photo is turned left by so many quarter turns."""
    photo = search.photo
    pixels, occluded = (np.ascontiguousarray(np.rot90(layer, turns)) for layer in (photo.pixels, search.occluded))
    turned = replace(search, photo=Photo(pixels, photo.name), occluded=occluded)
    landmarks = upright_face(turned) if search.detector.detect(turned.inpainted) else None
    if landmarks is None:
        return None
    xy, dense = (turned_back(points, turns, photo.shape) for points in (landmarks.xy, landmarks.dense))
    return replace(landmarks, xy=xy, dense=dense)


def steadiest_turn(search: Search, landmarks: Landmarks | None) -> Landmarks | None:
    """These landmarks of a face as it stands, or, where they are unsure or none, those of one that lies or stands on its head.

    The turned one must be found much more steadily.
    """
    steady = -1.0 if landmarks is None else float(landmarks.confidence.mean())
    if steady >= RESCUE.upright:
        return landmarks
    least = steady + (RESCUE.turned_inpainted if search.occluded.any() else RESCUE.turned)
    for turns in (2, 1, 3):
        turned = turned_face(search, turns)
        if turned is not None and turned.confidence.mean() > least:
            landmarks, least = turned, float(turned.confidence.mean())
    return landmarks


def quarter_turns(landmarks: Landmarks) -> int:
    """How many quarter turns to the left make the face of these landmarks upright, 0 to 3."""
    right, left = OUTER_EYE_CORNERS
    across, down = landmarks.xy[left] - landmarks.xy[right]
    return int(np.rint(np.arctan2(down, across) / (np.pi / 2))) % 4


def turned_back(points: Float[np.ndarray, "P 2"], turns: int, shape: tuple[int, int]) -> Float[np.ndarray, "P 2"]:
    """Where points px of a photo that was turned left by so many quarter turns lie in the photo of ``shape`` (H, W)."""
    height, width = shape
    x, y = points.T
    places = {0: (x, y), 1: (width - y, x), 2: (width - x, height - y), 3: (y, height - x)}
    return np.stack(places[turns % 4], axis=1)


def on_the_same_face(inpainted: Landmarks, first: Landmarks) -> bool:
    """Whether what was found once the occluder was filled is the ``first`` face: in its place, and not much smaller."""
    if inpainted.dense is None or first.dense is None:
        return True
    larger = face_size(inpainted.dense) > RESCUE.shrunk * face_size(first.dense)
    return larger and bool(same_face([first.dense], inpainted.dense))


def best_of(last: Landmarks | None, earlier: Landmarks, first: Landmarks, occluded: Bool[np.ndarray, "H W"]) -> Landmarks:
    """The landmarks to take where an estimated mask was filled: the ``last`` ones, if they are sound.

    Args:
        last: found once ``occluded`` was filled; None where nothing was.
        earlier: found once a first estimate was filled.
        first: found in the photo as it stands, occluder and all.
    """
    landmarks = earlier if last is None else last
    if not on_the_same_face(landmarks, first):
        return first.mask_out(occluded)
    if landmarks.enough:
        return landmarks
    if earlier.enough:
        return earlier  # filled by a mask that differs little, the face was found more steadily
    if first.confidence.mean() > RESCUE.steady:
        return first.mask_out(occluded)  # filled, little of a face is left: the pose is better seen with its occluder
    return landmarks


def _is_cut(mesh, shape):
    """Whether a border of the photo of ``shape`` (H, W) runs through a mesh px, most of which it need not show."""
    shown = ((mesh >= 0) & (mesh < shape[::-1])).all(1).mean()
    return RESCUE.cut_shown[0] < shown < RESCUE.cut_shown[1]
