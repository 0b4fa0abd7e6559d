"""Masks: which pixels are face and which are occluded; as arrays and as the files that people have."""

from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

import cv2
import numpy as np
import scipy
from jaxtyping import Bool, Int
from PIL import Image

from d3f_lite.errors import MaskError
from d3f_lite.files.images import brighter_pixels, read_image, read_mask_levels, to_rgb
from d3f_lite.files.values import as_array
from d3f_lite.observation.photo import Photo


class Stroke(IntEnum):
    """What a stroke of the brush says of a pixel."""

    NOTHING = 0
    OCCLUDED = 1
    VISIBLE = 2


@dataclass(frozen=True, eq=False)
class Masks:
    """Two regions of a photo: the face and what is occluded."""

    face: Bool[np.ndarray, "H W"]  # the whole face, hidden parts too
    occluded: Bool[np.ndarray, "H W"]  # True under the occluder
    origin: str = "given"  # of the latter: "given", "estimated", or "corrected" by strokes
    confidence: float = 1.0  # 0 to 1: 1 if given, else that of the OcclusionEstimate
    strokes: Int[np.ndarray, "H W"] | None = None  # those that corrected it, values of Stroke
    doubt: str = ""  # what looks wrong with a given mask, if anything does
    kinds: dict[str, float] = field(default_factory=dict)  # shares of the face that hands, hair, … cover, where estimated
    shown: dict[str, float] = field(default_factory=dict)  # and of hair, a beard or clear glasses that count as visible

    @property
    def share(self) -> float:
        """The share of the face that is occluded, 0 to 1."""
        return float(self.occluded[self.face].mean()) if self.face.any() else 0.0

    @property
    def visible(self) -> Bool[np.ndarray, "H W"]:
        """The face's visible pixels."""
        return self.face & ~self.occluded


def read_mask(path: Path | str, photo: Photo) -> Bool[np.ndarray, "H W"]:
    """Read the occlusion mask of a photo, True where occluded: where the image has the brighter one of its two values.

    Soft edges are fine, as is one colour on a transparent ground. All black says that nothing is occluded.

    Raises:
        MaskError: it cannot be read, is no mask, has another size than the photo, or is all white.

    >>> import numpy as np
    >>> from d3f_lite import sample_photo
    >>> photo = sample_photo("astronaut")
    >>> write_mask(np.indices(photo.shape)[0] > 300, "mask.png")
    >>> int(read_mask("mask.png", photo).sum())
    108032
    """
    path = Path(path)
    return check_mask(read_mask_levels(path, MaskError), photo, path.name)


def check_mask(mask, photo: Photo, name: str = "mask") -> Bool[np.ndarray, "H W"]:
    """Return a mask as bool, True where occluded.

    Args:
        mask: (H, W) bool, or uint8 of which the brighter values are occluded: array, list, tensor, Pillow image, or a path.
        photo: that it belongs to.
        name: of the mask, for messages.

    Raises:
        MaskError: another type or size, values that are no mask's, or all is occluded.
    """
    if isinstance(mask, str | Path):
        return read_mask(mask, photo)
    mask = read_mask_levels(Path(name), MaskError, mask) if isinstance(mask, Image.Image) else as_array(mask, name, MaskError)
    _check_shape(mask, photo, f"{name}: the mask is")
    if mask.dtype == np.uint8:
        mask = brighter_pixels(mask, name, MaskError)
    if mask.dtype != bool:
        raise MaskError(f"{name}: a mask must be bool or uint8, not {mask.dtype}; convert it first")
    if mask.all():
        raise MaskError(f"{name}: the mask is all white; leave what the photo shows of the face black")
    return mask


def write_mask(mask: Bool[np.ndarray, "H W"], path: Path | str) -> None:
    """Write a mask as a PNG that ``read_mask`` reads."""
    Image.fromarray(np.uint8(255) * mask).save(path, "png")


def inverted(occluded: Bool[np.ndarray, "H W"], face: Bool[np.ndarray, "H W"]) -> str:
    """Why a mask may be inverted, in one line, or nothing: no occluder covers the photo's border and much of the face."""
    border = np.concatenate([occluded[0], occluded[-1], occluded[:, 0], occluded[:, -1]]).mean()
    hidden = occluded[face].mean() if face.any() else 0.0
    if border < 0.9 or hidden < 0.25:
        return ""
    covers = f"{border:.0%} of the photo's border and {hidden:.0%} of the face"
    return f"the mask covers {covers}: is it inverted? White is what hides the face"


