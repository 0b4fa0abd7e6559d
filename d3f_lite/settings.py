"""Every tunable number, with its unit, in one place; read from and written to TOML."""

import tomllib
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from numbers import Integral
from pathlib import Path

from d3f_lite.errors import SettingsError

LARGEST_FILE = 65_536  # bytes


def _number(default, low, high, stops=()):
    """A field of a settings class with its allowed range, and where a slider for it stops."""
    return field(default=default, metadata={"low": low, "high": high, "stops": tuple(stops)})


def _choice(default, *choices):
    """A field of a settings class with its allowed words."""
    return field(default=default, metadata={"choices": choices})


@dataclass(frozen=True)
class FitSettings:
    """How the visible part is fitted (paper section 3.1); a weight of 0 switches its term off.

    Args:
        calibrated: use the detector's measured bias and covariance instead of independent errors.
        regional: fit the 14 regional bases beside the global ones.
        perspective: find the camera's distance as well; otherwise it is the paper's camera, far away.
        several_masks: where an estimated mask is unsure, fit under a wider and a narrower one as well, and combine the fits.
        prior_weight: of ½|c|², the Gaussian prior on every coefficient.
        closure_weight: of the gaps between the lips and between the lids, per mm².
        smoothness_weight: of the Laplacian of the change from the mean head, per mm².
        photometric_weight: n, how many independent pixels the colour difference between photo and model counts for.
        landmark_weight: of the landmarks once the colours are used: both see the same edges, which count once.
        photometric_iterations: Gauss-Newton steps.
        eye_distance: px between the outer eye corners in the picture that the colours are compared in.
    """

    calibrated: bool = True
    regional: bool = True
    perspective: bool = True
    several_masks: bool = True
    prior_weight: float = _number(1.0, 1e-3, 1e3)
    closure_weight: float = _number(1.0, 0.0, 1e3)
    smoothness_weight: float = _number(0.0, 0.0, 1e3)
    photometric_weight: float = _number(200.0, 0.0, 1e5)
    landmark_weight: float = _number(0.5, 1e-3, 1.0)
    photometric_iterations: int = _number(6, 0, 100)
    eye_distance: float = _number(80.0, 16.0, 200.0)


@dataclass(frozen=True)
class DiversitySettings:
    """How N heads are spread over what is plausible (paper sections 3.2 and 3.3).

    Args:
        decoder: "gaussian", the closed-form posterior, or "mesh_vae".
        given: what the Gaussian posterior is conditioned on: "photo_held", the fit's Hessian, the visible vertices then
            held at the fit; "photo", the same, not held; or "vertices", the fitted visible ones, taken for true.
        form: "calibrated" (fixed width, inside the posterior's ellipsoid), "published" (the original's loss), or "iid".
        expression: of the heads: "free", whatever the photo leaves open, so that faces differ too; "as visible", that of
            the fit, so that people differ; or "neutral", the same people at rest, also where the photo shows otherwise.
            The mesh VAE does not tell expression from shape and leaves it free.
        noise: mm, how far the heads may leave the fit's visible vertices, away from the occluder's border.
        dpp_weight: nats of density that one more different head is worth (calibrated).
        bandwidth: h, the kernel's width, in the posterior's occluded standard deviations (calibrated).
        dimensions: of the search, the posterior's widest occluded directions (calibrated).
        remainder: share of an independent draw that each head takes outside those directions (calibrated).
        mass: probability of the ellipsoid that the heads stay in (calibrated).
        published_weight: w_dpp of the original's loss, against the mean vertex distance in mm (published).
        iterations: of the search.
    """

    decoder: str = _choice("gaussian", "gaussian", "mesh_vae")
    given: str = _choice("photo_held", "photo_held", "photo", "vertices")
    form: str = _choice("calibrated", "calibrated", "published", "iid")
    expression: str = _choice("free", "free", "as visible", "neutral")
    noise: float = _number(0.2, 1e-3, 100.0)
    dpp_weight: float = _number(20.0, 0.0, 1e4, (0, 1, 1.4, 2, 2.8, 4, 5.6, 8, 11, 16, 22, 32, 44, 64, 88, 128, 176, 256))
    bandwidth: float = _number(1.0, 0.05, 20.0, (step / 20 for step in range(5, 61)))
    dimensions: int = _number(12, 1, 64)
    remainder: float = _number(1.0, 0.0, 1.0)
    mass: float = _number(0.9, 0.01, 0.999, (step / 100 for step in range(10, 100)))
    published_weight: float = _number(0.05, 0.0, 1e3, (0, 0.0125, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8))
    iterations: int = _number(60, 1, 5000, (10, 20, 40, 60, 100, 200, 300))


