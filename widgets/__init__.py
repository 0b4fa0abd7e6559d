"""ipywidgets and k3d views over d3f_lite: they hold state and draw; every number in them comes from a d3f_lite call."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "background": ["BackgroundTask"],
        "dpp_playground": ["DppPlayground", "dpp_kernel", "points_in_the_plane"],
        "explorer.widget": ["Explorer", "ExplorerView"],
        "figures": ["picture", "sheet"],
        "fitting_viewer": ["FittingViewer"],
        "head_grid": ["HeadGrid"],
        "head_model_explorer": ["HeadModelExplorer"],
        "head_viewer": ["HeadViewer"],
        "landmark_editor": ["LandmarkEditor"],
        "mask_painter": ["MaskPainter"],
        "photo_controls": ["PhotoControls"],
        "prediction": ["Prediction"],
    },
)
