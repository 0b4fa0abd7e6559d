"""Every method against true heads: held-out heads × occluders, from rendered photos and from exact visible vertices.

One file per finished case, so that an interrupted evaluation goes on where it stopped; parallel over cases by joblib,
so that ``joblib.parallel_config(backend=...)`` moves it to a cluster unchanged.
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import joblib
import numpy as np
from jaxtyping import Bool, Float
from tqdm import tqdm

from d3f_lite import metrics
from d3f_lite.common.threads import one_thread
from d3f_lite.diversity.search import PartialHead, sample_iid
from d3f_lite.errors import LandmarkError, OutputError, SettingsError
from d3f_lite.evaluation import methods
from d3f_lite.evaluation.methods import Answer, Draws
from d3f_lite.evaluation.truth import Case, aligned, draw_case
from d3f_lite.files.values import checked_count
from d3f_lite.files.whole import write_json
from d3f_lite.fitting.fit import Fit, what_the_photo_shows
from d3f_lite.formats.anny import held_out_heads
from d3f_lite.formats.load_head import load_head
from d3f_lite.heads.model import HeadModel
from d3f_lite.occluders.drawing import OCCLUDERS
from d3f_lite.perception.detector import MediapipeDetector
from d3f_lite.settings import Settings

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)  # of the regions whose coverage is measured
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)  # N of the closest-sample curves
DPP_WEIGHTS = (0.0, 8.0, 12.0, 16.0, 20.0, 24.0, 32.0, 64.0, 128.0, 256.0)
PUBLISHED_WEIGHTS = (0.0, 0.0125, 0.05, 0.2, 0.4)
TIMES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)  # by which i.i.d. samples are drawn farther out
REPORT_FILES = ("cases.csv", "table.md", "frontier.png", "number.png", "calibration.png")
FEWEST_OCCLUDED = 20  # vertices: less is nothing to judge a completion by


@dataclass(frozen=True)
class Plan:
    """What is evaluated.

    Args:
        heads: how many of the held-out heads.
        occluders: kinds of occluder; every head gets each.
        samples: N.
        seed: of views, lights, occluders and draws.
        curves: the first so many heads also give the frontier and the closest-sample curves, which take longer.
        settings: Settings of the fit and of the recommended method.
    """

    heads: int = 30
    occluders: tuple[str, ...] = ("surgical_mask", "sunglasses", "scarf", "half_face", "random_blob")
    samples: int = 16
    seed: int = 0
    curves: int = 8
    settings: Settings = Settings()

    def __post_init__(self):
        checked_count(self.heads, "heads", 1, len(held_out_heads()))
        checked_count(self.samples, "samples", 4, 256)
        checked_count(self.seed, "seed", 0, 2**31)
        checked_count(self.curves, "curves", 0, len(held_out_heads()))
        unknown = set(self.occluders) - set(OCCLUDERS)
        if unknown or not self.occluders:
            raise SettingsError(f"no occluder {', '.join(sorted(unknown))}; choose from: {', '.join(OCCLUDERS)}")

    def cases(self) -> list[tuple[int, str]]:
        """Every (head number, occluder)."""
        return [(number, occluder) for number in range(self.heads) for occluder in self.occluders]


def evaluate(plan: Plan, folder: Path | str) -> list[dict]:
    """Measure every case that ``folder`` does not hold yet, in parallel as ``joblib.parallel_config`` says.

    Args:
        folder: where each finished case is kept.

    Returns:
        One record (dict) per case, in the order of ``plan.cases()``; see ``evaluate_case``.

    Raises:
        SettingsError: the folder holds an evaluation by another plan.
        OutputError: it cannot be written, or holds files of a report's names without being an evaluation.
    """
    folder = Path(folder)
    try:
        _check_free(folder)
        folder.mkdir(parents=True, exist_ok=True)
        _same_plan(plan, folder / "plan.json")
        missing = [case for case in plan.cases() if not _case_path(folder, *case).exists()]
        work = joblib.Parallel(return_as="generator_unordered")(
            joblib.delayed(evaluate_case)(plan, *case) for case in missing)  # fmt: skip
        for record in tqdm(work, total=len(missing), desc="cases", unit="case"):
            write_json(_case_path(folder, record["head"], record["occluder"]), record)
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror}") from error
    return [_read(_case_path(folder, *case)) for case in plan.cases()]


def _check_free(folder):
    """Refuse to replace what is no evaluation's."""
    taken = [name for name in REPORT_FILES if os.path.lexists(folder / name)]
    if taken and not (folder / "plan.json").exists():
        raise OutputError(f"{folder} holds {taken[0]}, which is no evaluation's: choose another --out")


