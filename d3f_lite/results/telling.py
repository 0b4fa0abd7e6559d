"""What a user must know of a result before looking at it, in plain words; the numbers behind them are the model's own."""

from functools import lru_cache

import numpy as np

from d3f_lite.completion.posterior import condition_on_photo, fix_gauge
from d3f_lite.heads.gaussian import GaussianHeads
from d3f_lite.heads.model import HAIRLINE, HeadModel
from d3f_lite.reconstruction import Reconstruction


@lru_cache(maxsize=2)
def likeness(reconstruction: Reconstruction) -> dict[str, dict[str, float]]:
    """How far the fitted face is from others, root mean square over a part, in mm.

    What counts is who it is: expressions are left out, and so are size and place, which are the camera's affair.

    Returns:
        ``visible`` and, where something hides the face, ``hidden`` to: ``average``, from the mean face; ``people``, expected
        between any two people of the model; ``photos``, expected between the fits to two people's photos that show as much
        as this one; and ``heads``, expected between two drawn heads of whatever seed, expressions included.
    """
    fit, head = reconstruction.fit, reconstruction.head
    identity = ~head.expressive
    basis = fix_gauge(GaussianHeads.prior(head.mean, head.basis[identity]), head.face).basis
    coefficients = np.zeros(len(head.basis), np.float32)
    coefficients[: len(fit.coefficients)] = fit.coefficients
    squares = lambda factor: np.square(np.tensordot(factor.T, basis, 1)).sum((0, 2))
    prior = np.square(basis).sum((0, 2))
    left = squares(condition_on_photo(head, fit.coefficients, fit.hessian).factor[identity])
    variances = {
        "average": squares(coefficients[identity, None]),
        "people": 2.0 * prior,
        "photos": 2.0 * np.maximum(prior - left, 0.0),  # fits differ by what photos tell, and no photo tells all
        "heads": 2.0 * reconstruction.spread**2,
    }
    parts = {"visible": fit.visible & head.face, "hidden": fit.occluded & head.face}
    return {
        part: {name: float(np.sqrt(values[where].mean())) for name, values in variances.items()}
        for part, where in parts.items()
        if where.any()
    }


def parts_never_seen(reconstruction: Reconstruction) -> list[str]:
    """The parts of the head that no photo from there shows, in words: those of whose vertices most are unseen."""
    unseen = reconstruction.fit.unseen
    return [name for name, where in _parts(reconstruction.head).items() if where.any() and unseen[where].mean() > 0.65]


def first_words(reconstruction: Reconstruction) -> list[str]:
    """What stands on the first screen of the page, over the sheet, and in the terminal: a few sentences."""
    words, several = [], len(reconstruction.samples.vertices) > 1
    where = {"visible": "Where seen", "hidden": "Where hidden"}
    for part, mm in likeness(reconstruction).items():
        drawn = f", two heads of any seed by {mm['heads']:.1f} mm (expressions too)" if several else ""
        words.append(
            f"{where[part]}, this face is {mm['average']:.1f} mm from the average one; another person's photo would give one "
            f"{mm['photos']:.1f} mm from it; two people differ by {mm['people']:.1f} mm{drawn}."
        )
    if never := parts_never_seen(reconstruction):
        words.append(f"Never seen from here: {_listed(never)} (grey in heat maps).")
    for name, share in reconstruction.observation.masks.shown.items():
        option = "hair" if name != "clear glasses" else "glasses"
        words.append(
            f"Careful: {name} over {share:.0%} of the face taken for visible skin; --hides {option} takes it for hidden."
        )
    return words


def _parts(head: HeadModel):
    """Name to the vertices of the parts of a head that photos may not show."""
    _, y, z = head.mean.T
    scalp = (head.regions["scalp"] > 0.5) | ((head.regions["neck"] > 0.5) & (y > 0.0))
    return {
        "the crown": scalp & (y > HAIRLINE) & (z < 30.0),
        "the back of the head": scalp & (z < -30.0),
        "the neck": (head.regions["neck"] > 0.5) & (y < 0.0),
        "the right ear": head.regions["right_ear"] > 0.5,
        "the left ear": head.regions["left_ear"] > 0.5,
    }


def _listed(names):
    """Names in one phrase."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
