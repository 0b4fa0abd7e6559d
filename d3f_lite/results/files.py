"""A reconstruction as files: meshes, arrays, pictures, a viewer and a report, all or nothing."""

import importlib.metadata
import json
import os
import re
import secrets
import shlex
import shutil
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from d3f_lite.errors import OutputError
from d3f_lite.files.names import folder_name
from d3f_lite.fitting.calibration import calibration_of
from d3f_lite.formats.landmark_files import write_landmarks
from d3f_lite.observation.masks import write_mask, write_strokes
from d3f_lite.observation.observation import too_few_landmarks
from d3f_lite.results.mesh_files import closed_refinement, with_closed_eyeballs, write_head, write_scene
from d3f_lite.results.refinement import refinement
from d3f_lite.results.texture import fine_normals
from d3f_lite.results.viewer import grid_places

REPORTED_PACKAGES = ("d3f-lite", "numpy", "torch", "mediapipe", "scipy", "numba")


# All names in a result, also of older versions: a folder that holds any other is not replaced.
NAMES = re.compile(
    r"(fit|sample_\d+)\.ply|(samples|heatmap|mask|strokes)\.png|samples\.npz|heads\.glb|(viewer|explorer)\.html|report\.json|landmarks\.csv|settings\.toml"
)
OF_FILE_BROWSERS = (".DS_Store", "Thumbs.db", "desktop.ini")
PROGRAM = "d3f-lite"  # stands in every report, and in every PNG that is drawn
DRAWN_BY = {"Software": PROGRAM}
START = 2048  # bytes of a PNG, in which it says so
SCENE_LEVEL = 1  # of the refinement of the heads in heads.glb
UNSURE_AGAIN = "the mask was unsure, and this fits under one mask alone; without --mask and --landmarks it fits under all"
STALE = 3600.0  # seconds without a change, after which what a killed run left is removed


@contextmanager
def whole_folder(path: Path | str, is_ours: Callable[[Path], bool] | None = None):
    """Give an empty temporary folder that becomes ``path`` when all went well; only what is ours there is replaced.

    Args:
        path: of the folder.
        is_ours: function of a Path, whether that folder may be replaced; by default ``is_result``.

    Raises:
        OutputError: it cannot be written, or something else is there.
    """
    path, is_ours = Path(path), is_ours or is_result
    check_replaceable(path, is_ours)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        yield temporary
        _replace(path, temporary, is_ours)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        _remove(temporary)
    _remove_stale(path)


def check_writable(folder: Path | str) -> None:
    """Refuse a folder that results cannot be written to, before any work is done.

    Raises:
        OutputError: it is a file, or its nearest existing parent cannot be written.
    """
    folder = Path(folder)
    parent = next(path for path in (folder, *folder.absolute().parents) if os.path.exists(path))
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write results to {folder}: {parent} is no folder that you may write to")


def result_folder(folder: Path | str, name: str) -> Path:
    """The folder of a photo's result, before any work is done: ``folder``/<its name>.

    Raises:
        OutputError: something else than a result is there.
    """
    path = Path(folder) / folder_name(name)
    check_replaceable(path, is_result)
    return path


def check_replaceable(path: Path, is_ours: Callable[[Path], bool]) -> None:
    """Refuse a folder that holds what a person may want to keep.

    Args:
        path: of the folder; it need not exist.
        is_ours: function of a Path, whether that folder may be replaced.

    Raises:
        OutputError: it may not.
    """
    with _turn(path.parent):
        _refuse_others(path, is_ours)


def _refuse_others(path, is_ours):
    """``check_replaceable``, in a turn of its own."""
    if os.path.lexists(path) and not is_ours(path):
        raise OutputError(f"{path} is there and is not just a result of d3f-lite: move it away, or choose another folder")


def is_result(folder: Path) -> bool:
    """Whether a folder is a result as ``save_reconstruction`` writes it, with nothing of anybody else's; or empty."""
    names = _names_in(folder)
    if names is None or not all(NAMES.fullmatch(name) for name in names):
        return False
    return not names or _is_report(Path(folder) / "report.json")


def drawn_by_us(path: Path) -> bool:
    """Whether a file is a PNG that d3f-lite has drawn: it says so at its start."""
    try:
        with open(path, "rb") as file:
            start = file.read(START)
    except OSError:
        return False
    return start.startswith(b"\x89PNG") and f"Software\0{PROGRAM}".encode() in start


