"""Every number that a user may tune, with its unit and range; read from and written to TOML."""

import json
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from d3f_lite.errors import SettingsError
from d3f_lite.files.arrays import bounded_bytes
from d3f_lite.files.values import from_tables


@dataclass(frozen=True)
class FitSettings:
    """How the visible part is fitted (paper section 3.1); a weight of 0 switches its term off."""

    calibrated: bool = True  #: use the detector's measured bias and covariance instead of independent errors
    regional: bool = True  #: fit the 14 regional bases as well as the global ones
    perspective: bool = True  #: also estimate the camera's distance; otherwise it is far away, as in the paper
    several_masks: bool = True  #: where an estimated mask is unsure, combine fits under it, a wider and a narrower one
    prior_weight: Annotated[float, 1e-3, 1e3] = 1.0  #: of ½|c|², the Gaussian prior on every coefficient
    closure_weight: Annotated[float, 0.0, 1e3] = 1.0  #: of the gaps between the lips and between the lids, per mm²
    smoothness_weight: Annotated[float, 0.0, 1e3] = 0.0  #: of the Laplacian of the change from the mean head, per mm²
    photometric_weight: Annotated[float, 0.0, 1e5] = 200.0  #: n, how many independent pixels the colours count for
    #: Of the landmarks once the colours are used: both see the same edges, which count once.
    landmark_weight: Annotated[float, 1e-3, 1.0] = 0.5
    photometric_iterations: Annotated[int, 0, 100] = 6  #: Gauss-Newton steps
    eye_distance: Annotated[float, 16.0, 200.0] = 100.0  #: px between the outer eye corners where colours are compared


@dataclass(frozen=True)
class DiversitySettings:
    """How N heads are spread over what is plausible (paper sections 3.2 and 3.3)."""

    decoder: Literal["gaussian", "mesh_vae"] = "gaussian"  #: "gaussian" is the closed-form posterior
    #: What the Gaussian posterior is conditioned on: "photo_held", the fit's Hessian, the visible vertices then held at
    #: the fit; "photo", the same without holding them; or "vertices", the fitted visible ones as if they were exact.
    given: Literal["photo_held", "photo", "vertices"] = "photo_held"
    #: "calibrated" (fixed width, inside the posterior's ellipsoid), "published" (the original's loss), or "iid".
    form: Literal["calibrated", "published", "iid"] = "calibrated"
    #: "free", whatever the photo leaves open, so that faces differ, too; "as visible", that of the fit, so that people
    #: differ; or "neutral", the same people at rest. The mesh VAE mixes expression with shape and leaves it free.
    expression: Literal["free", "as visible", "neutral"] = "free"
    noise: Annotated[float, 1e-3, 100.0] = 0.2  #: mm, how far visible vertices may leave the fit, away from the occluder
    dpp_weight: Annotated[float, 0.0, 1e4] = 20.0  #: nats of density that one more distinct head is worth (calibrated)
    bandwidth: Annotated[float, 0.05, 20.0] = 1.0  #: h, the kernel's width, in the free vertices' posterior deviations
    dimensions: Annotated[int, 1, 64] = 12  #: of the search, the posterior's widest free directions (calibrated)
    remainder: Annotated[float, 0.0, 1.0] = 1.0  #: share of an independent draw outside those directions (calibrated)
    mass: Annotated[float, 0.01, 0.999] = 0.9  #: probability of the ellipsoid that the heads stay in (calibrated)
    #: w_dpp of the original's loss, against the mean vertex distance in mm (published).
    published_weight: Annotated[float, 0.0, 1e3] = 0.05
    iterations: Annotated[int, 1, 5000] = 60  #: of the search


def slider_stops() -> dict[str, tuple[float, ...]]:
    """Where a slider for each of DiversitySettings stops, in notebooks and on pages."""
    return {
        "dpp_weight": (0, 1, 1.4, 2, 2.8, 4, 5.6, 8, 11, 16, 22, 32, 44, 64, 88, 128, 176, 256),
        "published_weight": (0, 0.0125, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8),
        "bandwidth": tuple(step / 20 for step in range(5, 61)),
        "mass": tuple(step / 100 for step in range(10, 100)),
        "dimensions": tuple(range(1, 33)),
        "iterations": (10, 20, 40, 60, 100, 200, 300),
    }


@dataclass(frozen=True)
class Settings:
    """All settings of ``reconstruct``.

    >>> Settings.from_tables({"diversity": {"form": "iid"}}).diversity.form
    'iid'
    """

    fit: FitSettings = FitSettings()
    diversity: DiversitySettings = DiversitySettings()

    def __post_init__(self):
        for name, part in vars(self).items():
            from_tables(type(part), asdict(part), f"{name}.")

    @classmethod
    def from_tables(cls, tables) -> "Settings":
        """Settings from nested dicts, as ``asdict`` makes them; what they leave out keeps its default.

        Raises:
            SettingsError: an unknown name, a wrong type, or a number out of range.
        """
        return from_tables(cls, tables)

    @classmethod
    def load(cls, path: Path | str) -> "Settings":
        """Read a TOML file with the tables ``[fit]`` and ``[diversity]``; see ``from_tables``.

        Raises:
            SettingsError: no such file, not TOML, or not of settings.
        """
        content = bounded_bytes(path, SettingsError, 65_536)
        try:
            text = content.decode("utf-8-sig")
            if max(line.count(".") for line in text.split("\n")) > 100:  # each would be a table within a table
                raise ValueError("a name with more than 100 dots")
            tables = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            raise SettingsError(f"{Path(path).name} is not a TOML file: {error}") from error
        return cls.from_tables(tables)

    def to_toml(self) -> str:
        """The text of a settings file."""
        lines = []
        for table, values in asdict(self).items():
            lines += [f"[{table}]", *(f"{name} = {json.dumps(value)}" for name, value in values.items()), ""]
        return "\n".join(lines)
