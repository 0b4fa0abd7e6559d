"""Sliders that look alike: a symbol, a unit, and one message when they are let go."""

import ipywidgets

WIDE = {"style": {"description_width": "190px"}, "layout": {"width": "480px"}, "continuous_update": False}


def steps(label, choices, value):
    """A slider over the numbers ``choices`` and ``value``, starting at ``value``."""
    options = [(f"{choice:g}", choice) for choice in sorted({*choices, value})]
    return ipywidgets.SelectionSlider(options=options, value=value, description=label, **WIDE)


def whole(label, value, low, high):
    """A slider over the whole numbers from ``low`` to ``high``."""
    return ipywidgets.IntSlider(value, low, max(high, value), description=label, **WIDE)


def real(label, value, low, high, step, **changes):
    """A slider over the numbers from ``low`` to ``high``; ``changes``: other ipywidgets options."""
    ends = {"min": min(low, value), "max": max(high, value)}
    return ipywidgets.FloatSlider(value, step=step, description=label, **ends, **(WIDE | changes))
