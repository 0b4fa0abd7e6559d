"""Files of heads (the shipped one, FLAME, ICT-FaceKit, GNM) and of landmarks; how they are fetched, checked and kept.

In: a name or a path. Out: HeadModel (``load_head``), Landmarks (``landmark_files``).
"""
