"""Other people's files: head models (FLAME, ICT-FaceKit, GNM) and landmarks; how they are fetched, checked and kept.

In: a name or a path. Out: HeadModel (``load_head.load_head``), Landmarks (``landmark_files``).
"""
