"""Occluders that are drawn on a photo whose face is clear, so that the true mask is known (``drawing.draw_occluder``).

In: a Photo and its Landmarks. Out: a Photo and a mask.
"""
