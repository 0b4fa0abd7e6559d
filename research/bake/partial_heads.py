"""What a photo leaves of a head, simulated: which vertices it shows, and what a fit makes of those.

Masks come from the procedural occluders, drawn on a rendered head that is seen from a random view; vertices that face
away or lie behind others are never shown, so that the back of the head is missing from every mask.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from d3f_lite.evaluation.truth import STREAMS
from d3f_lite.fitting.camera import Camera
from d3f_lite.fitting.rendering import depth_buffer, vertex_normals, visible_vertices
from d3f_lite.heads.model import HeadModel
from d3f_lite.observation.landmarks import Landmarks
from d3f_lite.observation.photo import Photo
from d3f_lite.occluders.drawing import draw_occluder

PICTURE = 224  # px
SCALE = 0.72  # px per mm: the head fills the picture
VIEW_ANGLES = np.radians((45.0, 20.0, 10.0))  # largest yaw, pitch and roll
CLEAR = 0.1  # share of views without an occluder
GREY = 160


@dataclass(frozen=True, eq=False)
class View:
    """A head seen by a camera: ``camera``, view-space ``points`` (V, 3) px and mm, and what it ``shows``, (V,) bool."""

    camera: Camera
    points: Float[np.ndarray, "V 3"]
    shows: Bool[np.ndarray, "V"]

    @classmethod
    def of(cls, head, angles=(0.0, 0.0, 0.0)):
        """The head model's mean head, turned by ``angles`` (yaw, pitch, roll; radians)."""
        camera = Camera.from_angles(*angles, SCALE, (PICTURE / 2, PICTURE / 2))
        points = camera.view(head.mean)
        depth = depth_buffer(points, head.triangles, (PICTURE, PICTURE))
        normals = vertex_normals(head.mean, head.triangles)
        return cls(camera, points, visible_vertices(points, camera.facing(head.mean, normals), head.triangles, depth))

    def hidden_by(self, mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "V"]:
        """(V,) bool: vertices behind the ``mask`` (H, W) bool."""
        column, row = np.clip(self.points[:, :2].astype(int), 0, PICTURE - 1).T
        return mask[row, column]

    def landmarks(self, head: HeadModel) -> Landmarks:
        """The 68 landmarks of the mean head, as a detector would give them."""
        xy = self.camera.project(head.landmark_points(head.mean, float(self.camera.angles[0])))
        return Landmarks(xy.astype(np.float32), np.ones(68, np.float32), "file", 1)


def occluded_views(head: HeadModel, number: int, seed: int) -> Bool[np.ndarray, "n V"]:
    """Random views of the mean head through random procedural occluders.

    Args:
        head: HeadModel with landmarks.
        number: n.
        seed: of the views and the occluders.

    Returns:
        the vertices that each of the pictures shows.
    """
    generator, visible = np.random.default_rng(seed), np.zeros((number, len(head.mean)), bool)
    hidden_by = tuple(STREAMS)  # a new occluder changes no other's draws
    grey = Photo.from_array(np.full((PICTURE, PICTURE, 3), GREY, np.uint8))
    for row in visible:
        view = View.of(head, generator.uniform(-1.0, 1.0, 3) * VIEW_ANGLES)
        row[:] = view.shows
        if generator.uniform() > CLEAR:
            kind = hidden_by[generator.integers(len(hidden_by))]
            _, mask = draw_occluder(grey, view.landmarks(head), kind, seed=int(generator.integers(2**31)))
            row &= ~view.hidden_by(mask)
    return visible


def frontal_masks(head: HeadModel) -> dict[str, tuple[Bool[np.ndarray, "V"], Bool[np.ndarray, "V"]]]:
    """The four masks of the evaluation, seen from the front: name to (visible, occluded), (V,) bool each."""
    view = View.of(head)
    (x, y), points = view.points[:, :2].T, view.landmarks(head).xy
    jaw, block = points[:17], 15.0 * 2 * SCALE
    across = (x > jaw[0, 0] - 10 * SCALE) & (x < jaw[16, 0] + 10 * SCALE)
    covers = {
        "lower face": across & (y > points[29, 1]) & (y < jaw[8, 1] + 10 * SCALE),
        "eyes": across & (y > points[19, 1] - 5 * SCALE) & (y < points[28, 1]),
        "side": x > points[27, 0],
        "block": (np.abs(view.points[:, :2] - points[48]) < block).all(1),
    }
    return {name: (view.shows & ~cover, view.shows & cover) for name, cover in covers.items()}


@dataclass(frozen=True, eq=False)
class FitSimulator:
    """What fitting a head model to visible vertices gives, for a photo that pins them down to ``noise_mm``.

    The fit of linear-Gaussian evidence with posterior precision H is ``ĉ ~ N((I − H⁻¹) c, H⁻¹ − H⁻²)`` around the true
    coefficients c: shrunk towards the mean head, and wrong mostly in directions that the visible part tells little
    about, so that its error is smooth over the face. Here ``H = I + Σ_visible b bᵀ / noise²``.

    Args:
        mean: mm.
        basis: mm.
        axes: eigenvectors of Σ_visible b bᵀ for each of n masks.
        evidence: mm², its eigenvalues.
    """

    mean: Float[torch.Tensor, "V 3"]
    basis: Float[torch.Tensor, "K V 3"]
    axes: Float[torch.Tensor, "n K K"]
    evidence: Float[torch.Tensor, "n K"]

    @classmethod
    def of(cls, head, visible):
        """The simulator for a HeadModel and the masks ``visible`` (n, V) bool."""
        basis = torch.from_numpy(head.basis)
        seen = (basis[:, mask].flatten(1) for mask in torch.from_numpy(visible))
        evidence, axes = torch.linalg.eigh(torch.stack([part @ part.T for part in seen]))
        return cls(torch.from_numpy(head.mean), basis, axes, evidence.clamp(min=0.0))

    def to(self, device):
        """The same on another device."""
        return FitSimulator(*(part.to(device) for part in (self.mean, self.basis, self.axes, self.evidence)))

    def fit(
        self,
        coefficients: Float[torch.Tensor, "B K"],
        masks: Int[torch.Tensor, "B"],
        noise_mm: Float[torch.Tensor, "B"],
        generator: torch.Generator,
    ) -> Float[torch.Tensor, "B V 3"]:
        """Fitted heads (B, V, 3) mm.

        Args:
            coefficients: those of the true heads.
            masks: the mask that each is seen through.
            noise_mm: noise of one coordinate of one visible vertex.
            generator: torch Generator.
        """
        axes, noise = self.axes[masks], torch.randn(coefficients.shape, generator=generator).to(coefficients.device)
        variance = 1.0 / (1.0 + self.evidence[masks] / noise_mm[:, None] ** 2)
        true = torch.einsum("bk,bkj->bj", coefficients, axes)
        fitted = (1.0 - variance) * true + (variance * (1.0 - variance)).sqrt() * noise
        fitted = torch.einsum("bj,bkj->bk", fitted, axes)
        return self.mean + (fitted @ self.basis.flatten(1)).unflatten(1, self.mean.shape)


def project(head, vertices, noise_mm=0.5):
    """The most likely coefficients (n, K) of whole heads (n, V, 3) mm, as torch."""
    basis = torch.from_numpy(head.basis).flatten(1)
    offsets = torch.from_numpy(vertices - head.mean).flatten(1)
    precision = basis @ basis.T + noise_mm**2 * torch.eye(len(basis))
    return torch.linalg.solve(precision, basis @ offsets.T).T.contiguous()
