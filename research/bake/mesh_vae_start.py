"""A start in closed form for the mesh VAE: the best linear autoencoder that its layers can hold before any training.

Heads are nearly linear, so the network begins as principal components, which the encoder estimates by ridge regression
on its own random features and the decoder interpolates from the coarsest level; training then bends both.
"""

import torch

SAMPLES = 5000  # heads for the regression
NOISE, NOISE_FLOOR = 3.0, 0.05  # what the regression leaves over counts threefold: its errors are correlated


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
    """Let channels carry x, y and z through all levels by interpolation, and the encoder visibility as well."""
    for levels, carried in ((model.down, 4), (model.up, 3)):
        for level in levels:
            matrices = getattr(level, "convolution", level).matrices
            matrices[:, :, :carried] = 0.0
            for channel in range(carried):
                matrices[:, channel, channel] = len(matrices) ** -0.5


def _decode_directions(model, directions):
    """Set the decoder's dense layer to the coarse values that interpolate closest to the directions."""
    vertices, channels = model.coarsest
    features = torch.zeros(vertices, vertices, channels, device=directions.device)
    features[..., 0].fill_diagonal_(1.0)  # one coarse vertex at a time
    for level in model.up:
        features = level(features)
    wanted = directions.unflatten(1, (-1, 3)).transpose(0, 1).flatten(1) / model.scale_mm
    coarse = torch.linalg.lstsq(features[..., 0], wanted).solution.unflatten(1, (-1, 3))
    model.from_latent.weight.view(vertices, channels, -1)[:, :3] = coarse.transpose(1, 2)
    model.from_latent.bias.zero_()


def _encode_directions(model, directions, draw_batch):
    """Set the encoder to a least-squares regression of its features on the latents, over whole heads."""
    features, latents = [], []
    while sum(map(len, latents)) < SAMPLES:
        truth = draw_batch()[0]
        features.append(model.pool(truth, torch.ones(truth.shape[:2], dtype=torch.bool, device=truth.device)))
        latents.append((truth - model.mean).flatten(1) @ directions.T / directions.square().sum(1))
    features, latents = torch.cat(features).double(), torch.cat(latents).double()
    design, wanted = torch.cat((torch.ones_like(latents[:, :1]), latents), 1), features.flatten(1)
    gram = design.T @ design
    gram.diagonal().add_(1.0)  # as one more head would, so that few samples do as well
    solution = torch.linalg.solve(gram, design.T @ wanted)
    noise = NOISE * (wanted - design @ solution).square().mean(0).sqrt() + NOISE_FLOOR
    model.centre.copy_(solution[0].view(model.coarsest))
    model.sharpness.copy_((1.0 / noise).view(model.coarsest))
    model.directions.copy_((solution[1:] / noise).view_as(model.directions))
