"""Every method against true heads: held-out heads × occluders, from rendered photos and from exact visible vertices.

One file per finished case, so that an interrupted evaluation goes on where it stopped; parallel over cases by joblib,
so that ``joblib.parallel_config(backend=...)`` moves it to a cluster unchanged.
"""

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import joblib
import numpy as np
from jaxtyping import Bool, Float
from tqdm import tqdm

from d3f_lite import metrics
from d3f_lite.common.device import one_thread
from d3f_lite.diversity.search import PartialHead, sample_iid
from d3f_lite.errors import LandmarkError, OutputError, SettingsError
from d3f_lite.evaluation import methods
from d3f_lite.evaluation.methods import Answer, Decoders, Draws, Given
from d3f_lite.evaluation.truth import align_all, case_seed, draw_case
from d3f_lite.files.values import checked_count
from d3f_lite.files.whole import write_json
from d3f_lite.fitting.fit import Fit
from d3f_lite.formats.anny import held_out_heads
from d3f_lite.formats.load_head import load_head
from d3f_lite.heads.model import HeadModel
from d3f_lite.occluders.drawing import OCCLUDER_KINDS
from d3f_lite.perception.detector import MediapipeDetector
from d3f_lite.settings import Settings


@dataclass(frozen=True)
class Plan:
    """What is evaluated.

    Args:
        heads: how many of the held-out heads.
        occluders: kinds of occluder; every head gets each.
        samples: N.
        seed: of views, lights, occluders and draws.
        curves: the first so many heads also give the frontier and the closest-sample curves, which take longer.
        settings: of the fit and of the recommended method.
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
        unknown = set(self.occluders) - set(OCCLUDER_KINDS)
        if unknown or not self.occluders:
            raise SettingsError(f"no occluder {', '.join(sorted(unknown))}; choose from: {', '.join(OCCLUDER_KINDS)}")

    def cases(self) -> list[tuple[int, str]]:
        """Every (head number, occluder)."""
        return [(number, occluder) for number in range(self.heads) for occluder in self.occluders]


@dataclass(frozen=True)
class Sweep:
    """What the curves of a report run over: coverage levels, numbers of heads, and each method's knob."""

    levels: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
    sizes: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256)
    dpp_weights: tuple[float, ...] = (0.0, 8.0, 12.0, 16.0, 20.0, 24.0, 32.0, 64.0, 128.0, 256.0)
    published_weights: tuple[float, ...] = (0.0, 0.0125, 0.05, 0.2, 0.4)
    times: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)


