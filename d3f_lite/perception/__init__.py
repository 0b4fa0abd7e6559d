"""How a machine finds landmarks and masks, which the paper takes as given: beside the road, a student may skip it.

In: a Photo. Out: Landmarks, and an estimate of what hides the face. Notebook 02 looks at what they are worth.
"""

import lazy_loader

_NAMES = {
    "detector": ["INNER_POINTS", "MediapipeDetector", "to_68"],
    "inpainting": ["inpaint", "paint"],
    "landmark_detection": ["detect_landmarks"],
    "mask_estimation": ["estimate_occlusion"],
}
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_NAMES)
