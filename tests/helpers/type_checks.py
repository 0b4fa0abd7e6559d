"""What the suite checks types and shapes with: beartype, to which numpy's numbers are numbers."""

import numpy as np
from beartype import BeartypeConf, BeartypeHintOverrides, beartype

NUMBERS = BeartypeHintOverrides({float: float | int | np.floating | np.integer, int: int | np.integer, bool: bool | np.bool_})
checked = beartype(conf=BeartypeConf(hint_overrides=NUMBERS))
