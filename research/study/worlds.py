"""The two worlds that true heads are drawn from: scanned people, and the held-out heads that artists' axes made."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

from d3f_lite.formats.anny import held_out_heads, load_anny
from d3f_lite.formats.ict import read_ict
from d3f_lite.heads.model import HeadModel
from research.bake.registration import draw_people

SCANS, OWN = "heads from scans", "own heads"


@dataclass(frozen=True, eq=False)
class World:
    """Where true heads come from.

    Args:
        name: SCANS or OWN.
        head: its mesh, landmarks and areas of colour.
        average: mm, the mean head of this world: what is known of a person without any photo.
        heads: mm, the true heads themselves if they are a fixed set; None = drawn from ``head``.
    """

    name: str
    head: HeadModel
    average: Float[np.ndarray, "V 3"]
    heads: Float[np.ndarray, "n V 3"] | None = None

    def truth(self, seed: int, number: int) -> Float[np.ndarray, "V 3"]:
        """The true head ``number`` of a seed, mm."""
        if self.heads is not None:
            return self.heads[(seed + number) % len(self.heads)]
        return self.head.vertices(draw_people(self.head, 1, np.random.default_rng([seed, number]))[0])


@lru_cache(maxsize=2)
def scanned(path: Path) -> World:
    """ICT-FaceKit's population, from its folder or archive."""
    head = read_ict(path).head_model()
    return World(SCANS, head, head.mean)


@lru_cache(maxsize=1)
def own() -> World:
    """The shipped held-out heads, which no model was trained on; their own mean is the average to beat."""
    heads = held_out_heads()
    return World(OWN, load_anny(), heads.mean(0), heads)
