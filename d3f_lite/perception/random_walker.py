"""A random walker on a picture's colours: it carries what is known of some pixels to their like neighbours."""

import numpy as np
from jaxtyping import Float
from scipy.sparse import coo_array, diags_array
from scipy.sparse.linalg import cg


def random_walk(
    probability: Float[np.ndarray, "h w"],
    trust: Float[np.ndarray, "h w"],
    colours: Float[np.ndarray, "h w 3"],
    smoothness: float = 100.0,
    edge: float = 3.0,
) -> Float[np.ndarray, "h w"]:
    """Let each pixel agree with its neighbours of like colour: a random walker with a prior (Grady 2005).

    Minimises Σ_i t_i (x_i - p_i)² + γ Σ_ij w_ij (x_i - x_j)², w_ij = exp(-d_ij²/2σ²) of neighbours, d_ij the step in
    colour between them, which scikit-image's walker, without a prior, cannot.

    Args:
        probability: p.
        trust: t > 0.
        colours: Lab.
        smoothness: γ, the weight of agreeing with the neighbours.
        edge: σ, Lab units: across larger steps of colour the walker hardly passes.
    """
    number = np.arange(probability.size).reshape(probability.shape)
    pairs = np.concatenate([np.stack([number[:, :-1].ravel(), number[:, 1:].ravel()]),
                            np.stack([number[:-1].ravel(), number[1:].ravel()])], axis=1)  # fmt: skip
    step = np.concatenate([_squared_steps(colours.swapaxes(0, 1)).T.ravel(), _squared_steps(colours).ravel()])
    weight = smoothness * np.exp(-step / (2 * edge**2)) + 1e-6
    links = coo_array((np.tile(weight, 2), np.concatenate([pairs, pairs[::-1]], axis=1)), shape=(number.size,) * 2).tocsr()
    diagonal = links.sum(axis=1) + trust.ravel()
    system, start = diags_array(diagonal) - links, probability.ravel().astype(np.float64)
    agreed, _ = cg(system, trust.ravel() * start, x0=start, rtol=1e-4, maxiter=300, M=diags_array(1 / diagonal))
    return agreed.reshape(probability.shape).clip(0, 1).astype(np.float32)


def _squared_steps(colours):
    """Squared steps in colour (h - 1, w) from each pixel of (h, w, 3) to the next below.

    The step from the pixel before to the one after counts where it is larger: an edge that the camera blurred over a few
    pixels is an edge still.
    """
    padded = np.pad(colours, ((1, 1), (0, 0), (0, 0)), mode="edge")
    near, far = padded[2:-1] - padded[1:-2], padded[3:] - padded[:-3]
    return np.maximum((near**2).sum(axis=-1), (far**2).sum(axis=-1))
