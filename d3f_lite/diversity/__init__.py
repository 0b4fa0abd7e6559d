"""Notebook 05: N heads that differ where the photo leaves them free (Dey and Boddeti 2022, section 3.3).

In: a Decoder and a PartialHead. Out: HeadSamples (``search.diversify``); the DPP's mathematics is in ``kernel``.
"""

import lazy_loader

_NAMES = {
    "kernel": ["distances", "dpp_loss", "expected_cardinality", "published_bandwidth", "quality", "similarity"],
    "published": ["diversify_published"],
    "samples": ["HeadSamples", "PartialHead"],
    "search": ["diversify", "diversify_calibrated", "sample_iid", "widest_modes"],
}
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_NAMES)