def _names_in(folder):
    """The names in a folder, without those that file browsers leave; None if it is no folder, or holds others."""
    try:
        if os.path.islink(folder):
            return None
        with os.scandir(folder) as entries:
            files = {entry.name: entry.is_file() for entry in entries if entry.name not in OF_FILE_BROWSERS}
    except OSError:
        return None
    return set(files) if all(files.values()) else None


def _is_report(path):
    """Whether a file is a report of ours."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(told, dict) and isinstance(told.get("versions"), dict) and PROGRAM in told["versions"]


def _replace(path, temporary, is_ours):
    """Move a finished folder to its place, and take away what was there; if that fails, it stays."""
    retired = temporary.with_name(f"{temporary.name}.old")
    with _turn(path.parent):
        _refuse_others(path, is_ours)
        try:
            if os.path.lexists(path):
                os.rename(path, retired)
            os.rename(temporary, path)
        finally:
            if os.path.lexists(path):
                _remove(retired)
            elif os.path.lexists(retired):
                os.rename(retired, path)


@contextmanager
def _turn(folder):
    """Inside, no other writer replaces what is in ``folder``; where the system cannot lock folders, hope."""
    try:
        import fcntl

        place = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):  # Windows; or the folder is not there yet
        yield
        return
    try:
        with suppress(OSError):  # some network file systems
            fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)


def _remove(folder):
    """Remove a folder of ours, if it is there, also where Ctrl-C comes meanwhile."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _remove_stale(path):
    """Remove what earlier runs, killed while they wrote ``path``, left beside it."""
    temporary = re.compile(re.escape(f".{path.name}.") + r"[0-9a-f]{8}(\.old)?")
    with suppress(OSError):
        for beside in path.parent.iterdir():
            if temporary.fullmatch(beside.name) and time.time() - beside.stat().st_mtime > STALE:
                names = _names_in(beside)
                if names is not None and all(NAMES.fullmatch(name) for name in names):
                    _remove(beside)


def save_reconstruction(reconstruction, folder, look="photo"):
    """Write a Reconstruction to ``folder``/<photo name>, its heads drawn in one of ``pictures.LOOKS``.

    Returns:
        Path of the result.

    Raises:
        OutputError: it cannot be written, or something else than a result is there.
        SettingsError: there is no such look.
    """
    target = result_folder(folder, reconstruction.observation.photo.name)
    with whole_folder(target) as temporary:
        save_inputs(reconstruction, temporary)
        save_meshes(reconstruction, temporary)
        save_arrays(reconstruction, temporary / "samples.npz")
        save_pictures(reconstruction, temporary, look)
        if reconstruction.fit.free.any():
            save_viewer(reconstruction, temporary / "viewer.html")
        (temporary / "report.json").write_text(json.dumps(report(reconstruction), indent=2) + "\n")
    return target


def save_inputs(reconstruction, folder):
    """Write what was used: ``mask.png``, ``landmarks.csv``, ``settings.toml``, and ``strokes.png`` if there were any.

    The command in the report reads them: with the same photo it gives the same heads.
    """
    observation, folder = reconstruction.observation, Path(folder)
    write_mask(observation.masks.occluded, folder / "mask.png")
    write_landmarks(observation.landmarks, folder / "landmarks.csv")
    if observation.masks.strokes is not None:
        write_strokes(observation.masks.strokes, folder / "strokes.png")
    (folder / "settings.toml").write_text(reconstruction.settings.to_toml(), encoding="utf-8")


def save_meshes(reconstruction, folder):
    """Write ``fit.ply`` and ``sample_00.ply`` …: binary PLY, mm, with normals and closed eyeballs; and ``heads.glb``.

    The fit has the colours of ``heatmap.png``: the spread over the occluded part, neutral elsewhere; the samples have the
    photo's. The triangles are those of ``samples.npz`` and, after them, those that close the eyeballs. ``heads.glb`` has
    all of them in the photo's colours, its face finer: the first vertices are those of ``samples.npz``.
    """
    from d3f_lite.results.pictures import spread_colours

    head, fit, texture = reconstruction.head, reconstruction.fit, reconstruction.texture
    triangles, mesh = with_closed_eyeballs(head), refinement(head, SCENE_LEVEL)
    write_head(Path(folder) / "fit.ply", fit.vertices, triangles, spread_colours(reconstruction))
    for number, vertices in enumerate(reconstruction.samples.vertices):
        write_head(Path(folder) / f"sample_{number:02d}.ply", vertices, triangles, texture.albedo[: len(vertices)])
    heads = [fit.vertices, *reconstruction.samples.vertices]
    write_scene(
        Path(folder) / "heads.glb",
        [mesh(vertices) for vertices in heads],
        [fine_normals(head, vertices, mesh) for vertices in heads],
        closed_refinement(head, mesh),
        texture.albedo[: mesh.weights.shape[0]],
        ["fit", *(f"head {number}" for number in range(len(heads) - 1))],
        grid_places(len(heads), fit.vertices, columns=6),
        _note(reconstruction.samples),
    )


