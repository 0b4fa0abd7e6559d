"""How a machine finds landmarks and masks: detectors, networks, and what to do where they fail.

In: a Photo. Out: Landmarks and an estimated mask. The paper takes both as given, so a reader of the method may skip this room.
"""
