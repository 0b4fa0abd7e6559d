"""Are the heads people? Distance to the nearest real head, surfaces that cut themselves, and a two-sample test.

``python -m research.study.realism --head-files PATH`` compares the heads that models draw, and the heads drawn for pictures,
with scanned ones (ICT-FaceKit's, as ``study.scans`` draws them).
"""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from scipy import stats
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist
from tqdm import tqdm
from trimesh.registration import procrustes

from d3f_lite.command_line import command_line
from d3f_lite.diversity.search import sample_iid
from d3f_lite.errors import LandmarkError
from d3f_lite.evaluation.report import table
from d3f_lite.formats.load_head import load_head
from d3f_lite.heads.model import JAW_POINTS, HeadModel
from d3f_lite.perception.detector import MediapipeDetector
from d3f_lite.reconstruct import reconstruct
from research.study.scenes import HIDDEN_BY, draw_scene
from research.study.surfaces import Surface, align, transformed
from research.study.worlds import World, scanned

POINTS = 500  # of the reference's face that describe a head
REAL, RESAMPLES = 300, 999
LEVEL = 0.99  # of real heads are nearer to another real head than the bound beyond which a head is flagged


@dataclass(frozen=True, eq=False)
class Reference:
    """The face that heads of any mesh are described against: points of it, and their unit normals."""

    points: Float[np.ndarray, "P 3"]
    normals: Float[np.ndarray, "P 3"]
    landmarks: Float[np.ndarray, "51 3"]

    @classmethod
    def of(cls, head: HeadModel) -> "Reference":
        """The face of a model's mean head."""
        some = np.flatnonzero(head.face)[:: max(1, int(head.face.sum()) // POINTS)]
        surface = Surface.of(head.mean, head.triangles)
        return cls(head.mean[some], surface.normals[some], head.landmark_points(head.mean)[JAW_POINTS:])

    def describe(self, vertices: Float[np.ndarray, "V 3"], head: HeadModel) -> Float[np.ndarray, "P"]:
        """How far a head's surface lies outside the reference's at each point, mm, once size, turn and shift are removed.

        Args:
            head: whose mesh it is.
        """
        start = procrustes(head.landmark_points(vertices)[JAW_POINTS:], self.landmarks, reflection=False)[0]
        matrix = align(vertices, head.triangles, self.points, start, rounds=14, kept=1)
        return -Surface.of(transformed(vertices, matrix), head.triangles).nearest_plane(self.points)[0]


def nearest(described: Float[np.ndarray, "N P"], real: Float[np.ndarray, "R P"], own: bool = False) -> Float[np.ndarray, "N"]:
    """RMS distance of each head to the nearest real one, mm.

    Args:
        own: both are the same heads: each is compared with the others.
    """
    apart = cdist(described, real) / np.sqrt(described.shape[1])
    return (apart + np.diag(np.full(len(apart), np.inf)) if own else apart).min(1)


def two_sample(first: Float[np.ndarray, "N P"], second: Float[np.ndarray, "M P"], seed: int) -> float:
    """The p-value of two sets of heads being from one population: a permutation test of their energy distance."""
    apart = cdist(*[np.concatenate((first, second))] * 2)

    def energy(one, other, axis=-1):
        between = lambda some, others: apart[some[..., :, None], others[..., None, :]].mean((-2, -1))
        return 2 * between(one, other) - between(one, one) - between(other, other)

    split = np.split(np.arange(len(apart)), [len(first)])
    found = stats.permutation_test(
        split, energy, n_resamples=RESAMPLES, batch=20, alternative="greater", rng=np.random.default_rng(seed)
    )
    return float(found.pvalue)


def self_intersections(vertices: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "T 3"]) -> int:
    """How many pairs of triangles without a common corner cut each other."""
    corners = vertices[triangles].astype(float)
    centre = corners.mean(1)
    reach = np.linalg.norm(corners - centre[:, None], axis=2).max(1)
    pairs = KDTree(centre).query_pairs(2 * np.quantile(reach, 0.99), output_type="ndarray")
    apart = np.linalg.norm(centre[pairs[:, 0]] - centre[pairs[:, 1]], axis=1)
    pairs = pairs[apart < reach[pairs].sum(1)]
    pairs = pairs[~(triangles[pairs[:, 0], :, None] == triangles[pairs[:, 1], None, :]).any((1, 2))]
    cut = np.zeros(len(pairs), bool)
    for one, other in (pairs.T, pairs.T[::-1]):
        for k in range(3):
            cut |= _pierced(corners[one, k], corners[one, k - 1], corners[other])
    return int(cut.sum())


def _pierced(start, end, triangle):
    """Whether segments from (n, 3) to (n, 3) pass through triangles (n, 3, 3): Möller and Trumbore 1997."""
    along, first, second = end - start, triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0]
    across = np.cross(along, second)
    volume = (first * across).sum(1)
    volume[np.abs(volume) < 1e-12] = np.inf
    from_corner = start - triangle[:, 0]
    u = (from_corner * across).sum(1) / volume
    lifted = np.cross(from_corner, first)
    v, t = (along * lifted).sum(1) / volume, (second * lifted).sum(1) / volume
    return (u > 0) & (v > 0) & (u + v < 1) & (t > 0) & (t < 1) & np.isfinite(volume)


