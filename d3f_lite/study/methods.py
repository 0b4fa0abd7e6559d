"""The methods that the evaluation compares: each gives one head or N heads for one case, and what it took."""

import time
from dataclasses import dataclass, replace

import numpy as np
import torch

from d3f_lite.completion.mesh_vae import load_mesh_vae
from d3f_lite.completion.posterior import condition_on_photo, condition_on_vertices
from d3f_lite.diversity import search as diversity
from d3f_lite.errors import AssetError
from d3f_lite.fitting.fit import fit_visible
from d3f_lite.pipeline import decoder_for
from d3f_lite.study.truth import observe_blind, observe_filled

VERTEX_NOISE = 0.5  # mm, of visible vertices that are taken for true
CANDIDATES = 256  # that the greedy choice has
PRIOR = "prior: i.i.d."
VERTICES, PHOTO, HELD, VAE = "Gaussian given vertices", "Gaussian given photo", "Gaussian given photo, held", "mesh VAE"


@dataclass(frozen=True, eq=False)
class Shown:
    """What a method goes by: a head and which of its vertices are visible, occluded or neither.

    Args:
        vertices: (V, 3) mm, the fit, or the true head of which only the visible part may be read.
        visible, occluded: (V,) bool.
    """

    vertices: np.ndarray
    visible: np.ndarray
    occluded: np.ndarray


@dataclass(frozen=True, eq=False)
class Answer:
    """What a method says about one case.

    Args:
        method: its name.
        heads: (N, V, 3) mm; N = 1 for a single reconstruction.
        base: (V, 3) mm, the head that is aligned to the true one and carries the others along; None = no alignment.
        seconds: that it took, from the photo for a fit and from the fit for samples.
    """

    method: str
    heads: np.ndarray
    base: np.ndarray | None
    seconds: float


def single_fits(case, head, settings, detector):
    """The single reconstructions from a photo: Answers, and the Fit with every ingredient.

    Raises:
        LandmarkError: the photo shows too little.
    """
    seen = observe_filled(case, detector)
    ways = (
        ("single fit, global + local", seen, settings),
        ("single fit, global only", seen, replace(settings, regional=False)),
        ("single fit, blind to the occluder", observe_blind(case, detector), settings),
    )
    fits, answers = [], []
    for name, observation, chosen in ways:
        start = time.perf_counter()
        fits.append(fit_visible(observation, head, chosen))
        vertices = fits[-1].vertices
        answers.append(Answer(name, vertices[None], vertices, time.perf_counter() - start))
    return answers, fits[0]


def photo_decoders(fit, head, settings):
    """Name to a function that makes the decoder, for a Fit; the default is that of ``settings`` (DiversitySettings)."""
    photo = lambda: condition_on_photo(head.mean, head.basis, fit.coefficients, fit.hessian)
    held = lambda: decoder_for(fit, head, replace(settings, decoder="gaussian", given="photo_held"))
    return {**vertex_decoders(fit, head), PHOTO: photo, HELD: held, "default": lambda: decoder_for(fit, head, settings)}


def vertex_decoders(shown, head):
    """Name to a function that makes the decoder, for visible vertices that are taken for true."""
    decoders = {VERTICES: lambda: condition_on_vertices(head.mean, head.basis, shown.vertices, shown.visible, VERTEX_NOISE)}
    try:
        model = load_mesh_vae(head)
    except AssetError:  # an own head model without trained weights
        return decoders
    return decoders | {VAE: lambda: model.posterior(shown.vertices, shown.visible)}


def answers(shown, head, decoders, settings, number, seed, base):
    """Every way of sampling: yields Answers.

    Args:
        shown: Shown or Fit.
        head: HeadModel.
        decoders: name to a function that makes the decoder; "default" (or else VERTICES) is the one for the DPPs.
        settings: DiversitySettings.
        number: N.
        seed: of every draw.
        base: (V, 3) mm or None, see Answer.
    """
    ways = {PRIOR: lambda: head.sample(number, seed)}
    for name, make in decoders.items():
        if name == "default":
            continue
        ways[f"{name}: i.i.d."] = lambda make=make: diversity.sample_iid(make(), number, seed).vertices
        if name in (VERTICES, VAE):  # the others' mean is the fit itself
            ways[f"{name}: mean"] = lambda make=make: most_likely(make())
            ways[f"{name}: calibrated DPP"] = lambda make=make: calibrated(make(), shown, settings, number, seed)
    best = decoders.get("default", decoders[VERTICES])
    bare, weight = replace(settings, remainder=0.0), settings.published_weight
    independent = lambda count: diversity.sample_iid(best(), count, seed).vertices
    ways |= {
        "most likely + i.i.d.": lambda: np.concatenate([most_likely(best()), independent(number - 1)]),
        f"greedy DPP choice of {CANDIDATES}": lambda: greedy(best(), shown.occluded, number, seed),
        "published DPP": lambda: published(best(), shown, head, weight, number, seed),
        "calibrated DPP": lambda: calibrated(best(), shown, settings, number, seed),
        "calibrated DPP, no remainder": lambda: calibrated(best(), shown, bare, number, seed),
    }
    if VAE in decoders:
        ways[f"{VAE}: published DPP"] = lambda: published(decoders[VAE](), shown, head, weight, number, seed)
    for name, way in ways.items():
        start = time.perf_counter()
        heads = way()
        yield Answer(name, heads, base, time.perf_counter() - start)


def most_likely(decoder):
    """The decoder's most likely head, (1, V, 3) mm."""
    with torch.no_grad():
        return decoder.decode(torch.zeros(1, decoder.latent_size, device=decoder.device)).cpu().numpy()


def greedy(decoder, occluded, number, seed):
    """N of CANDIDATES independent heads, chosen greedily by the DPP: (N, V, 3) mm."""
    heads = diversity.sample_iid(decoder, max(CANDIDATES, number), seed).vertices
    return heads[diversity.most_diverse(heads, number, occluded)]


def published(decoder, shown, head, weight, number, seed):
    """N heads by the published loss, with its ``weight``: (N, V, 3) mm."""
    return diversity.diversify_published(
        decoder, shown.vertices.astype(np.float32), shown.visible, shown.occluded, head.triangles, number=number,
        weights=(1.0, 0.001, weight), seed=seed,
    ).vertices  # fmt: skip


def calibrated(decoder, shown, settings, number, seed):
    """N heads by the calibrated DPP of ``settings`` (DiversitySettings): (N, V, 3) mm."""
    return diversity.diversify_calibrated(
        decoder, shown.occluded, number=number, dimensions=settings.dimensions, dpp_weight=settings.dpp_weight,
        bandwidth=settings.bandwidth, remainder=settings.remainder, mass=settings.mass, steps=settings.iterations, seed=seed,
    ).vertices  # fmt: skip


def tempered(decoder, times, number, seed):
    """N independent heads, each ``times`` as far from the most likely one as the posterior says: (N, V, 3) mm."""
    latents = np.random.default_rng(seed).standard_normal((number, decoder.latent_size), np.float32)
    with torch.no_grad():
        return decoder.decode(times * torch.from_numpy(latents).to(decoder.device)).cpu().numpy()
