"""MediaPipe's landmarker and segmenter without the rest of its package, which loads matplotlib and a library for sound."""

import sys
import threading
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace

PACKAGES = ("mediapipe", "mediapipe.tasks", "mediapipe.tasks.python", "mediapipe.tasks.python.vision")
_importing = threading.Lock()


def tasks() -> SimpleNamespace:
    """MediaPipe's names that are used here, loaded once: a sixth of the time that the whole package takes.

    Its packages import all that they hold. So their modules are loaded beneath empty packages, which are then forgotten:
    whoever imports mediapipe gets the whole of it.
    """
    with _importing:
        return _tasks()


@cache
def _tasks():
    """See ``tasks``."""
    whole = "mediapipe" in sys.modules
    if not whole:
        root = Path(find_spec("mediapipe").origin).parent.parent
        for name in PACKAGES:
            sys.modules[name] = ModuleType(name)
            sys.modules[name].__path__ = [str(root.joinpath(*name.split(".")))]
    try:
        image, landmarker, segmenter, base = (
            import_module(f"mediapipe.tasks.python.{name}")
            for name in ("vision.core.image", "vision.face_landmarker", "vision.image_segmenter", "core.base_options")
        )
        import_module("mediapipe.tasks.python.core.mediapipe_c_bindings").load_raw_library()  # finds itself by the packages
    finally:
        if not whole:
            for name in [name for name in sys.modules if name.split(".")[0] == "mediapipe"]:
                del sys.modules[name]
    return SimpleNamespace(
        BaseOptions=base.BaseOptions,
        Image=image.Image,
        ImageFormat=image.ImageFormat,
        FaceLandmarker=landmarker.FaceLandmarker,
        FaceLandmarkerOptions=landmarker.FaceLandmarkerOptions,
        ImageSegmenter=segmenter.ImageSegmenter,
        ImageSegmenterOptions=segmenter.ImageSegmenterOptions,
    )
