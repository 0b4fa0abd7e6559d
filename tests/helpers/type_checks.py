"""What the suite checks types and shapes with: beartype, to which numpy's numbers are numbers."""

import numpy as np
from beartype import BeartypeConf, BeartypeHintOverrides, beartype

NUMBERS = BeartypeHintOverrides({float: float | int | np.floating | np.integer, int: int | np.integer, bool: bool | np.bool_})
_checked = beartype(conf=BeartypeConf(hint_overrides=NUMBERS))
SAYS_SO_ITSELF = {"reconstruct", "as_photo"}  # what is wrong with an argument, in words


def checked(function):
    """The function, its arguments and result checked against their annotations."""
    return function if function.__qualname__ in SAYS_SO_ITSELF else _checked(function)
