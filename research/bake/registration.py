"""The shipped mesh laid onto the mean scanned head, once, so that whatever moves the scans moves it as well.

Places that MediaPipe finds on renders of both heads start it, then every vertex of the skin looks for the surface along
its normal, in rounds that allow ever finer bending (Amberg et al. 2007, with a Laplacian). What has no counterpart (ears,
the inside of the mouth and nose, the neck's end) follows the skin around it as smoothly as can be.
"""

from dataclasses import dataclass
from functools import cached_property

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
from d3f_lite.fitting.render import rasterise, render, vertex_normals
from d3f_lite.heads.laplacian import laplacian
from d3f_lite.heads.model import ALBEDO_REGIONS, PARTS, HeadModel
from d3f_lite.observation.landmarks import FACE_OVAL, MediapipeDetector

MESH_POINTS = 468  # of MediaPipe's
YAWS, PITCHES = np.radians((-40, -25, -12, 0, 12, 25, 40)), np.radians((-12, 0, 12))
SIDE, SCALE = 800, 3.0  # px, and px per mm
FACING, STEADY, NEAR = 0.5, 2.5, 1.5  # cosine of a point that a view tells of; mm between views; mm from the surface
STIFFNESS = (100, 30, 10, 10, 3, 3, 1, 1, 0.3, 0.3, 0.1, 0.1, 0.03, 0.03, 0.01, 0.01, 0.003, 0.003, 0.001, 0.001)
REACH = 12.0  # mm within which a vertex looks for the surface
CLOSE, ALIKE = 3.0, 0.5  # mm, and cosine between normals, of a vertex that has found its counterpart
FINENESS = 4  # a triangle's side is cut into so many where the nearest point of a surface is looked for
EXPRESSIONS, EXPRESSION_SIGMA = 4, 1.2  # of a drawn person: how many act, and how strongly in standard deviations
LIGHT = np.zeros((9, 3), np.float32)
LIGHT[:4] = np.array((0.75, 0.0, 0.2, 0.35), np.float32)[:, None]


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
        for side, eyeball in _eyeballs(self.head):
            theirs = _eyeball_of_scans(self.scans, side)
            moved[:, eyeball] = directions[:, theirs].mean(1)[:, None]
        lips = self.valid & (self.head.regions["lips"] > 0.6)
        moved[:, self.head.parts == PARTS.index("tongue")] = moved[:, lips].mean(1)[:, None]
        return moved.astype(np.float32)

    def draw(self, number: int, generator: np.random.Generator) -> Float[np.ndarray, "n V 3"]:
        """Scanned people (mm) on the shipped mesh: identities as the scans have them, a few expressions on one side only."""
        coefficients = np.zeros((number, len(self.scans.basis)), np.float32)
        identities = len(self.scans.bases.shape)
        coefficients[:, :identities] = generator.standard_normal((number, identities))
        for row in coefficients:
            acting = identities + generator.permutation(len(row) - identities)[:EXPRESSIONS]
            row[acting] = np.abs(generator.normal(0.0, EXPRESSION_SIGMA, EXPRESSIONS))
        return self.vertices + np.tensordot(coefficients, self.carry(self.scans.basis), axes=1)

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


def register(head: HeadModel, scans: HeadModel) -> Registration:
    """Lay the shipped head onto the mean of the scans."""
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
    alike = (_normals(vertices, head.triangles) * normals).sum(1)
    valid = _may_match(head) & (alike > ALIKE) & (apart < CLOSE)
    bare = Registration(head, scans, vertices.astype(np.float32), corners, weights, valid)
    vertices = head.mean + bare._filled((vertices - head.mean)[None].copy())[0]
    _place_parts(head, scans, vertices, valid)
    return Registration(head, scans, vertices.astype(np.float32), corners, weights, valid)


def _marks(head, detector):
    """Where MediaPipe's mesh points lie on a head, (468, 3) mm, NaN where the views do not agree on one."""
    colours, normals = paint(head.albedo_regions), _normals(head.mean, head.triangles)
    seen = [[] for _ in range(MESH_POINTS)]
    for yaw in YAWS:
        for pitch in PITCHES:
            camera = Camera.from_angles(yaw, pitch, 0.0, SCALE, (SIDE / 2, SIDE / 2 + 20))
            picture, index = render(head.mean, head.triangles, camera, colours, LIGHT, (SIDE, SIDE), 0.5)
            found = detector.detect(picture)
            barycentric = rasterise(camera.view(head.mean), head.triangles, (SIDE, SIDE))[1]
            for number, (column, row) in enumerate(found[0][:MESH_POINTS].astype(int) if found else ()):
                if not (0 <= row < SIDE and 0 <= column < SIDE and index[row, column] >= 0):
                    continue
                corners, weights = head.triangles[index[row, column]], barycentric[row, column]
                facing = camera.rotation[2] @ (weights @ normals[corners])
                if facing > FACING and (head.parts[corners] == PARTS.index("skin")).all():
                    seen[number].append((facing**4, *(weights @ head.mean[corners])))
    marks = np.full((MESH_POINTS, 3), np.nan)
    for number, looks in enumerate(seen):
        if len(looks) < 3:
            continue
        trust, places = np.array(looks)[:, 0], np.array(looks)[:, 1:]
        apart = np.linalg.norm(places - np.median(places, axis=0), axis=1)
        if np.median(apart) < STEADY:
            kept = apart <= max(STEADY, 2 * np.median(apart))
            marks[number] = np.average(places[kept], axis=0, weights=trust[kept])
    return marks


