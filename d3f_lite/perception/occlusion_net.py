"""A small U-Net that tells, texel by texel of the unwrapped face, how likely something hides it.

The face mesh of any photo is flattened onto one fixed square, so that the network sees every face in the same place (the
original's occlusion network works on a cropped photo: Dey and Boddeti 2022, section 3.1).
"""

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from scipy.interpolate import LinearNDInterpolator
from torch import nn
from torch.nn.functional import interpolate, pixel_shuffle, pixel_unshuffle

from d3f_lite.assets import SHIPPED
from d3f_lite.common.device import one_thread
from d3f_lite.errors import AssetError
from d3f_lite.files.arrays import LARGEST_NUMBER

WEIGHTS = SHIPPED / "occlusion_net.safetensors"
FORMAT = "d3f-lite occlusion net 1"
SIDE = 64  # texels of the unwrapped face, across and down
SHEET = 2 * SIDE  # texels that a photo is unwrapped to first, so that looks at it can be moved a little
MESH_POINTS = 468  # of MediaPipe's 478: the others are irises
# Looks that are averaged, each also mirrored: moved right and down (parts of the side), enlarged.
LOOKS = ((0.0, 0.0, 1.0), (0.015, 0.015, 0.98), (-0.015, 0.015, 1.02), (0.0, -0.02, 1.0))


class OcclusionNet(nn.Module):
    """A U-Net (Ronneberger et al. 2015) on the unwrapped face, its mirror image and each texel's place.

    Args:
        canonical: texels of the square of SIDE, the mesh of the mean frontal face, symmetric.
        typical: what a face looks like there, 128 its median colour, 0 off the face.
    """

    canonical: torch.Tensor
    typical: torch.Tensor

    def __init__(self, canonical: Float[np.ndarray, "468 2"], typical: UInt8[np.ndarray, "sheet sheet 3"]) -> None:
        super().__init__()
        fine, middle, coarse = 32, 56, 96  # channels
        self.register_buffer("canonical", torch.as_tensor(canonical, dtype=torch.float32))
        self.register_buffer("typical", torch.as_tensor(typical, dtype=torch.uint8))
        self.enter = nn.Sequential(_convolution(32, fine), _convolution(fine, fine))
        self.down = nn.Sequential(_convolution(fine, middle, stride=2), _convolution(middle, middle))
        self.bottom = nn.Sequential(
            _convolution(middle, coarse, stride=2), _convolution(coarse, coarse), _convolution(coarse, coarse)
        )
        self.up = nn.Sequential(_convolution(coarse + middle, middle), _convolution(middle, middle))
        self.leave = nn.Sequential(_convolution(middle + fine, fine), nn.Conv2d(fine, 4, 3, padding=1))

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

    @one_thread()
    def probability(self, pixels: UInt8[np.ndarray, "H W 3"], mesh: Float[np.ndarray, "P 2"]) -> Float[np.ndarray, "H W"]:
        """How likely something hides the face with this mesh px, 0 off the face; float32.

        The picture is best scaled so that the face is about 160 px large.
        """
        canonical = self.canonical.numpy()
        sheet = unwrap(pixels, mesh, canonical)
        looks = np.stack([_moved(sheet, look, (SIDE, SIDE)) for look in LOOKS])
        looks = np.concatenate((looks, looks[:, :, ::-1]))
        with torch.no_grad():
            textures = torch.sigmoid(self(torch.from_numpy(looks.astype(np.float32) / 255).permute(0, 3, 1, 2))).numpy()
        textures = (textures[: len(LOOKS)] + textures[len(LOOKS) :, :, ::-1]) / 2
        texture = np.mean([_moved_back(texture, look) for texture, look in zip(textures, LOOKS)], axis=0)
        return wrap(texture, mesh, canonical, pixels.shape[:2])


def _convolution(channels: int, out: int, stride: int = 1) -> nn.Sequential:
    """A 3×3 convolution, normalised and rectified."""
    return nn.Sequential(nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True))


