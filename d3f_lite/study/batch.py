"""Many photos: every photo of a folder to N heads, one row each in a table, and contact sheets.

One file per finished photo, so that an interrupted batch goes on where it stopped; parallel by joblib, as ``workers`` says.
"""

import csv
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import joblib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageOps
from tqdm import tqdm

from d3f_lite.assets import sha256_of
from d3f_lite.device import torch_device
from d3f_lite.errors import D3FError, OutputError, PhotoError
from d3f_lite.face_alignment_landmarks import network_for
from d3f_lite.heads import load_head
from d3f_lite.photo import Photo, read_mask
from d3f_lite.pictures import DISCLAIMER, sample_tiles
from d3f_lite.pipeline import MOST_SAMPLES, checked_count, reconstruct
from d3f_lite.results import check_writable, report
from d3f_lite.settings import Settings
from d3f_lite.study.workers import write_json
from d3f_lite.threads import one_thread

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".jp2")
MASK_ENDING = "_mask"
COLUMNS = (
    "photo", "result", "error", "mask", "mask_confidence", "landmark_backend", "faces_found", "yaw_degrees",
    "pitch_degrees", "roll_degrees", "visible_vertices", "occluded_vertices", "unseen_vertices",
    "inner_landmark_error_percent", "asd_occluded_mm", "asd_visible_mm", "spread_occluded_mm", "spread_visible_mm",
    "spread_unseen_mm", "seconds",
)  # fmt: skip
TILE = 150  # px
HEADS_SHOWN = 4  # of each photo, on the contact sheet
PER_SHEET = 40  # photos
ROWS = ".rows"  # folder of the finished photos' rows and strips


@dataclass(frozen=True)
class Plan:
    """What is done with every photo; arguments as of ``reconstruct``."""

    samples: int = 16
    seed: int = 0
    head: str = "anny"
    settings: Settings = Settings()
    device: str = "cpu"
    detector: str = "auto"

    def check(self):
        """Refuse at once what would fail for every photo.

        Raises:
            D3FError: the number of samples, the seed, the head, the device or the detector is unusable.
        """
        checked_count(self.samples, "samples", 1, MOST_SAMPLES)
        checked_count(self.seed, "seed", 0, 2**32 - 1)
        torch_device(self.device)
        load_head(self.head)
        network_for(self.detector)


@dataclass(frozen=True)
class Job:
    """One photo of a folder.

    Args:
        photo: its path.
        mask: path of its occlusion mask, or None.
        name: of its results.
    """

    photo: Path
    mask: Path | None
    name: str


def jobs_in(folder):
    """The photos of a folder by name, each with the mask beside it: ``x_mask.png`` belongs to the photo ``x``.

    Raises:
        PhotoError: no such folder, or no photo in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise PhotoError(f"{folder}: no such folder; give a folder with photos")
    images = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.name[0] != ".")
    stems = [path.stem for path in images]
    masks = {path.stem.removesuffix(MASK_ENDING): path for path in images
             if path.stem.endswith(MASK_ENDING) and path.stem.removesuffix(MASK_ENDING) in stems}  # fmt: skip
    photos = [path for path in images if path not in masks.values()]
    if not photos:
        raise PhotoError(f"{folder}: no photo there; it must hold files that end in {', '.join(SUFFIXES)}")
    alone = [stems.count(path.stem) == 1 for path in photos]
    names = [path.stem if single else path.name.replace(".", "_") for path, single in zip(photos, alone)]
    return [Job(path, masks.get(path.stem), name) for path, name in zip(photos, names)]


def run_batch(folder, out, plan=Plan()):
    """Reconstruct every photo of a folder that ``out`` does not hold yet, in parallel as ``joblib.parallel_config`` says.

    Args:
        folder: of photos and masks, see ``jobs_in``.
        out: folder of the results, as ``reconstruct`` writes them, with photos.csv and contact_sheet_01.png beside them.
        plan: Plan.

    Returns:
        One row (dict) per photo; ``error`` says why a photo has no heads. Those are tried again by the next run.

    Raises:
        D3FError: no photos, an unusable plan, or nothing can be written to ``out``.
    """
    plan.check()
    jobs, out = jobs_in(folder), Path(out)
    check_writable(out)
    try:
        (out / ROWS).mkdir(parents=True, exist_ok=True)
        rows = {job: _finished_row(job, plan, out) for job in jobs}
        missing = [job for job in jobs if rows[job] is None]
        work = joblib.Parallel(return_as="generator_unordered")(
            joblib.delayed(row_of)(job, plan, out) for job in missing)  # fmt: skip
        for job, row in tqdm(work, total=len(jobs), initial=len(jobs) - len(missing), desc="photos", unit="photo"):
            rows[job] = row
        rows = list(rows.values())
        write_table(rows, out / "photos.csv")
        write_contact_sheets(rows, out)
    except OSError as error:
        raise OutputError(f"cannot write to {out}: {error.strerror}") from error
    return rows


def _fingerprint(job, plan):
    """What a photo's result depends on: the plan and the files, as hex."""
    files = [sha256_of(path) for path in (job.photo, job.mask) if path]
    return hashlib.sha256(json.dumps([asdict(plan), files]).encode()).hexdigest()


