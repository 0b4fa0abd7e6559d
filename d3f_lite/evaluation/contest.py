"""Judge a method of one's own on rendered held-out heads, beside a baseline: what the projects of notebook 09 are scored by.

A method sees a photo and a mask and gives heads; the judge knows the truth. Try things on DEVELOPMENT heads, and score once, at
the end, on those of REPORT.
"""

from collections.abc import Callable, Iterable

import numpy as np
from jaxtyping import Float

from d3f_lite import metrics
from d3f_lite.common.device import one_thread
from d3f_lite.errors import LandmarkError
from d3f_lite.evaluation.report import table
from d3f_lite.evaluation.truth import Case, align_all, draw_case
from d3f_lite.formats.anny import held_out_heads
from d3f_lite.heads.model import HeadModel
from d3f_lite.observation.photo import Photo
from d3f_lite.perception.detector import MediapipeDetector

REPORT, DEVELOPMENT = range(0, 40), range(40, 64)  # numbers of held-out heads


def draw_tasks(head: HeadModel, numbers: Iterable[int], occluders: Iterable[str | Callable]) -> list[Case]:
    """Render held-out heads of these ``numbers``, such as some of DEVELOPMENT, each under every occluder.

    All but a case's ``photo`` and ``mask`` is for the judge alone.

    Args:
        occluders: their kinds, or functions (photo, landmarks, seed) -> (photo, mask).
    """
    with MediapipeDetector() as detector:
        return [
            draw_case(head, held_out_heads()[number], occluder, 1000 * number, detector)
            for number in numbers
            for occluder in occluders
        ]


@one_thread()
def score(method: Callable[[Photo, np.ndarray], np.ndarray], tasks: list[Case]) -> Float[np.ndarray, "n 2"]:
    """Energy score and CSE-O (mm) over the occluded vertices of each task; NaN where the method refuses a photo.

    The heads are moved together so that their mean lies on the true head where the photo shows it: a photo tells neither size nor
    place, and the hidden part must not help.
    """
    scores = np.full((len(tasks), 2), np.nan)
    for row, task in zip(scores, tasks):
        try:
            heads = method(task.photo, task.mask)
        except LandmarkError:
            continue
        moved = align_all(heads, heads.mean(0), task.truth, task.shown.visible)
        row[:] = [measure(moved, task.truth, task.shown.free) for measure in (metrics.energy_score, metrics.closest_sample_error)]
    return scores


def standings(scores: dict[str, Float[np.ndarray, "n 2"]]) -> str:
    """A Markdown table of scores of the same tasks; each method is compared with the first task by task, ± a standard error."""
    baseline, rows = next(iter(scores.values())), []
    for name, ours in scores.items():
        cells = [name]
        for column, theirs in zip(ours.T, baseline.T):
            difference = (column - theirs)[np.isfinite(column - theirs)]
            error = difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else np.nan
            cells += [f"{np.nanmean(column):.2f}", "–" if ours is baseline else f"{difference.mean():+.2f} ± {error:.2f}"]
        rows.append(cells)
    return table(("method", "energy score", "against the first", "CSE-O", "against the first"), rows)
