"""Notebook 05: N heads that differ where the photo leaves them free (Dey and Boddeti 2022, section 3.3).

In: a Decoder and which vertices are occluded. Out: HeadSamples (``search.diversify``); the DPP's mathematics is in ``kernel``.
"""
