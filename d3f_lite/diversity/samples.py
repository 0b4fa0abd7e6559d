"""What the search is given and what it gives: a partly visible head, and N heads that complete it."""

from dataclasses import dataclass

import numpy as np
import scipy
from jaxtyping import Bool, Float, Int

from d3f_lite.completion.posterior import Decoder
from d3f_lite.errors import MaskError
from d3f_lite.fitting.result import Fit
from d3f_lite.heads.model import HeadModel


@dataclass(frozen=True, eq=False)
class PartialHead:
    """A head of which a photo shows a part."""

    vertices: Float[np.ndarray, "V 3"]  #: mm, the fit, or the true head of which only the visible part may be read
    visible: Bool[np.ndarray, "V"]  #: the vertices to keep
    free: Bool[np.ndarray, "V"]  #: the vertices to diversify
    triangles: Int[np.ndarray, "T 3"]

    @classmethod
    def of(cls, fit: Fit, head: HeadModel) -> "PartialHead":
        """The fitted head and what the photo shows of it."""
        return cls(fit.vertices, fit.visible, fit.free, head.triangles)


@dataclass(frozen=True, eq=False)
class HeadSamples:
    """N heads that agree with one photo."""

    vertices: Float[np.ndarray, "N V 3"]  #: mm
    latents: Float[np.ndarray, "N K"]
    history: Float[np.ndarray, "steps terms"]  #: the unweighted losses; which terms, the method's function says
    method: str  #: "iid", "published" or "calibrated"
    seed: int  #: it gives the same heads again

    @classmethod
    def of(
        cls,
        decoder: Decoder,
        latents: Float[np.ndarray, "N K"],
        history: Float[np.ndarray, "steps terms"],
        method: str,
        seed: int,
    ) -> "HeadSamples":
        """The heads of ``latents``, and how they were found."""
        return cls(decoder.heads_of(latents), latents, history, method, seed)

    @property
    def starts_most_likely(self) -> bool:
        """Whether head 0 is the decoder's most likely head rather than a draw, as in the calibrated form."""
        return self.method == "calibrated"

    @property
    def plausibility(self) -> Float[np.ndarray, "N"]:
        """(N,) share of independent draws that are less likely than each head, 0 to 1: that of χ² above its ``|z|²``."""
        return scipy.special.gammaincc(self.latents.shape[1] / 2.0, np.square(self.latents.astype(float)).sum(1) / 2.0)

    def caption(self, number: int) -> str:
        """What pictures call head ``number``, from 0."""
        return f"head {number}" + (" = the most likely" if number == 0 and self.starts_most_likely else "")


def draw_latents(decoder: Decoder, number: int, seed: int) -> Float[np.ndarray, "N K"]:
    """N latents of N(0, I), float32, the same for the same seed."""
    return np.random.default_rng(seed).standard_normal((number, decoder.latent_size), np.float32)


def ball_radius(mass: float, dimensions: int) -> float:
    """The radius within which N(0, I) of that many dimensions has this probability: the root of χ²'s quantile."""
    return float(np.sqrt(2.0 * scipy.special.gammaincinv(dimensions / 2.0, mass)))


def require_some(free: Bool[np.ndarray, "V"]) -> None:
    """Refuse to diversify nothing.

    Raises:
        MaskError: no vertex is free.
    """
    if not free.any():
        raise MaskError("no vertex is free: there is nothing to diversify; mark the occluder, or use sample_iid")
