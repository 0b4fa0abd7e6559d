"""ipywidgets and k3d views over d3f_lite: they hold state and draw; every number in them comes from a d3f_lite call."""

from widgets.background import BackgroundTask
from widgets.diversity_explorer import DiversityExplorer
from widgets.dpp_playground import DppPlayground
from widgets.dpp_scene import DppScene
from widgets.figures import picture, sheet
from widgets.fitting_viewer import FittingViewer
from widgets.head_explorer import HeadExplorer
from widgets.head_grid import HeadGrid
from widgets.head_model_explorer import HeadModelExplorer
from widgets.head_viewer import HeadViewer
from widgets.landmark_editor import LandmarkEditor
from widgets.mask_painter import MaskPainter
from widgets.photo_controls import PhotoControls
from widgets.prediction import Prediction

__all__ = [
    "BackgroundTask", "DiversityExplorer", "DppPlayground", "DppScene", "FittingViewer", "HeadExplorer", "HeadGrid",
    "HeadModelExplorer", "HeadViewer", "LandmarkEditor", "MaskPainter", "PhotoControls", "Prediction", "picture", "sheet",
]  # fmt: skip
