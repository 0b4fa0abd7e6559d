"""``d3f-lite batch``: every photo of a folder to N heads, one row each in a table, and contact sheets.

One file per finished photo, so that an interrupted batch goes on where it stopped; parallel by joblib, as ``workers`` says.
"""

import csv
import hashlib
import json
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import joblib
import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from d3f_lite.assets import sha256_of
from d3f_lite.common.device import check_device, one_thread
from d3f_lite.common.workers import WORKER_KILLED
from d3f_lite.errors import D3FError, OutputError
from d3f_lite.files.names import readable
from d3f_lite.files.values import checked_count
from d3f_lite.files.whole import check_replaceable, check_writable, remove_remnants, whole_file, write_json
from d3f_lite.formats.load_head import load_head
from d3f_lite.observation.masks import read_mask
from d3f_lite.observation.photo import Photo
from d3f_lite.perception.face_alignment import network_for
from d3f_lite.photo_folder import ROWS, Job, ignored_line, jobs_in, left_in, table_is_ours
from d3f_lite.reconstruct import MOST_SAMPLES, reconstruct
from d3f_lite.reconstruction import Reconstruction
from d3f_lite.results.files import report
from d3f_lite.results.grid import Tile, save_picture, tile_sheet
from d3f_lite.results.provenance import drawn_by_us, is_part_of_result, result_folder
from d3f_lite.results.sheet_of_samples import DISCLAIMER, INPUTS, sample_tiles
from d3f_lite.settings import Settings

COLUMNS = """photo result error mask mask_confidence landmark_backend faces_found yaw_degrees pitch_degrees roll_degrees
    visible_vertices occluded_vertices unseen_vertices inner_landmark_error_percent asd_occluded_mm asd_visible_mm
    spread_occluded_mm spread_visible_mm spread_unseen_mm seconds""".split()

STRIP, STRIP_HEADS = 150, 5  # px of a picture on the contact sheet, and how many heads each photo has there


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
        check_device(self.device)
        load_head(self.head)
        network_for(self.detector)


def run_batch(
    folder: Path | str, out: Path | str, plan: Plan = Plan(), tell: Callable[[str], object] = lambda words: None
) -> list[dict]:
    """Reconstruct every photo of a folder that ``out`` does not hold yet, in parallel as ``joblib.parallel_config`` says.

    Args:
        folder: of photos and masks, see ``jobs_in``.
        out: folder of the results, as ``reconstruct`` writes them, with photos.csv and contact_sheet_01.png beside them.
        tell: called with a line that names the files that are ignored.

    Returns:
        One row (dict) per photo; ``error`` says why a photo has no heads, or none on the contact sheet. Those without
        heads are tried again by the next run.

    Raises:
        D3FError: no photos, an unusable plan, nothing can be written to ``out``, or it holds something other than results
            where they would stand.
    """
    plan.check()
    jobs, out = jobs_in(folder), Path(out)
    table = out / "photos.csv"
    check_writable(out)
    for job in jobs:
        result_folder(out, job.name)
    check_replaceable(table, table_is_ours)
    for path, _ in _pages(jobs, out):
        check_replaceable(path, drawn_by_us)
    if left := left_in(folder, jobs, out):
        tell(ignored_line(left))
    try:
        (out / ROWS).mkdir(parents=True, exist_ok=True)
        rows = {job: _finished_row(job, plan, out) for job in jobs}
        missing = [job for job in jobs if rows[job] is None]
        try:
            work = joblib.Parallel(return_as="generator_unordered")(joblib.delayed(row_of)(job, plan, out) for job in missing)
            for job, row in tqdm(work, total=len(jobs), initial=len(jobs) - len(missing), desc="photos", unit="photo"):
                rows[job] = row
        except KeyboardInterrupt:  # its workers were killed at whatever they wrote
            for job in missing:
                remove_remnants(out / job.name, is_part_of_result)
            raise
        except BrokenProcessPool:
            rows |= {job: _failed(job, WORKER_KILLED) for job in jobs if rows[job] is None}
        listed = write_contact_sheets(list(rows.values()), out)
        with whole_file(table) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, restval="", extrasaction="ignore")
            writer.writeheader()
            writer.writerows({name: _no_formula(cell) for name, cell in row.items()} for row in listed)
    except OSError as error:
        raise OutputError(f"cannot write to {out}: {error.strerror or error}") from error
    return listed


def row_of(job: Job, plan: Plan, out: Path) -> tuple[Job, dict]:
    """Reconstruct one photo and keep its row; whatever goes wrong stands in the row, so that the others go on.

    Returns:
        The Job, and its row.
    """
    try:
        return job, _reconstruct(job, plan, out)
    except D3FError as error:
        reason = str(error)
    except Exception as error:  # an unexpected fault must not cost the other photos
        reason = _reason(error)
    return job, _failed(job, reason)


