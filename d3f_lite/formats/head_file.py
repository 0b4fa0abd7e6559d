"""The file of a head: one npz of plain numbers, its regional directions stored only where they act."""

import json
from pathlib import Path

import numpy as np
from jaxtyping import Float

from d3f_lite.errors import AssetError
from d3f_lite.files.arrays import LARGEST_FILE, LARGEST_NUMBER, ArrayTable, read_arrays
from d3f_lite.heads.model import ALBEDO_REGIONS, PARTS, REGIONS, Bases, HeadModel, LandmarkEmbedding


def write_head(head: HeadModel, path: Path | str, precision: type = np.float16) -> None:
    """Write a head.

    Args:
        head: with landmarks and albedo regions.
        path: of the npz.
        precision: numpy type of directions and soft weights.
    """
    regional = []
    for name in REGIONS:
        rows = np.flatnonzero(np.array(head.bases.regional_names) == name)
        regional.append(head.bases.regional[rows][:, head.regions[name] != 0])
    arrays: dict = {
        "mean": head.mean.astype(np.float32),
        "triangles": head.triangles.astype(np.int16 if len(head.mean) < 2**15 else np.int32),
        "shape_basis": head.bases.shape.astype(precision),
        "expression_basis": head.bases.expression.astype(precision),
        "regional_basis": np.concatenate([directions.ravel() for directions in regional]).astype(precision),
        "regional_counts": np.array([len(directions) for directions in regional]),
        "regions": np.stack([head.regions[name] for name in REGIONS]).astype(precision),
        "landmark_yaws": head.landmarks.yaws,
        "landmark_triangles": head.landmarks.triangles.astype(np.int32),
        "landmark_barycentric": head.landmarks.barycentric.astype(np.float32),
        "albedo_regions": head.albedo_regions.astype(precision),
        "parts": head.parts.astype(np.int8),
        "provenance": np.array(json.dumps(head.provenance)),
    }
    if head.bounds is not None:
        arrays["bounds"] = np.clip(head.bounds, -LARGEST_NUMBER, LARGEST_NUMBER)
    np.savez(path, **arrays)


def read_head(path: Path | str, name: str) -> HeadModel:
    """Read a head that ``write_head`` wrote.

    Args:
        path: of the npz.
        name: what the head is called from now on.

    Raises:
        AssetError: the file is missing, or is not such a file.
    """
    table = read_arrays(path, AssetError)
    mean = table.array("mean", (None, 3), np.float32)
    count = len(mean)
    triangles = table.indices("triangles", (None, 3), count)
    regions = dict(zip(REGIONS, table.array("regions", (len(REGIONS), count), np.float32)))
    shape, expression = (table.array(f"{kind}_basis", (None, count, 3), np.float32) for kind in ("shape", "expression"))
    bases = Bases(shape, expression, *_regional(table, regions))
    yaws = table.array("landmark_yaws", (None,), np.float32)
    landmarks = LandmarkEmbedding(
        yaws,
        table.indices("landmark_triangles", (len(yaws), 68), len(triangles)),
        table.array("landmark_barycentric", (len(yaws), 68, 3), np.float32),
    )
    return HeadModel(
        name=name,
        mean=mean,
        triangles=triangles,
        bases=bases,
        regions=regions,
        landmarks=landmarks,
        albedo_regions=table.array("albedo_regions", (len(ALBEDO_REGIONS), count), np.float32),
        parts=table.indices("parts", (count,), len(PARTS)).astype(np.int8),
        provenance=_provenance(table),
        bounds=_bounds(table, len(shape) + len(expression) + len(bases.regional)),
    )


def _regional(table: ArrayTable, regions: dict) -> tuple[Float[np.ndarray, "R V 3"], tuple[str, ...]]:
    """The regional directions, mm, spread out from where they act, and the region of each."""
    counts = table.array("regional_counts", (len(REGIONS),), np.int64)
    stored = table.array("regional_basis", (None,), np.float32) if counts.any() else np.zeros(0, np.float32)
    places = [np.flatnonzero(regions[name]) for name in REGIONS]
    sizes = [int(number) * place.size * 3 for number, place in zip(counts, places)]
    vertices, rows = len(regions[REGIONS[0]]), int(counts.sum())
    if counts.min() < 0 or sum(sizes) != len(stored) or rows * vertices * 12 > LARGEST_FILE:
        raise AssetError(f"{table.file} has regional directions that do not fit its regions: it is damaged")
    regional = np.zeros((rows, vertices, 3), np.float32)
    row = start = 0
    for number, place, size in zip(counts, places, sizes):
        regional[row : row + number, place] = stored[start : start + size].reshape(number, place.size, 3)
        row, start = row + number, start + size
    return regional, tuple(np.repeat(REGIONS, counts).tolist())


def _bounds(table: ArrayTable, count: int) -> Float[np.ndarray, "K 2"] | None:
    """The bounds of the K = ``count`` coefficients, if any; the largest number that a file may hold stands for infinity."""
    if "bounds" not in table.values:
        return None
    bounds = table.array("bounds", (count, 2), np.float32)
    if (bounds[:, 0] > 0.0).any() or (bounds[:, 1] < 0.0).any():
        raise AssetError(f"{table.file} has bounds that leave out the mean head: it is damaged")
    return np.where(np.abs(bounds) < LARGEST_NUMBER, bounds, np.copysign(np.float32(np.inf), bounds))


def _provenance(table: ArrayTable) -> dict:
    """Where the head comes from."""
    try:
        provenance = json.loads(str(table.texts("provenance", ())))
    except (ValueError, RecursionError):
        provenance = None
    if not isinstance(provenance, dict):
        raise AssetError(f"{table.file} does not say where it comes from: it is damaged")
    return provenance
