"""Notebook 02: a photo becomes an Observation, its pixels with 68 landmarks and with what is face and what hides it.

In: a file or an array. Out: Observation (``occlusion.observe``). Paper: the input of section 3, which takes both as given.
"""