class _Surface:
    """The skin of a mean head, sampled densely: what lies nearest to a point."""

    def __init__(self, head):
        steps = [(i, j) for i in range(FINENESS + 1) for j in range(FINENESS + 1 - i)]
        inner = 0.94 * np.array([(i, j, FINENESS - i - j) for i, j in steps]) / FINENESS + 0.02
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
        _, nearest = self.tree.query(points)
        return self.places[nearest], self.normals[nearest]

    def is_near(self, points):
        """Whether points, some of them NaN, lie on the surface, (P,) bool."""
        known = np.isfinite(points).all(1)
        known[known] = self.tree.query(points[known])[0] < NEAR
        return known

    def interpolation(self, points):
        """The sparse matrix that gives the places nearest to points from the vertices."""
        corners, weights, _, _ = self.counterpart(points)
        rows = np.repeat(np.arange(len(points)), 3)
        return sparse.csr_array((weights.ravel(), (rows, corners.ravel())), shape=(len(points), self.vertices))


def _bent(head, surface, start, at_marks, marks):
    """The rounds of bending; the result is as symmetric as the mesh is."""
    edges = laplacian(head.triangles, len(start))
    stiff, may_match = (edges.T @ edges).tocsr(), _may_match(head)
    mirror = KDTree(head.mean * (-1.0, 1.0, 1.0)).query(head.mean)[1]
    vertices = start
    for stiffness in STIFFNESS:
        places, normals = surface.nearest(vertices)
        along, apart = ((places - vertices) * normals).sum(1), np.linalg.norm(places - vertices, axis=1)
        alike = (_normals(vertices, head.triangles) * normals).sum(1)
        found = (may_match & (alike > (0.6 if stiffness > 0.05 else 0.4)) & (apart < REACH)) + 1e-6
        trust = 5.0 if stiffness >= 1 else 1.0 if stiffness >= 0.1 else 0.2 if stiffness > 0.01 else 0.02
        trust = trust / (1 + np.square(np.linalg.norm(at_marks @ vertices - marks, axis=1) / 4.0))
        marked = at_marks.T @ sparse.diags_array(trust)
        system = sparse.diags_array(found) + 100.0 * stiffness * stiff + marked @ at_marks
        pull = found[:, None] * (vertices + along[:, None] * normals - start) + marked @ (marks - at_marks @ start)
        vertices = start + splu(sparse.csc_array(system)).solve(pull)
        vertices = (vertices + vertices[mirror] * (-1.0, 1.0, 1.0)) / 2.0
    return vertices


def _may_match(head):
    """The vertices (V,) bool that have a counterpart on any head: skin but ears and the inside of the mouth."""
    ears = head.regions["left_ear"] + head.regions["right_ear"]
    inside = head.albedo_regions[ALBEDO_REGIONS.index("mouth")]
    return (head.parts == PARTS.index("skin")) & (ears <= 0.25) & (inside <= 0.5)


def _eyeballs(head):
    """The side, 1 for the left, and the vertices (V,) bool of both eyeballs of the shipped mesh."""
    return ((1, head.regions["left_eyeball"] > 0), (-1, head.regions["right_eyeball"] > 0))


def _eyeball_of_scans(scans, side):
    """The vertices (W,) bool of one eyeball of the scans."""
    return (scans.parts == PARTS.index("eyeballs")) & (np.sign(scans.mean[:, 0]) == side)


def _place_parts(head, scans, vertices, valid):
    """Move eyeballs and tongue, in place, to where the scans have them."""
    for side, eyeball in _eyeballs(head):
        front = scans.mean[_eyeball_of_scans(scans, side)]
        front = front[front[:, 2] > front[:, 2].max() - 7.0]
        own = head.mean[eyeball]
        triangles = head.triangles[eyeball[head.triangles].all(1)]

        def placed(unknown, own=own, front=front):
            return (own - own.mean(0)) * unknown[3] + front.mean(0) + unknown[:3] - (0.0, 0.0, 10.0)

        def apart(unknown, eyeball=eyeball, triangles=triangles, front=front, placed=placed):
            whole = vertices.copy()
            whole[eyeball] = placed(unknown)
            nearest = KDTree(whole[eyeball]).query(front)[1]
            normals = _normals(whole, triangles)[eyeball][nearest]
            return ((front - whole[eyeball][nearest]) * normals).sum(1)

        limits = ([-9.0, -9.0, -9.0, 0.85], [9.0, 9.0, 9.0, 1.1])
        vertices[eyeball] = placed(least_squares(apart, [0.0, 0.0, 0.0, 0.9], diff_step=1e-3, bounds=limits).x)
    lips, tongue = valid & (head.regions["lips"] > 0.6), head.parts == PARTS.index("tongue")
    vertices[tongue] = head.mean[tongue] + (vertices[lips] - head.mean[lips]).mean(0) - (0.0, 0.0, 2.0)


def _normals(vertices, triangles):
    return vertex_normals(np.ascontiguousarray(vertices, np.float32), triangles)