def _finished_row(job, plan, out):
    """The row of a photo that was finished with the same plan, from the same files; else None."""
    path = out / ROWS / f"{job.name}.json"
    if not path.is_file():
        return None
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return kept["row"] if kept["fingerprint"] == _fingerprint(job, plan) else None
    except (ValueError, KeyError, TypeError, RecursionError):  # damaged: the photo is done again
        return None


def row_of(job, plan, out):
    """Reconstruct one photo and keep its row; whatever goes wrong stands in the row, so that the others go on.

    Returns:
        The Job, and its row.
    """
    try:
        return job, _reconstruct(job, plan, out)
    except D3FError as error:
        reason = str(error)
    except Exception as error:  # a fault that nobody thought of must not cost the other photos
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return job, {"photo": job.photo.name, "error": reason}


@one_thread()
def _reconstruct(job, plan, out):
    """Reconstruct one photo, save it, and keep its row and its strip of the contact sheet."""
    photo = Photo.from_array(Photo.open(job.photo).pixels, job.name)
    mask = read_mask(job.mask, photo) if job.mask else None
    found = reconstruct(photo, mask, samples=plan.samples, seed=plan.seed, head=plan.head, settings=plan.settings,
                        device=plan.device, detector=plan.detector)  # fmt: skip
    row = {"photo": job.photo.name, "result": found.save(out).name, **_columns(found)}
    strip(found).save(out / ROWS / f"{job.name}.png")
    write_json(out / ROWS / f"{job.name}.json", {"fingerprint": _fingerprint(job, plan), "row": row})
    return row


def _columns(found):
    """The columns of a Reconstruction's row."""
    told, masks = report(found), found.observation.masks
    angles = {f"{name}_degrees": float(angle) for name, angle in told["pose_degrees"].items()}
    return {"mask": masks.origin, "mask_confidence": float(masks.confidence), **angles, **told["measures"],
            **{name: told[name] for name in ("landmark_backend", "faces_found")},
            "seconds": sum(told["seconds"].values())}  # fmt: skip


def strip(found):
    """A Reconstruction in one line of tiles: photo, occluder, fit, fitted head and the first few heads (PIL image)."""
    tiles = [Image.fromarray(picture) for picture, _ in sample_tiles(found, TILE, HEADS_SHOWN)]
    padded = [np.asarray(ImageOps.pad(tile, (TILE, TILE), color="white")) for tile in tiles]
    return Image.fromarray(np.concatenate(padded, axis=1))


def write_table(rows, path):
    """Write rows as CSV, one line per photo."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def write_contact_sheets(rows, out):
    """Write contact_sheet_01.png, …: a line of pictures per photo, or why there is none."""
    for first in range(0, len(rows), PER_SHEET):
        page = rows[first : first + PER_SHEET]
        figure = Figure(figsize=(10.0, 1.45 * len(page) + 0.4), layout="constrained")
        for axis, row in zip(np.atleast_1d(figure.subplots(len(page))), page):
            axis.set_axis_off()
            axis.set_title(row["photo"], fontsize=8, loc="left")
            if "result" in row:
                axis.imshow(Image.open(out / ROWS / f"{row['result']}.png"))
            else:
                axis.text(0.0, 0.5, row["error"], fontsize=8, wrap=True, parse_math=False)
        figure.suptitle(f"{len(rows)} photos: {DISCLAIMER}", fontsize=10)
        figure.savefig(out / f"contact_sheet_{first // PER_SHEET + 1:02d}.png", dpi=100)
