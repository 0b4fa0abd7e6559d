"""Values that people give, in Python or in a file, checked against the type hints of a dataclass."""

from dataclasses import is_dataclass
from numbers import Integral
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

import numpy as np

from d3f_lite.errors import D3FError, SettingsError


def from_tables(kind: type, values, place: str = ""):
    """The dataclass ``kind`` with a dict of values; what is left out keeps its default.

    Args:
        kind: its fields are ``bool``, ``Literal[words]``, ``Annotated[float or int, lowest, highest]``, or dataclasses.
        place: what stands before a name in messages.

    Raises:
        SettingsError: an unknown name, a wrong type, or a number out of range.
    """
    if not isinstance(values, dict):
        raise SettingsError(f"{place.rstrip('.') or 'the file of settings'} must be a table")
    hints = get_type_hints(kind, include_extras=True)
    for name in values:
        if name not in hints:
            raise SettingsError(f"unknown setting {place}{truncated_repr(name)}: choose from {', '.join(hints)}")
    return kind(**{name: checked(value, hints[name], f"{place}{name}") for name, value in values.items()})


def checked(value, hint, name: str):
    """The value in the type of its hint; raises SettingsError where the hint, one as of ``from_tables``, forbids it."""
    if isinstance(hint, type) and is_dataclass(hint):
        return from_tables(hint, value, f"{name}.")
    if hint is bool:
        kind, allowed, wanted = bool, isinstance(value, bool), "true or false"
    elif get_origin(hint) is Literal:
        kind, allowed, wanted = str, isinstance(value, str) and value in get_args(hint), f"one of {', '.join(get_args(hint))}"
    else:
        kind, low, high = get_args(hint)
        number = isinstance(value, Integral if kind is int else Integral | float) and not isinstance(value, bool)
        allowed = number and low <= value <= high  # false for NaN, too
        wanted = f"a whole number from {low} to {high}" if kind is int else f"a number from {low:g} to {high:g}"
    if not allowed:
        raise SettingsError(f"{name} must be {wanted}, not {truncated_repr(value)}")
    return kind(value)


def checked_count(value, name: str, low: int, high: int) -> None:
    """Refuse, with a SettingsError, what is not a whole number from ``low`` to ``high``."""
    checked(value, Annotated[int, low, high], name)


def as_array(value, name: str, error: type[D3FError]) -> np.ndarray:
    """The array of numbers that an array, a list or a tensor of any device holds; raises ``error`` where that is none."""
    try:
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError):  # rows of different lengths; types that numpy lacks
        array = np.array(None)
    if array.dtype.kind not in "biufc":
        raise error(f"{name}: a {type(value).__name__} that is no array of numbers; give an array of them, or the path of a file")
    return array


def truncated_repr(value, most: int = 60) -> str:
    """A value for a message, at most ``most`` characters of it."""
    try:
        return f"{value!r:.{most}}"
    except ValueError:  # Python writes out no whole number of more than 4,300 digits
        return "such a huge number"
