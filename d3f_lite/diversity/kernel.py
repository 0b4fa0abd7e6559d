"""The mathematics of the determinantal point process: how alike heads are, how plausible, and how many differ (section 3.3).

L = diag(q) S diag(q) is the kernel, with similarity S and quality q; the loss is minus the expected size of what it draws.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float


def distances(vertices: Float[torch.Tensor, "N V 3"], free: Bool[np.ndarray | torch.Tensor, "V"]) -> Float[torch.Tensor, "N N"]:
    """RMS distance (mm) over the ``free`` vertices between every two heads (N, V, 3) mm.

    Its gradient is zero, not NaN, where two heads coincide.
    """
    points = vertices[:, free].flatten(1)
    apart = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    return apart / (points.shape[1] / 3) ** 0.5


def published_bandwidth(apart: Float[torch.Tensor, "N N"]) -> Float[torch.Tensor, ""]:
    """Twice the median distance (mm) between different heads, from ``apart`` (N, N): 1 / k, with k = 0.5 / median."""
    pairs = torch.triu_indices(len(apart), len(apart), offset=1)
    return 2.0 * apart[pairs[0], pairs[1]].median().detach()


def similarity(
    apart: Float[torch.Tensor, "N N"], bandwidth: float | Float[torch.Tensor, ""], form: str = "exponential"
) -> Float[torch.Tensor, "N N"]:
    """How alike two heads are, in (0, 1]: exp(−d / h) as published, or "gaussian", exp(−d² / 2h²).

    Args:
        apart: distances d, mm.
        bandwidth: h, mm.
        form: "exponential" or "gaussian".
    """
    scaled = apart / bandwidth
    return torch.exp(-0.5 * scaled**2) if form == "gaussian" else torch.exp(-scaled)


def quality(latents: Float[torch.Tensor, "N K"], radius: float) -> Float[torch.Tensor, "N"]:
    """How plausible each head is: q = exp(−max(0, ‖z‖ − R)), (N,), for latents (N, K) and the radius R."""
    return torch.exp(-torch.relu(torch.linalg.vector_norm(latents, dim=-1) - radius))


def kernel(alike: Float[torch.Tensor, "N N"], plausible: Float[torch.Tensor, "N"]) -> Float[torch.Tensor, "N N"]:
    """The DPP's kernel L = diag(q) S diag(q), (N, N), from similarity S (N, N) and quality q (N,)."""
    return plausible[:, None] * alike * plausible[None, :]


def expected_cardinality(dpp_kernel: Float[torch.Tensor, "N N"]) -> Float[torch.Tensor, ""]:
    """The expected size of a DPP sample, tr(I − (L + I)⁻¹): from 0 to N, and at most N/2 while q <= 1; L is (N, N)."""
    identity = torch.eye(len(dpp_kernel), dtype=dpp_kernel.dtype, device=dpp_kernel.device)
    return torch.trace(identity - torch.linalg.inv(dpp_kernel + identity))


def dpp_loss(
    vertices: Float[torch.Tensor, "N V 3"],
    latents: Float[torch.Tensor, "N K"],
    free: Bool[np.ndarray | torch.Tensor, "V"],
    radius: float,
) -> Float[torch.Tensor, ""]:
    """The published loss, in (−N/2, 0): minus the expected cardinality, the bandwidth following the heads.

    Args:
        vertices: mm.
        free: the vertices to diversify.
        radius: R of ``quality``.
    """
    apart = distances(vertices, free)
    return -expected_cardinality(kernel(similarity(apart, published_bandwidth(apart)), quality(latents, radius)))
