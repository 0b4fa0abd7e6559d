"""Adam for one vector of unknowns: torch's own first loads its compiler, which takes longer than a whole fit."""

import torch


class Adam:
    """The optimiser of Kingma and Ba (2015), algorithm 1, with weight decay added to the gradient.

    Args:
        unknown: a tensor that requires gradients; it is changed in place.
        rate: the learning rate.
        decay: w of the penalty ½ w ‖unknown‖².
    """

    def __init__(self, unknown: torch.Tensor, rate: float, decay: float = 0.0, betas: tuple[float, float] = (0.9, 0.999)) -> None:
        self.unknown, self.rate, self.decay, self.betas = unknown, rate, decay, betas
        self.mean, self.square, self.steps = torch.zeros_like(unknown), torch.zeros_like(unknown), 0

    def step(self, loss: torch.Tensor) -> None:
        """Take one step down the gradient of ``loss``, a scalar tensor."""
        (gradient,) = torch.autograd.grad(loss, self.unknown)
        with torch.no_grad():
            gradient = gradient + self.decay * self.unknown
            self.steps += 1
            self.mean.lerp_(gradient, 1.0 - self.betas[0])
            self.square.lerp_(gradient.square(), 1.0 - self.betas[1])
            mean = self.mean / (1.0 - self.betas[0] ** self.steps)
            square = self.square / (1.0 - self.betas[1] ** self.steps)
            self.unknown -= self.rate * mean / (square.sqrt() + 1e-8)
