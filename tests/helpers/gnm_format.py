"""Files in GNM's format, made from the shipped head: an npz in metres with all of GNM's arrays, and 68 landmarks beside it."""

import numpy as np

from d3f_lite.assets import SHIPPED
from d3f_lite.formats.load_head import load_head
from d3f_lite.heads.model import PARTS

IDENTITIES, EXPRESSIONS, JOINTS = 253, 383, ("neck", "head", "left_eye", "right_eye")
LOWER_FACE, TONGUE = 200, 350  # the first expression of each
OFFSET = np.array((0.0, 0.21, -0.02))  # m: GNM's origin is not between the ears
TEETH = 60  # vertices of each jaw, which come before the head's in a made file
FIRST = 2 * TEETH  # vertex of a made file that is the shipped head's first
JAW_ROWS = np.r_[0, 1, 6:1:-1, 7:68]  # GNM counts points 2 to 6 upwards
INNER_EYE = 0.9  # of the outer eye's radius
SHOULDERS = 340.0  # mm below the crown


def gnm_table(head=None, mean=None):
    """The head as GNM's dict of arrays, with teeth, inner eyes and shoulders that it has not.

    Args:
        head: HeadModel, or None for the shipped one.
        mean: (V, 3) mm, its vertices if they are not to be the mean's.
    """
    head = head or load_head()
    mean = head.mean if mean is None else mean
    eyes = [np.flatnonzero((head.parts == PARTS.index("eyeballs")) & (sign * mean[:, 0] > 0)) for sign in (1, -1)]
    inner_eyes = [(mean[eye] - mean[eye].mean(0)) * INNER_EYE + mean[eye].mean(0) for eye in eyes]
    mouth = mean[head.parts == PARTS.index("tongue")].mean(0)
    teeth = mouth + np.random.default_rng(0).normal(0.0, 5.0, (2 * TEETH, 3))
    shoulders = np.array([(x, mean[:, 1].max() - SHOULDERS, z) for x in (-130.0, 130.0) for z in (-60.0, 40.0)])
    vertices = np.concatenate((teeth, mean, *inner_eyes, shoulders))
    blocks = np.cumsum([0, TEETH, TEETH, len(mean), *map(len, inner_eyes), len(shoulders)])
    upper, lower, own, *inside, outer = (slice(start, end) for start, end in zip(blocks, blocks[1:]))
    groups = _groups(head, len(vertices), (upper, lower), own, eyes, inside, outer)
    identity, expression = (np.zeros((number, len(vertices), 3), np.float32) for number in (IDENTITIES, EXPRESSIONS))
    identity[: len(head.bases.shape), own] = head.bases.shape
    identity[170:173, inside[0]], identity[173:, upper] = 2.0, 5.0
    expression[LOWER_FACE : LOWER_FACE + len(head.bases.expression), own] = head.bases.expression
    expression[TONGUE:-1, groups["tongue"] > 0], expression[-1, inside[1]] = 30.0, 1.0
    triangles = np.concatenate((_fan(upper), head.triangles + FIRST, _fan(inside[0]), _fan(outer, FIRST)))
    return _named(vertices, identity, expression, triangles, groups)


def _groups(head, count, teeth, own, eyes, inside, outer):
    """Name to (V,) float32 weights of the vertex groups."""
    groups = {name: np.zeros(count, np.float32) for name in (
        "tongue", "left_eye", "right_eye", "eye_interiors", "eye_exteriors", "upper_teeth_and_gums", "lower_teeth_and_gums", "skin",
    )}  # fmt: skip
    for part, group in (("skin", "skin"), ("tongue", "tongue")):
        groups[group][own] = head.parts == PARTS.index(part)
    groups["skin"][outer] = 1.0
    for side, eye, block in zip(("left_eye", "right_eye"), eyes, inside):
        groups[side][eye + FIRST] = groups["eye_exteriors"][eye + FIRST] = 1.0
        groups[side][block] = groups["eye_interiors"][block] = 1.0
    for side, block in zip(("upper", "lower"), teeth):
        groups[f"{side}_teeth_and_gums"][block] = 1.0
    return groups


def _fan(block, first=None):
    """Triangles (T, 3) that hang together a block of vertices, and ``first`` if there is one."""
    numbers = np.arange(block.start, block.stop)
    apex = numbers[0] if first is None else first
    return np.stack((np.full(len(numbers) - 2, apex), numbers[1:-1], numbers[2:]), axis=1)


def _named(vertices, identity, expression, triangles, groups):
    """All arrays that GNM's own reader asks for, lengths in m."""
    count, joints = len(vertices), len(JOINTS)
    blocks = (("left_eye_region", 100), ("right_eye_region", 100), ("lower_face_region", 150), ("tongue", 32), ("pupils", 1))
    people = (("head", 170), ("eyes", 3), ("teeth", 80))
    names = [np.array([f"{name}_{row:03d}" for name, rows in table for row in range(rows)]) for table in (people, blocks)]
    return {
        "version": np.array("3.0"), "variant": np.array("head"),
        "template_vertex_positions": (vertices / 1000.0 + OFFSET).astype(np.float32),
        "template_joint_positions": np.zeros((joints, 3), np.float32),
        "vertex_identity_basis": identity / np.float32(1000.0), "joint_identity_basis": np.zeros((IDENTITIES, joints, 3), np.float32),
        "expression_basis": expression / np.float32(1000.0), "identity_names": names[0], "expression_names": names[1],
        "joint_names": np.array(JOINTS), "joint_parent_indices": np.array((-1, 0, 1, 1)),
        "skinning_weights": np.full((joints, count), 0.25, np.float32), "quads": np.zeros((1, 4), np.int32),
        "triangles": triangles.astype(np.int32), "quad_uvs": np.zeros((1, 4, 2), np.float32),
        "triangle_uvs": np.zeros((len(triangles), 3, 2), np.float32),
        "mesh_component_names": np.array([name for name in groups if not name.startswith("eye_")]),
        "mirror_indices": np.arange(count), "joint_regressor": np.zeros((joints, count), np.float32),
        "pose_correctives_regressor": np.zeros((9 * joints, 3 * count), np.float32),
        "bone_aligned_template_joint_orientations": np.tile(np.eye(3, dtype=np.float32), (joints, 1, 1)),
        "vertex_groups": np.stack(list(groups.values())), "vertex_group_names": np.array(list(groups)),
    }  # fmt: skip


def write_gnm(folder, table=None):
    """Write a model file and return its path."""
    path = folder / "gnm_head.npz"
    np.savez_compressed(path, **(gnm_table() if table is None else table))
    return path


def gnm_landmarks(head=None):
    """The 68 rows of the landmark file: three vertices of a made file, each followed by its weight."""
    head = head or load_head()
    triangles, barycentric = (array.copy() for array in head.landmarks.at(0.0))
    places = np.load(SHIPPED / "landmark_places.npz")  # by anatomy, as the real file's
    triangles[17:], barycentric[17:] = places["triangles"], places["barycentric"]
    pairs = zip((head.triangles[triangles] + FIRST)[JAW_ROWS], barycentric[JAW_ROWS])
    return [" ".join(f"{vertex} {weight:.3f}" for vertex, weight in zip(*pair)) for pair in pairs]


def write_landmarks(folder, rows=None):
    """Write the landmark file of a made file."""
    (folder / "head_sparse_68.txt").write_text("\n".join(gnm_landmarks() if rows is None else rows) + "\n")
