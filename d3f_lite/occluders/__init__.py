"""Occluders drawn on a photo whose face is clear, so that the true mask is known (notebooks 00, 02, 06).

In: a Photo and its Landmarks. Out: a Photo and a mask.
"""