def save_arrays(reconstruction, path):
    """Write ``samples.npz``: vertices in mm, pixels in px, no pickles."""
    fit, observation = reconstruction.fit, reconstruction.observation
    np.savez_compressed(
        path,
        vertices=reconstruction.samples.vertices,
        fit=fit.vertices,
        visible=fit.visible,
        occluded_vertices=fit.occluded,
        spread=reconstruction.spread.astype(np.float32),
        triangles=reconstruction.head.triangles,
        landmarks=observation.landmarks.xy,
        landmarks_fit=fit.landmarks.astype(np.float32),
        confidence=observation.landmarks.confidence,
        occluded=observation.masks.occluded,
    )


def save_pictures(reconstruction, folder, look="photo"):
    """Write ``samples.png``, its heads in one of ``pictures.LOOKS``, and ``heatmap.png``."""
    from d3f_lite.results.pictures import heatmap_figure, samples_sheet

    fit = reconstruction.fit
    name, number = reconstruction.observation.photo.name, len(reconstruction.samples.vertices)
    title = f"{name}: how far {number} heads differ where the photo {'is occluded' if fit.occluded.any() else 'shows no face'}"
    samples_sheet(reconstruction, look=look).savefig(Path(folder) / "samples.png", dpi=120, metadata=DRAWN_BY)
    heatmap = heatmap_figure(fit.vertices, reconstruction.head.triangles, reconstruction.spread, fit.free, title=title)
    heatmap.savefig(Path(folder) / "heatmap.png", dpi=120, metadata=DRAWN_BY)


def save_viewer(reconstruction, path):
    """Write ``viewer.html``: the heads in 3D with their sliders, one file that works offline."""
    from d3f_lite.results.explorer_page import explorer_page

    Path(path).write_text(explorer_page(reconstruction), encoding="utf-8")


def report(reconstruction):
    """What was measured and with what: a dict ready for JSON."""
    observation, head, fit = reconstruction.observation, reconstruction.head, reconstruction.fit
    yaw, pitch, roll = np.degrees(fit.camera.angles)
    masks_fitted = 1 + len(observation.alternatives) * reconstruction.settings.fit.several_masks
    return {
        "photo": observation.photo.name,
        "note": _note(reconstruction.samples),
        "faces_found": observation.landmarks.faces,
        "landmark_backend": observation.landmarks.backend,
        "landmarks_calibrated": bool(reconstruction.settings.fit.calibrated and calibration_of(observation.landmarks.detector)),
        "mask": observation.masks.origin,
        "mask_confidence": float(observation.masks.confidence),
        "mask_doubt": observation.masks.doubt,
        "masks_fitted": masks_fitted,
        "landmark_doubt": too_few_landmarks(observation),
        "occluded_percent_of_face": 100.0 * observation.masks.share,
        "found_percent_of_face": {kind: 100.0 * share for kind, share in observation.masks.kinds.items()},
        "head": {"name": head.name, "vertices": len(head.mean), **head.provenance},
        "pose_degrees": {"yaw": yaw, "pitch": pitch, "roll": roll},
        "measures": reconstruction.measures(),
        "samples": len(reconstruction.samples.vertices),
        "method": reconstruction.samples.method,
        "seed": reconstruction.samples.seed,
        "again": again(reconstruction),
        "again_differs": UNSURE_AGAIN if masks_fitted > 1 else "",
        "seconds": reconstruction.seconds,
        "settings": reconstruction.settings.tables(),
        "versions": {name: _version(name) for name in REPORTED_PACKAGES},
    }


def _note(samples):
    """What a reader of the numbers must know."""
    note = "The occluded part is sampled, not observed."
    if samples.starts_most_likely:
        note += " Head 0 (sample_00.ply) is the most likely one, the fit completed; all others are spread around it."
    return note


def again(reconstruction):
    """The command that gives the same heads from the photo and the files of the result, its mask taken for sure."""
    samples, head = reconstruction.samples, reconstruction.head.name
    return (
        "d3f-lite reconstruct PHOTO --mask mask.png --landmarks landmarks.csv --config settings.toml "
        f"--samples {len(samples.vertices)} --seed {samples.seed} --head {shlex.quote(head)}"
    )


def _version(name):
    """The installed version of a package, or a word where there is none (run from a checkout)."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
