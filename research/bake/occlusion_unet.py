"""The occlusion network in torch, to train it: ``d3f_lite.perception.occlusion_net`` is the same in NumPy."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import nn
from torch.nn.functional import interpolate, pixel_shuffle, pixel_unshuffle

from d3f_lite.perception.occlusion_net import HALVING, SIDE, STAGES


class OcclusionUNet(nn.Module):
    """An OcclusionNet that learns; arguments as there."""

    canonical: torch.Tensor
    typical: torch.Tensor
    enter: nn.Sequential
    down: nn.Sequential
    bottom: nn.Sequential
    up: nn.Sequential
    leave: nn.Sequential

    def __init__(self, canonical: Float[np.ndarray, "468 2"], typical: UInt8[np.ndarray, "sheet sheet 3"]) -> None:
        super().__init__()
        self.register_buffer("canonical", torch.as_tensor(canonical, dtype=torch.float32))
        self.register_buffer("typical", torch.as_tensor(typical, dtype=torch.uint8))
        for name, ((channels, out), *others) in STAGES.items():
            first = _convolution(channels, out, stride=2 if name in HALVING else 1)
            later = [_convolution(*pair) if pair[1] > 4 else nn.Conv2d(*pair, 3, padding=1) for pair in others]
            self.add_module(name, nn.Sequential(first, *later))

    def forward(self, textures: Float[torch.Tensor, "B 3 S S"]) -> Float[torch.Tensor, "B S S"]:
        """Logits of being occluded, from unwrapped faces, RGB in [0, 1]."""
        place = torch.linspace(-1, 1, SIDE, device=textures.device)
        place = torch.stack(torch.meshgrid(place, place, indexing="xy")).expand(len(textures), -1, -1, -1)
        seen = torch.cat((2 * textures - 1, 2 * textures.flip(3) - 1, place), dim=1)
        fine = self.enter(pixel_unshuffle(seen, 2))
        middle = self.down(fine)
        middle = self.up(torch.cat((interpolate(self.bottom(middle), scale_factor=2.0), middle), dim=1))
        logits = self.leave(torch.cat((interpolate(middle, scale_factor=2.0), fine), dim=1))
        return pixel_shuffle(logits, 2)[:, 0]


def _convolution(channels: int, out: int, stride: int = 1) -> nn.Sequential:
    """A 3×3 convolution, normalised and rectified."""
    return nn.Sequential(nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True))
