"""The methods that the evaluation compares: each gives one head or N heads for one case, and what it took."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from d3f_lite.completion.mesh_vae import load_mesh_vae
from d3f_lite.completion.posterior import Decoder, decoder_for
from d3f_lite.diversity.kernel import distances, similarity
from d3f_lite.diversity.samples import draw_latents
from d3f_lite.diversity.search import PartialHead, diversify, sample_iid
from d3f_lite.errors import AssetError
from d3f_lite.evaluation.truth import observe_blind, observe_filled
from d3f_lite.fitting.fit import Fit, fit_visible
from d3f_lite.heads.model import HeadModel
from d3f_lite.settings import DiversitySettings

Decoders = dict[str, Callable[[], Decoder]]


class Given(StrEnum):
    """What a decoder is given; names of methods begin with it."""

    VERTICES = "Gaussian given vertices"
    PHOTO = "Gaussian given photo"
    PHOTO_HELD = "Gaussian given photo, held"
    VAE = "mesh VAE"


@dataclass(frozen=True, eq=False)
class Draws:
    """What is drawn: ``number`` N heads from the seed, spread as the settings say."""

    settings: DiversitySettings
    number: int
    seed: int

    def heads(self, decoder: Decoder, shown: PartialHead, form: str, **changed) -> Float[np.ndarray, "N V 3"]:
        """N heads (mm) in a ``form`` of DiversitySettings, with other settings ``changed``."""
        settings = replace(self.settings, **{"form": form, **changed})
        return diversify(decoder, shown, settings, number=self.number, seed=self.seed).vertices


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


def photo_decoders(fit: Fit, head: HeadModel, settings: DiversitySettings) -> Decoders:
    """Name to a function that makes the decoder, for a Fit; the default is that of ``settings``."""
    return {
        **vertex_decoders(PartialHead.of(fit, head), head),
        Given.PHOTO: partial(decoder_for, fit, head, replace(settings, decoder="gaussian", given="photo")),
        Given.PHOTO_HELD: partial(decoder_for, fit, head, replace(settings, decoder="gaussian", given="photo_held")),
        "default": partial(decoder_for, fit, head, settings),
    }


def vertex_decoders(shown: PartialHead, head: HeadModel, noise_mm: float = 0.5) -> Decoders:
    """Name to a function that makes the decoder, for visible vertices that are taken for true."""
    decoders: Decoders = {Given.VERTICES: partial(head.condition, shown.vertices, shown.visible, noise_mm)}
    try:
        model = load_mesh_vae(head)
    except AssetError:  # an own head model without trained weights
        return decoders
    return decoders | {Given.VAE: partial(model.posterior, shown.vertices, shown.visible)}


def answers(
    shown: PartialHead, head: HeadModel, decoders: Decoders, draws: Draws, base: Float[np.ndarray, "V 3"] | None
) -> Iterator[Answer]:
    """Every way of sampling, each with the time that it takes to make its decoder and its heads.

    Args:
        decoders: "default" (or else that given vertices) is the one for the DPPs.
        base: mm, see Answer.
    """

    def way(make, form, **changed):
        return lambda: draws.heads(make(), shown, form, **changed)

    best = decoders.get("default", decoders[Given.VERTICES])
    ways: dict[str, Callable] = {"prior: i.i.d.": lambda: head.sample(draws.number, draws.seed)}
    for name in (name for name in decoders if name != "default"):
        ways[f"{name}: i.i.d."] = way(decoders[name], "iid")
        if name in (Given.VERTICES, Given.VAE):  # the others' mean is the fit itself
            ways[f"{name}: mean"] = lambda make=decoders[name]: most_likely(make())
            ways[f"{name}: calibrated DPP"] = way(decoders[name], "calibrated")
    one_less = replace(draws, number=draws.number - 1)
    ways |= {
        "most likely + i.i.d.": lambda: np.concatenate([most_likely(best()), one_less.heads(best(), shown, "iid")]),
        "greedy DPP choice of 256": lambda: greedy(best(), shown.free, draws.number, draws.seed),
        "published DPP": way(best, "published"),
        "calibrated DPP": way(best, "calibrated"),
        "calibrated DPP, no remainder": way(best, "calibrated", remainder=0.0),
    }
    if Given.VAE in decoders:
        ways[f"{Given.VAE}: published DPP"] = way(decoders[Given.VAE], "published")
    for name, make_heads in ways.items():
        start = time.perf_counter()
        heads = make_heads()
        yield Answer(name, heads, base, time.perf_counter() - start)


def most_likely(decoder: Decoder) -> Float[np.ndarray, "1 V 3"]:
    """The decoder's most likely head, (1, V, 3) mm."""
    return decoder.heads_of(np.zeros((1, decoder.latent_size), np.float32))


def tempered(decoder: Decoder, times: float, number: int, seed: int) -> Float[np.ndarray, "N V 3"]:
    """N independent heads, each ``times`` as far from the most likely one as the posterior says: (N, V, 3) mm."""
    return decoder.heads_of(np.float32(times) * draw_latents(decoder, number, seed))


def greedy(
    decoder: Decoder, free: Bool[np.ndarray, "V"], number: int, seed: int, candidates: int = 256
) -> Float[np.ndarray, "N V 3"]:
    """N of ``candidates`` independent heads, chosen greedily by the DPP: (N, V, 3) mm."""
    heads = sample_iid(decoder, max(candidates, number), seed).vertices
    return heads[most_diverse(heads, number, free)]


def most_diverse(
    candidates: Float[np.ndarray, "M V 3"], number: int, free: Bool[np.ndarray, "V"], bandwidth: float | None = None
) -> Int[np.ndarray, "n"]:
    """Choose n of many heads by greedily maximising the DPP's det(L), L Gaussian (Chen et al. 2018, algorithm 1).

    Args:
        candidates: mm; the first is always chosen, since alone all are equally good.
        number: n <= M.
        bandwidth: h of ``similarity``, mm; by default the candidates' own RMS deviation over the ``free`` vertices.

    Returns:
        indices, in the order chosen.
    """
    if bandwidth is None:
        bandwidth = np.sqrt(3.0 * np.mean(np.var(candidates[:, free], axis=0, ddof=1, dtype=np.float64)))
    dpp_kernel = similarity(distances(torch.from_numpy(candidates).double(), free), bandwidth, "gaussian").numpy()
    gains = np.diag(dpp_kernel).copy()
    rows, chosen = np.zeros((number, len(gains))), np.zeros(number, int)
    for step in range(number):
        chosen[step] = best = gains.argmax()
        # One more row of the Cholesky factor of L over the chosen ones; duplicates have no gain left.
        rows[step] = (dpp_kernel[best] - rows[:step, best] @ rows[:step]) / np.sqrt(max(gains[best], 1e-12))
        gains -= rows[step] ** 2
        gains[best] = -np.inf
    return chosen
