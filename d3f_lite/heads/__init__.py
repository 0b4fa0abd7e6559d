"""Notebook 01: a head as a mean and linear directions (Dey and Boddeti 2022, equation 1 of section 3.1).

In: arrays, which ``formats`` reads from files. Out: HeadModel (``model``), one of the Gaussians over heads (``gaussian``).
"""

import lazy_loader

_NAMES = {
    "gaussian": ["GaussianHeads", "HeadDistribution"],
    "model": ["ALBEDO_REGIONS", "PARTS", "REGIONS", "Bases", "HeadModel", "LandmarkEmbedding"],
}
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_NAMES)
