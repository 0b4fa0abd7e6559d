"""A reconstruction as files: meshes, arrays, pictures, a viewer and a report, all or nothing."""

import importlib.metadata
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from d3f_lite.errors import OutputError

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
        os.chmod(temporary, 0o755)
        _replace(temporary, path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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
        save_meshes(reconstruction, temporary)
        save_arrays(reconstruction, temporary / "samples.npz")
        save_pictures(reconstruction, temporary)
        save_viewer(reconstruction, temporary / "viewer.html")
        (temporary / "report.json").write_text(json.dumps(report(reconstruction), indent=2) + "\n")
    return target


def save_meshes(reconstruction, folder):
    """Write ``fit.ply`` and ``sample_00.ply`` … (binary PLY, mm, the fit with its spread as vertex colours)."""
    import trimesh

    triangles = reconstruction.head.triangles
    heads = {"fit": reconstruction.fit.vertices}
    heads |= {f"sample_{number:02d}": vertices for number, vertices in enumerate(reconstruction.samples.vertices)}
    for name, vertices in heads.items():
        trimesh.Trimesh(vertices, triangles, process=False).export(Path(folder) / f"{name}.ply")


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
    title = f"{reconstruction.observation.photo.name}: how far {len(reconstruction.samples.vertices)} heads differ where the photo is occluded"
    samples_sheet(reconstruction).savefig(Path(folder) / "samples.png", dpi=120)
    heatmap = heatmap_figure(fit.vertices, reconstruction.head.triangles, reconstruction.spread, fit.left_open, title=title)
    heatmap.savefig(Path(folder) / "heatmap.png", dpi=120)


def save_viewer(reconstruction, path):
    """Write ``viewer.html``: the heads in 3D, one file that works offline."""
    from d3f_lite.viewer import samples_plot

    plot = samples_plot(reconstruction)
    plot.snapshot_type = "full"
    Path(path).write_text(plot.get_snapshot(), encoding="utf-8")


def report(reconstruction):
    """What was measured and with what: a dict ready for JSON."""
    observation, head, fit = reconstruction.observation, reconstruction.head, reconstruction.fit
    yaw, pitch, roll = np.degrees(fit.camera.angles)
    return {
        "photo": observation.photo.name,
        "note": "The occluded part is sampled, not observed.",
        "faces_found": observation.landmarks.faces,
        "landmark_backend": observation.landmarks.backend,
        "head": {"name": head.name, "vertices": len(head.mean), **head.provenance},
        "pose_degrees": {"yaw": yaw, "pitch": pitch, "roll": roll},
        "measures": reconstruction.measures(),
        "samples": len(reconstruction.samples.vertices),
        "method": reconstruction.samples.method,
        "seed": reconstruction.samples.seed,
        "seconds": reconstruction.seconds,
        "settings": reconstruction.settings.tables(),
        "versions": {name: _version(name) for name in REPORTED_PACKAGES},
    }


def _version(name):
    """The installed version of a package, or a word where there is none (run from a checkout)."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
