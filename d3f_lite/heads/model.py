"""The linear head model: a mean head, global and regional bases, and where the landmarks sit on it."""

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from d3f_lite.errors import AssetError
from d3f_lite.files.arrays import LARGEST_FILE, LARGEST_NUMBER, UNREADABLE, read_arrays
from d3f_lite.heads.gaussian import HeadDistribution

REGIONS = (
    "face", "forehead", "nose", "lips", "left_eye_region", "right_eye_region", "eye_region", "left_eyeball",
    "right_eyeball", "left_ear", "right_ear", "scalp", "neck", "boundary",
)  # fmt: skip
PARTS = ("skin", "eyeballs", "tongue")
JAW_POINTS = 17
FACE_DEPTH, HAIRLINE = 30.0, 70.0  # mm before the ears, above them: where the face of the canonical frame ends
ALBEDO_REGIONS = ("skin", "forehead", "nose", "cheeks", "chin", "lips", "brows", "eyeballs", "irises", "mouth")


@dataclass(frozen=True, eq=False)
class LandmarkEmbedding:
    """Where the 68 landmarks sit on the mesh, as (triangle, barycentric) pairs.

    Jaw points 0-16 lie on the visible contour, which moves over the face as the head turns, so they have one place for
    each yaw of a table (FLAME's dynamic landmarks do the same); points 17-67 have the same place in every row.

    Args:
        yaws: radians, increasing.
    """

    yaws: Float[np.ndarray, "Y"]
    triangles: Int[np.ndarray, "Y 68"]
    barycentric: Float[np.ndarray, "Y 68 3"]

    def at(self, yaw: float) -> tuple[Int[np.ndarray, "68"], Float[np.ndarray, "68 3"]]:
        """The embedding for a head turned by ``yaw`` radians: (68,) triangles and (68, 3) weights of the nearest row."""
        row = int(np.abs(self.yaws - yaw).argmin())
        return self.triangles[row], self.barycentric[row]


