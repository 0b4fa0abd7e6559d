"""The photos that masks' settings were chosen on: ``python -m research.study.mask_validation`` prints the overlaps.

Faces held out from the occlusion network's training, under its training's occluders and under cards that come in from a
side, drawn on the photo and detected like any other. The test sets of ``research/study/masks.py`` stay unseen.
"""

import argparse
from collections import defaultdict

import cv2
import numpy as np
from tqdm import tqdm

from d3f_lite.evaluation.report import table
from d3f_lite.formats.load_head import load_head
from d3f_lite.observation.landmarks import FACE_OVAL, region_inside
from d3f_lite.observation.photo import Photo
from d3f_lite.perception.detector import MediapipeDetector, face_size
from d3f_lite.perception.occlusion_net import MESH_POINTS, SHEET, SIDE, load_occlusion_net
from research.bake.occlusion_drawing import SHARES, draw_material
from research.bake.occlusion_faces import Anatomy, rendered_faces, small_faces
from research.bake.occlusion_net import SMALLEST, Recipe
from research.study.masks import Case, score

RENDERS = 30
SIDE_CARDS = 2  # on every face
FOREHEAD, NOSE_ROOT, CHIN = 10, 168, 152  # mesh points
SEED = 4_000_009
COVERED = 0.25  # of a pixel: from here on it counts as occluded


def kept_back_faces(detector):
    """Faces that the network was not trained on: (set, pixels (H, W, 3) uint8, mesh (478, 2) px)."""
    for pixels, mesh in list(rendered_faces(load_head(), RENDERS, detector, Recipe.seed + 1)):
        yield "render", pixels, mesh
    for pixels, mesh in list(small_faces(detector))[:: Recipe.kept_back]:
        yield "small photo", pixels, mesh


def placed(layer, mesh, shape, canonical):
    """A ``layer`` (SHEET, SHEET, …) of the flattened square on a photo of ``shape`` (H, W), moved as a whole onto ``mesh``."""
    flat = np.column_stack([canonical * SHEET / SIDE, np.ones(len(canonical))])
    matrix = np.linalg.lstsq(flat, mesh[:MESH_POINTS], rcond=None)[0].T
    return cv2.warpAffine(layer.astype(np.float32), matrix, shape[::-1], borderMode=cv2.BORDER_REPLICATE)


def side_card(mesh, shape, generator):
    """The cover (H, W) of a card whose edge runs down the face near its middle; it ends beyond the face or not at all."""
    up, size = mesh[FOREHEAD] - mesh[CHIN], face_size(mesh)
    across = np.array([-up[1], up[0]]) / np.linalg.norm(up) * generator.choice([-1, 1])
    lean = generator.normal(0, 0.08)
    across = np.array([[np.cos(lean), -np.sin(lean)], [np.sin(lean), np.cos(lean)]]) @ across
    place = mesh[[NOSE_ROOT, CHIN]].mean(axis=0) @ across + generator.uniform(-0.08, 0.1) * size
    width = generator.uniform(0.6, 0.9) * size if generator.uniform() < 0.7 else np.inf
    y, x = np.mgrid[: shape[0], : shape[1]]
    beyond = x * across[0] + y * across[1] - place
    return np.clip(beyond + 0.5, 0, 1) * (beyond < width)


def cases(detector, seed=SEED):
    """Every face, clean and under every occluder, as a Case."""
    canonical, generator = load_occlusion_net().canonical, np.random.default_rng(seed)
    points = Anatomy.of(canonical).points
    for group, pixels, mesh in kept_back_faces(detector):
        shape = pixels.shape[:2]
        face = region_inside(mesh[list(FACE_OVAL)], shape)
        tone = np.median(pixels[face], axis=0) / 255
        yield Case(group, None, Photo(pixels, group), np.zeros(shape, bool), face)
        for draw in (*SHARES, *[side_card] * SIDE_CARDS):
            if draw is side_card:
                name, cover, colour = "side card", side_card(mesh, shape, generator), draw_material(generator)
            else:
                name, (cover, colour) = draw.__name__.strip("_"), draw(points, tone, generator)
                cover = placed(cover, mesh, shape, canonical)
            colour = 255 * placed(np.broadcast_to(colour, (SHEET, SHEET, 3)), mesh, shape, canonical)
            drawn = (pixels + cover[..., None] * (colour - pixels)).clip(0, 255).astype(np.uint8)
            truth = cover > COVERED
            if (truth & face).sum() > SMALLEST * face.sum():
                yield Case(group, name, Photo(drawn, group), truth, face)


def main():
    """Estimate every mask and print the mean overlap with the true one; where no face is found, it is 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED, help="of the occluders")
    options, found = parser.parse_args(), defaultdict(list)
    with MediapipeDetector() as detector:
        for case in tqdm(list(cases(detector, options.seed)), desc="masks", unit="photo"):
            found[case.group, case.kind].append(score(case, detector)[0])
    rows = []
    for (group, kind), values in found.items():
        mean = np.nan_to_num(values).mean()
        told = f"{mean:.2f}" if kind else f"{100 * mean:.1f} % of the face called occluded"
        rows.append((group, kind or "none", len(values), np.isnan(values).sum(), told))
    print(table(("faces", "occluder", "cases", "faces not found", "IoU"), rows))


if __name__ == "__main__":
    main()
