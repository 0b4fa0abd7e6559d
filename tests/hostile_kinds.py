"""Every place where a file, an array or a number enters, as a Kind."""

import builtins
import io
import os
import pickle
import shutil
import struct
import subprocess
import tempfile
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from hypothesis import strategies as st
from PIL import Image

import data_fetch
from d3f_lite.assets import assets
from d3f_lite.bake import mesh_vae as bake
from d3f_lite.calibration import ASSET as CALIBRATION
from d3f_lite.calibration import load_calibration
from d3f_lite.errors import D3FError
from d3f_lite.head_model import HeadModel
from d3f_lite.heads import load_head
from d3f_lite.heads.anny import held_out_heads
from d3f_lite.heads.flame import read_flame
from d3f_lite.heads.ict import read_ict
from d3f_lite.heads.pickles import read_table
from d3f_lite.landmark_files import as_landmarks, read_landmarks, write_landmarks
from d3f_lite.landmark_fitting import fit_landmarks
from d3f_lite.landmarks import Landmarks
from d3f_lite.mesh_graph import build_graph
from d3f_lite.mesh_vae import MeshVAE, load_mesh_vae
from d3f_lite.photo import Photo, check_mask, check_strokes, read_mask, read_strokes
from d3f_lite.occlusion import Masks, Observation
from d3f_lite.occlusion_net import WEIGHTS as OCCLUSION_NET
from d3f_lite.occlusion_net import load_occlusion_net
from d3f_lite.settings import FitSettings, Settings, checked_count
from d3f_lite.study import evaluate as study
from flame_format import flame_table, python2_pickle, write_embeddings, write_masks
from hostile import Kind, broken, file_reader, finite, watched
from ict_format import write_ict
from small_head import small_head
from widgets import LandmarkEditor, MaskPainter

