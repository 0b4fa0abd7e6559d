"""Notebooks 06 and 07: what is said and shown of heads, measures, meshes, pictures, a 3D page and a report.

In: a Reconstruction, or heads and a truth. Out: numbers, and files that are whole or not there. Paper: section 4's measures.
"""
