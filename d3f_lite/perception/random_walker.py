"""A random walker on a picture's colours: it carries what is known of some pixels to their like neighbours."""

import numpy as np
from jaxtyping import Float


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
    below, beside = (smoothness * np.exp(-step / (2 * edge**2)) + 1e-6
                     for step in (_squared_steps(colours), _squared_steps(colours.swapaxes(0, 1)).T))  # fmt: skip
    diagonal = np.array(trust, np.float64)
    for there, weight in ((np.s_[:-1], below), (np.s_[1:], below), (np.s_[:, :-1], beside), (np.s_[:, 1:], beside)):
        diagonal[there] += weight
    # In units of which each pixel's own term is 1, which is Jacobi's preconditioner.
    unit = 1 / np.sqrt(diagonal)
    below = (below * unit[:-1] * unit[1:]).astype(np.float32)
    beside = np.pad(beside * unit[:, :-1] * unit[:, 1:], ((0, 0), (0, 1))).astype(np.float32)
    wanted, start = ((values * probability).ravel().astype(np.float32) for values in (trust * unit, 1 / unit))
    agreed = _conjugate_gradients(below.ravel(), beside.ravel()[:-1], wanted, start)
    return (agreed.reshape(probability.shape) * unit).clip(0, 1).astype(np.float32)


def _conjugate_gradients(below, beside, wanted, start, steps=300, enough=1e-5):
    """Solve x - Σ_j w_ij x_j = ``wanted`` over a picture's neighbours, row after row, from a ``start``.

    Args:
        below, beside: w of each pixel and the one below, or after it.
        steps: at most; most pictures take them all, and x is then near its ``start`` where colours carry little that far.
        enough: the residual, against ``wanted``, at which to stop.
    """
    width = len(wanted) - len(below)
    x, image, product = start, np.empty_like(wanted), np.empty_like(wanted)

    def apply(values):
        """``image`` = the left side at x = ``values``, without an array being made."""
        image[:] = values
        for apart, weight in ((width, below), (1, beside)):
            for one, other in ((np.s_[apart:], np.s_[:-apart]), (np.s_[:-apart], np.s_[apart:])):
                np.multiply(weight, values[other], out=product[:-apart])
                image[one] -= product[:-apart]

    apply(x)
    residual = wanted - image
    direction, squared, least = residual.copy(), residual @ residual, enough**2 * (wanted @ wanted)
    for _ in range(steps):
        if squared <= least:
            break
        apply(direction)
        step = squared / (direction @ image)
        x += np.multiply(direction, step, out=product)
        residual -= np.multiply(image, step, out=product)
        before, squared = squared, residual @ residual
        direction *= squared / before
        direction += residual
    return x


def _squared_steps(colours):
    """Squared steps in colour (h - 1, w) from each pixel of (h, w, 3) to the next below.

    The step from the pixel before to the one after counts where it is larger: an edge that the camera blurred over a few
    pixels is an edge still.
    """
    padded = np.pad(colours, ((1, 1), (0, 0), (0, 0)), mode="edge")
    near, far = padded[2:-1] - padded[1:-2], padded[3:] - padded[:-3]
    return np.maximum((near**2).sum(axis=-1), (far**2).sum(axis=-1))
