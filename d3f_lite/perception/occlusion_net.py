"""A small U-Net that tells, texel by texel of the unwrapped face, how likely something hides it.

The face mesh of any photo is flattened onto one fixed square, so that the network sees every face in the same place (the
original's occlusion network works on a cropped photo: Dey and Boddeti 2022, section 3.1).
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, Shaped, UInt8
from scipy.spatial import Delaunay
from scipy.special import expit

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
# The convolutions by stages, channels in and out. All but the last are normalised and rectified.
FINE, MIDDLE, COARSE = 32, 56, 96  # channels at 32, 16 and 8 texels across
STAGES = {
    "enter": ((32, FINE), (FINE, FINE)),
    "down": ((FINE, MIDDLE), (MIDDLE, MIDDLE)),
    "bottom": ((MIDDLE, COARSE), (COARSE, COARSE), (COARSE, COARSE)),
    "up": ((COARSE + MIDDLE, MIDDLE), (MIDDLE, MIDDLE)),
    "leave": ((MIDDLE + FINE, FINE), (FINE, 4)),
}
HALVING = ("down", "bottom")  # stages whose first convolution takes every other texel


@dataclass(frozen=True, eq=False)
class OcclusionNet:
    """A U-Net (Ronneberger et al. 2015) on the unwrapped face, its mirror image and each texel's place.

    ``research.bake.occlusion_unet`` is the same in torch, for training; two seconds of imports are not worth twelve convolutions.
    """

    canonical: Float[np.ndarray, "468 2"]  # texels of the square of SIDE, the mesh of the mean frontal face, symmetric
    typical: UInt8[np.ndarray, "sheet sheet 3"]  # what a face looks like there, 128 its median colour, 0 off the face
    kernels: dict[str, list[tuple[Float[np.ndarray, "nine in out"], Float[np.ndarray, "out"]]]]  # weights and biases of STAGES

    def logits(self, textures: Float[np.ndarray, "B S S 3"]) -> Float[np.ndarray, "B S S"]:
        """Logits of being occluded, from unwrapped faces, RGB in [0, 1]."""
        place = np.linspace(-1, 1, SIDE, dtype=np.float32)
        place = np.broadcast_to(np.stack(np.meshgrid(place, place), axis=-1), (*textures.shape[:3], 2))
        seen = np.concatenate((2 * textures - 1, 2 * textures[:, :, ::-1] - 1, place), axis=-1).astype(np.float32)
        fine = self._stage("enter", _blocks_to_channels(seen))
        middle = self._stage("down", fine)
        middle = self._stage("up", np.concatenate((_doubled(self._stage("bottom", middle)), middle), axis=-1))
        return _channels_to_blocks(self._stage("leave", np.concatenate((_doubled(middle), fine), axis=-1)))

    def _stage(self, name, values):
        """The convolutions of one of STAGES, one after the other."""
        for number, (weights, bias) in enumerate(self.kernels[name]):
            values = _convolved(values, weights, bias, step=2 if name in HALVING and number == 0 else 1)
            if len(bias) > 4:
                np.maximum(values, 0, out=values)
        return values

    @one_thread()
    def probability(self, pixels: UInt8[np.ndarray, "H W 3"], mesh: Float[np.ndarray, "P 2"]) -> Float[np.ndarray, "H W"]:
        """How likely something hides the face with this mesh px, 0 off the face; float32.

        The picture is best scaled so that the face is about 160 px large.
        """
        sheet = unwrap(pixels, mesh, self.canonical)
        looks = np.stack([_moved(sheet, look, (SIDE, SIDE)) for look in LOOKS])
        looks = np.concatenate((looks, looks[:, :, ::-1]))
        textures = expit(self.logits(looks.astype(np.float32) / 255))
        textures = (textures[: len(LOOKS)] + textures[len(LOOKS) :, :, ::-1]) / 2
        texture = np.mean([_moved_back(texture, look) for texture, look in zip(textures, LOOKS)], axis=0)
        return wrap(texture, mesh, self.canonical, pixels.shape[:2])


def _convolved(values, weights, bias, step=1):
    """A 3×3 convolution of (B, h, w, in) with ``weights`` (9, in, out), zeros around; every ``step``-th texel of it."""
    batch, height, width, _ = values.shape
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifted = [padded[:, down : down + height : step, right : right + width : step] for down in range(3) for right in range(3)]
    columns = np.concatenate(shifted, axis=-1)
    return columns @ weights.reshape(-1, weights.shape[-1]) + bias


def _blocks_to_channels(values):
    """(B, 2h, 2w, C) to (B, h, w, 4C): torch's ``pixel_unshuffle``."""
    batch, height, width, channels = values.shape
    blocks = values.reshape(batch, height // 2, 2, width // 2, 2, channels)
    return blocks.transpose(0, 1, 3, 5, 2, 4).reshape(batch, height // 2, width // 2, 4 * channels)


def _channels_to_blocks(values):
    """(B, h, w, 4) to (B, 2h, 2w): torch's ``pixel_shuffle``."""
    batch, height, width, _ = values.shape
    return values.reshape(batch, height, width, 2, 2).transpose(0, 1, 3, 2, 4).reshape(batch, 2 * height, 2 * width)


def _doubled(values):
    """(B, h, w, C) to (B, 2h, 2w, C), each texel four times."""
    return values.repeat(2, axis=1).repeat(2, axis=2)


@lru_cache(maxsize=1)
def load_occlusion_net(path: Path | str = WEIGHTS) -> OcclusionNet:
    """The shipped OcclusionNet, its normalisations folded into its convolutions.

    Raises:
        AssetError: the file is missing or holds something else.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    try:
        with safe_open(path, framework="numpy") as file:
            notes, tensors = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}
        if notes.get("format") != FORMAT:
            raise ValueError("another format")
        if not all(
            np.abs(tensor.astype(np.float32)).max() <= LARGEST_NUMBER for tensor in tensors.values()
        ):  # false for NaN, too
            raise ValueError("NaN, infinite or huge numbers")
        kernels = {
            name: [_kernel(tensors, f"{name}.{number}", *channels) for number, channels in enumerate(stage)]
            for name, stage in STAGES.items()
        }
        return OcclusionNet(
            _checked(tensors["canonical"], MESH_POINTS, 2), _checked(tensors["typical"], SHEET, SHEET, 3), kernels
        )
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise AssetError(f"{path.name}: no occlusion network ({reason}); train it: research.bake.occlusion_net") from None


def _kernel(tensors, name, channels, out):
    """The weights (9, channels, out) and the bias (out,) of a convolution, times what the normalisation after it does."""
    scale, bias = np.ones(out, np.float32), 0.0
    convolution = f"{name}.0" if f"{name}.0.weight" in tensors else name
    weights = _checked(tensors[f"{convolution}.weight"], out, channels, 3, 3).astype(np.float32)
    if convolution == name:
        bias = _checked(tensors[f"{name}.bias"], out).astype(np.float32)
    else:
        gain, shift, mean, variance = (
            _checked(tensors[f"{name}.1.{part}"], out).astype(np.float32)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gain / np.sqrt(variance + np.float32(1e-5))
        bias = shift - scale * mean
    return weights.reshape(out, channels, 9).transpose(2, 1, 0) * scale, bias


def _checked(tensor, *shape):
    """A tensor of this shape."""
    if tensor.shape != shape:
        raise ValueError(f"a tensor of shape {tensor.shape}, not {shape}")
    return tensor


def unwrap(
    pixels: Shaped[np.ndarray, "H W ..."],
    mesh: Float[np.ndarray, "P 2"],
    canonical: Float[np.ndarray, "468 2"],
    side: int = SHEET,
) -> Shaped[np.ndarray, "side side ..."]:
    """The face of a picture with this mesh (468 points or more, px), flattened; 0 off the face."""
    place = (np.arange(side) + 0.5) * SIDE / side
    at = _between(canonical, mesh[:MESH_POINTS], *np.meshgrid(place, place)).astype(np.float32) - 0.5  # OpenCV: pixel centres
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
    at = (_between(mesh[:MESH_POINTS], canonical, *points) * (np.array(texture.shape[1::-1]) / SIDE) - 0.5).astype(np.float32)
    inside = cv2.remap(texture.astype(np.float32), at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside[at[..., 0] <= -5e3] = 0
    values[low[1] : high[1], low[0] : high[0]] = inside
    return values


def _between(points, values, x, y, outside=-1e4):
    """The ``values`` (P, 2) known at ``points`` (P, 2) at the places (h, w) x and y, linear in each Delaunay triangle: (h, w, 2).

    That is SciPy's LinearNDInterpolator, whose import takes longer than all that it does here.
    """
    triangles, places = Delaunay(points), np.stack((x, y), axis=-1)
    number = triangles.find_simplex(places)
    affine, corners = triangles.transform[number], values[triangles.simplices[number]]
    first_two = np.einsum("...ij,...j->...i", affine[..., :2, :], places - affine[..., 2, :])
    weights = np.concatenate((first_two, 1 - first_two.sum(axis=-1, keepdims=True)), axis=-1)
    return np.where(number[..., None] < 0, outside, np.einsum("...k,...kc->...c", weights, corners))


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
