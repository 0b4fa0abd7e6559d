"""d3f-lite: what one occluded face photo tells of the 3D face behind it, and what it does not. ``import d3f_lite as d3f``.

One road, in the order in which the data flows; each room imports only from those before it:

``heads`` (notebook 01) → ``observation`` and ``observe`` (02) → ``fitting`` (03) → ``completion`` (04) → ``diversity`` (05) →
``metrics`` (06) → ``reconstruct``, the whole way. Beside it stand ``perception``, how a machine finds landmarks and masks;
``formats``, other people's files; ``evaluation`` (06, 08, 09); and ``results``, what is written and drawn.

The names below are what most people need; each is imported when it is first used.
"""

import sys
from types import ModuleType

import lazy_loader

_ROOMS = [
    "completion",
    "diversity",
    "evaluation",
    "fitting",
    "formats",
    "heads",
    "metrics",
    "observation",
    "occluders",
    "perception",
    "results",
]
_NAMES = {
    "reconstruct": ["complete", "reconstruct"],
    "reconstruction": ["Reconstruction"],
    "settings": ["DiversitySettings", "FitSettings", "Settings"],
    "common.device": ["one_thread"],
    "observation.photo": ["Photo", "sample_photo"],
    "observation.masks": ["read_mask"],
    "perception.landmark_detection": ["detect_landmarks"],
    "observe": ["observe"],
    "occluders.drawing": ["draw_occluder"],
    "formats.load_head": ["load_head"],
    "fitting.fit": ["fit_visible"],
    "errors": ["D3FError"],
}
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, _ROOMS, _NAMES)


class _FrontDoor(ModuleType):
    """The package, in which ``d3f.reconstruct`` stays the function when the module of that name is imported."""

    def __setattr__(self, name, value):
        if not (isinstance(value, ModuleType) and name in _NAMES.get(name, ())):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _FrontDoor
