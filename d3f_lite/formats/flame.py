"""FLAME (Li et al. 2017), which users download themselves: its pickle or npz becomes a HeadModel."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from d3f_lite.errors import HeadError
from d3f_lite.formats.pickles import read_table
from d3f_lite.formats.transfer import linear_head
from d3f_lite.heads.model import JAW_POINTS, PARTS, REGIONS, HeadModel, LandmarkEmbedding

PARENTS, JAW = (0, 1, 1, 1), 2  # the joint above neck, jaw, left eye and right eye, after the root; and the jaw's number
MODELS = ("flame2023_Open.pkl", "generic_model.pkl", "flame2023.pkl", "FLAME_NEUTRAL.pkl", "generic_model.npz")
# Beside the model: regions, and landmarks in RingNet's two files or in DECA's one.
EXTRAS = ("FLAME_masks.pkl", "flame_static_embedding.pkl", "flame_dynamic_embedding.npy", "landmark_embedding.npy")


@dataclass(frozen=True)
class FlameHead:
    """FLAME at rest as its file has it: linear shape and expression, and what turns the jaw.

    Args:
        template: mm, FLAME's frame (axes are canonical, the origin is near the neck).
        shape: mm per standard deviation.
        expression: mm per standard deviation.
        jaw_correctives: mm per entry of the jaw's rotation matrix minus the identity.
        joint_regressor: weights that give the joints: root, neck, jaw, left eye, right eye.
        skinning: weights that add up to 1.
        landmarks: from the embedding files beside the model, if there are any.
        masks: from the region file beside the model, name to vertex numbers; None without one.
        file: the model file's name.
    """

    template: Float[np.ndarray, "V 3"]
    triangles: Int[np.ndarray, "T 3"]
    shape: Float[np.ndarray, "S V 3"]
    expression: Float[np.ndarray, "E V 3"]
    jaw_correctives: Float[np.ndarray, "9 V 3"]
    joint_regressor: Float[np.ndarray, "5 V"]
    skinning: Float[np.ndarray, "V 5"]
    landmarks: "FlameLandmarks"
    masks: dict[str, np.ndarray] | None = None
    file: str = MODELS[1]

    def jaw_directions(self, opening: float = 0.1, sliding: float = 0.01) -> Float[np.ndarray, "2 V 3"]:
        """Opening and sliding the jaw, linearised at rest: mm per standard deviation of so many radians.

        The derivatives of FLAME's correctives and skinning (Li et al. 2017, equations 1 to 5) by the jaw's angles.
        """
        arm = self.template - self.joint_regressor[JAW] @ self.template
        directions = []
        for axis, sigma in zip(np.eye(3), (opening, sliding)):
            turn = np.cross(np.eye(3), axis)  # how a rotation about the axis starts
            bent = np.tensordot(turn.ravel(), self.jaw_correctives, 1)
            directions.append(sigma * (bent + self.skinning[:, JAW, None] * (arm @ turn.T)))
        return np.stack(directions)

    def head_model(self, name: str = "flame", most: tuple[int, int] = (100, 50), widest: float = 5.0) -> HeadModel:
        """FLAME at rest as a linear HeadModel in the canonical frame.

        Its identity and expression are already standard normal; the jaw joins the expression, linearised, and opens only
        (see ``HeadModel.bounds``). The expressions are principal components, which run both ways. There are no regional
        bases. Regions come from FLAME's masks where those were found, else from the shipped head.

        Args:
            name: what the head is called.
            most: how many identity and expression directions are kept; the rest moves the head by fractions of a mm.
            widest: how far the jaw opens, in its standard deviations.
        """
        parts = np.where(self.skinning[:, 3:].max(1) > 0.5, PARTS.index("eyeballs"), PARTS.index("skin"))
        shape, expression = (_moving(part[:number]) for part, number in zip((self.shape, self.expression), most))
        expression = np.concatenate((expression, self.jaw_directions().astype(np.float32)))
        bounds = np.full((len(shape) + len(expression), 2), (-np.inf, np.inf), np.float32)
        bounds[-2] = 0.0, widest
        inner = self.landmarks.inner_points(self.template, self.triangles)
        head = linear_head(name, self.template, self.triangles, shape, expression, _provenance(self.file), parts, inner, bounds)
        regions = head.regions if self.masks is None else _hard_regions(self.masks, len(self.template))
        return replace(head, regions=regions, landmarks=self.landmarks.over(head.landmarks))


@dataclass(frozen=True)
class FlameLandmarks:
    """The landmark files beside FLAME's model, as far as there are any.

    Args:
        static: (51,) triangles and (51, 3) weights of points 17-67, or None.
        dynamic: (79, 17) triangles and (79, 17, 3) weights of the jaw's contour, or None: rows 0-39 for a head that
            is turned 0 to 39 degrees to its right, rows 40-78 for 1 to 39 degrees to its left.
    """

    static: tuple | None = None
    dynamic: tuple | None = None

    def inner_points(
        self, vertices: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "T 3"]
    ) -> Float[np.ndarray, "51 3"] | None:
        """Points 17-67 (51, 3) mm on a head, or None without a static file."""
        if self.static is None:
            return None
        chosen, barycentric = self.static
        return np.einsum("lki,lk->li", vertices[triangles[chosen]], barycentric)

    def over(self, embedding: LandmarkEmbedding) -> LandmarkEmbedding:
        """A LandmarkEmbedding with these points where they are known, and those of ``embedding`` elsewhere."""
        if self.dynamic is None:
            chosen, barycentric = embedding.triangles.copy(), embedding.barycentric.copy()
            yaws = embedding.yaws
        else:
            order = np.r_[39:-1:-1, 40:79]  # from 39 degrees to the right to 39 to the left
            yaws = np.radians(np.arange(-39, 40)).astype(np.float32)
            nearest = np.abs(embedding.yaws - yaws[:, None]).argmin(1)
            chosen, barycentric = embedding.triangles[nearest], embedding.barycentric[nearest]
            chosen[:, :JAW_POINTS], barycentric[:, :JAW_POINTS] = self.dynamic[0][order], self.dynamic[1][order]
        if self.static is not None:
            chosen[:, JAW_POINTS:], barycentric[:, JAW_POINTS:] = self.static
        return LandmarkEmbedding(yaws, chosen, barycentric)


def files_of(path: Path | str) -> list[Path]:
    """What ``read_flame`` looks at: the model, and its landmarks and masks beside it."""
    return [Path(path), *(Path(path).parent / name for name in EXTRAS)]


def read_flame(path: Path | str) -> FlameHead:
    """Read FLAME 2019 to 2023 from its pickle, zip or an npz, and the landmark and mask files beside it, if any.

    Args:
        path: of ``generic_model.pkl``, ``flame2023.pkl`` or the like, or of the zip that holds it, as downloaded.

    Raises:
        HeadError: a file is not readable, not FLAME's, or asks for code to be run.
    """
    path = Path(path)
    table = read_table(path, MODELS)
    template = table.array("v_template", (None, 3))
    count = len(template)
    directions = table.array("shapedirs", (count, 3, None))
    if directions.shape[2] < 400:
        raise HeadError(f"'shapedirs' in {path.name} has {directions.shape[2]} directions; FLAME has 300 + 100")
    directions = np.ascontiguousarray(directions.transpose(2, 0, 1)) * 1000.0
    correctives = table.array("posedirs", (count, 3, 9 * len(PARENTS))).transpose(2, 0, 1) * 1000.0
    triangles = table.indices("f", (None, 3), count)
    if table.array("kintree_table", (2, 5), np.int64)[:, 1:].tolist() != [[*PARENTS], [1, 2, 3, 4]]:
        raise HeadError("'kintree_table' in the head file is not FLAME's tree of five joints")
    return FlameHead(
        template=template * 1000.0,
        triangles=triangles,
        shape=directions[:300],
        expression=directions[300:400],
        jaw_correctives=np.split(correctives, len(PARENTS))[JAW - 1],
        joint_regressor=table.array("J_regressor", (5, count)),
        skinning=table.array("weights", (count, 5)),
        landmarks=_read_landmarks(path.parent, len(triangles)),
        masks=_read_masks(path.parent / EXTRAS[0], count),
        file=table.file,
    )


def _read_landmarks(folder, triangles):
    """The FlameLandmarks in a folder; DECA's one file is preferred to RingNet's two."""
    static, dynamic, both = (folder / name for name in EXTRAS[1:])
    if both.is_file():
        files = [(both, f"{kind}_lmk_faces_idx", f"{kind}_lmk_bary_coords") for kind in ("static", "dynamic")]
    else:
        files = [(file, "lmk_face_idx", "lmk_b_coords") for file in (static, dynamic)]
    parts = [None, None]
    for place, ((file, chosen, weights), shape) in enumerate(zip(files, ((68 - JAW_POINTS,), (79, JAW_POINTS)))):
        if file.is_file():
            table = read_table(file)
            parts[place] = table.indices(chosen, shape, triangles), table.array(weights, (*shape, 3), np.float32)
    return FlameLandmarks(*parts)


def _read_masks(path, count):
    """Name to vertex numbers of FLAME's region file, or None when it is not there."""
    if not path.is_file():
        return None
    table = read_table(path)
    return {name: table.indices(name, (None,), count) for name in REGIONS}


def _provenance(file):
    """Source and licence of a model by its file's name."""
    authors = "Li, Bolkart, Black, Li and Romero 2017"
    if file == MODELS[0]:
        source = f"FLAME 2023 Open ({authors}), Max Planck Institute for Intelligent Systems"
        return {"source": source, "licence": "CC-BY-4.0"}
    licence = "FLAME model licence of the Max-Planck-Gesellschaft: registration, no redistribution"
    return {"source": f"FLAME ({authors}), the user's own file", "licence": licence}


def _hard_regions(masks, count):
    """Soft weights (V,) of FLAME's overlapping masks, the squares adding up to 1; what lies in none is scalp."""
    inside = np.zeros((len(REGIONS), count))
    for row, name in enumerate(REGIONS):
        inside[row, masks[name]] = 1.0
    inside[REGIONS.index("scalp"), inside.sum(0) == 0] = 1.0
    weights = np.sqrt(inside / inside.sum(0)).astype(np.float32)
    return dict(zip(REGIONS, weights))


def _moving(directions):
    """The directions (K, V, 3) as float32, without those that move nothing."""
    return directions[np.abs(directions).max((1, 2)) > 1e-6].astype(np.float32)
