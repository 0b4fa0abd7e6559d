"""From one photo to N heads: what is promised of a Reconstruction and of its files."""

import json
import os
import stat
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_head import one_way
from threadpoolctl import threadpool_info

from d3f_lite.__main__ import _tell
from d3f_lite.completion.posterior import decoder_for
from d3f_lite.diversity.search import HeadSamples
from d3f_lite.errors import Cancelled, LandmarkError, MaskError, OutputError, SettingsError
from d3f_lite.files.whole import whole_folder
from d3f_lite.observation.photo import Photo, sample_photo
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.reconstruct import complete, reconstruct
from d3f_lite.results.files import report
from d3f_lite.results.provenance import is_result
from d3f_lite.results.sheet_of_samples import sample_tiles
from d3f_lite.settings import DiversitySettings, FitSettings, Settings


@pytest.fixture(scope="module")
def occluded_photo():
    portrait = sample_photo("astronaut")
    return draw_occluder(portrait, detect_landmarks(portrait), "surgical_mask")


@pytest.fixture(scope="module")
def reconstruction(occluded_photo):
    return reconstruct(*occluded_photo, samples=16, seed=3)


def test_a_head_of_one_s_own_is_taken_as_well_as_a_name(occluded_photo, reconstruction):
    own = replace(one_way(reconstruction.head), name="mine")
    found = reconstruct(*occluded_photo, samples=16, seed=3, head=own)
    assert found.head is own
    expressions = slice(len(own.bases.shape), len(own.bases.shape) + len(own.bases.expression))
    assert found.fit.coefficients[expressions].min() >= 0.0 > reconstruction.fit.coefficients[expressions].min()
    usual = reconstruction.measures()
    measures = found.measures()
    assert measures["spread_visible_mm"] < 0.3 * measures["spread_occluded_mm"] < 0.3 * usual["spread_occluded_mm"]


def test_heads_agree_where_the_photo_shows_the_face(reconstruction):
    fit, heads = reconstruction.fit, reconstruction.samples.vertices
    assert heads.shape == (16, *fit.vertices.shape) and np.isfinite(heads).all()
    spread = reconstruction.spread
    visible, occluded = (np.sqrt(np.mean(spread[where] ** 2)) for where in (fit.visible, fit.occluded))
    assert visible <= occluded / 4
    assert np.linalg.norm(heads.mean(0) - fit.vertices, axis=1)[fit.visible].mean() < 1.0
    # Unseen parts stay plausible: no farther from the mean head than heads of the population are.
    head = reconstruction.head
    usual = np.linalg.norm(head.sample(50, seed=1) - head.mean, axis=2)[:, fit.unseen].mean(1)
    ours = np.linalg.norm(heads - head.mean, axis=2)[:, fit.unseen].mean(1)
    assert ours.max() < usual.max()


def test_what_has_a_row_per_vertex_is_in_single_precision(reconstruction):
    head, fit, samples = reconstruction.head, reconstruction.fit, reconstruction.samples
    large = (head.mean, head.basis, *head.regions.values(), fit.vertices, samples.vertices, samples.latents)
    assert {array.dtype for array in large} == {np.dtype(np.float32)}


def test_the_work_keeps_to_one_thread_and_gives_the_others_back(occluded_photo):
    during, before = set(), torch.get_num_threads()

    def watch(stage, _):
        if stage != "observation":
            during.update((torch.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info())))

    torch.set_num_threads(3)
    try:
        reconstruct(*occluded_photo, samples=2, progress=watch)
        assert during == {1} and torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("changes", ({}, {"form": "published", "iterations": 3}, {"decoder": "mesh_vae"}))
