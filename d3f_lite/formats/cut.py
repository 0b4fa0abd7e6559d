"""Parts of a mesh: some of its vertices, or what lies above a height, cut along a straight line (heads without shoulders)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


def submesh(triangles: Int[np.ndarray, "S 3"], kept: Int[np.ndarray, "V"], count: int) -> Int[np.ndarray, "T 3"]:
    """The triangles between the ``kept`` ones of ``count`` vertices, in their new numbers."""
    renumbered = np.full(count, -1, np.int32)
    renumbered[kept] = np.arange(len(kept))
    triangles = renumbered[triangles]
    return triangles[(triangles >= 0).all(1)]


@dataclass(frozen=True, eq=False)
class Cut:
    """What is left of a mesh above a height.

    Args:
        triangles: of the vertices that are left.
        ends: of the old mesh: the two vertices that each vertex lies between; twice the same for one that was there before.
        shares: of the second of them in it.
    """

    triangles: Int[np.ndarray, "T 3"]
    ends: Int[np.ndarray, "V 2"]
    shares: Float[np.ndarray, "V"]

    @classmethod
    def above(cls, height: float, vertices: Float[np.ndarray, "W 3"], triangles: Int[np.ndarray, "S 3"]) -> "Cut":
        """Cut off what lies below y = ``height`` (mm); triangles that it crosses end there."""
        over = vertices[:, 1] > height
        corners = over[triangles].sum(1)
        # Turn each triangle so that the corner that is alone on its side comes first.
        alone = np.where(corners == 1, over[triangles].argmax(1), over[triangles].argmin(1))
        turned = np.take_along_axis(triangles, (alone[:, None] + np.arange(3)) % 3, axis=1)
        one, two = turned[corners == 1], turned[corners == 2]
        kept = np.flatnonzero(over)
        # Each crossed side, counted once, gets a new vertex after the kept ones.
        sides = np.sort(np.concatenate([part[:, [0, corner]] for part in (one, two) for corner in (1, 2)]), axis=1)
        crossed, number = np.unique(sides, axis=0, return_inverse=True)
        first, last, left, right = np.split(number.ravel() + len(kept), np.cumsum([len(one), len(one), len(two)]))
        renumbered = np.full(len(vertices), -1)
        renumbered[kept] = np.arange(len(kept))
        one, two = renumbered[one], renumbered[two]
        # A tip stays a triangle; what is left of one without its tip is two.
        found = [
            renumbered[triangles[corners == 3]],
            np.column_stack((one[:, 0], first, last)),
            np.column_stack((left, two[:, 1:])),
            np.column_stack((left, two[:, 2], right)),
        ]
        low, high = vertices[crossed, 1].T
        ends = np.concatenate((np.column_stack((kept, kept)), crossed))
        shares = np.concatenate((np.zeros(len(kept)), (height - low) / (high - low)))
        return cls(np.concatenate(found), ends, shares.astype(np.float32))

    def of(self, values: Float[np.ndarray, "*n W 3"]) -> Float[np.ndarray, "*n V 3"]:
        """Vertices, or directions, of the cut mesh from those of the old one."""
        start, end = values[..., self.ends[:, 0], :], values[..., self.ends[:, 1], :]
        return start + self.shares[:, None] * (end - start)
