"""Other people's files: head models (FLAME, ICT-FaceKit, GNM) and landmarks; how they are fetched, checked and kept.

In: a name or a path. Out: HeadModel (``load_head.load_head``), Landmarks (``landmark_files``).
"""

import lazy_loader

_NAMES = {
    "anny": ["held_out_heads", "load_anny"],
    "flame": ["FlameHead", "read_flame"],
    "gnm": ["GnmHead", "read_gnm"],
    "head_file": ["read_head", "write_head"],
    "ict": ["IctHead", "read_ict"],
    "landmark_files": ["as_landmarks", "read_landmarks", "write_landmarks"],
    "load_head": ["available_heads"],
}
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_NAMES)