def _failed(job, reason):
    """The row of a photo without heads."""
    return {"photo": readable(job.photo.name), "error": reason}


@one_thread()
def _reconstruct(job, plan, out):
    """Reconstruct one photo, save it, and keep its row and its strip of the contact sheet."""
    photo = replace(Photo.open(job.photo), name=job.name)
    mask = read_mask(job.mask, photo) if job.mask else None
    found = reconstruct(photo, mask, samples=plan.samples, seed=plan.seed, head=plan.head, settings=plan.settings,
                        device=plan.device, detector=plan.detector)  # fmt: skip
    row = {"photo": readable(job.photo.name), "result": found.save(out).name, **_columns(found)}
    save_picture(strip(found), out / ROWS / f"{job.name}.png")
    write_json(out / ROWS / f"{job.name}.json", {"fingerprint": _fingerprint(job, plan), "row": row})
    return row


def _fingerprint(job, plan):
    """What a photo's result depends on, the plan and the files, as hex."""
    files = [sha256_of(path) for path in (job.photo, job.mask) if path]
    return hashlib.sha256(json.dumps([asdict(plan), job.photo.name, files]).encode()).hexdigest()


def _finished_row(job, plan, out):
    """The row of a photo that was finished with the same plan, from the same files; else None."""
    path = out / ROWS / f"{job.name}.json"
    if not path.is_file() or not path.with_suffix(".png").is_file():
        return None
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return kept["row"] if kept["fingerprint"] == _fingerprint(job, plan) else None
    except (ValueError, KeyError, TypeError, RecursionError):  # damaged: the photo is done again
        return None


def _columns(found):
    """The columns of a Reconstruction's row."""
    facts, masks = report(found), found.observation.masks
    angles = {f"{name}_degrees": float(angle) for name, angle in facts["pose_degrees"].items()}
    named = {name: facts[name] for name in ("landmark_backend", "faces_found")}
    return {"mask": masks.origin, "mask_confidence": float(masks.confidence), **angles, **facts["measures"], **named,
            "seconds": sum(facts["seconds"].values())}  # fmt: skip


def strip(found: Reconstruction, size: int = STRIP, heads: int = STRIP_HEADS) -> Image.Image:
    """A line of tiles of ``size`` px: the photo, its occluder, the fit in its place and the first few heads (PIL image)."""
    tiles = [Image.fromarray(picture) for picture, _ in sample_tiles(found, size, heads)]
    padded = [np.asarray(ImageOps.pad(tile, (size, size), color="white")) for tile in tiles]
    return Image.fromarray(np.concatenate(padded, axis=1))


def write_contact_sheets(rows: list[dict], out: Path) -> list[dict]:
    """Write contact_sheet_01.png, …: a line of pictures per photo, or why there is none.

    Returns:
        The rows; ``error`` says what went wrong with drawing one.

    Raises:
        OSError: nothing can be written to ``out``.
    """
    listed = []
    for path, page in _pages(rows, out):
        try:
            page = _write_sheet(page, out, path, f"{len(rows)} photos: {DISCLAIMER}")
        except OSError:
            raise
        except Exception as error:  # an unexpected fault must not cost the table
            page = [row | {"error": row.get("error", f"not on the contact sheet: {_reason(error)}")} for row in page]
        listed += page
    return listed


def _pages(rows, out, most=40):
    """Path and rows of each contact sheet."""
    starts = range(0, len(rows), most)
    return [(out / f"contact_sheet_{number:02d}.png", rows[start : start + most]) for number, start in enumerate(starts, 1)]


def _write_sheet(page, out, path, title):
    """Draw one contact sheet; returns its rows as ``write_contact_sheets``."""
    tiles, listed = [], []
    for number, row in enumerate(page):
        picture = np.full((1, 1, 3), 255, np.uint8)
        if "result" in row:
            try:
                with Image.open(out / ROWS / f"{row['result']}.png") as strip:
                    picture = np.asarray(strip.convert("RGB"))
            except Exception as error:  # gone or damaged since it was written
                row = row | {"error": f"no picture for the contact sheet: {_reason(error)}"}
        words = row["photo"] + (f"\n{readable(row['error'])}" if "error" in row else "")
        tiles.append(Tile(picture, words, number, 0))
        listed.append(row)
    sheet = tile_sheet(tiles, title, (STRIP * (INPUTS + STRIP_HEADS), STRIP), centred=False)
    with whole_file(path) as temporary:
        save_picture(sheet, temporary)
    return listed


def _no_formula(cell):
    """A cell of a table that no spreadsheet computes: a text that starts as a formula does gets an apostrophe before it."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@")) else cell


def _reason(error):
    """A fault in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
