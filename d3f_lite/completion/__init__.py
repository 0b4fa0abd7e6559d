"""Notebook 04: from the fitted visible part to whole heads (Dey and Boddeti 2022, section 3.2).

In: a Fit. Out: a Decoder of latents into heads: the posterior in closed form (``posterior``) or the mesh VAE's (``mesh_vae``).
"""

import lazy_loader

_NAMES = {
    "posterior": ["Decoder", "condition_on_photo", "decoder_for", "fix_gauge", "fix_to_zero", "hold_coefficients",
                  "hold_visible", "posterior_of"],
    "mesh_graph": ["Level", "build_graph"],
    "mesh_convolution": ["SpatiallyVaryingConv"],
    "mesh_vae": ["MeshVAE", "load_mesh_vae", "weights_path"],
}  # fmt: skip
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_NAMES)