@dataclass(frozen=True, eq=False)
class Bases:
    """Linear directions of a head in mm per unit of a standard normal coefficient.

    Args:
        shape: identity.
        regional: each already multiplied by the soft weight of its region.
        regional_names: the region of each regional direction, Kr strings.
    """

    shape: Float[np.ndarray, "S V 3"]
    expression: Float[np.ndarray, "E V 3"]
    regional: Float[np.ndarray, "R V 3"]
    regional_names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class HeadModel(HeadDistribution):
    """A head as a linear-Gaussian model (Dey and Boddeti 2022, equation 1).

    ``S = mean + B_shape β + B_expression ψ + Σ_r w_r ⊙ B_r β_r``, every coefficient standard normal a priori. All
    directions stand in one ``basis`` (K, V, 3): shape, then expression, then regional ones.

    Some faces move one way only: jaws do not open upwards. Where a direction has ``bounds``, its coefficient acts as far as
    they reach: a coefficient c ~ N(0, 1) acts as min(max(c, lower), upper), a *rectified* normal. With a lower bound of 0 an
    expression is at rest in half of all heads and half-normal in the others. The c themselves stay Gaussian, so that all
    closed forms stay; only what is made of them is bent.

    Args:
        name: what ``load_head`` was asked for.
        mean: mm, canonical frame (x to the head's left, y up, z forward, origin between the ears).
        triangles: counter-clockwise seen from outside.
        bases: the directions, mm per unit coefficient.
        regions: name to (V,) soft weight in [0, 1]; the squares of the 14 add up to 1 at every vertex.
        landmarks: where the 68 landmarks sit.
        albedo_regions: soft weights that add up to 1, in the order of ALBEDO_REGIONS: areas of one colour each.
        parts: index into PARTS.
        provenance: where it comes from and under which licence.
        bounds: lower and upper bound of each coefficient, in standard deviations, infinite where there is none; None = no
            direction has any.
    """

    name: str
    mean: Float[np.ndarray, "V 3"]
    triangles: Int[np.ndarray, "T 3"]
    bases: Bases
    regions: dict[str, Float[np.ndarray, "V"]]
    landmarks: LandmarkEmbedding | None
    albedo_regions: Float[np.ndarray, "A V"] | None
    parts: Int[np.ndarray, "V"]
    provenance: dict = field(default_factory=dict)
    bounds: Float[np.ndarray, "K 2"] | None = None

    @cached_property
    def basis(self) -> Float[np.ndarray, "K V 3"]:  # type: ignore[override]
        """(K, V, 3) float32 mm: shape, expression and regional directions in this order."""
        return np.concatenate((self.bases.shape, self.bases.expression, self.bases.regional))

    @property
    def coefficients(self) -> Float[np.ndarray, "K"]:  # type: ignore[override]
        """(K,) float32 zeros: those of the mean head."""
        return np.zeros(len(self.basis), np.float32)

    @property
    def factor(self) -> Float[np.ndarray, "K K"]:  # type: ignore[override]
        """(K, K) float32, the identity: a priori all coefficients are standard normal and independent."""
        return np.eye(len(self.basis), dtype=np.float32)

    @cached_property
    def expressive(self) -> Bool[np.ndarray, "K"]:
        """(K,) bool: the coefficients of expression; the others say who it is."""
        start = len(self.bases.shape)
        return np.isin(np.arange(len(self.basis)), np.arange(start, start + len(self.bases.expression)))

    @cached_property
    def face(self) -> Bool[np.ndarray, "V"]:
        """(V,) bool: the skin that a portrait is about (face, forehead, nose, lips, eye regions), up to the hairline."""
        names = ("face", "forehead", "nose", "lips", "left_eye_region", "right_eye_region", "eye_region")
        weight = sum(self.regions[name] ** 2 for name in names)
        front = (self.mean[:, 2] > FACE_DEPTH) & (self.mean[:, 1] < HAIRLINE)
        return (weight > 0.5) & front & (self.parts == PARTS.index("skin"))

    def landmark_points(self, vertices: Float[np.ndarray, "*N V 3"], yaw: float = 0.0) -> Float[np.ndarray, "*N 68 3"]:
        """The 68 landmarks (…, 68, 3) mm of heads ``vertices`` (…, V, 3), seen at ``yaw`` radians."""
        triangles, barycentric = self.landmarks.at(yaw)
        return np.einsum("...lki,lk->...li", vertices[..., self.triangles[triangles], :], barycentric)

    def with_landmarks(self, landmarks: LandmarkEmbedding, albedo_regions: Float[np.ndarray, "A V"]) -> "HeadModel":
        """The same head with a landmark embedding and albedo regions."""
        return replace(self, landmarks=landmarks, albedo_regions=albedo_regions)

    def save(self, path: Path | str, precision: type = np.float16) -> None:
        """Write the asset: one npz without pickles, regional directions only where they act.

        Args:
            precision: numpy type of directions and soft weights.
        """
        places = [np.flatnonzero(np.abs(self.regions[name]) > 0) for name in REGIONS]
        rows = [np.flatnonzero(np.array(self.bases.regional_names) == name) for name in REGIONS]
        regional = [self.bases.regional[row][:, place].ravel() for row, place in zip(rows, places)]
        np.savez(
            path,
            mean=self.mean.astype(np.float32),
            triangles=self.triangles.astype(np.int16 if len(self.mean) < 2**15 else np.int32),
            shape_basis=self.bases.shape.astype(precision),
            expression_basis=self.bases.expression.astype(precision),
            regional_basis=np.concatenate(regional).astype(precision),
            regional_counts=np.array([len(row) for row in rows]),
            regions=np.stack([self.regions[name] for name in REGIONS]).astype(precision),
            landmark_yaws=self.landmarks.yaws,
            landmark_triangles=self.landmarks.triangles.astype(np.int32),
            landmark_barycentric=self.landmarks.barycentric.astype(np.float32),
            albedo_regions=self.albedo_regions.astype(precision),
            parts=self.parts.astype(np.int8),
            provenance=np.array(json.dumps(self.provenance)),
            **({} if self.bounds is None else {"bounds": np.clip(self.bounds, -LARGEST_NUMBER, LARGEST_NUMBER)}),
        )

    @classmethod
    def load(cls, path: Path | str, name: str) -> "HeadModel":
        """Read an asset that ``save`` wrote.

        Raises:
            AssetError: the file is missing, or is not such an asset.
        """
        table = read_arrays(path, AssetError)
        mean = table.array("mean", (None, 3), np.float32)
        count = len(mean)
        triangles = table.indices("triangles", (None, 3), count)
        regions = dict(zip(REGIONS, table.array("regions", (len(REGIONS), count), np.float32)))
        regional, names = _regional(table, regions, count)
        shape, expression = (table.array(f"{kind}_basis", (None, count, 3), np.float32) for kind in ("shape", "expression"))
        yaws = table.array("landmark_yaws", (None,), np.float32)
        landmarks = LandmarkEmbedding(
            yaws,
            table.indices("landmark_triangles", (len(yaws), 68), len(triangles)),
            table.array("landmark_barycentric", (len(yaws), 68, 3), np.float32),
        )
        return cls(
            name=name,
            mean=mean,
            triangles=triangles,
            bases=Bases(shape, expression, regional, names),
            regions=regions,
            landmarks=landmarks,
            albedo_regions=table.array("albedo_regions", (len(ALBEDO_REGIONS), count), np.float32),
            parts=table.indices("parts", (count,), len(PARTS)).astype(np.int8),
            provenance=_provenance(table),
            bounds=_bounds(table, len(shape) + len(expression) + len(names)) if "bounds" in table.values else None,
        )


