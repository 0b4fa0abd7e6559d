"""The published search for diverse heads: their latents slide down a loss (Dey and Boddeti 2022, section 3.3)."""

from collections.abc import Callable

import torch

from d3f_lite.common.adam import Adam
from d3f_lite.completion.posterior import Decoder
from d3f_lite.diversity.kernel import dpp_loss
from d3f_lite.diversity.samples import HeadSamples, PartialHead, ball_radius, draw_latents, require_some
from d3f_lite.heads.laplacian import laplacian_tensor
from d3f_lite.settings import DiversitySettings


def diversify_published(
    decoder: Decoder,
    partial: PartialHead,
    settings: DiversitySettings = DiversitySettings(),
    *,
    number: int = 16,
    seed: int = 0,
    callback: Callable | None = None,
) -> HeadSamples:
    """Move N latents by Adam to minimise w_s L1(visible) + w_l Laplacian(visible) + w_dpp L_dpp (section 3.3).

    The search starts at N independent draws. Weights and weight decay are the original's: 1000, 1000 and 0.025, its L_dpp
    being twice the expected cardinality, are 1 per mm, 0.001 per mm² and the default ``published_weight`` here. Its learning
    rate of 0.01 takes 300 steps where 0.05 takes 60. The history has the columns L1, Laplacian, L_dpp.

    Args:
        callback: called with (step, steps, vertices (N, V, 3), a tensor on the decoder's device) before each step; may
            raise Cancelled to stop.

    Raises:
        MaskError: no vertex is free.
    """
    require_some(partial.free)
    latents = torch.from_numpy(draw_latents(decoder, number, seed)).to(decoder.device).requires_grad_()
    radius = ball_radius(0.9, decoder.latent_size)
    fit, visible = (torch.from_numpy(array).to(decoder.device) for array in (partial.vertices, partial.visible))
    laplacian = laplacian_tensor(partial.triangles, len(fit), decoder.device, normalised=False)
    optimiser, steps = Adam(rate=0.05, decay=5e-4), settings.iterations
    history = latents.new_zeros((steps, 3))  # on the device: a copy in each step would wait for a GPU
    for step in range(steps):
        vertices = decoder.decode(latents)
        if callback is not None:
            callback(step, steps, vertices.detach())
        offset = (vertices - fit) * visible[:, None]
        distance = offset.abs().sum() / (3 * number * visible.sum())
        roughness = 3 * (laplacian @ offset.transpose(0, 1).flatten(1)).square().mean()
        losses = torch.stack([distance, roughness, dpp_loss(vertices, latents, partial.free, radius)])
        history[step] = losses.detach()
        loss = losses @ losses.new_tensor((1.0, 0.001, settings.published_weight))
        (gradient,) = torch.autograd.grad(loss, latents)
        latents = optimiser.step(latents.detach(), gradient).requires_grad_()
    return HeadSamples.of(decoder, latents.detach().cpu().numpy(), history.cpu().numpy(), "published", seed)
