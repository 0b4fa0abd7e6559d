"""A reconstruction as files: meshes, arrays, pictures, a viewer and a report, all or nothing."""

import importlib.metadata
import json
import os
import shlex
import shutil
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from d3f_lite.calibration import calibration_of
from d3f_lite.errors import OutputError
from d3f_lite.landmark_files import write_landmarks
from d3f_lite.mesh_files import with_closed_eyeballs, write_head
from d3f_lite.photo import write_mask, write_strokes

REPORTED_PACKAGES = ("d3f-lite", "numpy", "torch", "mediapipe", "scipy", "numba")


@contextmanager
def whole_folder(path):
    """Give an empty temporary folder that becomes ``path`` when all went well, replacing what was there.

    Raises:
        OutputError: it cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise OutputError(f"cannot write to {path.parent}: {error.strerror or error}") from error
    try:
        yield temporary
        os.chmod(temporary, _mode_of_a_new_folder(temporary))
        _replace(temporary, path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _mode_of_a_new_folder(parent):
    """The permissions that the umask leaves a folder: making one tells them without touching other threads' umask."""
    tried = Path(parent) / ".mode"
    tried.mkdir()
    mode = stat.S_IMODE(tried.stat().st_mode)
    tried.rmdir()
    return mode


def check_writable(folder):
    """Refuse a folder that results cannot be written to, before any work is done.

    Raises:
        OutputError: it is a file, or its nearest existing parent cannot be written.
    """
    folder = Path(folder)
    parent = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write results to {folder}: {parent} is no folder that you may write to")


def _replace(temporary, path):
    """Move a finished folder to its place; the old one stays until the new one is there."""
    if path.exists():
        retired = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        os.replace(path, retired / path.name)
        os.replace(temporary, path)
        shutil.rmtree(retired, ignore_errors=True)
    else:
        os.replace(temporary, path)


def save_reconstruction(reconstruction, folder):
    """Write a Reconstruction to ``folder``/<photo name>.

    Returns:
        Path of the result.

    Raises:
        OutputError: it cannot be written.
    """
    target = Path(folder) / reconstruction.observation.photo.name
    with whole_folder(target) as temporary:
        save_inputs(reconstruction, temporary)
        save_meshes(reconstruction, temporary)
        save_arrays(reconstruction, temporary / "samples.npz")
        save_pictures(reconstruction, temporary)
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
    """Write ``fit.ply`` and ``sample_00.ply`` …: binary PLY, mm, with normals and closed eyeballs.

    The fit has the colours of ``heatmap.png``: the spread over the occluded part, neutral elsewhere. The triangles are
    those of ``samples.npz`` and, after them, those that close the eyeballs.
    """
    from d3f_lite.pictures import heatmap_colours

    fit, triangles = reconstruction.fit, with_closed_eyeballs(reconstruction.head)
    where, spread = fit.left_open, reconstruction.spread
    colours = heatmap_colours(spread, where, spread[where].max(initial=0.0))
    write_head(Path(folder) / "fit.ply", fit.vertices, triangles, colours)
    for number, vertices in enumerate(reconstruction.samples.vertices):
        write_head(Path(folder) / f"sample_{number:02d}.ply", vertices, triangles)


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


def save_pictures(reconstruction, folder):
    """Write ``samples.png`` and ``heatmap.png``."""
    from d3f_lite.pictures import heatmap_figure, samples_sheet

    fit = reconstruction.fit
    name, number = reconstruction.observation.photo.name, len(reconstruction.samples.vertices)
    title = f"{name}: how far {number} heads differ where the photo {'is occluded' if fit.occluded.any() else 'shows no face'}"
    samples_sheet(reconstruction).savefig(Path(folder) / "samples.png", dpi=120)
    heatmap = heatmap_figure(fit.vertices, reconstruction.head.triangles, reconstruction.spread, fit.left_open, title=title)
    heatmap.savefig(Path(folder) / "heatmap.png", dpi=120)


def save_viewer(reconstruction, path):
    """Write ``viewer.html``: the heads in 3D, one file that works offline."""
    from d3f_lite.viewer_page import viewer_page

    Path(path).write_text(viewer_page(reconstruction), encoding="utf-8")


def report(reconstruction):
    """What was measured and with what: a dict ready for JSON."""
    observation, head, fit = reconstruction.observation, reconstruction.head, reconstruction.fit
    yaw, pitch, roll = np.degrees(fit.camera.angles)
    return {
        "photo": observation.photo.name,
        "note": _note(reconstruction.samples),
        "faces_found": observation.landmarks.faces,
        "landmark_backend": observation.landmarks.backend,
        "landmarks_calibrated": bool(reconstruction.settings.fit.calibrated and calibration_of(observation.landmarks.detector)),
        "mask": observation.masks.origin,
        "mask_confidence": float(observation.masks.confidence),
        "occluded_percent_of_face": 100.0 * float(observation.masks.occluded[observation.masks.face].mean()),
        "head": {"name": head.name, "vertices": len(head.mean), **head.provenance},
        "pose_degrees": {"yaw": yaw, "pitch": pitch, "roll": roll},
        "measures": reconstruction.measures(),
        "samples": len(reconstruction.samples.vertices),
        "method": reconstruction.samples.method,
        "seed": reconstruction.samples.seed,
        "again": again(reconstruction),
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
    """The command that gives the same heads from the photo and the files of the result."""
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
