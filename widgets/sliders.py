"""Sliders that look alike: a symbol, a unit, and one message when they are let go."""

import ipywidgets

from d3f_lite.settings import slider_stops

WIDE = {"style": {"description_width": "190px"}, "layout": {"width": "480px"}, "continuous_update": False}


def slider(label, stops, value):
    """A slider over the numbers ``stops`` and ``value``, starting at ``value``."""
    options = [(f"{stop:g}", stop) for stop in sorted({*stops, value})]
    return ipywidgets.SelectionSlider(options=options, value=value, description=label, **WIDE)


def setting(name, label, settings):
    """A slider for a field of DiversitySettings, where that stops."""
    return slider(label, slider_stops()[name], getattr(settings, name))
