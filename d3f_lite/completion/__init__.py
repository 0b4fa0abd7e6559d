"""Notebook 04: from the fitted visible part to whole heads (Dey and Boddeti 2022, section 3.2).

In: a Fit. Out: a Decoder of latents into heads, the Gaussian posterior in closed form or the mesh VAE's.
"""