def _same_plan(plan, path):
    """Note the plan, or refuse a folder with another one."""
    # The number of heads and occluders may grow: a case depends on neither.
    lasting = {name: value for name, value in asdict(plan).items() if name not in ("heads", "occluders")}
    if path.exists() and _read(path) != lasting:
        raise SettingsError(f"{path.parent} holds an evaluation with other settings: choose another --out")
    write_json(path, lasting)


def _read(path):
    """What ``write_json`` wrote."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is damaged: delete it, and it is made again") from error


def _case_path(folder, number, occluder):
    return folder / f"case_{number:03d}_{occluder}.json"


@one_thread()
def evaluate_case(plan: Plan, number: int, occluder: str) -> dict:
    """Measure every method on one head with one occluder.

    Args:
        number: of the held-out head.
        occluder: its kind.

    Returns:
        dict: head, occluder, refused (why the photo was, or None), rows (one dict per source and method) and, for
        the first heads, curves.
    """
    head, truth = load_head(), held_out_heads()[number]
    seed = plan.seed + 1000 * number + OCCLUDERS.index(occluder)
    record: dict = {"head": number, "occluder": occluder, "refused": None, "rows": [], "curves": {}}
    with MediapipeDetector() as detector:
        try:
            case = draw_case(head, truth, occluder, seed, detector)
        except LandmarkError as error:
            return record | {"refused": str(error)}
        record["rows"] += exact_rows(case, head, plan, seed)
        try:
            singles, fit = methods.single_fits(case, head, plan.settings.fit, detector)
        except LandmarkError as error:
            return record | {"refused": str(error)}
    if np.count_nonzero(fit.occluded) < FEWEST_OCCLUDED:
        return record | {"refused": "hardly a vertex is occluded"}
    draws = Draws(plan.settings.diversity, plan.samples, seed)
    decoders = methods.photo_decoders(fit, head, draws.settings)
    partial = PartialHead.of(fit, head)
    sampled = methods.answers(partial, head, decoders, draws, fit.vertices)
    for answer in (*singles, *sampled):
        record["rows"].append({"source": "photo", **measured(answer, truth, partial, head.face)})
    if number < plan.curves:
        record["curves"] = curves(fit, truth, head, decoders, draws)
    return record


def exact_rows(case: Case, head: HeadModel, plan: Plan, seed: int) -> list[dict]:
    """The rows of the methods that go by exact visible vertices; the true camera says which are visible."""
    visible, occluded = what_the_photo_shows(case.truth, head, case.camera, case.mask)
    if np.count_nonzero(occluded) < FEWEST_OCCLUDED:
        return []
    partial = PartialHead(case.truth, visible, occluded, head.triangles)
    draws = Draws(plan.settings.diversity, plan.samples, seed)
    sampled = methods.answers(partial, head, methods.vertex_decoders(partial, head), draws, None)
    return [{"source": "vertices", **measured(answer, case.truth, partial, head.face)} for answer in sampled]


def carry(
    heads: Float[np.ndarray, "N V 3"],
    base: Float[np.ndarray, "V 3"],
    truth: Float[np.ndarray, "V 3"],
    face: Bool[np.ndarray, "V"],
) -> Float[np.ndarray, "N V 3"]:
    """Move heads (N, V, 3) mm by the similarity that brings ``base`` (V, 3) mm onto the true one over the face.

    A photo tells neither the size of a head nor, to the millimetre, its pose; what one head needs, all get.
    """
    corner = np.concatenate([np.zeros((1, 3)), np.eye(3)]).astype(np.float32)
    stacked = np.concatenate([base, corner])
    moved = aligned(stacked, np.concatenate([truth, corner]), np.concatenate([face, np.zeros(4, bool)]))[-4:]
    return (heads @ (moved[1:] - moved[0]) + moved[0]).astype(np.float32)


def measured(answer: Answer, truth: Float[np.ndarray, "V 3"], partial: PartialHead, face: Bool[np.ndarray, "V"]) -> dict:
    """An Answer against the true head: dict of method, seconds and metrics; distances in mm, None where undefined."""
    heads = answer.heads if answer.base is None else carry(answer.heads, answer.base, truth, face)
    many = len(heads) > 3
    covered = [metrics.coverage(heads, truth, partial.free, level) for level in LEVELS] if many else None
    return {
        "method": answer.method,
        "asd_occluded": metrics.asd(heads, partial.free) if many else None,
        "asd_visible": metrics.asd(heads, partial.visible) if many else None,
        "cse": metrics.closest_sample_error(heads, truth),
        "cse_occluded": metrics.closest_sample_error(heads, truth, partial.free),
        "cse_occluded_unaligned": metrics.closest_sample_error(answer.heads, truth, partial.free),
        "mean_error_occluded": metrics.mean_sample_error(heads, truth, partial.free),
        "spread_occluded": _rms(metrics.spread(heads)[partial.free]) if many else None,
        "spread_visible": _rms(metrics.spread(heads)[partial.visible]) if many else None,
        "coverage": covered and covered[LEVELS.index(0.9)],
        "coverage_levels": covered,
        "seconds": answer.seconds,
    }


def _rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def curves(fit: Fit, truth: Float[np.ndarray, "V 3"], head: HeadModel, decoders: dict[str, Callable], draws: Draws) -> dict:
    """The frontier and the closest-sample curves of one fitted photo.

    Returns:
        dict: frontier (family to rows of knob, ASD-O, CSE-O in mm) and number (method to CSE-O in mm at SIZES).
    """
    default, vertices = decoders["default"](), decoders[methods.VERTICES]()
    partial = PartialHead.of(fit, head)
    changed = lambda **other: replace(draws, settings=replace(draws.settings, **other))
    dpp = lambda knob, **other: methods.calibrated(default, partial, changed(dpp_weight=knob, **other))
    farther = lambda decoder: lambda knob: methods.tempered(decoder, knob, draws.number, draws.seed)
    published = lambda decoder: lambda knob: methods.published(decoder, partial, changed(published_weight=knob))
    families = {
        "calibrated DPP": (DPP_WEIGHTS, dpp),
        "calibrated DPP, no remainder": (DPP_WEIGHTS, lambda knob: dpp(knob, remainder=0.0)),
        "published DPP": (PUBLISHED_WEIGHTS, published(default)),
        "i.i.d., drawn farther out": (TIMES, farther(default)),
        "i.i.d. given vertices, drawn farther out": (TIMES, farther(vertices)),
    }
    if methods.VAE in decoders:
        families[f"{methods.VAE}: published DPP"] = (PUBLISHED_WEIGHTS, published(decoders[methods.VAE]()))
    frontier = {}
    for family, (knobs, sampled) in families.items():
        moved = [carry(sampled(knob), fit.vertices, truth, head.face) for knob in knobs]
        diverse = [metrics.asd(heads, fit.occluded) for heads in moved]
        errors = [metrics.closest_sample_error(heads, truth, fit.occluded) for heads in moved]
        frontier[family] = list(zip(knobs, diverse, errors))
    return {"frontier": frontier, "number": closest_sample_curves(fit, truth, head, decoders, draws)}


def closest_sample_curves(
    fit: Fit, truth: Float[np.ndarray, "V 3"], head: HeadModel, decoders: dict[str, Callable], draws: Draws
) -> dict:
    """CSE-O (mm) at SIZES, by method: exact expectations for independent draws, a new search per N for the DPP."""
    independent = {methods.PRIOR: head.sample(SIZES[-1], draws.seed)}
    for name, make in decoders.items():
        if name != "default":
            independent[f"{name}: i.i.d."] = sample_iid(make(), SIZES[-1], draws.seed).vertices
    found = {}
    for name, heads in independent.items():
        heads = carry(heads, fit.vertices, truth, head.face)
        found[name] = metrics.closest_sample_error_curve(heads, truth, fit.occluded, SIZES).tolist()
    default, partial = decoders["default"](), PartialHead.of(fit, head)
    nearest = []
    for size in SIZES:
        heads = carry(methods.calibrated(default, partial, replace(draws, number=size)), fit.vertices, truth, head.face)
        nearest.append(metrics.closest_sample_error(heads, truth, fit.occluded))
    return found | {"calibrated DPP": nearest}