def test_what_the_caller_switched_off_changes_nothing(changes, occluded_photo, reconstruction):
    fit, head, settings = reconstruction.fit, reconstruction.head, DiversitySettings(**changes)
    usual = complete(fit, head, settings, 3, 3).vertices
    with torch.inference_mode():
        np.testing.assert_array_equal(complete(fit, head, settings, 3, 3).vertices, usual)
    with torch.no_grad():  # as torch.set_grad_enabled(False)
        np.testing.assert_array_equal(complete(fit, head, settings, 3, 3).vertices, usual)
    with np.errstate(all="raise"):
        found = reconstruct(*occluded_photo, samples=3, seed=3, settings=Settings(diversity=settings))
        assert found.measures()["asd_occluded_mm"] > 0.0 and np.geterr()["under"] == "raise"
    np.testing.assert_array_equal(found.samples.vertices, usual)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_without_a_landmark_inside_the_face_there_is_no_error_of_landmarks(occluded_photo, tmp_path):
    photo, landmarks = sample_photo("astronaut"), detect_landmarks(sample_photo("astronaut"))
    jaw = replace(landmarks, confidence=np.repeat(np.float32((1.0, 0.0)), (17, 51)))
    result = reconstruct(photo, np.zeros(photo.shape, bool), landmarks=jaw, samples=2)
    written = (result.save(tmp_path) / "report.json").read_text()
    assert "NaN" not in written and "inner_landmark_error_percent" not in json.loads(written)["measures"]
    assert "inner_landmark_error_percent" in reconstruct(*occluded_photo, samples=2).measures()


def test_the_same_seed_gives_the_same_bytes(reconstruction, occluded_photo):
    again = reconstruct(*occluded_photo, samples=16, seed=3)
    assert again.samples.vertices.tobytes() == reconstruction.samples.vertices.tobytes()
    other = reconstruct(*occluded_photo, samples=16, seed=4)
    assert not np.array_equal(other.samples.vertices, reconstruction.samples.vertices)


@pytest.mark.parametrize("form", ("calibrated", "published", "iid"))
def test_every_form_of_diversity(form, reconstruction):
    samples = complete(reconstruction.fit, reconstruction.head, DiversitySettings(form=form, iterations=20), 4, 0)
    assert samples.method == form and samples.vertices.shape == reconstruction.samples.vertices[:4].shape


def test_people_differ_but_not_their_expressions(reconstruction):
    head, fit = reconstruction.head, reconstruction.fit
    decoders = {words: decoder_for(fit, head, DiversitySettings(expression=words)) for words in ("free", "as visible", "neutral")}
    moves = {words: np.abs(decoder.factor[head.expressive]).max() for words, decoder in decoders.items()}
    assert moves["free"] > 0.5 and moves["neutral"] == 0.0
    # Those that hold the visible part stir them a little; the spread over what is hidden is that of people.
    spreads = {words: decoder.spread()[fit.occluded].mean() for words, decoder in decoders.items()}
    assert 0.5 * spreads["free"] < spreads["as visible"] < 0.95 * spreads["free"]
    np.testing.assert_array_equal(decoders["as visible"].mean, decoders["free"].mean)
    assert not decoders["neutral"].coefficients[head.expressive].any()
    heads = complete(fit, head, DiversitySettings(expression="neutral"), 4, 0)
    assert heads.vertices.shape == reconstruction.samples.vertices[:4].shape


@pytest.mark.slow
def test_the_files_of_a_result(reconstruction, tmp_path):
    import trimesh

    folder = reconstruction.save(tmp_path)
    names = {path.name for path in folder.iterdir()}
    meshes = {"fit.ply"} | {f"sample_{number:03d}.ply" for number in range(16)}
    inputs = {"mask.png", "landmarks.csv", "settings.toml", "heads.glb"}
    assert names == meshes | inputs | {"samples.npz", "samples.png", "heatmap.png", "viewer.html", "report.json"}
    with np.load(folder / "samples.npz", allow_pickle=False) as stored:
        assert stored["vertices"].shape == (16, 4538, 3) and stored["vertices"].dtype == np.float32
        assert stored["spread"].shape == (4538,) and stored["landmarks"].shape == stored["landmarks_fit"].shape == (68, 2)
        assert not (stored["visible"] & stored["occluded_vertices"]).any()
        assert stored["occluded"].shape == reconstruction.observation.photo.shape
        mesh = trimesh.load(folder / "sample_005.ply", process=False)
        np.testing.assert_allclose(mesh.vertices, stored["vertices"][5], atol=1e-4)
        np.testing.assert_array_equal(mesh.faces[: len(stored["triangles"])], stored["triangles"])
    told = json.loads((folder / "report.json").read_text())
    assert told["seed"] == 3 and told["measures"]["spread_visible_mm"] < told["measures"]["spread_occluded_mm"]
    assert Settings.from_tables(told["settings"]) == reconstruction.settings
    assert "Head 0 (sample_000.ply) is the most likely one" in told["note"]
    assert told["landmark_backend"] == "mediapipe" and told["landmarks_calibrated"]
    assert told["mask"] == "given" and told["mask_confidence"] == 1.0 and 20 < told["occluded_percent_of_face"] < 60
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]  # no temporary folder is left
    assert reconstruction.save(tmp_path) == folder  # and it can be written again


