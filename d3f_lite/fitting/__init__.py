"""Notebook 03: a head is fitted to what the photo shows (Dey and Boddeti 2022, section 3.1).

In: an Observation and a HeadModel. Out: Fit (``fit.fit_visible``), the head, its camera, light and colours, and how sure each is.
"""

import lazy_loader

_NAMES = {
    "calibration": ["Calibration", "load_calibration"],
    "camera": ["Camera"],
    "colour_derivatives": ["colour_slopes"],
    "colour_equations": ["ColourEquations", "ColourModel"],
    "colours": ["Appearance", "Crop", "SurfacePoints", "colour_residual", "solve_appearance"],
    "fit": ["expected_landmarks", "fit_visible", "what_the_photo_shows"],
    "gauss_newton": ["Estimate", "fit_landmarks", "newton_step", "refine"],
    "landmark_equations": ["LandmarkEquations"],
    "plausibility": ["check_plausible", "is_face"],
    "result": ["Fit"],
    "rendering": ["rasterise", "render", "spherical_harmonics", "vertex_normals", "visible_vertices"],
}
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_NAMES)
