"""Every place where a file, an array or a number enters, as a Kind."""

import io
import os
import pickle
from dataclasses import asdict, replace
from functools import lru_cache

import numpy as np
import torch
from flame_format import flame_table
from hostile import Kind, broken, file_reader, finite, watched
from hostile_folk import kinds_of_folk
from hostile_heads import (
    PROGRAMS,
    attacks,
    beside,
    changed_arrays,
    changed_file,
    check_calibration,
    check_flame,
    check_head,
    check_ict,
    check_vae,
    check_weights,
    flame_extras,
    flame_files,
    ict_archives,
    ict_files,
    npz,
    read_whole_table,
    small_asset,
    small_vae,
    tiny_flame,
    weights,
)  # fmt: skip
from hostile_pictures import SIZES, check_photo, check_shape, masks, painted, pictures, sized
from hostile_values import HEIGHT, NUMBERS, PHOTO, RANDOM, VALUES, WIDTH, any_array, scratch
from hostile_words import ENCODED, NAMES_OF_A_BATCH, WORDS, check_drawn, check_names, check_printed, draw, printed
from hypothesis import strategies as st
from PIL import Image
from small_head import small_head

from d3f_lite.assets import assets
from d3f_lite.completion.mesh_vae import load_mesh_vae
from d3f_lite.errors import D3FError
from d3f_lite.evaluation import evaluate as study
from d3f_lite.files.names import unique_names
from d3f_lite.files.values import checked_count
from d3f_lite.fitting.calibration import ASSET as CALIBRATION
from d3f_lite.fitting.calibration import load_calibration
from d3f_lite.fitting.gauss_newton import fit_landmarks
from d3f_lite.fitting.landmark_equations import LandmarkEquations
from d3f_lite.fitting.plausibility import check_plausible
from d3f_lite.formats import fetch
from d3f_lite.formats.anny import held_out_heads
from d3f_lite.formats.flame import read_flame
from d3f_lite.formats.head_file import read_head
from d3f_lite.formats.ict import read_ict
from d3f_lite.formats.landmark_files import as_landmarks, read_landmarks, write_landmarks
from d3f_lite.formats.load_head import load_head
from d3f_lite.observation.landmarks import Landmarks
from d3f_lite.observation.masks import Masks, check_mask, check_strokes, read_mask, read_strokes
from d3f_lite.observation.observation import Observation
from d3f_lite.observation.photo import Photo
from d3f_lite.perception.occlusion_net import WEIGHTS as OCCLUSION_NET
from d3f_lite.perception.occlusion_net import load_occlusion_net
from d3f_lite.settings import FitSettings, Settings
from research.bake import mesh_vae as bake
from widgets import LandmarkEditor, MaskPainter

# Landmarks, settings, numbers


def points():
    """68 landmarks inside the photo."""
    xy = load_head().landmark_points(load_head().mean)[:, :2] * (0.15, -0.15) + (WIDTH / 2, HEIGHT / 2)
    return Landmarks(xy.astype(np.float32), np.ones(68, np.float32), "file", 1)


def check_landmarks(landmarks):
    assert landmarks.xy.shape == (68, 2) and landmarks.confidence.shape == (68,)
    finite(landmarks.xy, landmarks.confidence)


def check_fit(landmarks):
    check_landmarks(landmarks)
    try:
        fit = fit_landmarks(LandmarkEquations.of(load_head(), landmarks, FitSettings()))
    except D3FError:  # too few that are reliable
        return
    finite(fit.coefficients, fit.hessian)


def landmark_files():
    """Name to bytes of landmark files of every kind."""

    def write(folder):
        write_landmarks(points(), folder / "landmarks.csv")
        write_landmarks(points(), folder / "landmarks.pts")
        np.save(folder / "landmarks.npy", points().xy)

    return scratch(write)


NAMES = [f"{table}.{name}" for table, values in asdict(Settings()).items() for name in values]


@st.composite
def settings_tables(draw):
    """Nested dicts with a few values out of their minds."""
    tables = {"fit": {}, "diversity": {}}
    for place in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3)):
        table, name = place.split(".")
        tables[table][name] = draw(VALUES)
    return draw(st.one_of(st.just(tables), VALUES))


