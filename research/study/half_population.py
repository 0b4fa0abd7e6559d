"""People outside the span of the scans: ``python -m research.study.half_population --head-files PATH``.

Every other identity direction of the scans is withheld from the population. Heads drawn from the directions that it has, and
from those that it never saw, are then fitted with it and with the shipped head, which has them all. Halves are made √2 as
wide, so that people vary as much as before. The regions of each fit's posterior show whether it is
overconfident. About fifteen minutes.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from d3f_lite.command_line import command_line
from d3f_lite.diversity.search import sample_iid
from d3f_lite.errors import LandmarkError
from d3f_lite.evaluation.methods import Given, photo_decoders
from d3f_lite.evaluation.report import table
from d3f_lite.evaluation.truth import observe_filled
from d3f_lite.fitting.fit import fit_visible
from d3f_lite.formats.ict import read_ict
from d3f_lite.formats.load_head import load_head
from d3f_lite.heads.model import HeadModel
from d3f_lite.perception.detector import MediapipeDetector
from d3f_lite.settings import DiversitySettings
from research.bake import embedding, population
from research.bake.head import TRAINING_SEED, build, with_scans
from research.bake.registration import register
from research.study import scenes
from research.study.worlds import World

COLUMNS = ("face", "occluded", *(f"covered_{level}_{part}" for part in ("visible", "occluded") for level in ("0.50", "0.90")))


def half_of(people: HeadModel, first: int) -> HeadModel:
    """The scanned people of every other identity direction, from ``first`` on, as varied as all of them."""
    shape = np.sqrt(2.0, dtype=np.float32) * people.bases.shape[first::2]
    bounds = people.bounds[len(people.bases.shape) - len(shape) :]  # identities have none, and come first
    return replace(people, bases=replace(people.bases, shape=shape), bounds=bounds)


def head_of_half(people: HeadModel, half: HeadModel) -> HeadModel:
    """The shipped head as it would be if only ``half`` of the scanned ``people``'s directions were known."""
    own, _, neutral, expression = build(population.AnnyHeads.load())
    own = embedding.measure(own, seed=TRAINING_SEED)
    registered = replace(register(own, people), scans=half)
    return embedding.measure(with_scans(own, registered, neutral, expression), seed=TRAINING_SEED)


def errors(world: World, heads: dict[str, HeadModel], number: int, seed: int) -> Float[np.ndarray, "cases rows 6"]:
    """What COLUMNS name, of the world's average head (an error only) and of the fit of each of ``heads``, on every occluder."""
    found = []
    with MediapipeDetector() as detector:
        for one, occluder in tqdm([(one, occluder) for one in range(number) for occluder in scenes.HIDDEN_BY], desc=world.name):
            try:
                scene = scenes.draw_scene(world, seed, one, occluder, detector)
                observation = observe_filled(scene, detector)
            except LandmarkError:
                continue
            rows = [_measured(world.average, world.average[None], world.head, scene)]
            for head in heads.values():
                fit = fit_visible(observation, head)
                posterior = photo_decoders(fit, head, DiversitySettings())[Given.PHOTO]()
                draws = sample_iid(posterior, scenes.POSTERIOR_DRAWS, seed).vertices
                rows.append(_measured(fit.vertices, draws, head, scene))
            found.append(rows)
    return np.array(found)


def _measured(vertices, draws, model, scene):
    """The COLUMNS of one head and of ``draws`` around it, NaN where those are too few."""
    matrix = scenes.lay(vertices, model, scene)
    error, sure = (
        scenes.measured(scenes.distances(heads, matrix, model, scene), int(scene.visible.sum()))
        for heads in (vertices[None], draws)
    )
    return [error.get(name, sure.get(name, np.nan)) for name in COLUMNS]


@command_line("half_population")
def main() -> None:
    """Make the head of one half, measure both on both, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--head-files", type=Path, required=True, help="ICT-FaceKit's folder or archive")
    parser.add_argument("--heads", type=int, default=12, help="of each half; each gets every occluder (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of every draw (default: %(default)s)")
    options = parser.parse_args()
    people = read_ict(options.head_files).head_model()
    halves = [half_of(people, first) for first in (0, 1)]
    heads = {"the shipped head": load_head(), "the head of one half": head_of_half(people, halves[0])}
    rows = []
    for name, half in zip(("of directions in that half", "of the directions that it never saw"), halves):
        found = errors(World(name, half, half.mean), heads, options.heads, options.seed)
        average, *fits = found.mean(0)
        for model, (face, occluded, *covered) in zip(heads, fits):
            errors_of = f"{face:.2f}", f"{face / average[0]:.2f}", f"{occluded:.2f}", f"{occluded / average[1]:.2f}"
            rows.append((name, len(found), model, *errors_of, *(f"{100 * share:.0f}" for share in covered)))
    columns = ("people", "pictures", "fit of", "face, mm", "of their average", "occluded, mm", "of their average")
    print(table((*columns, "visible in 50 % regions, %", "90 %", "occluded in 50 %", "90 %"), rows))


if __name__ == "__main__":
    sys.exit(main())
