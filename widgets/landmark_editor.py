"""The 68 landmarks over their photo, each to be dragged where it belongs."""

from dataclasses import replace

import anywidget
import numpy as np
import traitlets

from d3f_lite.errors import LandmarkError
from d3f_lite.formats.landmark_files import write_landmarks
from d3f_lite.observation.landmarks import BY_HAND, Landmarks
from d3f_lite.results.pictures import face_window
from widgets.explorer import joined
from widgets.figures import encoded


class LandmarkEditor(anywidget.AnyWidget):
    """Drag the landmarks of an Observation; ``landmarks`` and ``observation`` follow.

    A landmark that was moved by hand is trusted: its confidence becomes 1. What travels is the face's part of the photo,
    with the ``points`` in its pixels and which of them are ``sure``.
    """

    _esm = joined("landmarks")
    image = traitlets.Bytes().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    size = traitlets.List(traitlets.Int()).tag(sync=True)
    radius = traitlets.Float().tag(sync=True)
    points = traitlets.List().tag(sync=True)
    sure = traitlets.List().tag(sync=True)
    words = traitlets.Unicode().tag(sync=True)

    def __init__(self, observation):
        rows, columns = face_window(observation)
        self._start, self._corner = observation, np.array((columns.start, rows.start), np.float32)
        face = observation.photo.pixels[rows, columns]
        super().__init__(
            image=encoded(face), size=[*face.shape[1::-1]], radius=0.015 * observation.landmarks.interocular_distance,
            alt=f"the face of the photo {observation.photo.name} with 68 landmarks",
        )  # fmt: skip
        self.reset()
        self.observe(self._moved, "points")
        self.on_msg(lambda *_: self.reset())

    @traitlets.validate("points")
    def _refuse_others(self, proposal):
        """What the browser sends must be 68 places."""
        try:
            points = np.array(proposal["value"], float)
        except (ValueError, TypeError, OverflowError):
            points = np.zeros(0)
        if points.shape != (68, 2):
            raise traitlets.TraitError("landmarks are 68 pairs of numbers")
        try:
            Landmarks(points, np.ones(68), "", 1)
        except LandmarkError as error:  # a TraitError alone brings the old points back
            raise traitlets.TraitError(str(error)) from error
        return proposal["value"]

    @property
    def landmarks(self):
        """Landmarks as they are now."""
        return self.observation.landmarks

    def reset(self):
        """Show the landmarks as they were found."""
        self._show(self._start)

    def save(self, path):
        """Write the landmarks as a .csv or .pts file that ``read_landmarks`` and ``--landmarks`` read."""
        write_landmarks(self.landmarks, path)

    def _show(self, observation):
        self.observation = observation
        offsets = np.linalg.norm(self.landmarks.xy - self._start.landmarks.xy, axis=1)
        self.words = f"{(offsets > 1e-3).sum()} of 68 landmarks moved, at most {offsets.max():.1f} px"
        self.sure = self.landmarks.reliable.tolist()
        self.points = (self.landmarks.xy - self._corner).tolist()

    def _moved(self, change):
        points, before = np.array(change["new"], np.float32) + self._corner, self.landmarks
        moved = np.abs(points - before.xy).max(1) > 1e-3
        if moved.any():
            confidence = np.where(moved, 1.0, before.confidence).astype(before.confidence.dtype)
            landmarks = replace(before, xy=points.astype(before.xy.dtype), confidence=confidence,
                                backend=before.detector + BY_HAND)  # fmt: skip
            # Where a person says where the points are, no other mask moves them.
            self._show(replace(self.observation, landmarks=landmarks, alternatives=()))