def check_settings(settings):
    assert settings == Settings.from_tables(asdict(settings))


RECIPE = bake.Recipe(steps=3)


@lru_cache(maxsize=1)
def training():
    """A model, its optimiser and its generator."""
    model = small_vae()
    return model, bake._optimiser(model), torch.Generator().manual_seed(0)


def checkpoint():
    """A checkpoint's bytes."""
    state = (2, torch.zeros(3, len(bake.TERMS)), 1.0)
    return scratch(lambda folder: bake._save_checkpoint(folder / "small.pt", RECIPE, state, *training()))["small.pt"]


def read_record(data, folder):
    """``fetch.verify`` with ``data`` as its record of what was fetched."""
    (folder / fetch.RECORD).write_bytes(data)
    before, os.environ["D3F_LITE_CACHE"] = os.environ.get("D3F_LITE_CACHE"), str(folder)
    try:
        with watched():
            return fetch.verify()
    finally:
        os.environ.pop("D3F_LITE_CACHE")
        if before is not None:
            os.environ["D3F_LITE_CACHE"] = before


def check_states(states):
    shipped = {name for name, asset in assets().items() if asset.kind == "shipped"}
    assert {state for name, state in states if name in shipped} == {"ok"}


def plan():
    """An evaluation's plan as its folder keeps it."""
    return scratch(lambda folder: study._same_plan(study.Plan(), folder / "plan.json"))["plan.json"]


def read_plan(path):
    """Read the plan of an evaluation, and refuse another one."""
    return study._read(path)


def painter():
    """A reader of what a browser says was painted."""
    widget = MaskPainter(PHOTO)

    def read(strokes):
        widget.painted = strokes
        return widget.occluded

    return read


def editor():
    """A reader of where a browser says the landmarks were dragged."""
    hidden = np.zeros(PHOTO.shape, bool)
    widget = LandmarkEditor(Observation(PHOTO, points(), Masks(~hidden, hidden, "given", 1.0)))

    def read(places):
        widget.points = places
        return widget.landmarks

    return read


def places():
    """Lists of 68 pairs, one of them out of its mind, or of anything."""
    good = points().xy.tolist()
    one = st.tuples(st.integers(0, 67), st.one_of(NUMBERS, st.none(), st.lists(NUMBERS, max_size=3), st.text(max_size=3)))
    changed = one.map(lambda change: [*good[: change[0]], change[1], *good[change[0] + 1 :]])
    paired = one.map(lambda change: [*good[: change[0]], [change[1], 1.0], *good[change[0] + 1 :]])
    return st.one_of(changed, paired, st.lists(VALUES, max_size=3))


def of_array(read):
    """A ``Kind.read`` of an array."""

    def read_array(array, _):
        with watched():
            return read(array)

    return read_array


def check_misunderstood(case):
    """Fail if a picture of more than two values, or in colours, was taken for a mask that hides nothing."""
    values, mask = case
    assert mask.shape == PHOTO.shape and (mask.any() or not values.any())


@st.composite
def mask_pictures(draw):
    """Pictures that may be meant as masks: two or more values in any mode, some with a palette or a transparent layer."""
    levels = draw(st.lists(st.integers(0, 255), min_size=1, max_size=draw(st.sampled_from((2, 3, 5, 200)))))
    where = np.random.default_rng(draw(st.integers(0, 99))).integers(0, len(levels), PHOTO.shape)
    values = np.array(levels, np.uint8)[where]
    mode = draw(st.sampled_from(("L", "RGB", "P", "RGBA", "colour")))
    image = Image.fromarray(values)
    if mode == "colour":
        image = Image.fromarray(np.stack((values, np.roll(values, 1), 255 - values), -1))
    elif mode == "RGBA":
        image = Image.merge("RGBA", [image] * 4)
    return image if mode in ("L", "colour", "RGBA") else image.convert(mode)


def read_mask_picture(image, folder):
    """Write a picture and read it as a mask: its values and the mask."""
    image.save(folder / "m.png")
    with watched():
        mask = read_mask(folder / "m.png", PHOTO)
    return np.asarray(image), mask