def drawn_for_pictures(head: str, world: World, seed: int, number: int) -> dict[str, list[Float[np.ndarray, "V 3"]]]:
    """Fits and one sample of each kind for each of ``number`` pictures, mm: together they should be like the true heads."""
    found = {"fits to pictures": [], "the default, one for each picture": [], "independent draws, one for each picture": []}
    with MediapipeDetector() as detector:
        for person in range(number):
            try:
                scene = draw_scene(world, seed, person, HIDDEN_BY[person % len(HIDDEN_BY)], detector)
                answer = reconstruct(scene.photo, scene.mask, samples=4, seed=person, head=head)
            except LandmarkError:
                continue
            drawn = sample_iid(answer.decoder, 1, person).vertices[0]
            for some, vertices in zip(found.values(), (answer.fit.vertices, answer.samples.vertices[1], drawn)):
                some.append(vertices)
    return found


def compared(
    sets: dict[str, tuple[HeadModel, np.ndarray]], real: Float[np.ndarray, "R P"], reference: Reference, seed: int
) -> str:
    """One line for each set of heads (name: model and (N, V, 3) mm) against real ones, as Markdown."""
    bound, rows = np.quantile(nearest(real, real, own=True), LEVEL), []
    for name, (model, heads) in sets.items():
        described = np.stack([reference.describe(vertices, model) for vertices in heads])
        apart = nearest(described, real)
        face = model.triangles[model.face[model.triangles].all(1)]
        cuts = np.mean([self_intersections(vertices, face) for vertices in heads])
        rows.append((name, len(heads), f"{apart.mean():.2f}", f"{100 * (apart > bound).mean():.0f} %", f"{cuts:.1f}",
                     f"{two_sample(described, real, seed):.3f}"))  # fmt: skip
    columns = "heads", "number", "nearest real head, mm", f"farther than {bound:.2f} mm", "crossing triangles", "two-sample p"
    return table(columns, rows)


@command_line("realism")
def main() -> None:
    """Draw, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--head-files", type=Path, required=True, help="ICT-FaceKit's folder or archive")
    parser.add_argument("--heads", type=int, default=48, help="of each kind (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of every draw (default: %(default)s)")
    options = parser.parse_args()
    seed, number, world, own = options.seed, options.heads, scanned(options.head_files), load_head("anny")
    truths = lambda first, count: np.stack([world.truth(seed, first + person) for person in range(count)])
    reference = Reference.of(own)
    scans = load_head(f"ict:{options.head_files}")
    sets = {
        "ICT-FaceKit's draws, expressions on both sides of rest": (scans, replace(scans, bounds=None).sample(number, seed)),
        "ICT-FaceKit's draws, on one side": (scans, scans.sample(number, seed)),
        "other real heads": (world.head, truths(REAL, number)),
        "the shipped model's own draws": (own, own.sample(number, seed)),
        **{name: (own, np.stack(heads)) for name, heads in drawn_for_pictures("anny", world, seed + 1, number).items()},
    }
    real = np.stack([reference.describe(vertices, world.head) for vertices in tqdm(truths(0, REAL), desc="real heads")])
    print(compared(sets, real, reference, seed))


if __name__ == "__main__":
    sys.exit(main())
