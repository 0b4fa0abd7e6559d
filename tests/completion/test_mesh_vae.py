"""The mesh VAE: its layer by hand and in three forms, a small network, then the shipped weights on held-out heads."""

import numpy as np
import pytest
import torch
from bench_mesh_vae import OriginalConvolution, OriginalDecoder
from safetensors.torch import load_file, save_file

from d3f_lite.completion.mesh_convolution import SpatiallyVaryingConv
from d3f_lite.completion.mesh_graph import build_graph
from d3f_lite.completion.mesh_vae import MeshVAE, load_mesh_vae, weights_path
from d3f_lite.diversity.search import diversify_calibrated
from d3f_lite.errors import AssetError
from d3f_lite.formats.anny import ASSET
from d3f_lite.formats.load_head import load_head
from research.bake.mesh_vae import save

EDGES = np.array([[0, 1, 2, 3, 3, 4, 0, 4], [0, 0, 0, 0, 1, 1, 1, 2]], np.int32)
DIRECTIONS = {"down": (EDGES, (5, 3)), "up": (EDGES[::-1], (3, 5))}


@pytest.fixture(scope="module")
def shipped():
    return load_mesh_vae(load_head())


@pytest.fixture(scope="module")
def held_out():
    return np.load(ASSET.with_name("held_out.npz"))["vertices"].astype(np.float32)


@pytest.fixture(scope="module")
def seen_from_the_front():
    head = load_head()
    return head.mean[:, 2] > 0.0


def gradients(layer, features):
    """The output of a layer, and its gradients to the features and to every parameter."""
    features = features.clone().requires_grad_()
    heads = layer(features)
    return (heads, *torch.autograd.grad(heads.square().sum(), (features, *layer.parameters())))


def test_layer_by_hand():
    # One target, two sources 2 and 3; kernels 1·10 + 2·100 = 210 and 4·10 = 40; bias 5: 2·210 + 3·40 + 5 = 545.
    layer = SpatiallyVaryingConv(np.array([[0, 1], [0, 0]]), (2, 1), (1, 1), np.ones(2, np.float32), matrices=2)
    with torch.no_grad():
        layer.coefficients.copy_(torch.tensor([[1.0, 2.0], [4.0, 0.0]]))
        layer.matrices.copy_(torch.tensor([10.0, 100.0]).view(2, 1, 1))
        layer.bias.fill_(5.0)
    assert layer(torch.tensor([2.0, 3.0]).view(2, 1, 1)).item() == pytest.approx(545.0)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_messages_and_sparse_product_agree(direction):
    edges, sizes = DIRECTIONS[direction]
    torch.manual_seed(0)
    layer = SpatiallyVaryingConv(edges, sizes, (4, 6), np.ones(edges.shape[1], np.float32))
    features = torch.randn(sizes[0], 3, 4)
    fused = gradients(layer, features)
    layer.fuse = False
    for one, other in zip(fused, gradients(layer, features)):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_each_road_is_the_one_it_says():
    edges, sizes = DIRECTIONS["down"]
    layer = SpatiallyVaryingConv(edges, sizes, (1, 1), np.ones(edges.shape[1], np.float32))
    taken = []
    layer.register_message_forward_hook(lambda *_: taken.append("message"))
    layer.register_message_and_aggregate_forward_hook(lambda *_: taken.append("message_and_aggregate"))
    layer(torch.ones(5, 1, 1))
    layer.fuse = False
    layer(torch.ones(5, 1, 1))
    assert taken == ["message_and_aggregate", "message"]


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_same_numbers_as_the_originals_gather_and_einsum(direction):
    edges, sizes = DIRECTIONS[direction]
    torch.manual_seed(0)
    layer = SpatiallyVaryingConv(edges, sizes, (4, 6), np.ones(edges.shape[1], np.float32))
    features = torch.randn(sizes[0], 3, 4)
    torch.testing.assert_close(layer(features), OriginalConvolution(layer)(features), rtol=1e-5, atol=1e-5)


def test_shipped_decoder_is_the_original_form(shipped):
    latents = torch.randn(2, shipped.latent_size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(shipped.decode(latents), OriginalDecoder(shipped)(latents), rtol=1e-5, atol=1e-3)


def test_hidden_vertices_are_not_read(shipped, held_out, seen_from_the_front):
    other = held_out[0].copy()
    other[~seen_from_the_front] = np.nan
    one, other = (shipped.posterior(vertices, seen_from_the_front) for vertices in (held_out[0], other))
    assert torch.equal(one.mu, other.mu) and torch.equal(one.factor, other.factor)


def test_batched_equals_one_by_one(shipped, held_out, seen_from_the_front):
    heads, visible = torch.from_numpy(held_out[:3]), torch.from_numpy(seen_from_the_front)
    together, _ = shipped.encode(heads, visible.expand(3, -1))
    alone = torch.stack([shipped.posterior(head, visible, noise_mm=None).mu for head in heads])
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-3)


