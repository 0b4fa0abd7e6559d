"""Faces that the detector does not find at once: cut by the border, half hidden, small or turned; and meshes that went astray."""

from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Bool, Float

from d3f_lite.observation.landmarks import OUTER_EYE_CORNERS, Landmarks
from d3f_lite.observation.photo import Photo
from d3f_lite.perception.detector import face_size, find_large_faces, find_small_faces, same_face
from d3f_lite.perception.half_faces import find_half_face
from d3f_lite.perception.looks import Search, locate, locate_visible

MIRRORED_TRUST = 0.4  # factor on the confidence in points of a mirrored face: they lie about twice as far off as usual


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


def cut_face(search: Search, margin: float = 0.25) -> Landmarks | None:
    """The landmarks of a face that the photo's border cuts: the photo is mirrored at its borders, ``margin`` of it wide.

    Those beyond the border are not trusted, the others less than usual.
    """
    photo = search.photo
    high, wide = (int(margin * length) for length in photo.shape)
    mirrored = cv2.copyMakeBorder(search.inpainted, high, high, wide, wide, cv2.BORDER_REFLECT)
    meshes = [mesh for mesh in search.detector.detect(mirrored) if _is_cut(mesh - (wide, high), photo.shape)]
    if not meshes:
        return None
    landmarks, corner = locate(search, mirrored, meshes[0]), np.array((wide, high), np.float32)
    less_sure = MIRRORED_TRUST * landmarks.confidence
    landmarks = replace(landmarks, xy=landmarks.xy - corner, confidence=less_sure, dense=landmarks.dense - corner)
    return landmarks.mask_out(search.occluded)


def half_face(search: Search) -> Landmarks | None:
    """The landmarks of a face of which a half shows: that half is mirrored onto the other before the detector looks.

    Those of the mirrored half are not trusted, the others less than usual.
    """
    half = find_half_face(search.inpainted, search.detector)
    if half is None:
        return None
    landmarks = locate(search, half.pixels, half.mesh)
    less_sure = replace(landmarks, confidence=MIRRORED_TRUST * landmarks.confidence)
    return less_sure.mask_out(search.occluded | half.mirrored)


def small_face(search: Search, least: float = 0.1) -> Landmarks | None:
    """The landmarks of the largest of the faces that parts of the photo show.

    With a mean confidence below the ``least`` it only looks like a face: a medal, a buckle.
    """
    meshes = find_small_faces(search.inpainted, search.detector)
    landmarks = locate_visible(search, meshes) if meshes else None
    if landmarks is not None and not search.occluded.any() and landmarks.confidence.mean() < least:
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


def steadiest_turn(search: Search, landmarks: Landmarks | None, sure: float = 0.8) -> Landmarks | None:
    """These landmarks of a face as it stands, or those of one that lies or stands on its head, if they are much steadier.

    From the mean confidence ``sure`` on nobody looks for another.
    """
    steady = -1.0 if landmarks is None else float(landmarks.confidence.mean())
    if steady >= sure:
        return landmarks
    least = steady + (0.25 if search.occluded.any() else 0.1)  # beside a filled occluder, the detector sees more in less
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


def on_the_same_face(landmarks: Landmarks, first: Landmarks, shrunk: float = 0.8) -> bool:
    """Whether what was found once the occluder was filled is the ``first`` face: in its place, and not ``shrunk`` to this."""
    if landmarks.dense is None or first.dense is None:
        return True
    larger = face_size(landmarks.dense) > shrunk * face_size(first.dense)
    return larger and bool(same_face([first.dense], landmarks.dense))


def best_of(last: Landmarks | None, earlier: Landmarks, first: Landmarks, occluded: Bool[np.ndarray, "H W"]) -> Landmarks:
    """The landmarks to take where an estimated mask was filled: the ``last`` ones, if they are sound.

    Args:
        last: found once ``occluded`` was filled; None where nothing was.
        earlier: found once a first estimate was filled.
        first: found in the photo as it stands, occluder and all.
    """
    steady = first.confidence.mean() > 0.5  # occluder and all
    earlier, first = (landmarks.mask_out(occluded) for landmarks in (earlier, first))
    landmarks = earlier if last is None else last
    if not on_the_same_face(landmarks, first):
        return first
    if not landmarks.enough and earlier.enough:
        return earlier  # filled by a mask that differs little, the face was found more steadily
    if not landmarks.enough and steady:
        return first  # filled, little of a face is left: the pose is better seen with its occluder
    return landmarks


def _is_cut(mesh, shape):
    """Whether a border of the photo of ``shape`` (H, W) runs through a mesh px, most of which it need not show."""
    return 0.2 < ((mesh >= 0) & (mesh < shape[::-1])).all(1).mean() < 0.98