LANDMARK_ORDERS = st.one_of(
    st.permutations(range(68)).map(lambda order: ("order", list(order))),
    st.integers(1, 67).map(lambda first: ("order", [*range(first, 68), *range(first)])),
    st.sampled_from([("axes", axes) for axes in ((-1, 1), (1, -1), "swapped")]),
)


def read_in_order(case, _):
    """Check landmarks of a face whose order or axes were changed: the fit they give."""
    kind, change = case
    right = points()
    xy = right.xy[change] if kind == "order" else right.xy[:, ::-1] if change == "swapped" else right.xy * np.float32(change)
    with watched():
        check_plausible(load_head(), replace(right, xy=np.ascontiguousarray(xy, np.float32)), FitSettings())
    return xy


def check_almost_in_order(xy):
    """Fail if landmarks were believed that are not almost those of a face."""
    right = points().xy
    assert np.linalg.norm(xy - right, axis=1).mean() < 0.1 * np.ptp(right[:, 0])


@st.composite
def landmark_tables(draw):
    """Text tables of landmarks in the forms that spreadsheets write, with a cell or a line changed."""
    mark, comma = draw(st.sampled_from(((",", False), (";", False), (";", True), ("\t", True))))
    rows = [f"{x}{mark}{y}".replace(".", "," if comma else ".") for x, y in points().xy.tolist()]
    rows[draw(st.integers(0, 67))] = draw(st.text(alphabet="0123456789.,;\t-exy\"'", max_size=12))
    return ("landmarks.csv", "\n".join(draw(st.sampled_from(([], ["x,y"], ["id;x;y"], ["a\tb"]))) + rows).encode())


def nothing(_):
    """All that was to be checked is that it was read."""


