"""The linear head model: a mean head, global and regional bases, and where the landmarks sit on it."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

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
    """Linear directions of a head, mm per unit of a standard normal coefficient.

    Args:
        shape: identity.
        regional: each already multiplied by the soft weight of its region.
        regional_names: the region of each regional direction.
    """

    shape: Float[np.ndarray, "S V 3"]
    expression: Float[np.ndarray, "E V 3"]
    regional: Float[np.ndarray, "R V 3"]
    regional_names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class HeadModel(HeadDistribution):
    """A head as a linear-Gaussian model: ``S = mean + B_shape β + B_expression ψ + Σ_r w_r ⊙ B_r β_r``.

    Dey and Boddeti 2022, equation 1; every coefficient is standard normal a priori. All directions stand in one ``basis``
    (K, V, 3): shape, then expression, then regional ones.

    Some faces move one way only: jaws do not open upwards. A coefficient c with ``bounds`` acts as min(max(c, lower), upper),
    a *rectified* normal: with a lower bound of 0, an expression is at rest in half of all heads and half-normal in the others.
    The c themselves stay Gaussian, so that all closed forms hold; only the heads made of them are bent.

    Args:
        name: as ``load_head`` takes it.
        mean: mm, canonical frame (x to the head's left, y up, z forward, origin between the ears).
        triangles: counter-clockwise seen from outside.
        bases: the directions, mm per unit coefficient.
        regions: name to soft weight in [0, 1]; the squares of the 14 add up to 1 at every vertex.
        landmarks: where the 68 landmarks sit.
        albedo_regions: soft weights of areas of one colour each, in the order of ALBEDO_REGIONS; they add up to 1.
        parts: index into PARTS.
        provenance: where the head comes from and under which licence.
        bounds: of each coefficient, lower and upper, standard deviations; infinite where there is none. None: none has any.
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
        """(K,) bool: the coefficients of expression; the others are identity."""
        expressive = np.zeros(len(self.basis), bool)
        expressive[len(self.bases.shape) :][: len(self.bases.expression)] = True
        return expressive

    @cached_property
    def face(self) -> Bool[np.ndarray, "V"]:
        """(V,) bool: the skin of the face (forehead, nose, lips, eye regions included) up to the hairline."""
        names = ("face", "forehead", "nose", "lips", "left_eye_region", "right_eye_region", "eye_region")
        weight = sum(self.regions[name] ** 2 for name in names)
        front = (self.mean[:, 2] > FACE_DEPTH) & (self.mean[:, 1] < HAIRLINE)
        return (weight > 0.5) & front & (self.parts == PARTS.index("skin"))

    def landmark_points(self, vertices: Float[np.ndarray, "*N V 3"], yaw: float = 0.0) -> Float[np.ndarray, "*N 68 3"]:
        """The 68 landmarks (…, 68, 3) mm of heads ``vertices`` (…, V, 3), seen at ``yaw`` radians."""
        triangles, barycentric = self.landmarks.at(yaw)
        return np.einsum("...lki,lk->...li", vertices[..., self.triangles[triangles], :], barycentric)
