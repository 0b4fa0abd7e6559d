"""The shipped mesh laid onto the mean scanned head, once, so that whatever moves the scans moves it as well.

Places that MediaPipe finds on renders of both heads start it; then every vertex of the skin is pulled to the surface along
the surface's normal, in phases that allow ever finer bending (Amberg et al. 2007, with a Laplacian). Vertices without a
counterpart (ears, the inside of mouth and nose, the end of the neck) follow the skin around them as smoothly as possible.

``trimesh.registration.nricp_amberg`` was tried on the same skin, marks and start, with five schedules. The best one comes as
near to the scans' surface (0.195 mm on average over the face) and lies 0.02 mm from this surface, but its vertices slide
along it: 0.29 mm on average from these, 0.93 mm at the 95th percentile. It takes point to point what should be free to
slide, knows neither the mesh's symmetry nor that marks may err, and needs six times the time. So the code below stays.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import trimesh
from jaxtyping import Bool, Float, Int
from scipy import sparse
from scipy.optimize import least_squares
from scipy.sparse.linalg import splu
from scipy.spatial import KDTree
from trimesh.registration import procrustes

from d3f_lite.evaluation.synthetic import paint
from d3f_lite.fitting.camera import Camera
from d3f_lite.fitting.rendering import rasterise, render, vertex_normals
from d3f_lite.heads.laplacian import laplacian
from d3f_lite.heads.model import ALBEDO_REGIONS, PARTS, HeadModel
from d3f_lite.observation.landmarks import FACE_OVAL
from d3f_lite.perception.detector import MediapipeDetector


@dataclass(frozen=True)
class Phase:
    """A part of the bending.

    Args:
        stiffness: of each round, weight of the squared Laplacian of the displacements.
        trust: weight of a mark beside that of a vertex that found the surface.
        alike: smallest cosine between the normals of a vertex and of the surface that it is pulled to.
    """

    stiffness: tuple[float, ...]
    trust: float
    alike: float


PHASES = (
    Phase((100, 30, 10, 10, 3, 3, 1, 1), trust=5.0, alike=0.6),
    Phase((0.3, 0.3, 0.1, 0.1), trust=1.0, alike=0.6),
    Phase((0.03, 0.03), trust=0.2, alike=0.4),
    Phase((0.01, 0.01, 0.003, 0.003, 0.001, 0.001), trust=0.02, alike=0.4),
)


@dataclass(frozen=True, eq=False)
class Registration:
    """The shipped mesh in the shape of the mean scanned head.

    Args:
        vertices: mm, in the scans' canonical frame.
        corners, weights: the scans' surface point that is each vertex's counterpart.
        valid: which vertices have one.
    """

    head: HeadModel
    scans: HeadModel
    vertices: Float[np.ndarray, "V 3"]
    corners: Int[np.ndarray, "V 3"]
    weights: Float[np.ndarray, "V 3"]
    valid: Bool[np.ndarray, "V"]

    def carry(self, directions: Float[np.ndarray, "n W 3"]) -> Float[np.ndarray, "n V 3"]:
        """Motions of the scans' vertices (mm) as motions of the shipped mesh's; eyeballs and tongue move as a whole."""
        moved = self._filled(np.einsum("vk,nvki->nvi", self.weights, directions[:, self.corners].astype(float)))
        for eyeball, theirs in _eyeballs(self.head, self.scans):
            moved[:, eyeball] = directions[:, theirs].mean(1)[:, None]
        lips = self.valid & (self.head.regions["lips"] > 0.6)
        moved[:, self.head.parts == PARTS.index("tongue")] = moved[:, lips].mean(1)[:, None]
        return moved.astype(np.float32)

    def draw(self, number: int, generator: np.random.Generator) -> Float[np.ndarray, "n V 3"]:
        """Scanned people (mm) on the shipped mesh, as ``draw_people`` has them."""
        return self.vertices + np.tensordot(draw_people(self.scans, number, generator), self.carry(self.scans.basis), axes=1)

    def places_of(self, points: Float[np.ndarray, "P 3"]) -> tuple[Int[np.ndarray, "P"], Float[np.ndarray, "P 3"]]:
        """The shipped mesh's triangles, and places in them, that are nearest to points on the mean scanned head (mm)."""
        skin = np.flatnonzero((self.head.parts[self.head.triangles] == PARTS.index("skin")).all(1))
        mesh = trimesh.Trimesh(self.vertices, self.head.triangles[skin], process=False)
        closest, _, triangle = trimesh.proximity.closest_point(mesh, points)
        return skin[triangle], trimesh.triangles.points_to_barycentric(mesh.triangles[triangle], closest)

    def _filled(self, moved):
        """Motions (n, V, 3) that hold for valid vertices, continued over the rest of the skin: as flat as they can be."""
        free, fixed = self._bending
        skin = self.head.parts == PARTS.index("skin")
        inside, known = np.flatnonzero(skin & ~self.valid), np.flatnonzero(skin & self.valid)
        pull = -fixed @ moved[:, known].transpose(1, 0, 2).reshape(len(known), -1)
        moved[:, inside] = free.solve(pull).reshape(len(inside), len(moved), 3).transpose(1, 0, 2)
        return moved

    @cached_property
    def _bending(self):
        skin = self.head.parts == PARTS.index("skin")
        inside, known = np.flatnonzero(skin & ~self.valid), np.flatnonzero(skin & self.valid)
        edges = laplacian(self.head.triangles, len(skin), normalised=False)
        energy = (edges.T @ edges).tocsr() + 1e-9 * sparse.eye(len(skin))
        return splu(energy[inside][:, inside].tocsc()), energy[inside][:, known]


