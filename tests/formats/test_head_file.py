"""The file of a head: written, read back, and refused when it is damaged."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from small_head import one_way, small_head

from d3f_lite.errors import AssetError
from d3f_lite.formats.anny import ASSET
from d3f_lite.formats.head_file import read_head, write_head
from d3f_lite.formats.load_head import load_head


def test_bounds_outlast_a_file(tmp_path):
    head = one_way(small_head())
    write_head(head, tmp_path / "head.npz", np.float32)
    again = read_head(tmp_path / "head.npz", "small")
    np.testing.assert_array_equal(again.bounds, head.bounds)
    np.testing.assert_array_equal(again.basis, head.basis)
    write_head(replace(head, bounds=head.bounds + np.float32(1.0)), tmp_path / "wrong.npz")
    with pytest.raises(AssetError, match="mean head"):
        read_head(tmp_path / "wrong.npz", "wrong")


def test_the_shipped_head_written_again_is_the_shipped_file(tmp_path):
    head = load_head()
    write_head(head, tmp_path / "head.npz")
    with np.load(ASSET) as shipped, np.load(tmp_path / "head.npz") as again:
        assert set(again) == set(shipped)
        for name in shipped:
            np.testing.assert_array_equal(again[name], shipped[name], err_msg=name)
    assert head.provenance["licence"] == "CC0-1.0"


def test_a_broken_asset_is_refused(tmp_path):
    broken = tmp_path / "head.npz"
    for content in (b"", b"no zip", ASSET.read_bytes()[:100_000]):
        broken.write_bytes(content)
        with pytest.raises(AssetError):
            read_head(broken, "anny")


def test_loading_needs_neither_anny_nor_warp():
    code = "import sys; sys.modules['anny'] = sys.modules['warp'] = None\nfrom d3f_lite.formats.load_head import load_head; load_head().basis"
    subprocess.run([sys.executable, "-c", code], check=True)
