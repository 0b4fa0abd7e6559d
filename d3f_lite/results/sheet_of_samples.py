"""What a Reconstruction looks like: the face behind the occluder, and its heads side by side on one sheet."""

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from d3f_lite.common.pull_push import pull_push
from d3f_lite.errors import SettingsError
from d3f_lite.files.names import readable
from d3f_lite.files.values import truncated_repr
from d3f_lite.heads.model import HeadModel
from d3f_lite.observation.observation import Observation
from d3f_lite.reconstruction import Reconstruction
from d3f_lite.results.grid import Tile, tile_sheet
from d3f_lite.results.pictures import (
    MAGENTA,
    clay_colours,
    draw_averaged,
    draw_head,
    face_window,
    heatmap_colours,
    heatmap_shares,
    in_bytes,
    mark_occluder,
    portrait_camera,
)
from d3f_lite.results.refinement import refinement
from d3f_lite.results.telling import first_words
from d3f_lite.results.texture import Texture, fine_normals, texture_of, trust_near

# How the heads of a sheet look, and what is said of it.
LOOKS = {
    "photo": "in the photo's colours",
    "marked": "in the photo's colours, made-up skin hatched",
    "clay": "in grey",
    "spread": "coloured by how far they differ",
}
# A lamp beside those of the photo, so that made-up shapes show; what faces the camera looks as without it.
RELIEF = np.outer((-0.14, 0.05, 0.12, 0.15, 0, 0, 0, 0, 0), np.ones(3)).astype(np.float32)
HEAD_SIZE = 260  # px of a head's picture
INPUTS = 3  # of the tiles of ``sample_tiles``, before the heads
DISCLAIMER = "The occluded part is sampled, not observed."