def draw_people(
    scans: HeadModel, number: int, generator: np.random.Generator, expressions: int = 4, sigma: float = 1.2
) -> Float[np.ndarray, "n K"]:
    """Coefficients of scanned people: every identity direction acts, and a few expressions, on one side of rest only.

    Args:
        expressions: how many act.
        sigma: of their strength, in standard deviations of the scans.
    """
    coefficients = np.zeros((number, len(scans.basis)), np.float32)
    identities = len(scans.bases.shape)
    coefficients[:, :identities] = generator.standard_normal((number, identities))
    for row in coefficients:
        acting = identities + generator.permutation(len(row) - identities)[:expressions]
        row[acting] = np.abs(generator.normal(0.0, sigma, len(acting)))
    return coefficients


def register(head: HeadModel, scans: HeadModel, close: float = 3.0, alike: float = 0.5) -> Registration:
    """Lay the shipped head onto the mean of the scans.

    Args:
        close, alike: mm, and cosine between normals, from which on a vertex has found its counterpart.
    """
    with MediapipeDetector() as detector:
        ours, theirs = _marks(head, detector), _marks(scans, detector)
    surface, own = _Surface(scans), _Surface(head)
    known = own.is_near(ours) & surface.is_near(theirs)
    known[list(FACE_OVAL)] = False  # they lie on the contour, which slides over the face
    ours, theirs = ours[known], theirs[known]
    matrix = procrustes(ours, theirs, reflection=False, scale=False)[0]
    start = head.mean @ matrix[:3, :3].T + matrix[:3, 3]
    vertices = _bent(head, surface, start, own.interpolation(ours), theirs)
    corners, weights, apart, normals = surface.counterpart(vertices)
    facing = (_normals(vertices, head.triangles) * normals).sum(1)
    valid = _may_match(head) & (facing > alike) & (apart < close)
    bare = Registration(head, scans, vertices.astype(np.float32), corners, weights, valid)
    vertices = head.mean + bare._filled((vertices - head.mean)[None].copy())[0]
    _place_parts(head, scans, vertices, valid)
    return Registration(head, scans, vertices.astype(np.float32), corners, weights, valid)


