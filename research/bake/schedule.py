"""The learning rate of both trainings: a linear warm-up times one cosine down to zero."""

import math


def rate(step: int, steps: int, warm_up: int = 100) -> float:
    """The share of the highest learning rate that counts in a step."""
    return min((step + 1) / warm_up, 1.0) * 0.5 * (1.0 + math.cos(math.pi * step / steps))