def test_of_sixteen_heads_the_first_is_the_fit_and_is_called_so(reconstruction):
    heads, fit = reconstruction.samples, reconstruction.fit
    assert np.abs(heads.vertices[0] - fit.vertices).max() < 1e-4 < np.abs(heads.vertices[1] - fit.vertices).max()
    captions = [caption for _, caption in sample_tiles(reconstruction, size=20, most=2)]
    assert captions[-2:] == ["head 0 = the most likely", f"head 1\nlikelier than {100 * heads.plausibility[1]:.0f} in 100 draws"]
    assert HeadSamples(heads.vertices, heads.latents, heads.history, "iid", 0).caption(0) == "head 0"


def test_the_permissions_of_a_result_are_those_of_the_umask(tmp_path):
    for mask, folder_mode, file_mode in ((0o027, 0o750, 0o640), (0o002, 0o775, 0o664), (0o077, 0o700, 0o600)):
        before = os.umask(mask)
        try:
            with whole_folder(tmp_path / "result", lambda _: True) as folder:
                (folder / "report.json").write_text("{}")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "result").stat().st_mode) == folder_mode
        assert [path.name for path in (tmp_path / "result").iterdir()] == ["report.json"]
        assert stat.S_IMODE((tmp_path / "result" / "report.json").stat().st_mode) == file_mode


def test_a_clean_photo_has_nothing_occluded(tmp_path):
    found = reconstruct(sample_photo("astronaut"), samples=2)
    assert not found.fit.occluded.any() and found.samples.vertices.shape[0] == 2
    found.save(tmp_path)


def test_cancelled_work_writes_nothing(occluded_photo, tmp_path):
    def stop(stage, fraction):
        if stage == "samples":
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        reconstruct(*occluded_photo, progress=stop).save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_failed_writing_keeps_the_old_result(tmp_path):
    (tmp_path / "old").mkdir()
    ours = json.dumps({"versions": {"d3f-lite": "0.1.0"}})
    (tmp_path / "old" / "report.json").write_text(ours)
    with pytest.raises(OutputError, match="full"):
        with whole_folder(tmp_path / "old", is_result) as folder:
            (folder / "report.json").write_text("half")
            raise OSError("the disk is full")
    assert (tmp_path / "old" / "report.json").read_text() == ours
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("samples", (0, -1, 257, 2.5, True))
def test_senseless_numbers_are_refused(samples, occluded_photo):
    with pytest.raises(SettingsError, match="samples"):
        reconstruct(*occluded_photo, samples=samples)


def test_a_mask_of_another_size_is_refused(occluded_photo):
    with pytest.raises(MaskError):
        reconstruct(occluded_photo[0], occluded_photo[1][:-1])


def test_a_photo_may_be_an_array_or_a_path(occluded_photo, tmp_path):
    from PIL import Image

    photo, mask = occluded_photo
    Image.fromarray(photo.pixels).save(tmp_path / "face.png")
    from_path = reconstruct(tmp_path / "face.png", mask, samples=1)
    from_array = reconstruct(photo.pixels, mask, samples=1)
    assert from_path.observation.photo.name == "face"
    np.testing.assert_array_equal(from_path.fit.vertices, from_array.fit.vertices)
    assert isinstance(from_array.observation.photo, Photo)


def test_nothing_is_drawn_from_swapped_landmarks(portraits):
    photo, landmarks = portraits["astronaut"]
    with pytest.raises(LandmarkError, match="x and y were swapped"):
        reconstruct(photo, np.zeros(photo.shape, bool), landmarks=np.ascontiguousarray(landmarks.xy[:, ::-1]), samples=1)


def test_the_report_says_under_how_many_masks(reconstruction, capsys):
    observation = replace(reconstruction.observation, alternatives=(reconstruction.observation,) * 2)
    for several, masks in ((True, 3), (False, 1)):
        settings = replace(reconstruction.settings, fit=FitSettings(several_masks=several))
        found = replace(reconstruction, observation=observation, settings=settings)
        assert report(found)["masks_fitted"] == masks and bool(report(found)["again_differs"]) == several
        _tell(found)
        assert ("fitted under 3 masks" in capsys.readouterr().out) == several