def evaluate(plan: Plan, folder: Path | str) -> list[dict]:
    """Measure every case that ``folder`` does not hold yet, in parallel as ``joblib.parallel_config`` says.

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
        work = joblib.Parallel(return_as="generator_unordered")(joblib.delayed(evaluate_case)(plan, *case) for case in missing)
        for record in tqdm(work, total=len(missing), desc="cases", unit="case"):
            write_json(_case_path(folder, record["head"], record["occluder"]), record)
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror}") from error
    return [_read(_case_path(folder, *case)) for case in plan.cases()]


def _check_free(folder):
    """Refuse to replace a report's files that are no evaluation's."""
    names = ("cases.csv", "table.md", "frontier.png", "number.png", "calibration.png")
    taken = [name for name in names if os.path.lexists(folder / name)]
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
def evaluate_case(plan: Plan, number: int, occluder: str, fewest_occluded: int = 20) -> dict:
    """Measure every method on held-out head ``number`` with one occluder.

    Returns:
        dict: head, occluder, refused (why the photo was, or None; also where it has fewer than ``fewest_occluded`` occluded
        vertices), rows (one dict per source and method) and, for the first heads, curves.
    """
    head, truth, seed = load_head(), held_out_heads()[number], case_seed(number, occluder, plan.seed)
    draws = Draws(plan.settings.diversity, plan.samples, seed)
    record: dict = {"head": number, "occluder": occluder, "refused": None, "rows": [], "curves": {}}
    with MediapipeDetector() as detector:
        try:
            case = draw_case(head, truth, occluder, seed, detector)
            exact = case.shown
            if np.count_nonzero(exact.free) >= fewest_occluded:
                sampled = methods.answers(exact, head, methods.vertex_decoders(exact, head), draws, None)
                record["rows"] += [{"source": "vertices", **measured(answer, truth, exact, head.face)} for answer in sampled]
            singles, fit = methods.single_fits(case, head, plan.settings.fit, detector)
        except LandmarkError as error:
            return record | {"refused": str(error)}
    if np.count_nonzero(fit.occluded) < fewest_occluded:
        return record | {"refused": "hardly a vertex is occluded"}
    decoders, shown = methods.photo_decoders(fit, head, draws.settings), PartialHead.of(fit, head)
    sampled = methods.answers(shown, head, decoders, draws, fit.vertices)
    record["rows"] += [{"source": "photo", **measured(answer, truth, shown, head.face)} for answer in (*singles, *sampled)]
    if number < plan.curves:
        record["curves"] = curves(fit, truth, head, decoders, draws)
    return record


def measured(answer: Answer, truth: Float[np.ndarray, "V 3"], shown: PartialHead, face: Bool[np.ndarray, "V"]) -> dict:
    """An Answer against the true head: dict of method, seconds and metrics; distances in mm, None where undefined."""
    heads = answer.heads if answer.base is None else align_all(answer.heads, answer.base, truth, face)
    row = {
        "method": answer.method,
        "asd_occluded": None,
        "asd_visible": None,
        "cse": metrics.closest_sample_error(heads, truth),
        "cse_occluded": metrics.closest_sample_error(heads, truth, shown.free),
        "cse_occluded_unaligned": metrics.closest_sample_error(answer.heads, truth, shown.free),
        "mean_error_occluded": metrics.mean_sample_error(heads, truth, shown.free),
        "spread_occluded": None,
        "spread_visible": None,
        "coverage": None,
        "coverage_levels": None,
        "seconds": answer.seconds,
    }
    if len(heads) > 3:
        spread, covered = metrics.spread(heads), [metrics.coverage(heads, truth, shown.free, level) for level in Sweep.levels]
        row |= {"coverage": covered[Sweep.levels.index(0.9)], "coverage_levels": covered}
        for part, where in (("occluded", shown.free), ("visible", shown.visible)):
            row |= {f"asd_{part}": metrics.asd(heads, where), f"spread_{part}": float(np.sqrt(np.mean(spread[where] ** 2)))}
    return row


def curves(fit: Fit, truth: Float[np.ndarray, "V 3"], head: HeadModel, decoders: Decoders, draws: Draws) -> dict:
    """The frontier and the closest-sample curves of one fitted photo.

    Returns:
        dict: frontier (family to rows of knob, ASD-O, CSE-O in mm) and number (method to CSE-O in mm at ``Sweep.sizes``).
    """
    default, vertices, shown = decoders["default"](), decoders[Given.VERTICES](), PartialHead.of(fit, head)

    def point(knob, heads):
        heads = align_all(heads, fit.vertices, truth, head.face)
        return knob, metrics.asd(heads, fit.occluded), metrics.closest_sample_error(heads, truth, fit.occluded)

    dpp = lambda knob: draws.heads(default, shown, "calibrated", dpp_weight=knob)
    bare = lambda knob: draws.heads(default, shown, "calibrated", dpp_weight=knob, remainder=0.0)
    published = lambda decoder: lambda knob: draws.heads(decoder, shown, "published", published_weight=knob)
    farther = lambda decoder: lambda knob: methods.tempered(decoder, knob, draws.number, draws.seed)
    families = {
        "calibrated DPP": (Sweep.dpp_weights, dpp),
        "calibrated DPP, no remainder": (Sweep.dpp_weights, bare),
        "published DPP": (Sweep.published_weights, published(default)),
        "i.i.d., drawn farther out": (Sweep.times, farther(default)),
        "i.i.d. given vertices, drawn farther out": (Sweep.times, farther(vertices)),
    }
    if Given.VAE in decoders:
        families[f"{Given.VAE}: published DPP"] = (Sweep.published_weights, published(decoders[Given.VAE]()))
    frontier = {family: [point(knob, sampled(knob)) for knob in knobs] for family, (knobs, sampled) in families.items()}
    return {"frontier": frontier, "number": closest_sample_curves(fit, truth, head, decoders, draws)}


def closest_sample_curves(
    fit: Fit, truth: Float[np.ndarray, "V 3"], head: HeadModel, decoders: Decoders, draws: Draws
) -> dict[str, list[float]]:
    """CSE-O (mm) at ``Sweep.sizes``, by method: exact expectations for independent draws, a new search per N for the DPP."""
    most = Sweep.sizes[-1]
    independent = {"prior: i.i.d.": head.sample(most, draws.seed)}
    for name, make in decoders.items():
        if name != "default":
            independent[f"{name}: i.i.d."] = sample_iid(make(), most, draws.seed).vertices
    nearest = {}
    for name, heads in independent.items():
        heads = align_all(heads, fit.vertices, truth, head.face)
        nearest[name] = metrics.closest_sample_error_curve(heads, truth, fit.occluded, Sweep.sizes).tolist()
    default, shown, nearest["calibrated DPP"] = decoders["default"](), PartialHead.of(fit, head), []
    for size in Sweep.sizes:
        heads = replace(draws, number=size).heads(default, shown, "calibrated")
        heads = align_all(heads, fit.vertices, truth, head.face)
        nearest["calibrated DPP"].append(metrics.closest_sample_error(heads, truth, fit.occluded))
    return nearest
