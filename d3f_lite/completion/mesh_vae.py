"""A graph-convolutional VAE: it reads a partly visible head and decodes whole ones (Dey and Boddeti 2022, section 3.2).

Convolutions pool the visible vertices to a few hundred coarse ones; a ridge regression reads the latent from those that
are visible enough; a dense layer and convolutions back to the fine mesh decode it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import nn
from torch.nn.functional import elu

from d3f_lite.assets import SHIPPED, cache_folder
from d3f_lite.completion.mesh_convolution import SpatiallyVaryingConv
from d3f_lite.completion.mesh_graph import Level
from d3f_lite.errors import AssetError
from d3f_lite.files.arrays import LARGEST_FILE, LARGEST_NUMBER, UNREADABLE, reason_of
from d3f_lite.heads.gaussian import GaussianHeads
from d3f_lite.heads.model import HeadModel

FORMAT = "d3f-lite mesh VAE 1"
LATENT_SIZE = 96


class _Level(nn.Module):
    """A convolution and its activation: half of the channels stay linear, since heads very nearly are."""

    def __init__(self, *convolution):
        super().__init__()
        self.convolution = SpatiallyVaryingConv(*convolution)

    def forward(self, features):
        linear, bent = self.convolution(features).chunk(2, dim=-1)
        return torch.cat((linear, elu(bent)), dim=-1)


class MeshVAE(nn.Module):
    """Encoder and decoder over the mesh hierarchy, with a dense latent (Dey and Boddeti 2022, figure 2).

    Args:
        graph: tuple of Levels (``mesh_graph.build_graph``).
        mean: mm, the mean head.
        scale_mm: what one unit of the network's input and output is.
        latent_size: K.
        widths: channels at each coarse level.
    """

    mean: torch.Tensor

    def __init__(
        self,
        graph: tuple[Level, ...],
        mean: Float[np.ndarray, "V 3"],
        scale_mm: float,
        latent_size: int = LATENT_SIZE,
        widths: tuple[int, ...] = (16, 16),
    ) -> None:
        super().__init__()
        self.graph, self.latent_size, self.scale_mm = graph, latent_size, float(scale_mm)
        self.register_buffer("mean", torch.from_numpy(mean))
        sizes, channels = (len(mean), *(level.size for level in graph)), (3, *widths)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for k, level in enumerate(graph):
            given = 4 if k == 0 else channels[k]  # three coordinates and the visibility
            self.down.append(_Level(level.edges, sizes[k : k + 2], (given, channels[k + 1]), level.pooling))
            kind = _Level if k else SpatiallyVaryingConv
            pair, back = (sizes[k + 1], sizes[k]), (channels[k + 1], channels[k])
            self.up.insert(0, kind(level.edges[::-1], pair, back, level.interpolation))
        self.coarsest = (sizes[-1], widths[-1])
        self.from_latent = nn.Linear(latent_size, sizes[-1] * widths[-1])
        self.directions = nn.Parameter(torch.randn(latent_size, *self.coarsest) / (sizes[-1] * widths[-1]) ** 0.5)
        self.centre = nn.Parameter(torch.zeros(self.coarsest))
        self.sharpness = nn.Parameter(torch.ones(self.coarsest))
        self.confidence = nn.Parameter(torch.tensor([-36.0, 40.0]).repeat(sizes[-1], 1))

    def encode(
        self, vertices: Float[torch.Tensor, "B V 3"], visible: Bool[torch.Tensor, "B V"]
    ) -> tuple[Float[torch.Tensor, "B K"], Float[torch.Tensor, "B K K"]]:
        """Read partly visible heads: a ridge regression of the latents on the coarsest features.

        ``Λ = I + Σ_w c_w D_w D_wᵀ`` and ``μ = Λ⁻¹ Σ_w c_w D_w s_w ⊙ (f_w − f̄_w)`` over coarse vertices w with features
        f: learnt are the directions D_w (K, channels), the sharpness s_w, one over the features' noise, and how the
        confidence c_w in (0, 1) grows with w's visibility. What is hidden is left out, not taken for a mean head.

        Args:
            vertices: mm; only visible ones are read.

        Returns:
            mu: (B, K), the mean of the latents.
            factor: (B, K, K), a square root of their covariance Λ⁻¹.
        """
        features = self.pool(vertices, visible)
        threshold, slope = self.confidence.unbind(1)
        confidence = torch.sigmoid(threshold + slope * features[..., 3])  # the channel that starts by carrying the visibility
        products = torch.einsum("kwc,lwc->wkl", self.directions, self.directions)
        precision = (confidence @ products.flatten(1)).view(-1, self.latent_size, self.latent_size)
        cholesky = torch.linalg.cholesky(precision + torch.eye(self.latent_size, device=precision.device))
        sharpened = (features - self.centre) * self.sharpness * confidence[..., None]
        evidence = sharpened.flatten(1) @ self.directions.flatten(1).T
        factor = torch.linalg.inv(cholesky).mT
        return torch.einsum("bij,bkj,bk->bi", factor, factor, evidence), factor

    def pool(self, vertices: Float[torch.Tensor, "B V 3"], visible: Bool[torch.Tensor, "B V"]) -> Float[torch.Tensor, "B W C"]:
        """The coarsest features of partly visible heads, (B, coarse vertices, channels); arguments as of ``encode``."""
        shown = visible[..., None]
        offsets = torch.where(shown, (vertices - self.mean) / self.scale_mm, 0.0)
        features = torch.cat((offsets, shown.to(offsets.dtype)), dim=-1).transpose(0, 1)
        for level in self.down:
            features = level(features)
        return features.transpose(0, 1)

    def decode(self, latents: Float[torch.Tensor, "N K"]) -> Float[torch.Tensor, "N V 3"]:
        """Heads (N, V, 3) mm of ``latents`` (N, K), which are standard normal a priori."""
        features = self.from_latent(latents).unflatten(1, self.coarsest).transpose(0, 1)
        for level in self.up:
            features = level(features)
        return self.mean + self.scale_mm * features.transpose(0, 1)

    def condition(
        self,
        latents: Float[torch.Tensor, "B K"],
        vertices: Float[torch.Tensor, "B V 3"],
        visible: Bool[torch.Tensor, "V"],
        noise_mm: float = 1.0,
        steps: int = 3,
    ) -> tuple[Float[torch.Tensor, "B K"], Float[torch.Tensor, "K K"]]:
        """Sharpen the encoder's latents by Gauss-Newton on the visible vertices: the encoder sees them only coarsely.

        Minimises ``|z|² + Σ_visible |decode(z)_v − x_v|² / noise²`` with the decoder's directions around the mean
        head, which hold nearly everywhere because the decoder is nearly linear.

        Args:
            latents: where to start.
            vertices: mm.
            noise_mm: how far a coordinate of a visible vertex may be off, also because K latents cannot say it; chosen on
                validation heads.
            steps: of Gauss-Newton.

        Returns:
            latents: (B, K).
            precision: (K, K) of each of them.

        The precision's condition number is some 5,000, so float32 leaves 1e-4 of a latent, 1e-3 mm of a head, to the order
        in which a device adds up; decoding alone leaves 1e-5 mm.
        """
        axes = torch.eye(self.latent_size, device=latents.device)
        directions = (self.decode(axes) - self.decode(-axes))[:, visible].flatten(1) / (2.0 * noise_mm)
        precision = axes + directions @ directions.T
        for _ in range(steps):
            residual = (vertices - self.decode(latents))[:, visible].flatten(1) / noise_mm
            latents = torch.linalg.solve(precision, directions @ (residual + latents @ directions).T).T
        return latents, precision

    def posterior(
        self,
        vertices: Float[np.ndarray | torch.Tensor, "V 3"],
        visible: Bool[np.ndarray | torch.Tensor, "V"],
        noise_mm: float | None = 1.0,
    ) -> "MeshVAEPosterior":
        """What one head tells where it is visible: the encoder's estimate, conditioned on the visible vertices.

        Args:
            vertices: mm; only visible ones are read.
            noise_mm: as in ``condition``; None leaves the encoder's own Gaussian.
        """
        with torch.no_grad():
            vertices = torch.as_tensor(vertices, dtype=self.mean.dtype, device=self.mean.device)[None]
            visible = torch.as_tensor(visible, device=self.mean.device)
            mu, factor = self.encode(vertices, visible[None])
            if noise_mm is None:
                return MeshVAEPosterior(self, mu[0], factor[0].contiguous())
            mu, precision = self.condition(mu, vertices, visible, noise_mm)
            inverse = torch.linalg.inv(torch.linalg.cholesky(precision))
        return MeshVAEPosterior(self, mu[0], inverse.T.contiguous())


@dataclass(frozen=True, eq=False)
class MeshVAEPosterior:
    """Heads given an observation: a Decoder, z = 0 the likeliest head.

    Args:
        mu: the model's likeliest latent.
        factor: a square root of its covariance.
    """

    model: MeshVAE
    mu: Float[torch.Tensor, "K"]
    factor: Float[torch.Tensor, "K K"]

    @property
    def latent_size(self) -> int:
        """K, the size of a latent."""
        return self.model.latent_size

    @property
    def device(self) -> str:
        """Torch's name of where it decodes."""
        return str(self.mu.device)

    def heads_of(self, latents: Float[np.ndarray, "N K"]) -> Float[np.ndarray, "N V 3"]:
        """Heads (N, V, 3) mm of standard normal ``latents`` (N, K)."""
        with torch.no_grad():
            return self.decode(torch.from_numpy(latents).to(self.mu)).cpu().numpy()

    def decode(self, latents: Float[torch.Tensor, "N K"]) -> Float[torch.Tensor, "N V 3"]:
        """Heads (N, V, 3) mm of standard normal ``latents`` (N, K), differentiable."""
        return self.model.decode(self.mu + latents @ self.factor.T)

    def linearised(self) -> GaussianHeads:
        """The Gaussian over heads by secants over ±1 along each latent axis."""
        axes = torch.eye(self.latent_size, device=self.device)
        with torch.no_grad():
            (mean,) = self.heads_of(np.zeros((1, self.latent_size), np.float32))
            secants = (self.decode(axes) - self.decode(-axes)).double() / 2.0
        return GaussianHeads.prior(mean, secants.cpu().numpy())


