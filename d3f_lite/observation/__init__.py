"""Notebook 02: what is observed of a face (Dey and Boddeti 2022, section 3.1).

In: an image file, a mask. Out: an Observation: the photo, its 68 landmarks, the face and what hides it.
"""

import lazy_loader

_NAMES = {
    "photo": ["Photo", "sample_photo"],
    "landmarks": ["Landmarks", "face_region", "interocular_distance", "region_inside"],
    "masks": ["Masks", "Stroke", "correct", "read_mask", "read_strokes", "write_mask", "write_strokes"],
    "observation": ["Observation"],
}
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_NAMES)
