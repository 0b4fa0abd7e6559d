"""Adam for one array of unknowns, NumPy's or torch's: torch's own loads its compiler first, for longer than a whole fit."""


class Adam:
    """The optimiser of Kingma and Ba (2015), algorithm 1, with weight decay added to the gradient.

    Args:
        rate: the learning rate.
        decay: w of the penalty ½ w ‖unknown‖².
    """

    def __init__(self, rate: float, decay: float = 0.0, betas: tuple[float, float] = (0.9, 0.999)) -> None:
        self.rate, self.decay, self.betas = rate, decay, betas
        self.mean, self.square, self.steps = 0.0, 0.0, 0

    def step(self, unknown, gradient):
        """Where one step down the ``gradient`` of the loss leads from ``unknown``: arrays or tensors of one shape."""
        (first, second), gradient = self.betas, gradient + self.decay * unknown
        self.steps += 1
        self.mean = first * self.mean + (1.0 - first) * gradient
        self.square = second * self.square + (1.0 - second) * gradient**2
        mean, square = self.mean / (1.0 - first**self.steps), self.square / (1.0 - second**self.steps)
        return unknown - self.rate * mean / (square**0.5 + 1e-8)