def samples_sheet(reconstruction: Reconstruction, size: int = HEAD_SIZE, look: str = "photo", most: int = 10) -> Image.Image:
    """The photo and the face behind its occluder, large, and the first heads as the camera sees them.

    Args:
        size: px of a head's picture.
        look: one of LOOKS, of the heads.
        most: heads that are shown.

    Returns:
        PIL image; its ``info["alt"]`` says what it shows, for those who cannot see it.
    """
    photo, hidden = closeup(reconstruction.observation, 2 * size)
    around, _ = cv2.findContours((hidden > 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    behind, outlined, said = "nothing is hidden", "", ""
    if reconstruction.observation.masks.occluded.any():
        behind, outlined = "what may be behind it: the most likely face", " (outlined: what is hidden)"
        said = ", a magenta line around what hides the face,"
    outline = cv2.drawContours(photo.copy(), around, -1, MAGENTA, 2, cv2.LINE_AA)
    heads = _head_tiles(reconstruction, size, most, look)
    # Two large pictures with up to four heads beside them, and rows of six below.
    tiles = [Tile(outline, f"the photo{outlined}", 0, 0, 2), Tile(revealed(reconstruction, 2 * size), behind, 0, 2, 2)]
    places = [(0, 4), (0, 5), (1, 4), (1, 5), *((2 + n // 6, n % 6) for n in range(len(heads)))]
    tiles += [Tile(picture, words, row, column) for (picture, words), (row, column) in zip(heads, places)]
    name, count = readable(reconstruction.observation.photo.name), len(reconstruction.samples.vertices)
    some = f" {len(heads)} of {count} heads are shown." if len(heads) < count else ""
    title = "\n".join((f"{name}: {DISCLAIMER}{some}", *first_words(reconstruction)))
    sheet = tile_sheet(tiles, title, (size, size), letters=max(8, size // 17))
    sheet.info["alt"] = (
        f"The photo {name}{said} beside the same photo with {behind}; and {len(heads)} heads {LOOKS[look]}, "
        "as the camera sees them: alike where the photo shows the face, different where it does not."
    )
    return sheet


def sample_tiles(
    reconstruction: Reconstruction, size: int = 200, most: int | None = None, look: str = "photo"
) -> list[tuple[UInt8[np.ndarray, "H W 3"], str]]:
    """(picture, caption) of the photo, its occluder, the fit in its place and the first ``most`` heads, ``size`` px each."""
    observation, window = reconstruction.observation, face_window(reconstruction.observation)
    pixels = observation.photo.pixels
    return [
        (pixels[window], "photo"),
        (mark_occluder(pixels[window], observation.masks.occluded[window]), "occluder"),
        (revealed(reconstruction, size), "fit"),
        *_head_tiles(reconstruction, size, most, look),
    ]


def _head_tiles(reconstruction, size, most, look):
    """(picture, caption) of the first ``most`` heads as the camera sees them: their names, and how likely they are."""
    samples = reconstruction.samples
    likely = [f"\nlikelier than {100 * share:.0f} in 100 draws" if share < 0.995 else "" for share in samples.plausibility]
    numbers = range(len(samples.vertices))[:most]
    return [(_head_picture(reconstruction, n, size, look), samples.caption(n) + likely[n]) for n in numbers]


@lru_cache(maxsize=32)
def _head_picture(reconstruction, number, size, look):
    """A head as the camera sees it, drawn once and shrunk for smaller sheets."""
    if size < HEAD_SIZE:
        picture = _head_picture(reconstruction, number, HEAD_SIZE, look)
        return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    fit = reconstruction.fit
    yaw, pitch, _ = fit.camera.angles
    camera = portrait_camera(fit.vertices, size, yaw, pitch)
    return head_painter(reconstruction, look)(reconstruction.samples.vertices[number], camera, size)


def head_painter(reconstruction: Reconstruction, look: str = "photo") -> Callable[..., UInt8[np.ndarray, "H W 3"]]:
    """A function that draws one of a Reconstruction's heads: ``painter(vertices (V, 3) mm, camera, size px)``.

    Args:
        look: one of LOOKS.

    Raises:
        SettingsError: there is no such look.
    """
    if look not in LOOKS:
        raise SettingsError(f"no look {truncated_repr(look)}: choose one of {', '.join(LOOKS)}")
    head = reconstruction.head
    if look in ("clay", "spread"):
        colours = clay_colours(head) if look == "clay" else spread_colours(reconstruction)
        return lambda vertices, camera, size: draw_head(vertices, head.triangles, size=size, camera=camera, colours=colours)
    mesh, texture = refinement(head), texture_of(reconstruction)
    colours = _hatched(head, texture) if look == "marked" else texture.albedo
    return lambda vertices, camera, size: draw_head(
        mesh(vertices), mesh.triangles, size=size, camera=camera, colours=colours, light=texture.light + RELIEF,
        normals=fine_normals(head, vertices))  # fmt: skip


def spread_colours(reconstruction: Reconstruction) -> Float[np.ndarray, "V 3"]:
    """The colours of a Reconstruction's heatmap: how far its heads differ where something hides them; grey, never seen."""
    spread = reconstruction.spread
    share, never = heatmap_shares(reconstruction.fit, reconstruction.head)
    return heatmap_colours(spread, share, spread[share > 0].max(initial=0.0), never)


def _hatched(head: HeadModel, texture: Texture, stripes: float = 9.0) -> Float[np.ndarray, "F 3"]:
    """The albedo of a Texture with dark magenta lines, ``stripes`` mm apart, across the skin that is made up."""
    mean = refinement(head)(head.mean)
    across = np.abs(((mean[:, 0] + mean[:, 1]) / np.sqrt(2.0)) % stripes / stripes - 0.5)
    lines = np.clip((across - 0.3) * 12.0, 0.0, 1.0) * (1.0 - texture.seen) * 0.6
    return (texture.albedo + lines[:, None] * (np.array((0.62, 0.30, 0.47)) - texture.albedo)).astype(np.float32)


def closeup(observation: Observation, size: int) -> tuple[UInt8[np.ndarray, "H W 3"], Float[np.ndarray, "H W"]]:
    """The face's part of a photo, ``size`` px on its longer side, and how much of each pixel is occluded, 0 to 1."""
    window = face_window(observation)
    pixels, occluded = observation.photo.pixels[window], observation.masks.occluded[window].astype(np.float32)
    zoom = size / max(occluded.shape)
    shape = tuple(max(1, round(zoom * side)) for side in occluded.shape[::-1])
    way = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    return cv2.resize(pixels, shape, interpolation=way), cv2.resize(occluded, shape, interpolation=cv2.INTER_LINEAR)


def revealed(reconstruction: Reconstruction, size: int = 400) -> UInt8[np.ndarray, "H W 3"]:
    """The face's part of a photo with the fitted head in its occluder's place; pixels beside the head are filled in from around.

    Args:
        size: px of the longer side.
    """
    head, fit, texture = reconstruction.head, reconstruction.fit, texture_of(reconstruction)
    pixels, hidden = closeup(reconstruction.observation, size)
    photo, shape = pixels.astype(np.float32) / 255.0, hidden.shape
    rows, columns = face_window(reconstruction.observation)
    zoom = size / max(rows.stop - rows.start, columns.stop - columns.start)
    camera = fit.camera.cropped((columns.start, rows.start), zoom)
    trust, mesh = trust_near(hidden > 0, camera.scale)[..., None], refinement(head)
    face, share = draw_averaged(mesh(fit.vertices), mesh.triangles, camera, texture.albedo, texture.light, shape,
                                fine_normals(head, fit.vertices))  # fmt: skip
    made_up = face + (1.0 - share) * pull_push(photo, (trust * (1.0 - share))[..., 0], full=0.5)
    return in_bytes(trust * photo + (1.0 - trust) * made_up)
