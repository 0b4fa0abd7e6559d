"""A head of a few hundred vertices, for files of heads that are quick to read."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from fast_simplification import replay_simplification, simplify

from d3f_lite.formats.load_head import load_head
from d3f_lite.heads.model import Bases, LandmarkEmbedding

TRIANGLES = 1400


def one_way(head):
    """The head with expressions that run from rest to four standard deviations only."""
    bounds = np.tile(np.array((-np.inf, np.inf), np.float32), (len(head.basis), 1))
    bounds[len(head.bases.shape) :][: len(head.bases.expression)] = 0.0, 4.0
    return replace(head, bounds=bounds)


@lru_cache(maxsize=1)
def small_head():
    """The shipped head simplified, with 6 shape, 4 expression and a few regional directions."""
    head = load_head()
    _, _, collapses = simplify(head.mean, head.triangles, target_count=TRIANGLES, return_collapses=True)
    mean, triangles, cluster = replay_simplification(head.mean, head.triangles, collapses)
    _, kept = np.unique(cluster, return_index=True)  # a fine vertex of each coarse one
    rows = [head.bases.regional_names.index(name) for name in ("nose", "lips")]
    bases = Bases(head.bases.shape[:6, kept], head.bases.expression[:4, kept], head.bases.regional[rows][:, kept],
                  ("nose", "lips"))  # fmt: skip
    landmarks = head.landmarks
    embedding = LandmarkEmbedding(landmarks.yaws, landmarks.triangles % len(triangles), landmarks.barycentric)
    return replace(
        head, name="small", mean=mean.astype(np.float32), triangles=triangles.astype(np.int32), bases=bases,
        regions={name: weight[kept] for name, weight in head.regions.items()}, landmarks=embedding,
        albedo_regions=head.albedo_regions[:, kept], parts=head.parts[kept],
    )  # fmt: skip
