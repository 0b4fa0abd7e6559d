"""Notebooks 06, 08 and 09: how good is it? True heads, the methods to compare, and how sure they should be (section 4).

In: HeadModel and Settings. Out: records, tables and figures. (Studies that no notebook runs stand in ``research``.)
"""

import lazy_loader

_NAMES = {
    "truth": ["Case", "align_all", "case_seed", "draw_case", "face_error", "observe_filled"],
    "methods": ["Answer", "Draws", "Given", "most_likely", "photo_decoders", "tempered"],
    "evaluate": ["Plan", "Sweep", "closest_sample_curves", "measured"],
    "report": ["markdown_table", "write_report"],
    "calibration": ["CalibrationCheck", "calibration_figure", "narrowed", "ranks", "tarp", "uniform_p"],
    "contest": ["DEVELOPMENT", "REPORT", "draw_tasks", "score", "standings"],
}
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_NAMES)