@dataclass(frozen=True)
class Settings:
    """All settings of ``reconstruct``: those of the fit and those of the diversification."""

    fit: FitSettings = FitSettings()
    diversity: DiversitySettings = DiversitySettings()

    @classmethod
    def load(cls, path: Path | str) -> "Settings":
        """Read a TOML file with the tables ``[fit]`` and ``[diversity]``; what it leaves out keeps its default.

        Raises:
            SettingsError: no such file, not TOML, an unknown name, a wrong type, or a number out of range.
        """
        path = Path(path)
        try:
            with open(path, "rb") as stream:
                content = stream.read(LARGEST_FILE + 1)
            if len(content) > LARGEST_FILE:
                raise SettingsError(f"{path.name}: a settings file has at most {LARGEST_FILE} bytes")
            tables = tomllib.loads(content.decode())
        except OSError as error:
            raise SettingsError(f"cannot read the settings {path}: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise SettingsError(f"{path.name} is not a TOML file: {error}") from error
        return cls.from_tables(tables)

    @classmethod
    def from_tables(cls, tables) -> "Settings":
        """Settings from nested dicts, as ``tables`` gives them.

        Raises:
            SettingsError: an unknown name, a wrong type, or a number out of range.
        """
        return _filled(cls(), tables, "")

    def tables(self) -> dict[str, dict]:
        """Nested dicts, ready for JSON or TOML."""
        return asdict(self)

    def to_toml(self) -> str:
        """The text of a settings file."""
        lines = []
        for table, values in self.tables().items():
            lines += [f"[{table}]", *(f"{name} = {_toml_value(value)}" for name, value in values.items()), ""]
        return "\n".join(lines)

    def __post_init__(self):
        for part in (self.fit, self.diversity):
            for described in fields(part):
                _checked(getattr(part, described.name), described, described.name)


def _filled(settings, values, place):
    """A copy of ``settings`` with ``values`` (a dict) filled in, each checked."""
    if not isinstance(values, dict):
        raise SettingsError(f"setting {place or 'file'} must be a table")
    known = {described.name: described for described in fields(settings)}
    changes = {}
    for name, value in values.items():
        if name not in known:
            raise SettingsError(f"unknown setting {place}{told(name)}: choose from {', '.join(known)}")
        current = getattr(settings, name)
        if is_dataclass(current):
            changes[name] = _filled(current, value, f"{name}.")
        else:
            changes[name] = _checked(value, known[name], f"{place}{name}")
    return replace(settings, **changes)


def _checked(value, described, place):
    """The value in the type of its field, if it is one of the allowed."""
    wanted, limits = described.type, described.metadata
    if is_dataclass(wanted):
        return value
    if type(value) is not wanted and (wanted, type(value)) != (float, int):
        raise SettingsError(f"setting {place} must be {_article(wanted)}, not {told(value)}")
    if "choices" in limits and value not in limits["choices"]:
        raise SettingsError(f"setting {place} must be one of {', '.join(limits['choices'])}, not {told(value)}")
    if "low" in limits and not limits["low"] <= value <= limits["high"]:  # true for NaN, too
        raise SettingsError(f"setting {place} must be from {limits['low']:g} to {limits['high']:g}, not {told(value)}")
    return wanted(value)


def checked_count(value, name: str, low: int, high: int) -> None:
    """Refuse, with a SettingsError, what is not a whole number from ``low`` to ``high``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not low <= int(value) <= high:
        raise SettingsError(f"{name} must be a whole number from {low} to {high}, not {told(value)}")


def told(value) -> str:
    """A value for a message, at most 60 characters of it."""
    try:
        return f"{value!r:.60}"
    except ValueError:  # Python writes out no whole number of more than 4,300 digits
        return "such a huge number"


def _article(wanted):
    """A type's name for people."""
    return {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}[wanted]


def _toml_value(value):
    """A TOML literal."""
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else repr(value)