HEIGHT, WIDTH = 48, 40  # px of the pictures
RANDOM = np.random.default_rng(0)
PHOTO = Photo.from_array(RANDOM.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
HUGE = st.sampled_from((-1, 1)).map(lambda sign: sign * 10**5000)  # more digits than Python writes out
NUMBERS = st.one_of(st.floats(), st.integers(-(10**30), 10**30), HUGE, st.sampled_from((0, -1, 2**63, 1e308, 5e-324)))
VALUES = st.recursive(
    st.one_of(NUMBERS, st.none(), st.booleans(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)
DTYPES = ("u1", "i1", "i8", "u8", "f2", "f4", ">f4", "f8", "c8", "?", "O", "U3", "V4", "M8[s]")


@st.composite
def any_array(draw, *shapes):
    """An array of any type, often of one of ``shapes``, of one value with another in one place."""
    shape = draw(st.one_of(st.sampled_from(shapes), st.lists(st.integers(0, 70), max_size=3).map(tuple)))
    values = st.sampled_from((0.0, 1.0, 2.0, 30.0, 127.0, 255.0, -1.0, 1e30, np.nan, np.inf, -np.inf))
    array = np.full(shape, draw(values))
    if array.size:
        array.flat[draw(st.integers(0, array.size - 1))] = draw(values)
    with np.errstate(all="ignore"):
        return array.astype(draw(st.sampled_from(DTYPES)))


def scratch(write):
    """What ``write(folder)`` leaves in a temporary folder: name to bytes."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}


# Pictures


def picture(kind, mode, **options):
    """A picture of one kind and mode."""
    stream, image = io.BytesIO(), Image.fromarray(PHOTO.pixels)
    image = Image.fromarray(RANDOM.integers(0, 65536, (HEIGHT, WIDTH), np.uint16)) if mode == "I;16" else image.convert(mode)
    image.save(stream, kind, **options)
    return stream.getvalue()


def pictures():
    """Pictures of every kind that is read, in the modes that cameras, scanners and painting programs write."""
    exif = Image.Exif()
    exif[0x0112] = 8
    return [
        picture("PNG", "RGB"), picture("PNG", "RGBA"), picture("PNG", "I;16"), picture("PNG", "P"), picture("PNG", "1"),
        picture("PNG", "LA"), picture("JPEG", "RGB", exif=exif), picture("JPEG", "CMYK"), picture("JPEG", "L"),
        picture("JPEG", "RGB", progressive=True), picture("WEBP", "RGBA"), picture("TIFF", "CMYK"), picture("TIFF", "I;16"),
        picture("TIFF", "RGB", compression="tiff_lzw"), picture("TIFF", "RGB", compression="tiff_adobe_deflate"),
        picture("BMP", "RGB"), picture("GIF", "P"), picture("PPM", "RGB"), picture("JPEG2000", "RGB"),
    ]  # fmt: skip


def png(width, height, depth=8, colour=2, data=b""):
    """A PNG that claims any size; its checksums are right."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b""))
    packed = (struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def sized(width, height, mode="L"):
    """A real picture of one size."""
    stream = io.BytesIO()
    Image.new(mode, (width, height)).save(stream, "PNG")
    return stream.getvalue()


SIDES = st.one_of(st.sampled_from((0, 1, 31, 32, 40, 16_384, 16_385, 20_000, 2**31 - 1, 2**32 - 1)), st.integers(0, 2**32 - 1))
SIZES = st.one_of(
    st.builds(png, SIDES, SIDES, st.sampled_from((1, 2, 4, 8, 16, 3)), st.sampled_from((0, 2, 3, 4, 6, 7)), st.binary(max_size=99)),
    st.sampled_from([(1, 1), (1, 500), (31, 31), (20_000, 40), (40, 20_000), (20_000, 1)]).map(lambda size: sized(*size)),
)


def check_photo(photo):
    height, width, channels = photo.pixels.shape
    assert photo.pixels.dtype == np.uint8 and channels == 3 and 32 <= min(height, width) <= max(height, width) <= 16_384
    assert photo.name not in ("", ".", "..") and Path(photo.name).name == photo.name


def check_shape(mask):
    assert mask.shape == PHOTO.shape and mask.dtype in (bool, np.int8)


def painted():
    """A mask and strokes of the photo's size, as PNG and TIFF."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[5:20, 5:20], image[30:40, 5:20] = (255, 0, 0), (0, 255, 255)
    found = []
    for kind in ("PNG", "TIFF"):
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, kind)
        found.append(stream.getvalue())
    return found


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
        fit = fit_landmarks(load_head(), landmarks, FitSettings())
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


NAMES = [f"{table}.{name}" for table, values in Settings().tables().items() for name in values]


@st.composite
def settings_tables(draw):
    """Nested dicts with a few values out of their minds."""
    tables = {"fit": {}, "diversity": {}}
    for place in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3)):
        table, name = place.split(".")
        tables[table][name] = draw(VALUES)
    return draw(st.one_of(st.just(tables), VALUES))


def check_settings(settings):
    assert settings == Settings.from_tables(settings.tables())


# Heads, calibration, weights


def npz(**changes):
    stream = io.BytesIO()
    np.savez(stream, **changes)
    return stream.getvalue()


def small_asset():
    """A head asset's bytes."""
    return scratch(lambda folder: small_head().save(folder / "head.npz"))["head.npz"]


@st.composite
def changed_arrays(draw, arrays):
    """An npz of ``arrays`` with one of them missing, of another type or shape, or with bad numbers."""
    name = draw(st.sampled_from(sorted(arrays)))
    good, how = arrays[name], draw(st.sampled_from(("missing", "shape", "type", "number", "any")))
    bad = dict(arrays)
    if how == "missing":
        del bad[name]
    elif how == "shape":
        bad[name] = good[..., None] if draw(st.booleans()) or good.ndim == 0 else good[: len(good) // 2]
    elif how == "type":
        with np.errstate(all="ignore"):
            bad[name] = np.zeros(good.shape).astype(draw(st.sampled_from([code for code in DTYPES if code != "O"])))
    elif how == "number" and good.dtype.kind in "fiu" and good.size:
        bad[name] = good.copy()
        highest = np.iinfo(good.dtype).max if good.dtype.kind in "iu" else 6e4
        values = (-1, highest) if good.dtype.kind in "iu" else (np.nan, np.inf, -np.inf, highest, -highest)
        value = np.array(draw(st.sampled_from(values))).astype(good.dtype)  # -1 becomes the highest where there is no sign
        bad[name].flat[draw(st.integers(0, good.size - 1))] = value
    else:
        bad[name] = draw(any_array(good.shape).filter(lambda array: array.dtype != object))
    return npz(**bad)


def check_head(head):
    finite(head.mean, head.basis, head.albedo_regions, *head.regions.values(), head.landmark_points(head.mean))
    assert head.triangles.max() < len(head.mean) and head.basis.shape[1:] == head.mean.shape


def check_calibration(calibration):
    finite(calibration.bias_at(0.1, 0.1))
    np.linalg.cholesky(calibration.clean)


def tiny_flame():
    """FLAME's arrays for five vertices."""
    return {
        "v_template": RANDOM.normal(size=(5, 3)), "shapedirs": RANDOM.normal(size=(5, 3, 400)).astype(np.float32),
        "posedirs": RANDOM.normal(size=(5, 3, 36)), "J_regressor": np.full((5, 5), 0.2), "weights": np.full((5, 5), 0.2),
        "f": np.array([[0, 1, 2], [2, 3, 4]], np.uint32), "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], range(5)]),
    }  # fmt: skip


def flame_files(table):
    """A FLAME model's bytes as Python 2, Python 3 and numpy write it."""
    old = scratch(lambda folder: python2_pickle(table, folder / "old"))["old"]
    return [old, pickle.dumps(table, 0), pickle.dumps(table, 2), pickle.dumps(table, 4), npz(**table)]


def check_flame(flame):
    finite(flame.vertices(np.ones((1, 3)), np.ones((1, 3)), np.full((1, 5, 3), 0.1)))


class Attack:
    """Pickles as a call."""

    def __init__(self, call, arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


CANARY = "d3f-lite-canary"
CALLS = (
    (os.system, (f"touch {CANARY}",)), (eval, (f"open('{CANARY}', 'w')",)), (exec, (f"open('{CANARY}', 'w')",)),
    (builtins.open, (CANARY, "w")), (subprocess.Popen, (["touch", CANARY],)), (os.mkdir, (CANARY,)), (os.remove, (CANARY,)),
    (shutil.rmtree, (CANARY,)), (getattr, ("a", "upper")), (__import__, ("os",)),
    (np.load, (CANARY,)), (np.save, (CANARY, 1)), (torch.load, (CANARY,)), (pickle.loads, (b"N.",)), (bytearray, (2**40,)),
    (os.execv, ("/bin/touch", [CANARY])), (np.zeros, (2**40,)), (compile, ("1", "a", "eval")),
)  # fmt: skip


@st.composite
def attacks(draw, table):
    """A pickle of FLAME's arrays that also asks for a call, somewhere."""
    attack, bad = Attack(*draw(st.sampled_from(CALLS))), dict(table)
    name = draw(st.sampled_from(sorted(table)))
    bad[name] = draw(st.sampled_from((attack, [attack], {"x": attack}, (1, attack), {"a": [attack]})))
    return pickle.dumps(draw(st.sampled_from((bad, attack, [attack]))), draw(st.integers(0, 5)))


OPCODES = (
    b"(", b"0", b"1", b"2", b"N", b"K\x01", b"J\xff\xff\xff\x7f", b"]", b"}", b")", b"\x8f", b"\x85", b"\x86", b"\x87", b"t", b"l",
    b"d", b"s", b"u", b"a", b"e", b"\x90", b"\x91", b"R", b"b", b"o", b"\x81", b"\x92", b"\x93", b"\x94", b"q\x00", b"h\x00",
    b"p0\n", b"g0\n", b"j\xff\xff\xff\xff", b"r\xff\xff\xff\xff", b"\x8c\x02os", b"\x8c\x06system", b"\x8c\x05numpy",
    b"\x8c\x07ndarray", b"X\x04\x00\x00\x00echo", b"cos\nsystem\n", b"cbuiltins\neval\n", b"cnumpy\ndtype\n", b"cnumpy\nndarray\n",
    b"cnumpy.core.multiarray\n_reconstruct\n", b"cchumpy.ch\nCh\n", b"ccopy_reg\n_reconstructor\n", b"c__builtin__\nobject\n",
    b"c_codecs\nencode\n", b"cscipy.sparse.csc\ncsc_matrix\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"cnumpy.core.multiarray\nscalar\n",
    b"ctorch.storage\n_load_from_bytes\n", b"(S'ls'\nios\nsystem\n", b"Pname\n", b"Q", b"\x82\x01", b"\x96\xff\xff\xff\xff\xff\xff\xff\x00",
    b"\x97", b"\x98", b"\x95\xff\xff\xff\xff\xff\xff\xff\xff", b"\x8b\xff\xff\xff\x7f", b"S'x'\n", b"I7\n", b"F1e400\n", b"L9L\n", b"\x8a\xffxx",
)  # fmt: skip
PROGRAMS = st.lists(st.sampled_from(OPCODES), min_size=1, max_size=30).map(lambda parts: b"\x80\x02" + b"".join(parts) + b".")


def take_all(table):
    """Take every array out of a table."""
    for name in table.values:
        try:
            finite(table.array(name, (None,)))
        except D3FError:
            continue


def read_whole_table(path):
    """Read a table and everything in it."""
    table = read_table(path)
    take_all(table)
    return table


def beside(files, read):
    """A ``Kind.read`` of (name, bytes): the file is put among good ``files``."""

    def read_changed(changed, folder):
        for name, data in {**files, changed[0]: changed[1]}.items():
            (folder / name).write_bytes(data)
        with watched():
            return read(folder)

    return read_changed


def changed_file(files):
    """One of ``files`` (name to bytes), broken."""
    return st.one_of([st.tuples(st.just(name), broken([data])) for name, data in files.items()])


def flame_extras():
    """FLAME's landmark and mask files, for the small head."""

    def write(folder):
        write_embeddings(folder, small_head())
        write_masks(folder, small_head())

    return scratch(write)


def ict_files():
    """ICT-FaceKit's files of a small head."""
    with tempfile.TemporaryDirectory() as folder:
        target = write_ict(Path(folder) / "ict", small_head()) / "FaceXModel"
        return {path.name: path.read_bytes() for path in target.iterdir()}


def ict_archives():
    """The same as zip, tar.gz and tar."""
    with tempfile.TemporaryDirectory() as folder:
        write_ict(Path(folder) / "ict", small_head())
        return [Path(shutil.make_archive(f"{folder}/{kind}", kind, f"{folder}/ict")).read_bytes() for kind in ("zip", "gztar", "tar")]


def check_ict(ict):
    finite(ict.neutral, ict.shape, ict.expression)
    assert 0 <= ict.triangles.min() <= ict.triangles.max() < len(ict.neutral)


def small_vae():
    """A mesh VAE for the small head."""
    head = small_head()
    torch.manual_seed(0)
    return MeshVAE(build_graph(head.mean, head.triangles), head.mean, 3.0, latent_size=4, widths=(4, 4))


def weights():
    """Its weights' bytes."""
    return scratch(lambda folder: small_vae().save(folder / "weights.safetensors", "small", {}))["weights.safetensors"]


def check_vae(model):
    with torch.no_grad():
        finite(model.decode(torch.zeros(1, model.latent_size)).numpy())


def check_weights(net):
    finite(*(float(value.abs().max()) for value in net.state_dict().values()))


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
    """``data_fetch.verify`` with ``data`` as its record of what was fetched."""
    (folder / data_fetch.RECORD).write_bytes(data)
    before, os.environ["D3F_LITE_CACHE"] = os.environ.get("D3F_LITE_CACHE"), str(folder)
    try:
        with watched():
            return data_fetch.verify()
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
        widget.canvas.strokes = strokes
        return widget.occluded

    return read


def editor():
    """A reader of where a browser says the landmarks were dragged."""
    hidden = np.zeros(PHOTO.shape, bool)
    widget = LandmarkEditor(Observation(PHOTO, points(), Masks(~hidden, hidden, "given", 1.0)))

    def read(places):
        widget.points.points = places
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
        Kind("mask", broken(painted()), file_reader("m.png", lambda path: read_mask(path, PHOTO)), check_shape, painted()[0], 100),
        Kind("mask array", any_array(PHOTO.shape), of_array(lambda mask: check_mask(mask, PHOTO)), check_shape, black, 60),
        Kind("strokes", broken(painted()), file_reader("s.png", lambda path: read_strokes(path, PHOTO)), check_shape, painted()[0], 100),
        Kind("strokes array", any_array(PHOTO.shape), of_array(lambda strokes: check_strokes(strokes, PHOTO)), check_shape,
             black.astype(np.int8), 60),
        Kind("landmarks", changed_file(marks), beside({}, lambda folder: read_landmarks(next(folder.iterdir()), PHOTO)),
             check_landmarks, next(iter(marks.items())), 150),
        Kind("landmarks array", any_array((68, 2), (68, 3)), of_array(lambda xy: as_landmarks(xy, PHOTO)), check_fit,
             points().xy, 60),
        Kind("settings file", broken([Settings().to_toml().encode()]), file_reader("s.toml", Settings.load), check_settings,
             Settings().to_toml().encode(), 150),
        Kind("settings", settings_tables(), of_array(Settings.from_tables), check_settings, {}, 200),
        Kind("number", VALUES, of_array(lambda value: checked_count(value, "samples", 1, 256)), nothing, 16, 100),
        Kind("head.npz, bytes", broken([asset]), file_reader("h.npz", lambda path: HeadModel.load(path, "x")), check_head, asset, 100),
        Kind("head.npz, arrays", changed_arrays(asset_arrays), file_reader("h.npz", lambda path: HeadModel.load(path, "x")), check_head,
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
    ]  # fmt: skip
