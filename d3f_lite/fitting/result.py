"""What the fit gives: the head that follows the visible part of a photo, and how sure it is."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from d3f_lite.fitting.camera import Camera
from d3f_lite.fitting.colours import Appearance


@dataclass(frozen=True, eq=False)
class Fit:
    """A head fitted to the visible part of a photo, and what the photo says about each vertex.

    Args:
        vertices: mm, canonical pose.
        coefficients: of the head's basis, standard units.
        camera: that sees the head as the photo does.
        appearance: albedo and light; None where too little skin is visible.
        hessian: of the negative log posterior of the coefficients, pose marginalised: with it the fit is the
            Gaussian N(coefficients, hessian⁻¹) over whole heads.
        visible: the photo shows the vertex.
        occluded: only the occluder hides it, or, of the face, only the photo's border. Neither: unseen (back-facing, behind
            other parts).
        landmarks: px, where the detector is expected to find the fitted head's landmarks: their projection and
            the detector's measured bias at this pose.
        history: mean colour difference before each step and after the last.
    """

    vertices: Float[np.ndarray, "V 3"]
    coefficients: Float[np.ndarray, "K"]
    camera: Camera
    appearance: Appearance | None
    hessian: Float[np.ndarray, "K K"]
    visible: Bool[np.ndarray, "V"]
    occluded: Bool[np.ndarray, "V"]
    landmarks: Float[np.ndarray, "68 2"]
    history: Float[np.ndarray, "iterations"]

    @property
    def unseen(self) -> Bool[np.ndarray, "V"]:
        """(V,) bool: no photo from here shows the vertex."""
        return ~(self.visible | self.occluded)

    @property
    def free(self) -> Bool[np.ndarray, "V"]:
        """(V,) bool, the vertices to diversify: the occluded ones, or all that are not visible where there are none."""
        return self.occluded if self.occluded.any() else ~self.visible