def weights_path(head_name: str) -> Path:
    """Where the trained weights for a head model are kept: the shipped file, or one in the cache folder."""
    if head_name == "anny":
        return SHIPPED / "mesh_vae.safetensors"
    return cache_folder() / f"mesh_vae_{re.sub(r'[^A-Za-z0-9]+', '_', head_name)[-100:]}.safetensors"


def load_mesh_vae(head: HeadModel, path: Path | str | None = None) -> MeshVAE:
    """Load the MeshVAE trained for ``head``, its weights frozen, from ``path`` or ``weights_path``.

    Raises:
        AssetError: the file is missing, is not such a file, or belongs to another head model.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path or weights_path(head.name))
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise AssetError(f"{path.name} has more than {LARGEST_FILE >> 20} MB: no mesh VAE's weights")
        with safe_open(path, framework="pt") as file:
            notes, tensors = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, *UNREADABLE) as error:
        raise AssetError(f"cannot read the mesh VAE's weights {path.name}: {reason_of(error)}") from error
    if notes.get("format") != FORMAT or notes.get("head") != head.name:
        raise AssetError(f"{path.name} holds no mesh VAE for the head {head.name!r}; train one: research.bake.mesh_vae")
    try:
        return _from_tensors(tensors, float(notes["scale_mm"]), len(head.mean))
    except UNREADABLE as error:
        raise AssetError(f"{path.name} is broken: {reason_of(error)}") from error


def _from_tensors(tensors, scale_mm, count):
    """The model of stored ``tensors`` by name, frozen, for a head of ``count`` vertices."""
    if not (0.01 <= scale_mm <= 1000.0 and all(tensor.abs().max() <= LARGEST_NUMBER for tensor in tensors.values())):
        raise ValueError("it holds NaN, infinite or huge numbers")
    graph, sizes = [], [count]
    while (name := f"graph.{len(graph)}.edges") in tensors:
        edges = tensors.pop(name).numpy()
        if edges.dtype != np.int32 or edges.min() < 0 or edges[0].max() >= sizes[-1] or edges[1].max() >= sizes[-1]:
            raise ValueError(f"edges point beyond the {sizes[-1]} vertices there are")
        sizes.append(int(edges[1].max()) + 1)
        graph.append(Level(edges, np.zeros(edges.shape[1], np.float32), sizes[-1]))
    # Nothing larger than the file itself is made room for: load_state_dict compares all shapes, but afterwards.
    widths = tuple(tensors[f"down.{k}.convolution.bias"].shape[-1] for k in range(len(graph)))
    latent_size, *coarsest = tensors["directions"].shape
    if max(widths) > 256 or coarsest != [sizes[-1], widths[-1]] or tensors["mean"].shape != (count, 3):
        raise ValueError("its parts do not fit together")
    model = MeshVAE(tuple(graph), tensors["mean"].numpy(), scale_mm, latent_size, widths)
    model.load_state_dict({name: value.float() for name, value in tensors.items()})
    return model.requires_grad_(False).eval()
