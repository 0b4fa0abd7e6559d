"""Meshes in other programs: what trimesh reads of a small result is what was written, and a difference is seen."""

from dataclasses import replace

import numpy as np
import pytest

from d3f_lite.results.mesh_files import grid_places, write_head, write_scene
from research.study.mesh_readers import READERS, as_written, compared

PYRAMID = np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4], [2, 1, 0], [3, 2, 0]], np.int32)
POINTS = np.array([[0, 0, 0], [80, 0, 0], [80, 80, 0], [0, 80, 0], [40, 40, 90]], np.float32)


@pytest.fixture
def written(tmp_path):
    """The files of a result of two pyramids."""
    colours, up = (
        np.linspace(0.0, 1.0, 15).reshape(5, 3),
        np.eye(3, dtype=np.float32)[[2] * 5] * ((-1,), (-1,), (-1,), (-1,), (1,)),
    )
    write_head(tmp_path / "sample_001.ply", POINTS, PYRAMID, colours)
    heads, names = [POINTS] * 3, ["fit", "head 0", "head 1"]
    write_scene(tmp_path / "heads.glb", heads, [up] * 3, PYRAMID, colours, names, grid_places(3, POINTS), "a note")
    return tmp_path


@pytest.mark.parametrize("name", ("sample_001.ply", "heads.glb"))
def test_trimesh_reads_what_was_written(written, name):
    truth = as_written(written / name)
    assert compared(READERS["trimesh"](written / name), truth) == ["5", "kept", "0", "0", "0"]
    turned = replace(truth, vertices=truth.vertices[::-1], normals=truth.normals[::-1], colours=None)
    assert compared(turned, truth) == ["5", "another", "0", "0", "none"]
    assert compared(replace(truth, colours=truth.colours % 256 + 3), truth)[-1] == "3"
    # In the PLY as on a screen, in the GLB linear.
    expected = {"sample_001.ply": 0.5, "heads.glb": ((0.5 + 0.055) / 1.055) ** 2.4}[name]
    assert truth.colours[2, 1] == pytest.approx(255 * expected, abs=0.51)
