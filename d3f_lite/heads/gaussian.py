"""A Gaussian over heads: what a head model is a priori, and what it becomes when something of one head is known.

A head is ``mean + (c − ĉ) · basis`` with coefficients c ~ N(ĉ, R Rᵀ). A priori ĉ = 0 and R = I; conditioning is Gaussian-process
regression on the mesh (Lüthi et al. 2018, posterior shape models), done in the coefficients, and its result is of the same kind.

Where coefficients have bounds (an expression that runs one way), the Gaussian is that of the coefficients before they are clipped
to them. Conditioning ignores the bounds and moves only ĉ within them, so a coefficient whose most likely value is its bound stays
there in half of all heads.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float


class HeadDistribution:
    """A Gaussian over heads; ``HeadModel`` (the prior) and ``GaussianHeads`` (what conditioning gives) are its two kinds.

    It is a decoder, too: latents z ~ N(0, I) are the coefficients ĉ + R z, and z = 0 is the mean.
    """

    mean: Float[np.ndarray, "V 3"]  #: mm, the most likely head
    basis: Float[np.ndarray, "K V 3"]  #: mm per unit coefficient
    coefficients: Float[np.ndarray, "K"]  #: ĉ, of the most likely head
    factor: Float[np.ndarray, "K Z"]  #: R, a square root of the coefficients' covariance
    bounds: Float[np.ndarray, "K 2"] | None  #: lower and upper of each coefficient, infinite where there is none
    device: str = "cpu"  #: torch's name of where the published search keeps latents and heads

    @property
    def latent_size(self) -> int:
        """Z, the size of a latent."""
        return self.factor.shape[1]

    def vertices(self, coefficients: Float[np.ndarray, "*N K"]) -> Float[np.ndarray, "*N V 3"]:
        """Heads (…, V, 3) mm of ``coefficients`` (…, K), which act within their bounds.

        >>> from d3f_lite import load_head
        >>> head = load_head()
        >>> head.vertices(np.zeros((2, len(head.basis)))).shape
        (2, 4538, 3)
        """
        coefficients = np.asarray(coefficients, np.float32)
        if self.bounds is not None:
            coefficients = np.clip(coefficients, *self.bounds.T)
        offsets = (coefficients - self.coefficients) @ self.basis.reshape(len(self.basis), -1)
        return self.mean + offsets.reshape(*coefficients.shape[:-1], *self.mean.shape)

    def heads_of(self, latents: Float[np.ndarray, "N Z"]) -> Float[np.ndarray, "N V 3"]:
        """Heads (N, V, 3) mm of ``latents`` (N, Z)."""
        return self.vertices(self.coefficients + latents @ self.factor.T)

    def decode(self, latents):
        """The same in torch, on the device of ``latents`` (N, Z): (N, V, 3) mm, differentiable within the bounds."""
        import torch

        mean, basis, factor = (torch.from_numpy(a).to(latents) for a in (self.mean, self.basis, self.factor))
        offsets = latents @ factor.T
        if self.bounds is not None:
            offsets = offsets.clamp(*torch.from_numpy(self.bounds.T - self.coefficients).to(latents))
        return mean + (offsets @ basis.flatten(1)).unflatten(1, mean.shape)

    def sample(self, number: int, seed: int = 0) -> Float[np.ndarray, "N V 3"]:
        """Draw ``number`` N independent heads: (N, V, 3) float32 mm."""
        latents = np.random.default_rng(seed).standard_normal((number, self.latent_size))
        return self.heads_of(latents)

    def spread(self) -> Float[np.ndarray, "V"]:
        """Exact standard deviation of each vertex, (V,) mm: the root of its mean-square displacement; bounds left out."""
        displacements = self.factor.T @ self.basis.reshape(len(self.basis), -1)
        return np.sqrt(np.square(displacements).sum(0).reshape(-1, 3).sum(1))

    def displacement_gram(self, where: Bool[np.ndarray, "V"]) -> Float[np.ndarray, "Z Z"]:
        """G (Z, Z) mm²: zᵀ G z is the mean-square displacement that latent z gives the vertices ``where``; bounds left out."""
        moved = self.basis[:, where].reshape(len(self.basis), -1)
        return self.factor.T @ (moved @ moved.T / max(np.count_nonzero(where), 1)) @ self.factor

    def marginal(self, where: Bool[np.ndarray, "V"]) -> "GaussianHeads":
        """The same Gaussian over the vertices ``where`` alone."""
        return GaussianHeads(self.mean[where], self.basis[:, where], self.coefficients, self.factor, self.bounds, self.device)

    def condition(
        self, vertices: Float[np.ndarray, "V 3"], visible: Bool[np.ndarray, "V"], noise_mm: float | Float[np.ndarray, "V"]
    ) -> "GaussianHeads":
        """The exact posterior given noisy visible vertices.

        With b = Rᵀ · basis, the latents' precision is Λ = I + Σ bᵥ bᵥᵀ / σᵥ² and their most likely value
        ẑ = Λ⁻¹ Σ bᵥ (xᵥ − meanᵥ) / σᵥ². The new coefficients are ĉ + R ẑ, their new factor is R L⁻ᵀ with Λ = L Lᵀ.

        Args:
            vertices: x, mm; only the visible ones are read.
            noise_mm: σ, independent noise of each coordinate: one number or (V,) mm.

        >>> both = np.array([[[1.0, 0, 0], [1, 0, 0]]], np.float32)  # one coefficient moves both vertices by 1 mm
        >>> prior = GaussianHeads.prior(np.zeros((2, 3), np.float32), both)
        >>> prior.condition(2.0 * np.eye(2, 3), np.array([True, False]), 1.0).mean[1]  # 2 ± 1 mm seen
        array([1., 0., 0.], dtype=float32)
        """
        noise = np.broadcast_to(np.asarray(noise_mm, np.float64), visible.shape)[visible, None]
        basis = self.factor.T @ self.basis[:, visible].reshape(len(self.basis), -1)
        residual = ((vertices[visible] - self.mean[visible]) / noise**2).ravel()
        scaled = (basis.reshape(len(basis), -1, 3) / noise).reshape(len(basis), -1)
        precision = np.eye(len(basis)) + scaled @ scaled.T
        latent = np.linalg.solve(precision, basis @ residual)
        return self.around(self.coefficients + self.factor @ latent, self.factor @ inverse_root(precision))

    def around(self, coefficients: Float[np.ndarray, "K"], factor: Float[np.ndarray, "K Y"]) -> "GaussianHeads":
        """The Gaussian N(ĉ, R Rᵀ) over the same directions, for ``coefficients`` ĉ (moved into the bounds) and ``factor`` R."""
        if self.bounds is not None:
            coefficients = np.clip(coefficients, *self.bounds.T)
        offsets = (coefficients - self.coefficients) @ self.basis.reshape(len(self.basis), -1)
        mean = self.mean + offsets.reshape(self.mean.shape)
        mean, coefficients, factor = (np.ascontiguousarray(a, np.float32) for a in (mean, coefficients, factor))
        return GaussianHeads(mean, self.basis, coefficients, factor, self.bounds, self.device)


@dataclass(frozen=True, eq=False)
class GaussianHeads(HeadDistribution):
    """A Gaussian over heads by its own numbers, such as a posterior; see ``HeadDistribution`` for what they mean."""

    mean: Float[np.ndarray, "V 3"]
    basis: Float[np.ndarray, "K V 3"]
    coefficients: Float[np.ndarray, "K"]
    factor: Float[np.ndarray, "K Z"]
    bounds: Float[np.ndarray, "K 2"] | None = None
    device: str = "cpu"

    @classmethod
    def prior(
        cls, mean: Float[np.ndarray, "V 3"], basis: Float[np.ndarray, "K V 3"], bounds: Float[np.ndarray, "K 2"] | None = None
    ) -> "GaussianHeads":
        """The Gaussian of standard normal coefficients."""
        return cls(mean, basis, np.zeros(len(basis), np.float32), np.eye(len(basis), dtype=np.float32), bounds)

    def linearised(self) -> "GaussianHeads":
        """Itself: as a decoder it is linear."""
        return self


def inverse_root(precision: Float[np.ndarray, "K K"]) -> Float[np.ndarray, "K K"]:
    """L⁻ᵀ of a precision Λ = L Lᵀ: a square root of the covariance Λ⁻¹."""
    return np.linalg.inv(np.linalg.cholesky(precision)).T
