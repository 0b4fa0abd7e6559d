"""A reconstruction as files: meshes, arrays, pictures, a viewer and a report, all or nothing."""

import importlib.metadata
import json
import shlex
from dataclasses import asdict
from pathlib import Path

import numpy as np

from d3f_lite.files.names import readable
from d3f_lite.files.whole import whole_folder
from d3f_lite.fitting.calibration import calibration_of
from d3f_lite.formats.landmark_files import write_landmarks
from d3f_lite.observation.masks import write_mask, write_strokes
from d3f_lite.observation.observation import landmark_doubt
from d3f_lite.reconstruction import Reconstruction
from d3f_lite.results.explorer_page import explorer_page
from d3f_lite.results.grid import save_picture
from d3f_lite.results.mesh_files import grid_places, write_head, write_scene
from d3f_lite.results.pictures import heatmap_figure, heatmap_shares
from d3f_lite.results.provenance import PROGRAM, is_part_of_result, is_result, result_folder
from d3f_lite.results.refinement import refinement
from d3f_lite.results.sheet_of_samples import samples_sheet, spread_colours
from d3f_lite.results.telling import likeness, parts_never_seen
from d3f_lite.results.texture import fine_normals, texture_of


def save(
    reconstruction: Reconstruction, folder: Path | str = "results", look: str = "photo", page_with_photo: bool = True
) -> Path:
    """Write meshes, arrays, pictures, a viewer and a report to ``folder``/<photo name>.

    Args:
        reconstruction: what ``reconstruct`` returns.
        folder: made if it is not there. A result of the same name is replaced, anything else is not.
        look: of the heads in ``samples.png``: "photo", in the photo's colours; "marked", the same with made-up skin
            hatched; "clay"; or "spread", by how far the heads differ.
        page_with_photo: whether ``viewer.html`` holds the photo and the face's colours.

    Returns:
        Path of the result.

    Raises:
        OutputError: it cannot be written, or something other than a result is there.
        SettingsError: there is no such look.
    """
    target = result_folder(folder, reconstruction.observation.photo.name)
    with whole_folder(target, is_result, is_part_of_result) as temporary:
        _save_inputs(reconstruction, temporary)
        save_meshes(reconstruction, temporary)
        _save_arrays(reconstruction, temporary / "samples.npz")
        _save_pictures(reconstruction, temporary, look)
        if reconstruction.fit.free.any():
            (temporary / "viewer.html").write_text(explorer_page(reconstruction, page_with_photo), encoding="utf-8")
        (temporary / "report.json").write_text(json.dumps(report(reconstruction), indent=2) + "\n")
    return target


def _save_inputs(reconstruction: Reconstruction, folder):
    """Write what was used: ``mask.png``, ``landmarks.csv``, ``settings.toml``, and ``strokes.png`` if there were any.

    ``reproduce_command`` reads them: with the same photo it gives the same heads.
    """
    observation = reconstruction.observation
    write_mask(observation.masks.occluded, folder / "mask.png")
    write_landmarks(observation.landmarks, folder / "landmarks.csv")
    if observation.masks.strokes is not None:
        write_strokes(observation.masks.strokes, folder / "strokes.png")
    (folder / "settings.toml").write_text(reconstruction.settings.to_toml(), encoding="utf-8")


def save_meshes(reconstruction: Reconstruction, folder: Path, scene_level: int = 1) -> None:
    """Write ``fit.ply`` and ``sample_000.ply`` …: binary PLY, mm, with normals and closed eyeballs; and ``heads.glb``.

    The fit has the colours of ``heatmap.png``: the spread over the occluded part, neutral elsewhere; the samples have the
    photo's. The triangles are those of ``samples.npz`` followed by those that close the eyeballs. ``heads.glb`` has
    all heads in the photo's colours, with a finer face: its first vertices are those of ``samples.npz``.

    Args:
        scene_level: of the refinement of the heads in ``heads.glb``.
    """
    head, fit, samples = reconstruction.head, reconstruction.fit, reconstruction.samples
    own, mesh, albedo = refinement(head, 0), refinement(head, scene_level), texture_of(reconstruction).albedo
    note = f"{_note(samples)} {{unit}}, y up, facing z."
    in_mm = note.format(unit="Millimetres")
    write_head(folder / "fit.ply", fit.vertices, own.triangles, spread_colours(reconstruction), in_mm)
    for number, vertices in enumerate(samples.vertices):
        write_head(folder / f"sample_{number:03d}.ply", vertices, own.triangles, albedo[: len(vertices)], in_mm)
    heads = [fit.vertices, *samples.vertices]
    write_scene(
        folder / "heads.glb",
        [mesh(vertices) for vertices in heads],
        [fine_normals(head, vertices, mesh) for vertices in heads],
        mesh.triangles,
        albedo[: mesh.weights.shape[0]],
        ["fit", *(f"head {number}" for number in range(len(samples.vertices)))],
        grid_places(len(heads), fit.vertices, columns=6),
        note.format(unit="Metres"),
    )


