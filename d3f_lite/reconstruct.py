"""The whole way from one occluded photo to N heads."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import no_type_check

import numpy as np
import torch
from jaxtyping import Float

from d3f_lite import metrics
from d3f_lite.common.device import CPU, device_faults, torch_device
from d3f_lite.common.threads import one_thread
from d3f_lite.completion.posterior import (
    condition_on_photo,
    condition_on_vertices,
    hold_coefficients,
    hold_visible,
    looser_at_border,
    register,
    without,
)
from d3f_lite.diversity.search import Decoder, HeadSamples, Shown, diversify
from d3f_lite.errors import SettingsError
from d3f_lite.files.values import checked_count, truncated_repr
from d3f_lite.fitting.fit import Fit, fit_visible
from d3f_lite.fitting.plausibility import check_plausible
from d3f_lite.formats.landmark_files import as_landmarks
from d3f_lite.formats.load_head import load_head
from d3f_lite.heads.model import HeadModel
from d3f_lite.observation.occlusion import HIDES, Observation, observe
from d3f_lite.observation.photo import Photo
from d3f_lite.perception.face_alignment import network_for
from d3f_lite.perception.face_detection import MOST_FACES
from d3f_lite.settings import DiversitySettings, Settings

MOST_SAMPLES = 256
INNER = slice(17, 68)  # landmarks within the face: brows, nose, eyes, mouth


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """N heads that agree where the photo shows the face and differ where it does not.

    The occluded part is sampled, not observed.

    Args:
        observation: Observation that was fitted.
        head: HeadModel that was fitted.
        fit: Fit, the one head that follows the visible part.
        samples: HeadSamples, the N heads.
        settings: Settings that were used.
        seconds: stage name to seconds.
    """

    observation: Observation
    head: HeadModel
    fit: Fit
    samples: HeadSamples
    settings: Settings
    seconds: dict[str, float]

    @cached_property
    def spread(self) -> Float[np.ndarray, "V"]:
        """(V,) mm: the standard deviation of each vertex over the samples."""
        return metrics.spread(self.samples.vertices) if len(self.samples.vertices) > 1 else np.zeros(len(self.fit.vertices))

    @cached_property
    def decoder(self) -> Decoder:
        """What the heads are drawn from, on the CPU: the posterior given the photo."""
        return decoder_for(self.fit, self.head, self.settings.diversity)

    @cached_property
    def variance_left(self) -> float:
        """What the photo leaves open: the share of the prior's variance over the face that its posterior still has."""
        fit, head = self.fit, self.head
        posterior = condition_on_photo(head.mean, head.basis, fit.coefficients, fit.hessian)
        return float(np.square(posterior.spread()[head.face]).sum() / np.square(head.basis[:, head.face]).sum())

    def measures(self) -> dict:
        """What can be measured without a true head: name to a number; mm where the name says so."""
        heads, fit, landmarks = self.samples.vertices, self.fit, self.observation.landmarks
        used = (landmarks.confidence >= 0.3) & (np.arange(68) >= INNER.start)
        found = {
            "visible_vertices": int(fit.visible.sum()),
            "occluded_vertices": int(fit.occluded.sum()),
            "unseen_vertices": int(fit.unseen.sum()),
            "variance_left_percent": 100.0 * self.variance_left,
            "inner_landmark_error_percent": 100.0 * metrics.landmark_nme(fit.landmarks, landmarks.xy, used),
        }
        for name, where in (("visible", fit.visible), ("occluded", fit.occluded), ("unseen", fit.unseen)):
            if where.any() and len(heads) > 1:
                found[f"asd_{name}_mm"] = metrics.asd(heads, where)
                found[f"spread_{name}_mm"] = float(np.sqrt(np.mean(self.spread[where] ** 2)))
        return found

    def save(self, folder: Path | str = "results", look: str = "photo") -> Path:
        """Write meshes, arrays, pictures, a viewer and a report to ``folder``/<photo name>.

        Args:
            folder: where; made if it is not there. A result of the same name is replaced, anything else is not.
            look: of the heads in ``samples.png``: "photo", the photo's colours; "marked", the same with made-up skin
                hatched; "clay"; or "spread", how far the heads differ.

        Returns:
            Path of the result.

        Raises:
            OutputError: it cannot be written, or something else than a result is there.
            SettingsError: there is no such look.
        """
        from d3f_lite.results.files import save

        return save(self, folder, look)


def _silent(stage, fraction):
    """Report progress to nobody."""


