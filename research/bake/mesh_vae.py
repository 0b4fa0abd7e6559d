"""Train the mesh VAE: ``python -m research.bake.mesh_vae`` (about five CPU-minutes)."""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from safetensors.torch import save_file

from d3f_lite.command_line import command_line
from d3f_lite.completion.mesh_graph import build_graph
from d3f_lite.completion.mesh_vae import FORMAT, LATENT_SIZE, MeshVAE, weights_path
from d3f_lite.errors import AssetError
from d3f_lite.files.arrays import UNREADABLE, reason_of
from d3f_lite.files.values import checked_count
from d3f_lite.files.whole import whole_file
from d3f_lite.formats.load_head import load_head
from d3f_lite.heads.laplacian import laplacian_tensor
from d3f_lite.heads.model import HeadModel
from research.bake.mesh_vae_start import start_linear
from research.bake.partial_heads import FitSimulator, occluded_views, project
from research.bake.schedule import rate

TRAINING_SEED = 3_000_003  # of no other heads; settings were chosen on 2_000_003


@dataclass(frozen=True)
class Recipe:
    """How the network is trained.

    Args:
        heads: drawn from the head model's prior.
        masks: occluded views.
        steps: of AdamW.
        batch: heads per step.
        learning_rate: at its highest; it warms up linearly and decays along one cosine.
        whole: share of heads that the encoder sees whole.
        fitted: share of the others that it sees as a fit instead of exactly.
        fit_noise_mm: range of the simulated photos' noise; 10 mm leaves 1.5 mm RMS on the visible vertices.
        smoothness: weight of the Laplacian term.
        divergence: weight of the Kullback-Leibler divergence, per sample.
        seed: of everything drawn.
    """

    heads: int = 6000
    masks: int = 256
    steps: int = 2200
    batch: int = 24
    learning_rate: float = 3e-3
    whole: float = 0.25
    fitted: float = 0.3
    fit_noise_mm: tuple = (2.0, 25.0)
    smoothness: float = 0.5
    divergence: float = 3e-5
    seed: int = TRAINING_SEED


WIDE_SHARE = 0.25  # of the learning rate, for layers that sum over thousands of inputs
CHECKPOINT_EVERY = 100  # steps
TERMS = ("energy score", "Laplacian", "divergence")


class TrainingHeads:
    """Batches of what the encoder is given and what it should find."""

    def __init__(self, head, recipe):
        self.recipe = recipe
        heads = head.sample(recipe.heads, recipe.seed)
        visible = occluded_views(head, recipe.masks, recipe.seed)
        self.simulator = FitSimulator.of(head, visible)
        self.visible = torch.from_numpy(visible)
        self.heads, self.coefficients = torch.from_numpy(heads), project(head, heads)

    def batch(self, generator):
        """True heads, what is given of them, both (B, V, 3) mm, and what of that is visible, (B, V) bool."""
        recipe, number = self.recipe, self.recipe.batch
        # The second draw once chose an expression: it stays, so that the shipped weights can be made again.
        one, _, mask = (
            torch.randint(limit, (number,), generator=generator) for limit in (recipe.heads, recipe.heads, recipe.masks)
        )
        truth, visible = self.heads[one], self.visible[mask]
        given, whole = truth.clone(), round(recipe.whole * number)
        visible[:whole] = True
        fitted = slice(whole, whole + round(recipe.fitted * (number - whole)))
        low, high = np.log(recipe.fit_noise_mm)
        noise = torch.exp(low + (high - low) * torch.rand(number, generator=generator))[fitted]
        given[fitted] = self.simulator.fit(self.coefficients[one[fitted]], mask[fitted], noise, generator)
        return truth, given, visible


def train(
    head: HeadModel, recipe: Recipe, folder: Path, device: torch.device | str
) -> tuple[MeshVAE, Float[np.ndarray, "steps 3"], float]:
    """Train a MeshVAE for ``head``, or resume where a killed run of the same recipe stopped.

    Args:
        folder: where the checkpoint is kept.
        device: torch device.

    Returns:
        MeshVAE; the history, (steps, 3) of TERMS; and the CPU seconds that it took, killed runs included.

    Raises:
        AssetError: the checkpoint is damaged.
    """
    from tqdm import trange

    torch.manual_seed(recipe.seed)
    scale_mm = float(np.sqrt(np.square(head.basis).sum(0).mean()))
    latent_size = min(LATENT_SIZE, len(head.basis))
    model = MeshVAE(build_graph(head.mean, head.triangles), head.mean, scale_mm, latent_size).to(device)
    optimiser = _optimiser(model)
    generator, checkpoint = torch.Generator().manual_seed(recipe.seed), Path(folder) / f"{weights_path(head.name).stem}.pt"
    first, history, spent = _resume(checkpoint, recipe, model, optimiser, generator)
    spent -= time.process_time()
    heads, smooth = TrainingHeads(head, recipe), laplacian_tensor(head.triangles, len(head.mean), device)

    def draw():
        return tuple(part.to(device) for part in heads.batch(generator))

    if first == 0:
        start_linear(model, head, draw)
    for step in (bar := trange(first, recipe.steps, initial=first, total=recipe.steps, desc="mesh VAE", unit="step")):
        for group in optimiser.param_groups:
            group["lr"] = group["share"] * recipe.learning_rate * rate(step, recipe.steps)
        whole, given, visible = draw()
        terms = loss_terms(model, whole, given, visible, smooth, generator)
        optimiser.zero_grad()
        (terms[0] + recipe.smoothness * terms[1] + recipe.divergence * terms[2]).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        history[step] = terms.detach().cpu()
        if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == recipe.steps:
            bar.set_postfix(score_mm=f"{scale_mm * history[step - 20 : step + 1, 0].mean():.3f}")
            seconds = spent + time.process_time()
            _save_checkpoint(checkpoint, recipe, (step + 1, history, seconds), model, optimiser, generator)
    return model, history.numpy(), spent + time.process_time()