@lru_cache(maxsize=1)
def load_occlusion_net(path: Path | str = WEIGHTS) -> OcclusionNet:
    """The shipped OcclusionNet, its weights frozen.

    Raises:
        AssetError: the file is missing or holds something else.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    try:
        with safe_open(path, framework="pt") as file:
            notes, tensors = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}
        if notes.get("format") != FORMAT:
            raise ValueError("another format")
        if not all(tensor.float().abs().max() <= LARGEST_NUMBER for tensor in tensors.values()):  # false for NaN, too
            raise ValueError("NaN, infinite or huge numbers")
        net = OcclusionNet(tensors["canonical"].numpy(), tensors["typical"].numpy())
        net.load_state_dict(tensors)
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise AssetError(f"{path.name}: no occlusion network ({reason}); train it: research.bake.occlusion_net") from None
    return net.requires_grad_(False).eval()


def unwrap(
    pixels: Shaped[np.ndarray, "H W ..."],
    mesh: Float[np.ndarray, "P 2"],
    canonical: Float[np.ndarray, "468 2"],
    side: int = SHEET,
) -> Shaped[np.ndarray, "side side ..."]:
    """The face of a picture with this mesh (468 points or more, px), flattened; 0 off the face."""
    place = (np.arange(side) + 0.5) * SIDE / side
    to_photo = LinearNDInterpolator(canonical, mesh[:MESH_POINTS], fill_value=-1e4)
    at = to_photo(*np.meshgrid(place, place)).astype(np.float32) - 0.5  # OpenCV counts from pixel centres
    sheet = cv2.remap(pixels, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    on_face = at[..., 0] > -5e3
    return sheet * on_face.reshape(*on_face.shape, *[1] * (sheet.ndim - 2)).astype(sheet.dtype)


def wrap(
    texture: Shaped[np.ndarray, "h w ..."],
    mesh: Float[np.ndarray, "P 2"],
    canonical: Float[np.ndarray, "468 2"],
    shape: tuple[int, int],
) -> Float[np.ndarray, "H W ..."]:
    """The values of a texture where a photo of ``shape`` (H, W) shows the face, 0 off the face: ``unwrap``'s inverse."""
    low = np.floor(mesh.min(axis=0)).clip(0).astype(int)
    high = np.minimum(np.ceil(mesh.max(axis=0)).astype(int), shape[::-1])
    values = np.zeros((*shape, *texture.shape[2:]), np.float32)
    if not (high > low).all():
        return values
    points = np.meshgrid(*(np.arange(first, last) + 0.5 for first, last in zip(low, high)))
    to_texture = LinearNDInterpolator(mesh[:MESH_POINTS], canonical, fill_value=-1e4)
    at = (to_texture(*points) * (np.array(texture.shape[1::-1]) / SIDE) - 0.5).astype(np.float32)
    inside = cv2.remap(texture.astype(np.float32), at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside[at[..., 0] <= -5e3] = 0
    values[low[1] : high[1], low[0] : high[0]] = inside
    return values


def _move(look, side, out):
    """The affine map (2, 3) of ``look`` from a square of ``side`` texels to one of ``out``, counted from texel centres."""
    right, down, larger = look
    scale = larger * out / side
    offset = out / 2 - scale * side / 2 + np.array([right, down]) * out
    return np.array([[scale, 0, offset[0] + (scale - 1) / 2], [0, scale, offset[1] + (scale - 1) / 2]])


def _moved(sheet, look, size):
    """The sheet seen through one of LOOKS, averaged down to ``size``."""
    moved = cv2.warpAffine(sheet, _move(look, len(sheet), len(sheet)), sheet.shape[1::-1])
    return cv2.resize(moved, size, interpolation=cv2.INTER_AREA)


def _moved_back(texture, look):
    """The texture (SIDE, SIDE) of a look where it would lie unmoved."""
    way = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    return cv2.warpAffine(texture, _move(look, SIDE, SIDE), (SIDE, SIDE), flags=way, borderMode=cv2.BORDER_REPLICATE)
