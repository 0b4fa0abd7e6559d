"""The methods that the evaluation compares: each gives one head or N heads for one case, and what it took."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from d3f_lite.completion.mesh_vae import load_mesh_vae
from d3f_lite.completion.posterior import Decoder, decoder_for
from d3f_lite.diversity import search as diversity
from d3f_lite.diversity.kernel import distances, similarity
from d3f_lite.diversity.search import PartialHead
from d3f_lite.errors import AssetError
from d3f_lite.evaluation.truth import observe_blind, observe_filled
from d3f_lite.fitting.fit import Fit, fit_visible
from d3f_lite.heads.model import HeadModel
from d3f_lite.settings import DiversitySettings

VERTEX_NOISE = 0.5  # mm, of visible vertices that are taken for true
CANDIDATES = 256  # that the greedy choice has
PRIOR = "prior: i.i.d."
VERTICES, PHOTO, PHOTO_HELD, VAE = "Gaussian given vertices", "Gaussian given photo", "Gaussian given photo, held", "mesh VAE"


@dataclass(frozen=True, eq=False)
class Draws:
    """What is drawn: ``number`` N heads from the seed, spread as the settings say."""

    settings: DiversitySettings
    number: int
    seed: int


@dataclass(frozen=True, eq=False)
class Answer:
    """What a method says about one case.

    Args:
        method: its name.
        heads: mm; N = 1 for a single reconstruction.
        base: mm, the head that is aligned to the true one and carries the others along; None = no alignment.
        seconds: that it took, from the photo for a fit and from the fit for samples.
    """

    method: str
    heads: Float[np.ndarray, "N V 3"]
    base: Float[np.ndarray, "V 3"] | None
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


def photo_decoders(fit: Fit, head: HeadModel, settings: DiversitySettings) -> dict[str, Callable[[], Decoder]]:
    """Name to a function that makes the decoder, for a Fit; the default is that of ``settings`` (DiversitySettings)."""
    gaussian = lambda given: lambda: decoder_for(fit, head, replace(settings, decoder="gaussian", given=given))
    ways = {PHOTO: gaussian("photo"), PHOTO_HELD: gaussian("photo_held")}
    return {**vertex_decoders(PartialHead.of(fit, head), head), **ways, "default": lambda: decoder_for(fit, head, settings)}


def vertex_decoders(partial: PartialHead, head: HeadModel) -> dict[str, Callable[[], Decoder]]:
    """Name to a function that makes the decoder, for visible vertices that are taken for true."""
    decoders: dict[str, Callable[[], Decoder]] = {
        VERTICES: lambda: head.condition(partial.vertices, partial.visible, VERTEX_NOISE)
    }
    try:
        model = load_mesh_vae(head)
    except AssetError:  # an own head model without trained weights
        return decoders
    return decoders | {VAE: lambda: model.posterior(partial.vertices, partial.visible)}


def answers(
    partial: PartialHead,
    head: HeadModel,
    decoders: dict[str, Callable[[], Decoder]],
    draws: Draws,
    base: Float[np.ndarray, "V 3"] | None,
) -> Iterator[Answer]:
    """Every way of sampling.

    Args:
        decoders: name to a function that makes the decoder; "default" (or else VERTICES) is the one for the DPPs.
        base: mm, see Answer.
    """
    number, seed = draws.number, draws.seed
    ways: dict[str, Callable] = {PRIOR: lambda: head.sample(number, seed)}

    def given(make):
        """The ways that a decoder is measured in."""
        return {
            "i.i.d.": lambda: diversity.sample_iid(make(), number, seed).vertices,
            "mean": lambda: most_likely(make()),
            "calibrated DPP": lambda: calibrated(make(), partial, draws),
        }

    for name, make in decoders.items():
        for kind, way in given(make).items():
            if name != "default" and (kind == "i.i.d." or name in (VERTICES, VAE)):  # the others' mean is the fit itself
                ways[f"{name}: {kind}"] = way
    best = decoders.get("default", decoders[VERTICES])
    bare = replace(draws, settings=replace(draws.settings, remainder=0.0))
    independent = lambda count: diversity.sample_iid(best(), count, seed).vertices
    ways |= {
        "most likely + i.i.d.": lambda: np.concatenate([most_likely(best()), independent(number - 1)]),
        f"greedy DPP choice of {CANDIDATES}": lambda: greedy(best(), partial.free, number, seed),
        "published DPP": lambda: published(best(), partial, draws),
        "calibrated DPP": lambda: calibrated(best(), partial, draws),
        "calibrated DPP, no remainder": lambda: calibrated(best(), partial, bare),
    }
    if VAE in decoders:
        ways[f"{VAE}: published DPP"] = lambda: published(decoders[VAE](), partial, draws)
    for name, way in ways.items():
        start = time.perf_counter()
        heads = way()
        yield Answer(name, heads, base, time.perf_counter() - start)


def most_likely(decoder: Decoder) -> Float[np.ndarray, "1 V 3"]:
    """The decoder's most likely head, (1, V, 3) mm."""
    with torch.no_grad():
        return decoder.decode(torch.zeros(1, decoder.latent_size, device=decoder.device)).cpu().numpy()


