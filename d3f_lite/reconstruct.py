"""The whole way from one occluded photo to N heads: observe, fit, posterior, samples."""

from collections.abc import Callable, Collection
from pathlib import Path
from time import perf_counter

import numpy as np
from PIL import Image

from d3f_lite.common.device import check_device, one_thread, torch_at_work
from d3f_lite.diversity.samples import HeadSamples, PartialHead
from d3f_lite.errors import SettingsError
from d3f_lite.files.values import checked_count, truncated_repr
from d3f_lite.fitting.result import Fit
from d3f_lite.heads.model import HeadModel
from d3f_lite.observation.photo import Photo
from d3f_lite.reconstruction import Reconstruction
from d3f_lite.settings import DiversitySettings, Settings

MOST_SAMPLES = 256


@np.errstate(divide="warn", over="warn", under="ignore", invalid="warn")  # NumPy's own, whatever the caller's
def reconstruct(
    photo,
    occluded=None,
    *,
    landmarks=None,
    strokes=None,
    detector: str = "auto",
    face: int = 1,
    hides: Collection[str] = (),
    samples: int = 16,
    seed: int = 0,
    head: str | HeadModel = "anny",
    settings: Settings = Settings(),
    device: str = "cpu",
    progress: Callable[[str, float], None] = lambda stage, fraction: None,
) -> Reconstruction:
    """Reconstruct N heads from one occluded photo (Dey and Boddeti 2022).

    Args:
        photo: a Photo, a path, a Pillow image, or (H, W, 3) uint8.
        occluded: (H, W) bool, True under the occluder, or a path (see ``check_mask``); all False = nothing is occluded;
            None = it is estimated.
        landmarks: Landmarks, a path, or (68, 2) px (see ``as_landmarks``); None = they are detected.
        strokes: (H, W) whole numbers that correct the mask, or a path: 0 says nothing, 1 = occluded, 2 = visible.
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

    >>> import d3f_lite as d3f
    >>> portrait = d3f.sample_photo("astronaut")
    >>> photo, mask = d3f.draw_occluder(portrait, d3f.detect_landmarks(portrait), "surgical_mask")
    >>> d3f.reconstruct(photo, mask, samples=4).samples.vertices.shape
    (4, 4538, 3)
    """
    # Each stage is read when it is used: the face detector, and other people's file formats, are most of this package.
    from d3f_lite.fitting.fit import fit_visible
    from d3f_lite.fitting.plausibility import check_plausible
    from d3f_lite.formats.landmark_files import as_landmarks
    from d3f_lite.formats.load_head import load_head
    from d3f_lite.observe import observe
    from d3f_lite.perception.detector import MOST_FACES
    from d3f_lite.perception.face_alignment import network_for
    from d3f_lite.perception.mask_estimation import HIDES

    checked_count(samples, "samples", 1, MOST_SAMPLES)
    checked_count(seed, "seed", 0, 2**32 - 1)
    checked_count(face, "face", 1, MOST_FACES)
    if isinstance(hides, str) or not set(hides) <= set(HIDES):
        raise SettingsError(f"hides must be some of {', '.join(HIDES)}, not {truncated_repr(hides)}")
    check_device(device)
    times = [perf_counter()]
    photo = as_photo(photo)
    given = None if landmarks is None else as_landmarks(landmarks, photo)
    model = head if isinstance(head, HeadModel) else load_head(head)
    times.append(perf_counter())

    progress("observation", 0.0)
    network = network_for(detector) if given is None else None
    observation = observe(photo, occluded, landmarks=given, strokes=strokes, seed=seed, network=network, face=face, hides=hides)
    times.append(perf_counter())

    if given is not None:
        check_plausible(model, observation.landmarks, settings.fit)
    fit = fit_visible(observation, model, settings.fit, progress)
    times.append(perf_counter())

    heads = complete(fit, model, settings.diversity, samples, seed, progress, device)
    times.append(perf_counter())
    seconds = dict(zip(("head", "observation", "fit", "samples"), np.diff(times).tolist()))
    return Reconstruction(observation, model, fit, heads, settings, seconds)


def as_photo(photo) -> Photo:
    """A Photo from a Photo, a path, a Pillow image, or an (H, W, 3) uint8 array, list or tensor."""
    if isinstance(photo, Photo):
        return photo
    if isinstance(photo, Image.Image):
        return Photo.open(getattr(photo, "filename", "") or "photo", content=photo)
    return Photo.open(photo) if isinstance(photo, str | Path) else Photo.from_array(photo)


def complete(
    fit: Fit,
    head: HeadModel,
    settings: DiversitySettings,
    samples: int,
    seed: int,
    progress: Callable[[str, float], None] = lambda stage, fraction: None,
    device: str = "cpu",
) -> HeadSamples:
    """Draw ``samples`` N heads from the posterior given a fit, spread over what the fit leaves free.

    Raises:
        SettingsError: the device is a GPU that cannot do it.
    """
    from d3f_lite.completion.posterior import decoder_for
    from d3f_lite.diversity.search import diversify

    needs_torch = settings.decoder == "mesh_vae" or settings.form == "published" or device != "cpu"
    with torch_at_work() if needs_torch else one_thread():
        decoder = decoder_for(fit, head, settings, device)
        progress("samples", 0.0)
        report = lambda step, steps, _: progress("samples", step / steps)
        heads = diversify(decoder, PartialHead.of(fit, head), settings, number=samples, seed=seed, callback=report)
        progress("samples", 1.0)
    return heads
