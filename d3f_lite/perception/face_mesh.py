"""MediaPipe's mesh of 478 points on a face: its size, which of two are one face, and the 68 landmarks it gives."""

import numpy as np
from jaxtyping import Float

# Jaw 0-16: mesh points of two contours from the temple to the chin.
JAW_CONTOURS = (
    (127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152),
    (356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152),
)
# Brows, nose, eyes and mouth 17-67: one mesh point, or the mean of two.
INNER_POINTS = (
    (70, 46), (63, 53), (105, 52), (66, 65), (107, 55), (336, 285), (296, 295), (334, 282), (293, 283), (300, 276),
    (168,), (197,), (195, 5), (4,), (75,), (97,), (2, 94), (326,), (305,),
    (33,), (160, 159), (158,), (133,), (153,), (144,), (362,), (385,), (387, 386), (263,), (373,), (380,),
    (61,), (40, 39), (37,), (0,), (267,), (270, 269), (291,), (321, 405), (314,), (17,), (84,), (91, 181),
    (78,), (82,), (13,), (312,), (308,), (317,), (14,), (87,),
)  # fmt: skip


def to_68(mesh: Float[np.ndarray, "P 2"]) -> Float[np.ndarray, "68 2"]:
    """The 68 landmarks that a mesh gives; the jaw is resampled by arc length.

    Args:
        mesh: px, 468 points or more.

    Returns:
        (68, 2) px.
    """
    right, left = (_resampled_jaw(mesh[list(contour)]) for contour in JAW_CONTOURS)
    inner = [mesh[list(indices)].mean(axis=0) for indices in INNER_POINTS]
    return np.concatenate([right, left[-2::-1], inner])


def face_size(mesh: Float[np.ndarray, "P 2"]) -> float:
    """Geometric mean of the width and height of the box around a mesh, px."""
    return float(np.sqrt(np.prod(np.ptp(mesh, axis=0))))


def same_face(meshes: list[Float[np.ndarray, "_ 2"]], mesh: Float[np.ndarray, "P 2"]) -> list[Float[np.ndarray, "_ 2"]]:
    """Those of some ``meshes`` whose centres lie within half a face of that of ``mesh``, in the order given."""
    return [other for other in meshes if np.linalg.norm(other.mean(0) - mesh.mean(0)) < face_size(mesh) / 2]


def _resampled_jaw(contour, start: float = 0.3, number: int = 9):
    """A ``number`` of points (9, 2) px at equal arc lengths along a contour from temple to chin.

    They start that part of the way from the contour's first point to its second.
    """
    contour = np.concatenate([contour[:1] + start * (contour[1:2] - contour[:1]), contour[1:]])
    length = np.concatenate([[0], np.linalg.norm(np.diff(contour, axis=0), axis=1).cumsum()])
    at = np.linspace(0, length[-1], number)
    return np.stack([np.interp(at, length, contour[:, axis]) for axis in (0, 1)], axis=1)