def test_completes_better_than_the_mean_head(shipped, held_out, seen_from_the_front):
    heads, visible = torch.from_numpy(held_out[:16]), torch.from_numpy(seen_from_the_front)
    with torch.no_grad():
        latents, _ = shipped.condition(shipped.encode(heads, visible.expand(16, -1))[0], heads, visible)
        completed = shipped.decode(latents).numpy()
    errors = [
        np.linalg.norm(guess - held_out[:16], axis=2)[:, ~seen_from_the_front].mean() for guess in (completed, load_head().mean)
    ]
    assert errors[0] < 0.5 * errors[1]


def test_nothing_visible_gives_the_prior(shipped):
    head = load_head().mean
    posterior = shipped.posterior(head, np.zeros(len(head), bool))
    torch.testing.assert_close(posterior.mu, torch.zeros_like(posterior.mu))
    torch.testing.assert_close(posterior.factor, torch.eye(posterior.latent_size))


@pytest.mark.parametrize("noise_mm", [None, 1.0])
def test_spread_is_where_nothing_is_seen(shipped, held_out, seen_from_the_front, noise_mm):
    posterior = shipped.posterior(held_out[0], seen_from_the_front, noise_mm)
    with torch.no_grad():
        heads = posterior.decode(torch.randn(16, posterior.latent_size, generator=torch.Generator().manual_seed(0)))
    apart = heads.std(0).norm(dim=-1).numpy()
    assert apart[~seen_from_the_front].mean() > 1.3 * apart[seen_from_the_front].mean()


def test_conditioning_brings_the_visible_part_to_the_photo(shipped, held_out, seen_from_the_front):
    errors = []
    for noise_mm in (None, 1.0):
        posterior = shipped.posterior(held_out[0], seen_from_the_front, noise_mm)
        found = posterior.decode(torch.zeros(1, posterior.latent_size))[0].numpy()
        errors.append(np.linalg.norm(found - held_out[0], axis=1)[seen_from_the_front].mean())
    assert errors[1] < errors[0]


def test_secants_say_how_far_latents_move_the_hidden_vertices(shipped, held_out, seen_from_the_front):
    posterior, hidden = shipped.posterior(held_out[0], seen_from_the_front), ~seen_from_the_front
    gram = posterior.linearised().displacement_gram(hidden)
    latents = torch.randn(8, posterior.latent_size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        moved = (posterior.decode(latents) - posterior.decode(-latents))[:, hidden].numpy() / 2.0
    expected = np.square(moved).sum(2).mean(1)
    np.testing.assert_allclose(np.einsum("nk,kl,nl->n", latents, gram, latents), expected, rtol=0.2)  # nearly linear
    assert diversify_calibrated(posterior, hidden, number=3).vertices.shape == (3, *held_out[0].shape)


def test_gradient_of_the_decoder(shipped):
    posterior = shipped.posterior(load_head().mean, np.ones(len(load_head().mean), bool))
    latents = torch.zeros(1, posterior.latent_size, requires_grad=True)
    step = torch.full_like(latents, 1e-2)
    (gradient,) = torch.autograd.grad(posterior.decode(latents)[..., 1].sum(), latents)
    with torch.no_grad():
        change = (posterior.decode(latents + step) - posterior.decode(latents - step))[..., 1].sum() / 2
    assert (gradient * step).sum().item() == pytest.approx(change.item(), rel=0.02, abs=0.5)


def test_save_and_load(tmp_path):
    head = load_head()
    torch.manual_seed(0)
    model = MeshVAE(build_graph(head.mean, head.triangles), head.mean, 3.0)
    save(model, tmp_path / "weights.safetensors", "anny", {"seed": 0})
    latents = torch.randn(2, model.latent_size)
    loaded = load_mesh_vae(head, tmp_path / "weights.safetensors")
    with torch.no_grad():
        torch.testing.assert_close(loaded.decode(latents), model.decode(latents), rtol=0, atol=0.05)


def test_broken_files_are_refused(tmp_path):
    head, path = load_head(), tmp_path / "weights.safetensors"
    with pytest.raises(AssetError, match="cannot read"):
        load_mesh_vae(head, path)
    path.write_bytes(weights_path("anny").read_bytes()[:100_000])
    with pytest.raises(AssetError, match="cannot read"):
        load_mesh_vae(head, path)
    tensors = load_file(weights_path("anny"))
    save_file(tensors, path, {"format": "something else"})
    with pytest.raises(AssetError, match="no mesh VAE for the head"):
        load_mesh_vae(head, path)


def test_shipped_file_is_small():
    assert weights_path("anny").stat().st_size <= 4_000_000