def _marks(head, detector, points=468, side=800, scale=3.0, facing=0.5, steady=2.5):
    """Where MediaPipe's mesh points lie on a head, (468, 3) mm, NaN where the views do not agree on one.

    Pictures have a ``side`` in px and a ``scale`` in px per mm; a view counts where the cosine between it and the point's normal
    exceeds ``facing``; views agree where their places lie, as a median, less than ``steady`` mm from the middle.
    """
    colours, normals = paint(head.albedo_regions), _normals(head.mean, head.triangles)
    light = np.zeros((9, 3), np.float32)
    light[:4] = np.array((0.75, 0.0, 0.2, 0.35), np.float32)[:, None]
    seen = [[] for _ in range(points)]
    for yaw, pitch in product(np.radians((-40, -25, -12, 0, 12, 25, 40)), np.radians((-12, 0, 12))):
        camera = Camera.from_angles(yaw, pitch, 0.0, scale, (side / 2, side / 2 + 20))
        picture, index = render(head.mean, head.triangles, camera, colours, light, (side, side), 0.5)
        found = detector.detect(picture)
        barycentric = rasterise(camera.view(head.mean), head.triangles, (side, side))[1]
        for number, (column, row) in enumerate(found[0][:points].astype(int) if found else ()):
            if not (0 <= row < side and 0 <= column < side and index[row, column] >= 0):
                continue
            corners, weights = head.triangles[index[row, column]], barycentric[row, column]
            towards = camera.rotation[2] @ (weights @ normals[corners])
            if towards > facing and (head.parts[corners] == PARTS.index("skin")).all():
                seen[number].append((towards**4, *(weights @ head.mean[corners])))
    marks = np.full((points, 3), np.nan)
    for number, looks in enumerate(seen):
        if len(looks) < 3:
            continue
        trust, places = np.array(looks)[:, 0], np.array(looks)[:, 1:]
        apart = np.linalg.norm(places - np.median(places, axis=0), axis=1)
        if np.median(apart) < steady:
            kept = apart <= max(steady, 2 * np.median(apart))
            marks[number] = np.average(places[kept], axis=0, weights=trust[kept])
    return marks


class _Surface:
    """The skin of a mean head, sampled densely: what lies nearest to a point."""

    def __init__(self, head, cuts=4):
        # Each side of a triangle is cut into so many; the places are drawn in a little from the edges.
        steps = [(i, j) for i in range(cuts + 1) for j in range(cuts + 1 - i)]
        inner = 0.94 * np.array([(i, j, cuts - i - j) for i, j in steps]) / cuts + 0.02
        skin = head.triangles[(head.parts[head.triangles] == PARTS.index("skin")).all(1)]
        self.corners, self.weights = np.repeat(skin, len(inner), axis=0), np.tile(inner, (len(skin), 1))
        self.vertices = len(head.mean)
        mixed = lambda values: np.einsum("pk,pki->pi", self.weights, values[self.corners])
        self.places, self.normals = mixed(head.mean.astype(float)), mixed(_normals(head.mean, head.triangles))
        self.normals /= np.linalg.norm(self.normals, axis=1, keepdims=True)
        self.tree = KDTree(self.places)

    def counterpart(self, points):
        """The nearest place to each point: corners (P, 3), weights (P, 3), distance (P,) mm, and normal (P, 3)."""
        apart, nearest = self.tree.query(points)
        return self.corners[nearest], self.weights[nearest], apart, self.normals[nearest]

    def nearest(self, points):
        """The nearest place to each point, and the normal there, (P, 3) mm each."""
        nearest = self.tree.query(points)[1]
        return self.places[nearest], self.normals[nearest]

    def is_near(self, points, near=1.5):
        """Whether points, some of them NaN, lie within ``near`` mm of the surface, (P,) bool."""
        known = np.isfinite(points).all(1)
        known[known] = self.tree.query(points[known])[0] < near
        return known

    def interpolation(self, points):
        """The sparse matrix that gives the places nearest to points from the vertices."""
        corners, weights, _, _ = self.counterpart(points)
        rows = np.repeat(np.arange(len(points)), 3)
        return sparse.csr_array((weights.ravel(), (rows, corners.ravel())), shape=(len(points), self.vertices))