def misplaced(occluded: Bool[np.ndarray, "H W"], face: Bool[np.ndarray, "H W"], least: float = 0.005) -> str:
    """Why a mask may lie elsewhere than what hides the face, in one line, or nothing.

    It hides less than the share ``least`` of the face and would hide more turned or mirrored, or it is the outline of an area.
    """
    covers = lambda mask: mask[face].mean() if mask.shape == face.shape and face.any() else 0.0
    hidden = covers(occluded)
    if not occluded.any():
        return ""
    if hidden < least:
        moved = {f"turned by {90 * turns}°": np.rot90(occluded, turns) for turns in (2, 1, 3)}
        moved |= {"mirrored": occluded[:, ::-1], "upside down": occluded[::-1]}
        best = max(moved, key=lambda way: covers(moved[way]))
        if covers(moved[best]) > 4 * least:
            return f"the mask hides nothing of the face; {best} it would hide {covers(moved[best]):.0%}: was the photo upright?"
        return "the mask hides nothing of the face: was it made for this photo, and for this face?"
    filled = covers(scipy.ndimage.binary_fill_holes(occluded))
    thickness = 2 * cv2.distanceTransform(np.uint8(occluded & face), cv2.DIST_L2, 3).max()
    if filled > 3 * hidden and thickness < 0.05 * np.sqrt(face.sum()):
        return f"the mask is thin and hides {hidden:.0%} of the face: if it is an outline, fill it, and it hides {filled:.0%}"
    return ""


def check_strokes(strokes, photo: Photo, name: str = "strokes") -> Int[np.ndarray, "H W"]:
    """Return strokes, an array, list, tensor or the path of a file, as (H, W) int8, each value a Stroke.

    Raises:
        MaskError: another type (whole numbers), size or value.
    """
    if isinstance(strokes, str | Path):
        return read_strokes(strokes, photo)
    strokes = as_array(strokes, name, MaskError)
    if strokes.dtype.kind not in "iu" or not np.isin(strokes, list(Stroke)).all():
        raise MaskError(f"{name}: strokes must be 0 (none), 1 (occluded) or 2 (visible); convert them first")
    _check_shape(strokes, photo, f"{name}: the strokes are on")
    return strokes.astype(np.int8)


def correct(occluded: Bool[np.ndarray, "H W"], strokes: Int[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """The mask with the pixels under strokes as they say."""
    return (occluded | (strokes == Stroke.OCCLUDED)) & (strokes != Stroke.VISIBLE)


def read_strokes(path: Path | str, photo: Photo) -> Int[np.ndarray, "H W"]:
    """Read strokes from an image file: red is occluded, green or blue is visible, all else says nothing.

    They are painted on the photo itself, on a ground of one colour, or on a transparent layer.

    Raises:
        MaskError: it cannot be read, has another size than the photo, holds no stroke, or shows something else.
    """
    path, contrast = Path(path), 100  # of 255: a stroke's colour stands out by more than this
    image, _ = read_image(path, MaskError, background=None)
    pixels = np.asarray(to_rgb(image, "black"), np.int16)
    _check_shape(pixels[..., 0], photo, f"{path.name}: the strokes are on")
    red, green_or_blue = pixels[..., 0], pixels[..., 1:].max(axis=2)
    strokes = np.zeros(red.shape, np.int8)
    strokes[red - green_or_blue > contrast] = Stroke.OCCLUDED
    strokes[green_or_blue - red > contrast] = Stroke.VISIBLE
    if not (image.has_transparency_data and np.asarray(image.convert("RGBA"))[..., 3].min() < 255):
        strokes[~_painted(pixels, strokes, photo, path.name)] = Stroke.NOTHING
    if not strokes.any():
        raise MaskError(f"{path.name}: no strokes; paint red what is occluded, green or blue what is visible")
    return strokes


def _painted(pixels, strokes, photo, name, alike: int = 40):
    """Where (H, W) an opaque picture was painted on: what differs from the photo, or all of it if the rest has one colour.

    Two colours are ``alike`` whose channels differ by no more of 255 than this, as a JPEG's do.
    """
    changed = np.abs(pixels - photo.pixels).max(axis=2) > alike
    odd, ground = changed & (strokes == Stroke.NOTHING), pixels[strokes == Stroke.NOTHING]
    if changed.mean() < 0.5 and odd.sum() <= max(0.005 * odd.size, 2 * (changed & ~odd).sum()):
        return changed
    if len(ground) and (np.abs(ground - np.median(ground, axis=0)) > alike).any(axis=1).mean() > 0.1:
        wanted = "paint red what is occluded, green or blue what is visible, on the photo or on a transparent layer"
        raise MaskError(f"{name}: a picture in colours holds no strokes; {wanted}")
    return np.ones_like(changed)


def write_strokes(strokes: Int[np.ndarray, "H W"], path: Path | str) -> None:
    """Write strokes as a PNG that ``read_strokes`` reads: red is occluded, blue visible, black says nothing."""
    Image.fromarray(np.array([(0, 0, 0), (255, 0, 0), (0, 0, 255)], np.uint8)[strokes]).save(path, "png")


def _check_shape(layer, photo, what):
    """Refuse a layer (H, W) of another size than the photo."""
    if layer.shape != photo.shape:
        size, wanted = ("×".join(map(str, shape[::-1])) for shape in (layer.shape, photo.shape))
        remedy = "turned by 90° it would fit" if layer.shape == photo.shape[::-1] else "make them the same size"
        raise MaskError(f"{what} {size} px but the photo is {wanted} px; {remedy}")
