"""Notebook 01: a head as a mean and directions (``model``), and the shipped one (``anny``).

In: a file. Out: HeadModel. Paper: equation 1 of section 3.1.
"""
