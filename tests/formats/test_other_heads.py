"""FLAME and ICT-FaceKit from a file to sixteen heads and through notebook 07; the files are small ones of their formats."""

import shutil
from pathlib import Path

import nbformat
import numpy as np
import pytest
from flame_format import write_embeddings, write_flame, write_masks
from ict_format import write_ict

import data_fetch
from d3f_lite.formats.load_head import available_heads, load_head
from d3f_lite.observation.photo import sample_photo
from d3f_lite.observe import observe
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.reconstruct import reconstruct
from d3f_lite.results.pictures import face_window

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CHIN, NOSE = 8, 33  # landmarks


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache folder with both heads, FLAME put there by its command."""
    mine, cache = tmp_path_factory.mktemp("mine"), tmp_path_factory.mktemp("cache")
    model = write_flame(mine)
    write_embeddings(mine)
    write_masks(mine)
    shutil.make_archive(cache / "ict-facekit", "zip", write_ict(mine / "ict"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("D3F_LITE_CACHE", str(cache))
        assert available_heads() == ("anny", "ict")
        files = [
            argument for path in (model, *mine.glob("*embedding*"), *mine.glob("*masks*")) for argument in ("--file", str(path))
        ]
        assert data_fetch.main(["flame", *files]) == 0
        assert available_heads() == ("anny", "flame", "ict")
        load_head.cache_clear()
        yield cache
        load_head.cache_clear()


@pytest.fixture(scope="module")
def occluded_photo():
    portrait = sample_photo("astronaut")
    return draw_occluder(portrait, detect_landmarks(portrait), "surgical_mask")


@pytest.mark.parametrize("name", ["flame", "ict"])
def test_from_a_photo_to_sixteen_heads(name, cache, occluded_photo, tmp_path):
    found = reconstruct(*occluded_photo, samples=16, seed=0, head=name)
    heads, fit = found.samples.vertices, found.fit
    assert heads.shape == (16, len(found.head.mean), 3) and np.isfinite(heads).all()
    measures = found.measures()
    # The small ICT-FaceKit has no areas of albedo: brows and lips count as shape to the colours, and pull its landmarks by 3.1 %.
    assert measures["inner_landmark_error_percent"] < 3.5
    assert measures["spread_occluded_mm"] > 2.0 * measures["spread_visible_mm"] > 0.0
    points = found.head.landmark_points(heads)
    assert (points[:, NOSE, 1] - points[:, CHIN, 1]).min() > 25.0  # mm: no chin has moved up into the face
    lips = found.head.regions["lips"] > 0.7
    assert not fit.visible[lips].any() and fit.occluded[lips].mean() > 0.45  # hidden by the mask, or within the mouth
    assert found.head.provenance["licence"] in (found.save(tmp_path) / "report.json").read_text()


def test_notebook_07_shows_both(cache, occluded_photo):
    notebook = nbformat.read(ROOT / "notebooks" / "07_your_own_photo.ipynb", as_version=4)
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    names = {}
    exec(sources[0], names)  # what it imports, the shipped head, the settings
    observation = observe(*occluded_photo)
    drawn = {}
    names |= {"sheet": lambda pictures, *_, **__: drawn.update(pictures), "photo": occluded_photo[0]}
    names |= {"observation": observation, "window": face_window(observation)}
    first = next(number for number, source in enumerate(sources) if source.startswith("artists = "))
    for source in sources[first : first + 2]:
        exec(source, names)
    assert {f"{name}, over the photo" for name in ("shipped", "artists' heads", "ict", "flame")} <= set(drawn)
