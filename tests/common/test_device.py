"""The road of a second device: a GPU where there is one, else a stand-in that refuses what a GPU refuses."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from stand_in import second_device

from d3f_lite.completion.mesh_vae import MeshVAE
from d3f_lite.completion.posterior import decoder_for
from d3f_lite.diversity.search import PartialHead, diversify, sample_iid
from d3f_lite.errors import SettingsError
from d3f_lite.evaluation import methods
from d3f_lite.formats.load_head import load_head
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.reconstruct import complete, reconstruct
from d3f_lite.settings import DiversitySettings
from research.bake import mesh_vae as bake
from widgets import dpp_kernel

CLOSE = {"gaussian": 1e-3, "mesh_vae": 0.05}  # mm between a GPU and the CPU; the stand-in's heads are the CPU's own


@pytest.fixture(scope="module")
def found(portraits):
    """A Reconstruction whose fit all tests here complete again."""
    return reconstruct(*draw_occluder(*portraits["astronaut"], "surgical_mask"), samples=2)


@pytest.fixture
def device():
    """The second device."""
    with second_device() as second:
        yield second


def test_the_device_refuses_numpy_and_mixing_and_lets_numbers_across_on_request(device):
    here, there = torch.arange(3.0), torch.arange(3.0).to(device)
    assert there.device.type == device.type != "cpu"
    history = np.zeros((1, 3), np.float32)
    with pytest.raises((RuntimeError, TypeError)):
        history[0] = there
    for refused in (np.asarray, torch.Tensor.numpy, here.__add__, here.__matmul__, torch.ones(2, 3).__matmul__):
        with pytest.raises((RuntimeError, TypeError)):
            refused(there)
    np.testing.assert_array_equal((2 * there).cpu().numpy(), [0, 2, 4])
    assert (there + here.to(device)).sum().item() == 6.0
    place = torch.zeros(3, device=device, requires_grad=True)
    (gradient,) = torch.autograd.grad((place * there).sum(), place)
    assert gradient.device.type == device.type and gradient.cpu().tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("decoder", CLOSE)
@pytest.mark.parametrize("form", ["iid", "calibrated", "published"])
def test_the_heads_of_a_second_device_are_those_of_the_cpu(decoder, form, found, device):
    settings = DiversitySettings(form=form, decoder=decoder, iterations=4)
    used = decoder_for(found.fit, found.head, settings, str(device)).decode
    with torch.no_grad():
        assert used(torch.zeros(1, used.__self__.latent_size, device=device)).device.type == device.type
    here, there = (complete(found.fit, found.head, settings, 4, 7, device=where) for where in ("cpu", str(device)))
    np.testing.assert_allclose(there.vertices, here.vertices, rtol=0, atol=CLOSE[decoder])
    np.testing.assert_allclose(there.history, here.history, rtol=1e-3, atol=1e-4)
    assert all(type(array) is np.ndarray for array in (there.vertices, there.latents, there.history))


def test_widgets_and_studies_take_a_decoder_of_a_second_device(found, device):
    fit, head, settings = found.fit, found.head, DiversitySettings(form="published", iterations=3)
    decoder = decoder_for(fit, head, settings, str(device))
    heads = diversify(decoder, PartialHead.of(fit, head), settings, number=3)
    assert dpp_kernel(decoder, heads, fit.free, settings).shape == (3, 3)
    np.testing.assert_allclose(methods.most_likely(decoder)[0], fit.vertices, atol=1e-3)
    drawn = sample_iid(decoder, 3, seed=1).vertices
    np.testing.assert_allclose(methods.tempered(decoder, 1.0, 3, 1), drawn, atol=1e-3)
    assert methods.greedy(decoder, fit.occluded, 3, 0).shape == drawn.shape


def small_training(monkeypatch):
    """A head and a Recipe that train in a second."""
    monkeypatch.setattr("research.bake.mesh_vae_start.SAMPLES", 30)
    return replace(load_head(), name="prior"), bake.Recipe(heads=30, masks=3, steps=2, batch=6)


def test_the_mesh_vae_trains_on_a_second_device(device, monkeypatch, tmp_path):
    head, recipe = small_training(monkeypatch)
    monkeypatch.setattr(bake, "_save_checkpoint", lambda *_: None)  # the stand-in's tensors are in no file
    _, expected, _ = bake.train(head, recipe, tmp_path, "cpu")
    model, history, _ = bake.train(head, recipe, tmp_path, device)
    assert isinstance(model, MeshVAE) and model.mean.device.type == device.type
    np.testing.assert_allclose(history, expected, rtol=3e-3)


def test_a_checkpoint_of_a_gpu_goes_on_without_one(monkeypatch, tmp_path):
    head, recipe = small_training(monkeypatch)
    with monkeypatch.context() as patched:  # torch.save notes where each tensor lay
        patched.setattr("torch.serialization.location_tag", lambda storage: "cuda:0")
        _, expected, _ = bake.train(head, recipe, tmp_path, "cpu")
    _, history, _ = bake.train(head, recipe, tmp_path, "cpu")
    np.testing.assert_array_equal(history, expected)


@pytest.mark.parametrize(
    "fault, told",
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."), "too little memory .* fewer"),
        (torch.AcceleratorError("CUDA error: no kernel image is available\nCompile with ..."), "no kernel image .*cpu"),
    ],
)
def test_a_gpu_that_fails_is_one_line(fault, told, found, monkeypatch):
    def fails(*_):
        raise fault

    monkeypatch.setattr("d3f_lite.completion.posterior.decoder_for", fails)
    with pytest.raises(SettingsError, match=told) as caught:
        complete(found.fit, found.head, DiversitySettings(form="published"), 2, 0)
    assert "\n" not in str(caught.value) and "Compile" not in str(caught.value)