def kinds():
    """All kinds, made when they are asked for: their good samples take a second or two."""
    images, marks, tiny, extras = pictures(), landmark_files(), tiny_flame(), flame_extras()
    model = flame_files(flame_table(head=small_head()))[2]
    asset, good_ict, archives = small_asset(), ict_files(), ict_archives()
    with np.load(io.BytesIO(asset)) as stored:
        asset_arrays = dict(stored)
    with np.load(CALIBRATION) as stored:
        calibration_arrays = dict(stored)
    kept = npz(vertices=np.float16(RANDOM.normal(size=(3, 9, 3))))
    black, pixels = np.zeros(PHOTO.shape, bool), HEIGHT * WIDTH
    return [
        Kind("photo", broken(images), file_reader("photo", Photo.open), check_photo, images[0], 400),
        Kind("photo's size", SIZES, file_reader("photo.png", Photo.open), check_photo, sized(40, 40), 100),
        Kind("photo array", any_array((40, 40, 3), (40, 40)), of_array(Photo.from_array), check_photo, PHOTO.pixels, 100),
        Kind("mask", broken(masks()), file_reader("m.png", lambda path: read_mask(path, PHOTO)), check_shape, masks()[0], 100),
        Kind("mask array", any_array(PHOTO.shape), of_array(lambda mask: check_mask(mask, PHOTO)), check_shape, black, 60),
        Kind("strokes", broken(painted()), file_reader("s.png", lambda path: read_strokes(path, PHOTO)), check_shape, painted()[0], 100),
        Kind("strokes array", any_array(PHOTO.shape), of_array(lambda strokes: check_strokes(strokes, PHOTO)), check_shape,
             black.astype(np.int8), 60),
        Kind("landmarks", changed_file(marks), beside({}, lambda folder: read_landmarks(next(folder.iterdir()), PHOTO)),
             check_landmarks, next(iter(marks.items())), 150),
        Kind("mask's values", mask_pictures(), read_mask_picture, check_misunderstood, Image.fromarray(np.uint8(255) * np.eye(HEIGHT, WIDTH, dtype=bool)), 150),
        Kind("landmarks' order", LANDMARK_ORDERS, read_in_order, check_almost_in_order, ("order", list(range(68))), 16),
        Kind("landmark tables", landmark_tables(), beside({}, lambda folder: read_landmarks(next(folder.iterdir()), PHOTO)),
             check_landmarks, next(iter(marks.items())), 100),
        Kind("landmarks array", any_array((68, 2), (68, 3)), of_array(lambda xy: as_landmarks(xy, PHOTO)), check_fit,
             points().xy, 60),
        Kind("settings file", broken([Settings().to_toml().encode()]), file_reader("s.toml", Settings.load), check_settings,
             Settings().to_toml().encode(), 150),
        Kind("settings", settings_tables(), of_array(Settings.from_tables), check_settings, {}, 200),
        Kind("number", VALUES, of_array(lambda value: checked_count(value, "samples", 1, 256)), nothing, 16, 100),
        Kind("head.npz, bytes", broken([asset]), file_reader("h.npz", lambda path: read_head(path, "x")), check_head, asset, 100),
        Kind("head.npz, arrays", changed_arrays(asset_arrays), file_reader("h.npz", lambda path: read_head(path, "x")), check_head,
             asset, 100),
        Kind("held_out.npz", broken([kept]), file_reader("h.npz", held_out_heads), finite, kept, 60),
        Kind("detector.npz", st.one_of(broken([CALIBRATION.read_bytes()]), changed_arrays(calibration_arrays)),
             file_reader("d.npz", load_calibration.__wrapped__), check_calibration, CALIBRATION.read_bytes(), 60),
        Kind("FLAME, bytes", broken(flame_files(tiny)), file_reader("f.pkl", read_flame), check_flame, flame_files(tiny)[0], 250),
        Kind("FLAME, arrays", changed_arrays(tiny), file_reader("f.npz", read_flame), check_flame, flame_files(tiny)[-1], 100),
        Kind("FLAME, attacks", attacks(tiny), file_reader("f.pkl", read_flame), check_flame, flame_files(tiny)[1], 100),
        Kind("pickle programs", PROGRAMS, file_reader("f.pkl", read_whole_table), nothing, pickle.dumps({"a": np.ones(3)}), 250),
        Kind("FLAME's landmarks and masks", changed_file(extras), beside({"f.pkl": model, **extras}, lambda folder: read_flame(folder / "f.pkl")),
             nothing, next(iter(extras.items())), 60),
        Kind("ICT-FaceKit's folder", changed_file(good_ict), beside(good_ict, read_ict), check_ict, next(iter(good_ict.items())), 100),
        Kind("ICT-FaceKit's archive", broken(archives), file_reader("ict.zip", read_ict), check_ict, archives[0], 150),
        Kind("mesh VAE's weights", broken([weights()]), file_reader("w.safetensors", lambda path: load_mesh_vae(small_head(), path)),
             check_vae, weights(), 100),
        Kind("occlusion network's weights", broken([OCCLUSION_NET.read_bytes()]), file_reader("o.safetensors", load_occlusion_net.__wrapped__),
             check_weights, OCCLUSION_NET.read_bytes(), 60),
        Kind("training's checkpoint", broken([checkpoint()]), file_reader("c.pt", lambda path: bake._resume(path, RECIPE, *training())),
             nothing, checkpoint(), 50),
        Kind("record of fetched files", st.one_of(broken([b'{"ict-facekit.zip": "00"}']), st.binary(max_size=40)), read_record,
             check_states, b"{}", 50, refused=0.0),
        Kind("evaluation's plan", broken([plan()]), file_reader("plan.json", read_plan), nothing, plan(), 50),
        Kind("painted strokes (widget)", st.one_of(st.binary(max_size=99), st.binary(min_size=pixels, max_size=pixels)),
             of_array(painter()), check_shape, bytes(pixels), 60),
        Kind("dragged landmarks (widget)", places(), of_array(editor()), check_landmarks, points().xy.tolist(), 100),
        Kind("names of a batch", NAMES_OF_A_BATCH, of_array(unique_names), check_names, ["me"], 300, refused=0.0),
        *kinds_of_folk(),
        Kind("captions", WORDS, of_array(draw), check_drawn, "me", 60, refused=0.0),
        Kind("encodings", ENCODED, of_array(printed), check_printed, ("ascii", "王"), 200, refused=0.0),
    ]  # fmt: skip
