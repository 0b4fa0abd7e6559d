"""The spatially varying convolution of Zhou et al. 2020, as message passing and as one sparse matrix product.

"Fully convolutional mesh autoencoder using efficient spatially varying kernels": on a fixed mesh every edge may have a
kernel of its own, mixed from a few matrices that the whole mesh shares.
"""

import atexit
import tempfile
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn
from torch_geometric import EdgeIndex
from torch_geometric.nn import MessagePassing


class _SparseProduct(torch.autograd.Function):
    """A @ X for a CSR matrix A of learnt values on a fixed pattern; both gradients are sparse products as well."""

    @staticmethod
    def forward(ctx, values, dense, pattern):
        ctx.pattern = pattern
        ctx.save_for_backward(values, dense)
        return pattern.matrix(values) @ dense

    @staticmethod
    def backward(ctx, gradient):
        values, dense = ctx.saved_tensors
        needs_values, needs_dense, _ = ctx.needs_input_grad
        gradient = gradient.contiguous()
        return (
            ctx.pattern.sampled_product(gradient, dense) if needs_values else None,
            ctx.pattern.transposed_matrix(values) @ gradient if needs_dense else None,
            None,
        )


class SparsePattern(nn.Module):
    """Where a CSR matrix has entries, and in which order its transpose lists them.

    Args:
        rows, columns: each pair once; ``values`` (P,) are given in the same order.
        shape: of the matrix.
    """

    plain_minor: torch.Tensor
    plain_order: torch.Tensor

    def __init__(self, rows: Int[np.ndarray, "P"], columns: Int[np.ndarray, "P"], shape: tuple[int, int]) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self._keep("plain", rows, columns, shape[0])
        self._keep("transposed", columns, rows, shape[1])
        with warnings.catch_warnings():  # torch says once that CSR matrices are young
            warnings.simplefilter("ignore")
            self.matrix(torch.zeros(len(rows)))

    def _keep(self, name, major, minor, length):
        """Store one of the two orders; buffers that no weights' file holds, since the edges imply them."""
        order = np.lexsort((minor, major))
        starts = np.concatenate(([0], np.cumsum(np.bincount(major, minlength=length))))
        parts = {"starts": starts.astype(np.int32), "minor": minor[order].astype(np.int32), "order": order}
        for part, array in parts.items():
            self.register_buffer(f"{name}_{part}", torch.from_numpy(array), persistent=False)

    def matrix(self, values):
        """The matrix of ``values`` (P,)."""
        return torch.sparse_csr_tensor(self.plain_starts, self.plain_minor, values[self.plain_order], self.shape)

    def transposed_matrix(self, values):
        """Its transpose."""
        ordered = values[self.transposed_order]
        return torch.sparse_csr_tensor(self.transposed_starts, self.transposed_minor, ordered, self.shape[::-1])

    def sampled_product(self, left: Float[torch.Tensor, "R C"], right: Float[torch.Tensor, "Q C"]) -> Float[torch.Tensor, "P"]:
        """``left @ right.T`` where the pattern has entries: (P,)."""
        empty = self.matrix(left.new_zeros(len(self.plain_minor)))
        ordered = torch.sparse.sampled_addmm(empty, left, right.T, beta=0.0).values()
        return torch.empty_like(ordered).index_copy_(0, self.plain_order, ordered)


@cache
def _clean_up_at_exit(propagate):
    """Delete the file that torch_geometric wrote this function to: it would stay in the temporary folder for ever."""
    source = Path(propagate.__code__.co_filename)
    if source.parent == Path(tempfile.gettempdir()):
        atexit.register(source.unlink, missing_ok=True)


class SpatiallyVaryingConv(MessagePassing):
    """Spatially varying convolution between two levels of a mesh (Zhou et al. 2020, equation 2).

    ``y_i = Σ_j Σ_m α_ijm W_m x_j + b_i``: the M matrices W are shared, the coefficients α belong to single edges. With
    ``fuse`` off it passes messages edge by edge; with it on (the default) the sum over j and m is one sparse product,
    with the matrices applied on the side that has fewer vertices. Both give the same numbers.

    Args:
        edges: pairs (source, target).
        sizes: vertices of the source and of the target.
        channels: features per vertex, in and out.
        interpolation: the coefficients to start around, those of a pooling or an interpolation.
        matrices: M.

    Shapes:
        features (source vertices, B, channels in) to (target vertices, B, channels out).
    """

    SUPPORTS_FUSED_EDGE_INDEX = True

    def __init__(
        self,
        edges: Int[np.ndarray, "2 E"],
        sizes: tuple[int, int],
        channels: tuple[int, int],
        interpolation: Float[np.ndarray, "E"],
        matrices: int = 8,
    ) -> None:
        super().__init__(aggr="sum", node_dim=0)
        _clean_up_at_exit(type(self).propagate)
        self.sizes, self.reduces = tuple(sizes), sizes[1] < sizes[0]
        order = np.lexsort(edges)
        edges = np.ascontiguousarray(edges[:, order])
        self.edge_index = EdgeIndex(torch.from_numpy(edges).long(), sparse_size=self.sizes, sort_order="col")
        self.pattern = self._expanded_pattern(edges[0], edges[1], matrices)
        neighbours = np.bincount(edges[1])[edges[1], None].astype(np.float32)
        # Smooth on average over the M, varied among them: a network that starts smooth learns heads much sooner.
        varied = torch.randn(edges.shape[1], matrices) / torch.from_numpy(2.0 * neighbours**0.5)
        start = torch.from_numpy(interpolation[order])[:, None] + varied - varied.mean(1, keepdim=True)
        self.coefficients = nn.Parameter(start / matrices**0.5)
        self.matrices = nn.Parameter(torch.randn(matrices, *channels) / channels[0] ** 0.5)
        self.bias = nn.Parameter(torch.zeros(sizes[1], 1, channels[1]))

    def _expanded_pattern(self, source, target, matrices):
        """The pattern with each vertex of the smaller side split into M, one for each matrix."""
        each = np.arange(matrices)
        split = (target if self.reduces else source)[:, None].astype(np.int64) * matrices + each
        other = np.repeat(source if self.reduces else target, matrices)
        if self.reduces:
            return SparsePattern(split.ravel(), other, (self.sizes[1] * matrices, self.sizes[0]))
        return SparsePattern(other, split.ravel(), (self.sizes[1], self.sizes[0] * matrices))

    def forward(self, features: Float[torch.Tensor, "S B I"]) -> Float[torch.Tensor, "T B O"]:
        return self.propagate(self.edge_index, x=features, coefficients=self.coefficients, size=self.sizes) + self.bias

    def message(self, x_j, coefficients):
        return torch.einsum("ebc,em,mcd->ebd", x_j, coefficients, self.matrices)

    def message_and_aggregate(self, edge_index, x, coefficients):
        batch, (matrices, before, after) = x.shape[1], self.matrices.shape
        if self.reduces:
            summed = _SparseProduct.apply(coefficients.flatten(), x.flatten(1), self.pattern)
            return torch.einsum("vmbc,mcd->vbd", summed.view(-1, matrices, batch, before), self.matrices)
        mixed = torch.einsum("vbc,mcd->vmbd", x, self.matrices).reshape(-1, batch * after)
        return _SparseProduct.apply(coefficients.flatten(), mixed, self.pattern).view(-1, batch, after)