def _regional(table, regions, count):
    """The regional directions (Kr, V, 3) of a stored head, spread out from where they act, and their regions' names."""
    counts = table.array("regional_counts", (len(REGIONS),), np.int64)
    stored = table.array("regional_basis", (None,), np.float32) if counts.any() else np.zeros(0, np.float32)
    places = [np.flatnonzero(regions[name]) for name in REGIONS]
    sizes = [int(number) * place.size * 3 for number, place in zip(counts, places)]
    if counts.min() < 0 or sum(sizes) != len(stored) or int(counts.sum()) * count * 12 > LARGEST_FILE:
        raise AssetError(f"{table.file} has regional directions that do not fit its regions: it is damaged")
    regional, names, start = np.zeros((int(counts.sum()), count, 3), np.float32), [], 0
    for name, number, place, size in zip(REGIONS, counts, places, sizes):
        regional[len(names) : len(names) + number, place] = stored[start : start + size].reshape(number, place.size, 3)
        names += [name] * int(number)
        start += size
    return regional, tuple(names)


def _bounds(table, count):
    """The bounds (K, 2) of a stored head; what is as large as a file may say stands for infinity."""
    bounds = table.array("bounds", (count, 2), np.float32)
    if (bounds[:, 0] > 0.0).any() or (bounds[:, 1] < 0.0).any():
        raise AssetError(f"{table.file} has bounds that leave out the mean head: it is damaged")
    return np.where(np.abs(bounds) < LARGEST_NUMBER, bounds, np.copysign(np.float32(np.inf), bounds))


def _provenance(table):
    """The dict of where a stored head comes from."""
    try:
        found = json.loads(table.text("provenance"))
    except UNREADABLE as error:
        raise AssetError(f"{table.file} does not say where it comes from: it is damaged") from error
    if not isinstance(found, dict):
        raise AssetError(f"{table.file} does not say where it comes from: it is damaged")
    return found
