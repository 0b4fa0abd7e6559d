"""ipywidgets and k3d views over d3f_lite: they hold state and draw; every number in them comes from a d3f_lite call."""

from widgets.background import BackgroundTask
from widgets.figures import picture
from widgets.head_viewer import HeadViewer

__all__ = ["BackgroundTask", "HeadViewer", "picture"]
