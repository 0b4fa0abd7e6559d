"""What all tests share: checked shapes, a detector, the portraits; and none sees weights that a person has fetched."""

import os
import tempfile
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

# Here, and only here, each call of the package is checked against its annotations, shapes among them.
install_import_hook(["d3f_lite"], "type_checks.checked")

# The cache folder, where parsed heads are kept: nobody's but the tests'.
_cache = tempfile.TemporaryDirectory(prefix="d3f-lite-cache-")
os.environ["D3F_LITE_CACHE"] = _cache.name
# Torch hub's cache, where "auto" would find face-alignment's network: the promises here are MediaPipe's.
os.environ["TORCH_HOME"] = str(Path(tempfile.gettempdir()) / "d3f-lite-no-torch-home")


@pytest.fixture(scope="session")
def detector():
    """MediaPipe's detector, opened once."""
    from d3f_lite.perception.detector import MediapipeDetector

    with MediapipeDetector() as detector:
        yield detector


@pytest.fixture(scope="session")
def portraits(detector):
    """Name to (Photo, Landmarks) of the two sample portraits."""
    from d3f_lite.observation.photo import SAMPLE_PHOTOS, sample_photo
    from d3f_lite.perception.landmark_detection import detect_landmarks

    photos = {name: sample_photo(name) for name in SAMPLE_PHOTOS}
    return {name: (photo, detect_landmarks(photo, detector=detector)) for name, photo in photos.items()}