def loss_terms(model, truth, given, visible, smooth, generator):
    """The loss' three terms (3,): energy score of the heads, L1 of their Laplacians, divergence from the prior.

    The energy score ``E|X − x| − ½ E|X − X'|`` of posterior heads X, X' and the truth x is least for a spread that is
    right (Gneiting and Raftery 2007), where L1 alone would have none. X comes in pairs z = μ ± δ, whose difference is
    √2 times that of two independent heads.
    """
    mu, factor = model.encode(given, visible)
    noise = torch.randn(mu.shape, generator=generator).to(mu.device)
    offset = torch.einsum("bij,bj->bi", factor, noise)
    pair = model.decode(torch.cat((mu + offset, mu - offset))).unflatten(0, (2, -1)) / model.scale_mm
    error = pair - truth / model.scale_mm
    score = error.abs().mean() - 8**-0.5 * (pair[0] - pair[1]).abs().mean()
    rough = smooth @ error.flatten(0, 1).transpose(0, 1).flatten(1)
    deviation = factor.diagonal(dim1=1, dim2=2)
    divergence = 0.5 * (mu**2 + factor.square().sum(2) - 1).sum(1) - deviation.log().sum(1)
    return torch.stack((score, rough.abs().mean(), divergence.mean()))


def _optimiser(model):
    """AdamW, with smaller steps where a layer sums over thousands of inputs: there Adam's equal steps add up."""
    wide = [model.directions, model.from_latent.weight]
    others = [parameter for parameter in model.parameters() if all(parameter is not one for one in wide)]
    return torch.optim.AdamW([{"params": wide, "share": WIDE_SHARE}, {"params": others, "share": 1.0}],
                             weight_decay=1e-4)  # fmt: skip


def _save_checkpoint(path, recipe, progress, model, optimiser, generator):
    """Write everything that a run needs to resume; a kill leaves the old file or the new one, never half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {"recipe": asdict(recipe), "progress": progress, "model": model.state_dict(),
             "optimiser": optimiser.state_dict(), "generator": generator.get_state()}  # fmt: skip
    torch.save(state, path.with_suffix(".part"))
    os.replace(path.with_suffix(".part"), path)


def _resume(path, recipe, model, optimiser, generator):
    """Load the checkpoint of this recipe if there is one: the next step, the history so far and its CPU seconds."""
    start = 0, torch.zeros(recipe.steps, len(TERMS)), 0.0
    if not path.exists():
        return start
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)  # trained on a GPU, it may go on without one
        if state["recipe"] != asdict(recipe):
            return start
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        generator.set_state(state["generator"])
        step, history, seconds = state["progress"]
        if history.shape != start[1].shape or not 0 < step <= recipe.steps:
            raise ValueError("its history is of another length")
    except UNREADABLE as error:
        raise AssetError(f"the checkpoint {path} is damaged ({reason_of(error)}): delete it to start anew") from error
    return step, history, seconds


def save(model: MeshVAE, path: Path | str, head_name: str, provenance: dict) -> None:
    """Write the weights, in half precision, and the hierarchy's edges to one safetensors file.

    Args:
        path: of the file.
        head_name: the head model that it was trained for.
        provenance: dict that json can hold: how it was trained.
    """
    tensors = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    tensors["mean"] = model.mean  # 0.01 mm need more than half precision
    for k, level in enumerate(model.graph):
        tensors[f"graph.{k}.edges"] = torch.from_numpy(np.ascontiguousarray(level.edges))
    notes = {"format": FORMAT, "head": head_name, "scale_mm": repr(model.scale_mm)}
    with whole_file(Path(path)) as partial:
        save_file(tensors, partial, notes | {"provenance": json.dumps(provenance)})


@command_line("mesh_vae")
def main(arguments: list[str] | None = None) -> None:
    """Train, or measure what was trained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--head", default="anny", help="the head model to train for")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=TRAINING_SEED)
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--folder", type=Path, default=Path("build/mesh_vae"), help="for the checkpoint")
    parser.add_argument("--out", type=Path, help="the weights' file (default: the shipped one)")
    parser.add_argument("--evaluate", action="store_true", help="measure the weights on held-out heads, write the card")
    options = parser.parse_args(arguments)
    head = load_head(options.head)
    out = options.out or weights_path(head.name)
    if options.evaluate:
        from research.bake.mesh_vae_evaluation import write_card

        print(write_card(head, out))
        return
    recipe = replace(Recipe(), seed=options.seed, steps=options.steps)
    checked_count(recipe.seed, "seed", 0, 2**31)
    checked_count(recipe.steps, "steps", 1, 10**6)
    out.parent.mkdir(parents=True, exist_ok=True)
    model, _, seconds = train(head, recipe, options.folder, options.device)
    save(model.cpu(), out, head.name, asdict(recipe) | {"cpu_seconds": round(seconds)})
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB after {seconds:.0f} CPU seconds")


if __name__ == "__main__":
    sys.exit(main())
