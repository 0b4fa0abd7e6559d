"""How long 16 heads take to decode, forward and backward, beside the same layers in the form of the published code.

``measure()`` gives the rows; ``python tests/bench_mesh_vae.py`` prints them. Not collected by pytest.
"""

import time

import numpy as np
import torch
from torch import nn
from torch.nn.functional import elu

HEADS = 16


class OriginalConvolution(nn.Module):
    """A SpatiallyVaryingConv's numbers as the published code computes them: a kernel per edge, gather, einsum.

    Neighbours are padded to the most that any vertex has, with coefficients of zero.
    """

    def __init__(self, convolution):
        super().__init__()
        source, target = convolution.edge_index.numpy()
        slot = np.arange(len(target)) - np.searchsorted(target, target)
        coefficients = torch.zeros(convolution.sizes[1], slot.max() + 1, convolution.coefficients.shape[1])
        coefficients[target, slot] = convolution.coefficients.detach()
        self.neighbours = torch.zeros(coefficients.shape[:2], dtype=torch.long)
        self.neighbours[target, slot] = torch.from_numpy(source)
        self.coefficients = nn.Parameter(coefficients)
        self.matrices, self.bias = (nn.Parameter(p.detach().clone()) for p in (convolution.matrices, convolution.bias))

    def forward(self, features):
        """(source vertices, B, channels in) to (target vertices, B, channels out)."""
        kernels = torch.einsum("tnm,mcd->tncd", self.coefficients, self.matrices)
        gathered = features.transpose(0, 1)[:, self.neighbours]
        return torch.einsum("tncd,btnc->tbd", kernels, gathered) + self.bias


class OriginalDecoder(nn.Module):
    """A MeshVAE's decoder made of OriginalConvolutions."""

    def __init__(self, model):
        super().__init__()
        self.model = [model]  # in a list, so that its parameters are not counted twice
        self.levels = nn.ModuleList(OriginalConvolution(getattr(level, "convolution", level)) for level in model.up)

    def forward(self, latents):
        """Latents (N, K) to heads (N, V, 3) mm."""
        (model,) = self.model
        features = model.from_latent(latents).unflatten(1, model.coarsest).transpose(0, 1)
        for k, level in enumerate(self.levels):
            features = level(features)
            if k + 1 < len(self.levels):
                linear, bent = features.chunk(2, dim=-1)
                features = torch.cat((linear, elu(bent)), dim=-1)
        return model.mean + model.scale_mm * features.transpose(0, 1)


def milliseconds(decode, latents, parameters=(), repeats=9):
    """The fastest of some runs of decoding ``latents`` and taking gradients of them and of ``parameters``."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        heads = decode(latents)
        torch.autograd.grad(heads, (latents, *parameters), torch.ones_like(heads))
        times.append(1000.0 * (time.perf_counter() - start))
    return min(times)


def measure():
    """Rows (name, milliseconds) of decoding 16 heads forward and backward."""
    from d3f_lite.completion.mesh_vae import load_mesh_vae
    from d3f_lite.formats.load_head import load_head

    model = load_mesh_vae(load_head())
    latents = torch.zeros(HEADS, model.latent_size, requires_grad=True)
    original = OriginalDecoder(model)
    original.requires_grad_(False)
    rows = [("mesh VAE: decode 16 heads, forward + backward to the latents", milliseconds(model.decode, latents))]
    rows.append(("the same in the original's form (gather + einsum)", milliseconds(original, latents, repeats=3)))
    weights = [*model.up.requires_grad_().parameters()]
    rows.append(("mesh VAE: the same, backward to the weights as well", milliseconds(model.decode, latents, weights)))
    weights = [*original.levels.requires_grad_().parameters()]
    rows.append(("the same in the original's form", milliseconds(original, latents, weights, repeats=3)))
    return rows


if __name__ == "__main__":
    for name, duration in measure():
        print(f"{duration:8.1f} ms  {name}")
