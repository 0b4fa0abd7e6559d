"""What ``reconstruct`` gives: N heads, and all that led to them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float

from d3f_lite import metrics
from d3f_lite.completion.posterior import Decoder, condition_on_photo, decoder_for
from d3f_lite.diversity.samples import HeadSamples
from d3f_lite.fitting.result import Fit
from d3f_lite.heads.model import JAW_POINTS, HeadModel
from d3f_lite.observation.observation import Observation
from d3f_lite.settings import Settings


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """N heads that agree where the photo shows the face and differ where it does not: sampled there, not observed.

    >>> import d3f_lite as d3f
    >>> result = d3f.reconstruct(d3f.sample_photo("astronaut"), samples=2)
    >>> result.spread.shape, 0.2 < result.variance_left < 0.6
    ((4538,), True)
    """

    observation: Observation
    head: HeadModel
    fit: Fit  #: the one head that follows the visible part
    samples: HeadSamples  #: the N heads
    settings: Settings
    seconds: dict[str, float]  #: by stage

    @cached_property
    def spread(self) -> Float[np.ndarray, "V"]:
        """(V,) mm: the standard deviation of each vertex over the samples."""
        return metrics.spread(self.samples.vertices) if len(self.samples.vertices) > 1 else np.zeros(len(self.fit.vertices))

    @cached_property
    def decoder(self) -> Decoder:
        """What the heads are drawn from, on the CPU: the posterior given the photo."""
        return decoder_for(self.fit, self.head, self.settings.diversity, "cpu")

    @cached_property
    def variance_left(self) -> float:
        """What the photo leaves open: the share of the prior's variance over the face that its posterior still has."""
        face, basis = self.head.face, self.head.basis
        posterior = condition_on_photo(self.head, self.fit.coefficients, self.fit.hessian)
        return float(np.square(posterior.spread()[face]).sum() / np.square(basis[:, face]).sum())

    def measures(self) -> dict[str, int | float]:
        """What can be measured here without a true head: name to a number; mm where the name says so."""
        heads, fit, landmarks = self.samples.vertices, self.fit, self.observation.landmarks
        inner = landmarks.reliable & (np.arange(68) >= JAW_POINTS)
        parts = {"visible": fit.visible, "occluded": fit.occluded, "unseen": fit.unseen}
        measures: dict = {f"{name}_vertices": int(where.sum()) for name, where in parts.items()}
        measures["variance_left_percent"] = 100.0 * self.variance_left
        if inner.any():
            measures["inner_landmark_error_percent"] = 100.0 * metrics.landmark_nme(fit.landmarks, landmarks.xy, inner)
        for name, where in parts.items():
            if where.any() and len(heads) > 1:
                measures[f"asd_{name}_mm"] = metrics.asd(heads, where)
                measures[f"spread_{name}_mm"] = float(np.sqrt(np.mean(self.spread[where] ** 2)))
        return measures

    def save(self, folder: Path | str = "results", look: str = "photo", page_with_photo: bool = True) -> Path:
        """Write meshes, arrays, pictures, a viewer and a report: a short name for ``results.files.save``, which see."""
        from d3f_lite.results.files import save

        return save(self, folder, look, page_with_photo)
