"""Notebook 03: a head is fitted to what the photo shows (Dey and Boddeti 2022, section 3.1).

In: an Observation and a HeadModel. Out: Fit (``fit.fit_visible``), the head, its camera, light and colours, and how sure each is.
"""
