"""The 68 landmarks over their photo, each to be dragged where it belongs."""

from dataclasses import replace
from pathlib import Path

import anywidget
import ipywidgets
import numpy as np
import traitlets

from d3f_lite.errors import LandmarkError
from d3f_lite.formats.landmark_files import write_landmarks
from d3f_lite.observation.landmarks import BY_HAND, Landmarks
from d3f_lite.results.pictures import face_window
from widgets.figures import encoded

SURE = 0.3  # confidence from which a landmark is drawn filled
DOT = 0.015  # radius of a dot, of the inter-ocular distance


class DraggablePoints(anywidget.AnyWidget):
    """A picture with points in its own pixels."""

    _esm = Path(__file__).with_suffix(".js")
    image = traitlets.Bytes().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    size = traitlets.List(traitlets.Int()).tag(sync=True)
    radius = traitlets.Float().tag(sync=True)
    points = traitlets.List().tag(sync=True)
    sure = traitlets.List().tag(sync=True)

    @traitlets.validate("points")
    def _refuse_others(self, proposal):
        """What the browser sends must be 68 places."""
        try:
            points = np.array(proposal["value"], float)
        except (ValueError, TypeError, OverflowError):
            points = np.zeros(0)
        if points.shape != (68, 2):
            raise LandmarkError("landmarks are 68 pairs of numbers")
        Landmarks(points, np.ones(68), "", 1)  # refuses what no landmarks can be
        return proposal["value"]


class LandmarkEditor(ipywidgets.VBox):
    """Drag the landmarks of an Observation; ``landmarks`` and ``observation`` follow.

    A landmark that was moved by hand is trusted: its confidence becomes 1.
    """

    def __init__(self, observation):
        self._start = self.observation = observation
        rows, columns = face_window(observation)
        self._corner = np.array((columns.start, rows.start), np.float32)
        face = observation.photo.pixels[rows, columns]
        self.points = DraggablePoints(
            image=encoded(face), size=[*face.shape[1::-1]], radius=DOT * observation.landmarks.interocular_distance,
            alt=f"the face of the photo {observation.photo.name} with 68 landmarks",
        )  # fmt: skip
        self.reset = ipywidgets.Button(description="Reset")
        self.readout = ipywidgets.HTML()
        self.reset.on_click(lambda _: self._show(self._start))
        self._show(observation)
        self.points.observe(self._moved, "points")
        note = ipywidgets.HTML("Drag a point to correct it. Hollow points are hidden or unsure: they weigh nothing.")
        super().__init__([note, self.points, ipywidgets.HBox([self.reset, self.readout])])

    @property
    def landmarks(self):
        """Landmarks as they are now."""
        return self.observation.landmarks

    def save(self, path):
        """Write the landmarks as a .csv or .pts file that ``read_landmarks`` and ``--landmarks`` read."""
        write_landmarks(self.landmarks, path)

    def _show(self, observation):
        self.observation = observation
        landmarks = observation.landmarks
        self._tell()
        self.points.sure = (landmarks.confidence >= SURE).tolist()
        self.points.points = (landmarks.xy - self._corner).tolist()

    def _moved(self, change):
        points, before = np.array(change["new"], np.float32) + self._corner, self.landmarks
        moved = np.abs(points - before.xy).max(1) > 1e-3
        if moved.any():
            confidence = np.where(moved, 1.0, before.confidence).astype(before.confidence.dtype)
            landmarks = replace(before, xy=points.astype(before.xy.dtype), confidence=confidence,
                                backend=before.detector + BY_HAND)  # fmt: skip
            # Where a person says where the points are, no other mask moves them.
            self.observation = replace(self.observation, landmarks=landmarks, alternatives=())
            self.points.sure = (confidence >= SURE).tolist()
            self._tell()

    def _tell(self):
        offsets = np.linalg.norm(self.landmarks.xy - self._start.landmarks.xy, axis=1)
        moved = int((offsets > 1e-3).sum())
        self.readout.value = f"{moved} of 68 landmarks moved, at most {offsets.max():.1f} px"
