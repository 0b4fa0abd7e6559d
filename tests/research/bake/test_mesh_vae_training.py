"""Training the mesh VAE: it goes on where it was killed, on fits and views as simulated."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from d3f_lite.formats.load_head import load_head
from research.bake import mesh_vae as bake
from research.bake.partial_heads import FitSimulator, occluded_views


def test_a_killed_training_goes_on_where_it_was(tmp_path, monkeypatch):
    head = replace(load_head(), name="prior")
    recipe = bake.Recipe(heads=30, masks=3, steps=4, batch=6)
    monkeypatch.setattr(bake, "CHECKPOINT_EVERY", 2)
    monkeypatch.setattr("research.bake.mesh_vae_start.SAMPLES", 30)
    _, history, _ = bake.train(head, recipe, tmp_path / "whole", "cpu")

    with monkeypatch.context() as patched:
        patched.setattr(bake, "loss_terms", killed_after(3, bake.loss_terms))
        with pytest.raises(KeyboardInterrupt):
            bake.train(head, recipe, tmp_path / "killed", "cpu")
    monkeypatch.setattr(bake, "loss_terms", killed_after(2, bake.loss_terms))  # steps 3 and 4, not from the start
    _, history_resumed, _ = bake.train(head, recipe, tmp_path / "killed", "cpu")
    # Other batches, or other weights, would change every number by per cents; rounding alone changes some by 0.02 %.
    np.testing.assert_allclose(history_resumed, history, rtol=3e-3)


def killed_after(calls, function):
    """The function, until it is interrupted in place of its call after the ``calls`` first ones."""
    made = iter(range(calls))

    def interrupted(*arguments):
        if next(made, None) is None:
            raise KeyboardInterrupt
        return function(*arguments)

    return interrupted


def test_simulated_fits_are_posterior_means():
    # One direction seen with evidence 3 and noise 1: variance 1/4, so a fit of c = 2 is 1.5 ± sqrt(3) / 4.
    basis = torch.zeros(1, 3, 3)
    basis[0, :, 0] = 1.0
    simulator = FitSimulator(torch.zeros(3, 3), basis, torch.ones(1, 1, 1), torch.tensor([[3.0]]))
    number, generator = 20_000, torch.Generator().manual_seed(0)
    masks = torch.zeros(number, dtype=torch.long)
    fits = simulator.fit(torch.full((number, 1), 2.0), masks, torch.ones(number), generator)[:, 0, 0]
    assert fits.mean().item() == pytest.approx(1.5, abs=0.01)
    assert fits.std().item() == pytest.approx(3**0.5 / 4, rel=0.02)


def test_occluded_views_never_show_the_back():
    head = load_head()
    views = occluded_views(head, 6, seed=0)
    back = (head.mean[:, 2] < -60.0) & (np.abs(head.mean[:, 0]) < 40.0)
    assert back.any() and not views[:, back].any()
    assert len(np.unique(views.sum(1))) == 6 and views.any(1).all()