def greedy(decoder: Decoder, free: Bool[np.ndarray, "V"], number: int, seed: int) -> Float[np.ndarray, "N V 3"]:
    """N of CANDIDATES independent heads, chosen greedily by the DPP: (N, V, 3) mm."""
    heads = diversity.sample_iid(decoder, max(CANDIDATES, number), seed).vertices
    return heads[most_diverse(heads, number, free)]


def most_diverse(
    candidates: Float[np.ndarray, "M V 3"], number: int, free: Bool[np.ndarray, "V"], bandwidth: float | None = None
) -> Int[np.ndarray, "n"]:
    """Choose n of many heads by greedily maximising the DPP's det(L), L Gaussian (Chen et al. 2018, algorithm 1).

    Args:
        candidates: mm; the first is always chosen, since alone all are equally good.
        number: n <= M.
        free: the vertices that count.
        bandwidth: h of ``similarity``, mm; by default the candidates' own RMS deviation over them.

    Returns:
        indices, in the order chosen.
    """
    if bandwidth is None:
        bandwidth = np.sqrt(3.0 * np.mean(np.var(candidates[:, free], axis=0, ddof=1, dtype=np.float64)))
    apart = distances(torch.from_numpy(candidates).double(), free)
    dpp_kernel = similarity(apart, bandwidth, "gaussian").numpy()
    gains = np.diag(dpp_kernel).copy()
    rows = np.zeros((number, len(gains)))
    chosen = np.zeros(number, int)
    for step in range(number):
        chosen[step] = best = gains.argmax()
        # One more row of the Cholesky factor of L over the chosen ones; duplicates have no gain left.
        rows[step] = (dpp_kernel[best] - rows[:step, best] @ rows[:step]) / np.sqrt(max(gains[best], 1e-12))
        gains -= rows[step] ** 2
        gains[best] = -np.inf
    return chosen


def published(decoder: Decoder, partial: PartialHead, draws: Draws) -> Float[np.ndarray, "N V 3"]:
    """N heads by the published loss, mm."""
    return diversity.diversify_published(decoder, partial, draws.settings, number=draws.number, seed=draws.seed).vertices


def calibrated(decoder: Decoder, partial: PartialHead, draws: Draws) -> Float[np.ndarray, "N V 3"]:
    """N heads by the calibrated DPP, mm."""
    found = diversity.diversify_calibrated(decoder, partial.free, draws.settings, number=draws.number, seed=draws.seed)
    return found.vertices


def tempered(decoder: Decoder, times: float, number: int, seed: int) -> Float[np.ndarray, "N V 3"]:
    """N independent heads, each ``times`` as far from the most likely one as the posterior says: (N, V, 3) mm."""
    latents = np.random.default_rng(seed).standard_normal((number, decoder.latent_size), np.float32)
    with torch.no_grad():
        return decoder.decode(times * torch.from_numpy(latents).to(decoder.device)).cpu().numpy()