@no_type_check  # it says itself, in words, what is wrong with an argument
def reconstruct(
    photo,
    occluded=None,
    *,
    landmarks=None,
    strokes=None,
    detector: str = "auto",
    face: int = 1,
    hides=(),
    samples: int = 16,
    seed: int = 0,
    head: str | HeadModel = "anny",
    settings: Settings = Settings(),
    device: str = "cpu",
    progress: Callable = _silent,
) -> Reconstruction:
    """Reconstruct N heads from one occluded photo (Dey and Boddeti 2022).

    Args:
        photo: Photo, path, or (H, W, 3) uint8 array.
        occluded: (H, W) bool, True under the occluder; all False = nothing is occluded; None = it is estimated.
        landmarks: Landmarks, a path or an array (see ``as_landmarks``); None = they are detected.
        strokes: (H, W) int8 that correct the mask: 0 says nothing, 1 = occluded, 2 = visible; None = no strokes.
        detector: of the landmarks: "mediapipe", "face-alignment", or "auto", the latter where its weights are here.
        face: which of several faces, numbered by size from 1.
        hides: what an estimated mask takes for an occluder, too: any of "hair" (beards, too) and "glasses" (clear ones).
        samples: N, how many heads, 1 to 256.
        seed: of every random draw; the same seed gives the same heads.
        head: a HeadModel, or the name of one (see ``load_head``).
        device: where torch decodes and spreads the heads: "cpu" or "cuda".
        progress: called with (stage, fraction in [0, 1]); may raise Cancelled to stop.

    Raises:
        D3FError: the photo, mask, landmarks, head, settings or device are unusable; one line says why.
    """
    checked_count(samples, "samples", 1, MOST_SAMPLES)
    checked_count(seed, "seed", 0, 2**32 - 1)
    checked_count(face, "face", 1, MOST_FACES)
    if isinstance(hides, str) or not set(hides) <= set(HIDES):
        raise SettingsError(f"hides must be some of {', '.join(HIDES)}, not {truncated_repr(hides)}")
    device = torch_device(device)
    clock = _Clock()
    photo = as_photo(photo)
    if landmarks is not None:
        landmarks = as_landmarks(landmarks, photo)
    model = head if isinstance(head, HeadModel) else load_head(head)
    clock.lap("head")
    progress("observation", 0.0)
    network = network_for(detector) if landmarks is None else None
    observation = observe(
        photo, occluded, landmarks=landmarks, strokes=strokes, seed=seed, network=network, face=face, hides=hides
    )
    clock.lap("observation")
    if landmarks is not None:
        check_plausible(model, observation.landmarks, settings.fit)
    fit = fit_visible(observation, model, settings.fit, progress)
    clock.lap("fit")
    heads = complete(fit, model, settings.diversity, samples, seed, progress, device)
    clock.lap("samples")
    return Reconstruction(observation, model, fit, heads, settings, clock.seconds)


def as_photo(photo) -> Photo:
    """A Photo from a Photo, a path or an (H, W, 3) uint8 array."""
    if isinstance(photo, Photo):
        return photo
    return Photo.from_array(photo) if isinstance(photo, np.ndarray) else Photo.open(photo)


def decoder_for(fit: Fit, head: HeadModel, settings: DiversitySettings, device: torch.device = CPU) -> Decoder:
    """The decoder of heads given a fit: the Gaussian posterior or the mesh VAE's, as ``settings`` says.

    Args:
        device: torch's, where it decodes.

    Returns:
        A Decoder: ``decode(z (N, K)) -> (N, V, 3)`` mm, z standard normal.
    """
    if settings.decoder == "mesh_vae":
        from d3f_lite.completion.mesh_vae import load_mesh_vae

        return load_mesh_vae(head).to(device).posterior(fit.vertices, fit.visible)
    return replace(_gaussian_posterior(fit, head, settings), device=device)


def _gaussian_posterior(fit, head, settings):
    """The closed-form posterior given what ``settings`` names."""
    if settings.given == "vertices":
        posterior = condition_on_vertices(head.mean, head.basis, fit.vertices, fit.visible, settings.noise, head.bounds)
    else:
        posterior = condition_on_photo(head.mean, head.basis, fit.coefficients, fit.hessian, bounds=head.bounds)
    if settings.expression != "free":
        posterior = hold_coefficients(posterior, head.expressive)
    if settings.given != "vertices" and fit.visible.any():
        posterior = register(posterior, fit.visible)
    if settings.given == "photo_held":
        tightness = looser_at_border(fit.vertices, fit.visible, fit.occluded, settings.noise)
        posterior = hold_visible(posterior, fit.visible, tightness)
    if settings.expression == "neutral":
        posterior = without(posterior, head.expressive)
    return posterior


@one_thread()
@device_faults()
def complete(
    fit: Fit,
    head: HeadModel,
    settings: DiversitySettings,
    samples: int,
    seed: int,
    progress: Callable = _silent,
    device: torch.device = CPU,
) -> HeadSamples:
    """Spread ``samples`` heads over what the fit leaves open.

    Args:
        samples: N.
        seed: of the draws.
        progress: called with ("samples", fraction); may raise Cancelled.
        device: torch's, where the heads are decoded.

    Raises:
        SettingsError: the device is a GPU that cannot do it.
    """
    decoder = decoder_for(fit, head, settings, device)
    progress("samples", 0.0)
    shown = Shown(fit.vertices, fit.visible, fit.free, head.triangles)
    tell = lambda step, steps, _: progress("samples", step / steps)
    heads = diversify(decoder, shown, settings, number=samples, seed=seed, callback=tell)
    progress("samples", 1.0)
    return heads


class _Clock:
    """Seconds per stage."""

    def __init__(self):
        self.seconds, self._last = {}, time.perf_counter()

    def lap(self, stage):
        """Note the time since the last lap under ``stage``."""
        now = time.perf_counter()
        self.seconds[stage], self._last = now - self._last, now
