"""Train the occlusion network: ``python -m research.bake.occlusion_net`` (about 16 minutes on two cores)."""

import argparse
import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from safetensors.torch import save_file
from torch.nn.functional import binary_cross_entropy_with_logits

from d3f_lite.common.device import one_thread
from d3f_lite.files.whole import whole_file
from d3f_lite.formats.load_head import load_head
from d3f_lite.observation.landmarks import FACE_OVAL, region_inside
from d3f_lite.perception.detector import MediapipeDetector
from d3f_lite.perception.occlusion_net import FORMAT, SIDE, WEIGHTS
from research.bake.occlusion_drawing import draw_sample
from research.bake.occlusion_faces import TrainingFaces, frontal_faces, mean_face, rendered_faces, small_faces, typical_face
from research.bake.occlusion_unet import OcclusionUNet
from research.bake.schedule import rate


@dataclass(frozen=True)
class Recipe:
    """How the network is trained.

    Args:
        rendered: heads rendered to train on.
        kept_back: one in so many small faces, and a tenth of the renders, are kept for validation.
        steps: of AdamW.
        batch: samples per step, each drawn anew.
        learning_rate: at its highest; it warms up linearly and decays along one cosine.
        validation: samples that the network is judged on.
        seed: of everything drawn.
    """

    rendered: int = 800
    kept_back: int = 5
    steps: int = 8000
    batch: int = 24
    learning_rate: float = 3e-3
    validation: int = 480
    seed: int = 4_000_003  # of no other heads


DICE = 0.5  # weight of the soft Dice term beside the cross entropy
SMALLEST = 0.03  # of the face: less is not counted as an occluder when validating


class SampleStream(torch.utils.data.IterableDataset):
    """Batches of samples without end, textures and labels, drawn beside the training in a process of its own."""

    def __init__(self, faces, batch, seed):
        self.faces, self.batch, self.seed = faces, batch, seed

    def __iter__(self):
        generator = np.random.default_rng(self.seed)
        while True:
            yield Samples.draw(self.faces, self.batch, generator).tensors()


@dataclass(frozen=True, eq=False)
class Samples:
    """Textures (n, SIDE, SIDE, 3) uint8 and labels (n, SIDE, SIDE) bool."""

    textures: np.ndarray
    labels: np.ndarray

    @classmethod
    def draw(cls, faces, number, generator):
        """Draw ``number`` samples of TrainingFaces."""
        return cls(*(np.stack(column) for column in zip(*(draw_sample(faces, generator) for _ in range(number)))))

    def tensors(self):
        """Textures (n, 3, SIDE, SIDE) in [0, 1] and labels (n, SIDE, SIDE), float32."""
        textures = torch.from_numpy(self.textures).permute(0, 3, 1, 2).float() / 255
        return textures, torch.from_numpy(self.labels).float()


def collect_faces(head, recipe):
    """The mean face (468, 2), the typical one, flattened, and the TrainingFaces to learn from and to validate on."""
    with MediapipeDetector() as detector:
        frontal = frontal_faces(head, detector)
        rendered = list(rendered_faces(head, recipe.rendered, detector, recipe.seed))
        unseen = list(rendered_faces(head, recipe.rendered // 10, detector, recipe.seed + 1))
        small = list(small_faces(detector))
    kept, others = small[:: recipe.kept_back], [face for k, face in enumerate(small) if k % recipe.kept_back]
    canonical = mean_face(frontal)
    typical = typical_face(frontal, canonical)
    return canonical, typical, TrainingFaces.collect(rendered, others, canonical), TrainingFaces.collect(unseen, kept, canonical)


def face_disc(canonical: Float[np.ndarray, "468 2"]) -> Bool[torch.Tensor, "S S"]:
    """The texels (SIDE, SIDE) bool that show the face."""
    return torch.from_numpy(region_inside(canonical[list(FACE_OVAL)], (SIDE, SIDE)))


def loss(
    logits: Float[torch.Tensor, "B S S"], labels: Float[torch.Tensor, "B S S"], disc: Float[torch.Tensor, "S S"]
) -> Float[torch.Tensor, ""]:
    """Cross entropy and soft Dice over the face's texels."""
    logits, labels = logits[:, disc], labels[:, disc]
    found = torch.sigmoid(logits)
    overlap = (2 * (found * labels).sum(1) + 20) / (found.sum(1) + labels.sum(1) + 20)
    return binary_cross_entropy_with_logits(logits, labels) + DICE * (1 - overlap).mean()


@one_thread()
def train(net, faces, recipe, validate):
    """Train an OcclusionUNet on TrainingFaces and return it; ``validate(net)`` gives a line of words now and then."""
    from tqdm import trange

    disc = face_disc(net.canonical.numpy())
    stream = SampleStream(faces, recipe.batch, recipe.seed)
    batches = iter(torch.utils.data.DataLoader(stream, batch_size=None, num_workers=1, prefetch_factor=8))
    optimiser = torch.optim.AdamW(net.parameters(), recipe.learning_rate, weight_decay=1e-3)
    net.train()
    for step in (bar := trange(recipe.steps, desc="occlusion net", unit="step", mininterval=10)):
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * rate(step, recipe.steps)
        textures, labels = next(batches)
        value = loss(net(textures), labels, disc)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        if (step + 1) % 250 == 0:
            bar.write(f"step {step + 1}: loss {float(value):.3f}, {validate(net.eval())}")
            net.train()
    return net.eval()


def judged(net, samples, threshold=0.5):
    """Mean IoU over the occluded of ``samples``, and the share of the face wrongly called occluded on clean ones."""
    textures, labels = samples.tensors()
    disc = face_disc(net.canonical.numpy())
    with torch.no_grad():
        found = torch.cat([torch.sigmoid(net(part)) for part in textures.split(60)])[:, disc] > threshold
    labels = labels[:, disc] > 0.5
    hidden, clean = labels.float().mean(1) > SMALLEST, ~labels.any(1)
    overlap = (found & labels).sum(1) / (found | labels).sum(1).clamp(min=1)
    return float(overlap[hidden].mean()), float(found[clean].float().mean())


def save(net, path, provenance):
    """Write the weights of an OcclusionUNet in half precision to a safetensors file; ``provenance``: how they were trained."""
    tensors = {name: value.half() if value.is_floating_point() else value for name, value in net.state_dict().items()}
    tensors["canonical"] = net.canonical  # 0.01 texels need more than half precision
    with whole_file(Path(path)) as partial:
        save_file(tensors, partial, {"format": FORMAT, "provenance": json.dumps(provenance)})


def main():
    """Collect faces, train, write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="the weights' file (default: the shipped one)")
    options = parser.parse_args()
    recipe, start = replace(Recipe(), seed=options.seed, steps=options.steps), time.process_time()
    torch.manual_seed(recipe.seed)
    canonical, typical, faces, unseen = collect_faces(load_head(), recipe)
    samples = Samples.draw(unseen, recipe.validation, np.random.default_rng(recipe.seed + 2))

    def validate(net):
        overlap, false = judged(net, samples)
        return f"IoU {overlap:.3f}, {100 * false:.2f} % wrong on clean faces"

    net = train(OcclusionUNet(canonical, typical), faces, recipe, validate)
    words, seconds = validate(net), round(time.process_time() - start)
    save(net, options.out, asdict(recipe) | {"cpu_seconds": seconds, "validation": words})
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB after {seconds} CPU seconds; validation: {words}")


if __name__ == "__main__":
    main()
