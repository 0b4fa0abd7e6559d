"""Notebook 06: experiments over many heads and photos, each a command: truth, evaluate, masks, landmarks, batch.

In: heads with a known truth, or a folder of photos. Out: tables and figures. Paper: section 4.
"""
