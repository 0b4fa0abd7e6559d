"""d3f-lite: what one occluded face photo tells of the 3D face behind it, and what it does not. ``import d3f_lite as d3f``.

One room for each notebook, in the order in which the data flows; each imports only from those before it:

``common`` (what serves all) → ``heads`` (01) → ``observation`` (02) → ``fitting`` (03) → ``completion`` (04) → ``diversity`` (05)
→ ``results`` (06, 07) → ``pipeline`` (the whole way) → ``study`` (06, over many). ``bake`` made the shipped assets.

The names below are what most people need; each is imported when it is first used.
"""

from importlib import import_module

DOOR = {
    "reconstruct": "pipeline:reconstruct",
    "Reconstruction": "pipeline:Reconstruction",
    "Settings": "settings:Settings",
    "Photo": "observation.photo:Photo",
    "sample_photo": "observation.photo:sample_photo",
    "read_mask": "observation.photo:read_mask",
    "detect_landmarks": "observation.landmarks:detect_landmarks",
    "draw_occluder": "observation.occluders:draw_occluder",
    "observe": "observation.occlusion:observe",
    "load_head": "heads:load_head",
    "fit_visible": "fitting.fit:fit_visible",
    "metrics": "results.metrics:",
    "D3FError": "errors:D3FError",
}
__all__ = list(DOOR)


def __getattr__(name):
    """Import what the front door names when it is asked for."""
    if name not in DOOR:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = DOOR[name].partition(":")
    found = import_module(f"{__name__}.{module}")
    return getattr(found, attribute) if attribute else found


def __dir__():
    """The front door's names, and the module's own."""
    return sorted({*globals(), *DOOR})
