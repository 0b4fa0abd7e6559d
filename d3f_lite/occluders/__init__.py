"""Occluders drawn on a photo whose face is clear, so that the true mask is known (notebooks 00, 02, 06).

In: a Photo and its Landmarks. Out: a Photo and a mask.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"drawing": ["OCCLUDER_KINDS", "draw_occluder"]})
