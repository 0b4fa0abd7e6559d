"""A start in closed form for the mesh VAE: the best linear autoencoder that its layers can hold before any training.

Heads are nearly linear, so the network begins as principal components, which the encoder estimates by ridge regression
on its own random features and the decoder interpolates from the coarsest level; training then bends both.
"""

import torch

SAMPLES = 3000  # heads for the regression
RIDGE = 30.0
START_LOG_SIGMA = -2.0


@torch.no_grad()
def start_linear(model, head, draw_batch):
    """Set the weights of a fresh MeshVAE in place.

    Args:
        model: MeshVAE.
        head: HeadModel, whose principal directions the latents become.
        draw_batch: function that returns true heads (B, V, 3), the given ones, and which vertices are visible, (B, V).
    """
    directions = _principal_directions(head, model.latent_size).to(model.mean.device)
    _carry_coordinates(model)
    _decode_directions(model, directions)
    _encode_directions(model, directions, draw_batch)


def _principal_directions(head, number):
    """The strongest directions of the head's prior, (K, 3 V) mm per unit latent, orthogonal, the strongest first."""
    basis = torch.from_numpy(head.basis).flatten(1)
    _, axes = torch.linalg.eigh((basis @ basis.T).double())
    return axes.flip(1)[:, :number].T.float() @ basis


def _carry_coordinates(model):
    """Let three channels of the decoder carry x, y and z by interpolation, and nothing else add to them."""
    for level in model.up:
        matrices = getattr(level, "convolution", level).matrices
        matrices[:, :, :3] = 0.0
        for axis in range(3):
            matrices[:, axis, axis] = len(matrices) ** -0.5


def _decode_directions(model, directions):
    """Write into the decoder's dense layer what, interpolated, comes nearest to the directions."""
    vertices, channels = model.coarsest
    features = torch.zeros(vertices, vertices, channels, device=directions.device)
    features[range(vertices), range(vertices), 0] = 1.0  # one coarse vertex at a time
    for level in model.up:
        features = level(features)
    wanted = directions.unflatten(1, (-1, 3)).transpose(0, 1).flatten(1) / model.scale_mm
    coarse = torch.linalg.lstsq(features[..., 0], wanted).solution.unflatten(1, (-1, 3))
    model.from_latent.weight.view(vertices, channels, -1)[:, :3] = coarse.transpose(1, 2)
    model.from_latent.bias.zero_()


def _encode_directions(model, directions, draw_batch):
    """Write into the encoder's dense layers the ridge regression of the latents on its features."""
    features, latents = [], []
    while sum(map(len, latents)) < SAMPLES:
        truth, given, visible = draw_batch()
        features.append(model.pool(given, visible))
        latents.append((truth - model.mean).flatten(1) @ directions.T / directions.square().sum(1))
    features, latents = torch.cat(features).double(), torch.cat(latents).double()
    centre, middle = features.mean(0), latents.mean(0)
    features -= centre
    gram = features @ features.T
    gram.diagonal().add_(RIDGE)
    weight = (features.T @ torch.linalg.solve(gram, latents - middle)).T
    model.flatten.weight[: len(weight)] = weight.float()
    model.flatten.bias[: len(weight)] = (middle - weight @ centre).float()
    for layer in (*model.completion, model.to_mu, model.to_log_sigma):
        layer.weight.zero_()
        layer.bias.zero_()
    model.to_mu.weight.fill_diagonal_(1.0)
    model.to_log_sigma.bias.fill_(START_LOG_SIGMA)
