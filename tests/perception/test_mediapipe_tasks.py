"""MediaPipe loaded in part: nothing of it is seen by those who want the whole."""

import subprocess
import sys

LOADED_IN_PART = """
import sys
import numpy as np
from d3f_lite.perception.detector import MediapipeDetector
from d3f_lite.perception.mediapipe_tasks import tasks

with MediapipeDetector() as detector:
    assert not {"mediapipe", "matplotlib", "sounddevice"} & set(sys.modules)
    import mediapipe

    assert mediapipe.tasks.vision.FaceLandmarker is not tasks().FaceLandmarker
    assert mediapipe.tasks.vision.drawing_utils and "matplotlib" in sys.modules
    assert detector.detect(np.zeros((64, 64, 3), np.uint8)) == []
"""
LOADED_WHOLE = """
import mediapipe
from d3f_lite.perception.mediapipe_tasks import tasks

assert tasks().FaceLandmarker is mediapipe.tasks.vision.FaceLandmarker
"""


def test_a_part_is_loaded_and_the_whole_can_still_be():
    for program in (LOADED_IN_PART, LOADED_WHOLE):
        subprocess.run([sys.executable, "-c", program], check=True)