def _save_arrays(reconstruction: Reconstruction, path):
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


def _save_pictures(reconstruction: Reconstruction, folder, look):
    """Write ``samples.png``, its heads in one of ``sheet_of_samples.LOOKS``, and ``heatmap.png``."""
    fit, name, number = reconstruction.fit, readable(reconstruction.observation.photo.name), len(reconstruction.samples.vertices)
    part = "is occluded" if fit.occluded.any() else "shows no face"
    never = parts_never_seen(reconstruction)
    grey = f"; grey: never seen ({', '.join(never)})" if never else ""
    title = f"{name}: how far {number} heads differ where the photo {part}{grey}"
    save_picture(samples_sheet(reconstruction, look=look), folder / "samples.png")
    share, never_seen = heatmap_shares(fit, reconstruction.head)
    heatmap = heatmap_figure(
        fit.vertices, reconstruction.head.triangles, reconstruction.spread, share, never=never_seen, title=title
    )
    save_picture(heatmap, folder / "heatmap.png")


def report(reconstruction: Reconstruction) -> dict:
    """What was measured and with what: a dict ready for JSON."""
    observation, head, fit = reconstruction.observation, reconstruction.head, reconstruction.fit
    landmarks, masks, settings = observation.landmarks, observation.masks, reconstruction.settings
    yaw, pitch, roll = np.degrees(fit.camera.angles)
    masks_fitted = 1 + len(observation.alternatives) * settings.fit.several_masks
    unsure = "the mask was unsure, and this fits under one mask alone; without --mask and --landmarks it fits under all"
    return {
        "photo": observation.photo.name,
        "note": _note(reconstruction.samples),
        "faces_found": landmarks.faces,
        "landmark_backend": landmarks.backend,
        "landmarks_calibrated": bool(settings.fit.calibrated and calibration_of(landmarks.detector)),
        "mask": masks.origin,
        "mask_confidence": float(masks.confidence),
        "mask_doubt": masks.doubt,
        "masks_fitted": masks_fitted,
        "landmark_doubt": landmark_doubt(observation),
        "occluded_percent_of_face": 100.0 * masks.share,
        "found_percent_of_face": {kind: 100.0 * share for kind, share in masks.kinds.items()},
        "head": {"name": head.name, "vertices": len(head.mean), **head.provenance},
        "pose_degrees": {"yaw": yaw, "pitch": pitch, "roll": roll},
        "measures": reconstruction.measures(),
        "likeness_mm": likeness(reconstruction),
        "never_seen": parts_never_seen(reconstruction),
        "counted_visible_percent": {kind: 100.0 * share for kind, share in masks.shown.items()},
        "samples": len(reconstruction.samples.vertices),
        "method": reconstruction.samples.method,
        "seed": reconstruction.samples.seed,
        "again": reproduce_command(reconstruction),
        "again_differs": unsure if masks_fitted > 1 else "",
        "seconds": reconstruction.seconds,
        "settings": asdict(settings),
        "versions": {name: _version(name) for name in (PROGRAM, "numpy", "torch", "mediapipe", "scipy", "opencv-python")},
    }


def _note(samples):
    """What everybody who reads the numbers must know."""
    note = "The occluded part is sampled, not observed."
    if samples.starts_most_likely:
        note += " Head 0 (sample_000.ply) is the most likely one, the fit completed; all others are spread around it."
    return note


def reproduce_command(reconstruction: Reconstruction) -> str:
    """The command that gives the same heads from the photo and the files of the result, its mask taken as given."""
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