def _bent(head, surface, start, at_marks, marks, reach=12.0, doubt=4.0):
    """The head (V, 3) mm bent from ``start`` onto the surface, as symmetric as the mesh is.

    The sparse ``at_marks`` (M, V) gives the places that should come to the ``marks`` (M, 3) mm; one that is ``doubt`` mm off
    counts half. A vertex looks for the surface within ``reach`` mm.
    """
    edges = laplacian(head.triangles, len(start))
    bending, may_match = (edges.T @ edges).tocsr(), _may_match(head)
    mirror = KDTree(head.mean * (-1.0, 1.0, 1.0)).query(head.mean)[1]
    vertices = start
    for phase, stiffness in [(part, value) for part in PHASES for value in part.stiffness]:
        places, normals = surface.nearest(vertices)
        along, apart = ((places - vertices) * normals).sum(1), np.linalg.norm(places - vertices, axis=1)
        facing = (_normals(vertices, head.triangles) * normals).sum(1)
        found = (may_match & (facing > phase.alike) & (apart < reach)) + 1e-6
        trust = phase.trust / (1 + np.square(np.linalg.norm(at_marks @ vertices - marks, axis=1) / doubt))
        marked = at_marks.T @ sparse.diags_array(trust)
        system = sparse.diags_array(found) + 100.0 * stiffness * bending + marked @ at_marks
        pull = found[:, None] * (vertices + along[:, None] * normals - start) + marked @ (marks - at_marks @ start)
        vertices = start + splu(sparse.csc_array(system)).solve(pull)
        vertices = (vertices + vertices[mirror] * (-1.0, 1.0, 1.0)) / 2.0
    return vertices


def _may_match(head):
    """The vertices (V,) bool that have a counterpart on any head: skin but ears and the inside of the mouth."""
    ears = head.regions["left_ear"] + head.regions["right_ear"]
    inside = head.albedo_regions[ALBEDO_REGIONS.index("mouth")]
    return (head.parts == PARTS.index("skin")) & (ears <= 0.25) & (inside <= 0.5)


def _eyeballs(head, scans):
    """The vertices of each eyeball, left and right: (V,) bool of the shipped mesh, (W,) bool of the scans' one."""
    for name, side in (("left_eyeball", 1), ("right_eyeball", -1)):
        yield head.regions[name] > 0, (scans.parts == PARTS.index("eyeballs")) & (np.sign(scans.mean[:, 0]) == side)


def _place_parts(head, scans, vertices, valid):
    """Move eyeballs and tongue, in place, to where the scans have them."""
    for eyeball, theirs in _eyeballs(head, scans):
        vertices[eyeball] = _fitted_eyeball(head, vertices, eyeball, scans.mean[theirs])
    lips, tongue = valid & (head.regions["lips"] > 0.6), head.parts == PARTS.index("tongue")
    vertices[tongue] = head.mean[tongue] + (vertices[lips] - head.mean[lips]).mean(0) - (0.0, 0.0, 2.0)


def _fitted_eyeball(head, vertices, eyeball, theirs, front=7.0, behind=10.0, reach=9.0, sizes=(0.85, 1.1)):
    """An eyeball (E, 3) mm whose surface meets the scans' one, where that lies less than ``front`` mm behind its tip.

    From ``behind`` mm behind that front it may move by ``reach`` mm along each axis and change its size within ``sizes``.
    """
    front, own = theirs[theirs[:, 2] > theirs[:, 2].max() - front], head.mean[eyeball]
    triangles = head.triangles[eyeball[head.triangles].all(1)]

    def placed(unknown):
        return (own - own.mean(0)) * unknown[3] + front.mean(0) + unknown[:3] - (0.0, 0.0, behind)

    def apart(unknown):
        whole = vertices.copy()
        whole[eyeball] = placed(unknown)
        nearest = KDTree(whole[eyeball]).query(front)[1]
        normals = _normals(whole, triangles)[eyeball][nearest]
        return ((front - whole[eyeball][nearest]) * normals).sum(1)

    limits = [-reach] * 3 + [sizes[0]], [reach] * 3 + [sizes[1]]
    return placed(least_squares(apart, [0.0, 0.0, 0.0, 0.9], diff_step=1e-3, bounds=limits).x)


def _normals(vertices, triangles):
    return vertex_normals(np.ascontiguousarray(vertices, np.float32), triangles)
