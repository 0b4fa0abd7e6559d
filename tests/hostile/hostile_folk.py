"""What people give by mistake, as Kinds: other pictures' landmarks, strokes on photos, masks off the face, profiles, odd light, folders."""

import io
import os

import numpy as np
from hostile import Kind, broken, finite, watched
from hostile_pictures import check_photo
from hostile_values import RANDOM
from hypothesis import strategies as st
from PIL import Image, ImageCms

from d3f_lite.fitting.colours import solve_appearance
from d3f_lite.observation.landmarks import Landmarks
from d3f_lite.observation.masks import Stroke, misplaced, read_strokes
from d3f_lite.observation.photo import Photo
from d3f_lite.perception.agreement import check_agreement
from d3f_lite.perception.turned_and_cut_faces import turned_back
from d3f_lite.photo_folder import jobs_in, left_in

HIGH, WIDE = 120, 180
SCENE = Photo.from_array(RANDOM.integers(60, 200, (HIGH, WIDE, 3), np.uint8))
SEEN = RANDOM.uniform((60, 20), (110, 70), (68, 2)).astype(np.float32)
FACE = np.zeros((HIGH, WIDE), bool)
FACE[20:80, 40:100] = True
SRGB = (
    ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    .tobytes()
    .replace(b"s\0R\0G\0B", b"w\0i\0d\0e")
    .replace(b"sRGB", b"wide")
)


def landmarks_at(xy):
    return Landmarks(np.asarray(xy, np.float32), np.ones(68, np.float32), "file", 1)


@st.composite
def other_landmarks(draw):
    """The points of another size of the picture, of a crop, of it unturned, or of somebody else."""
    how = draw(st.sampled_from(("size", "crop", "turn", "person")))
    if how == "size":
        return SEEN * draw(st.one_of(st.floats(0.2, 0.7), st.floats(1.4, 4.0)))
    if how == "crop":
        angle, distance = draw(st.floats(0, 2 * np.pi)), draw(st.floats(10, 200))
        return SEEN + distance * np.array((np.cos(angle), np.sin(angle)))
    if how == "turn":
        return turned_back(SEEN, draw(st.integers(1, 3)), (HIGH, WIDE))
    return SEEN + np.random.default_rng(draw(st.integers(0, 99))).normal(0, draw(st.floats(12, 20)), SEEN.shape)


def compare(xy, _):
    with watched():
        check_agreement(landmarks_at(xy), landmarks_at(SEEN), np.zeros((HIGH, WIDE), bool))
    return xy


def check_near(xy):
    """What was believed lies where the face is seen."""
    assert np.median(np.linalg.norm(xy - SEEN, axis=1)) < 8


BOXES = st.tuples(st.integers(0, HIGH - 4), st.integers(0, WIDE - 4), st.integers(1, 40), st.integers(1, 60))
COLOURS = st.sampled_from(((255, 0, 0), (220, 10, 40), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 255, 255), (90, 90, 90)))


def read_painted(strokes, folder):
    """The photo with boxes of colours painted on it, and the strokes that are read from that."""
    painted = SCENE.pixels.copy()
    for (top, left, high, wide), colour in strokes:
        painted[top : top + high, left : left + wide] = colour
    Image.fromarray(painted).save(folder / "strokes.png")
    with watched():
        return painted, read_strokes(folder / "strokes.png", SCENE)


def check_painted(found):
    """Nothing that the photo shows by itself is a stroke, and each stroke is what its colour says."""
    painted, strokes = found
    assert not strokes[(painted == SCENE.pixels).all(2)].any()
    red, cold = painted[..., 0].astype(int), painted[..., 1:].max(2).astype(int)
    assert (red > cold)[strokes == Stroke.OCCLUDED].all() and (cold > red)[strokes == Stroke.VISIBLE].all()


def read_mask_beside(box, _):
    """A mask that leaves the face alone, and what is said of it."""
    top, left, high, wide = box
    mask = np.zeros((HIGH, WIDE), bool)
    mask[top : top + high, left : left + wide] = True
    mask &= ~FACE
    with watched():
        return mask, misplaced(mask, FACE)


def check_said(found):
    mask, doubt = found
    assert bool(doubt) == bool(mask.any()) and doubt.isprintable()


def read_profiled(profile, folder):
    stream = io.BytesIO()
    SCENE_IMAGE.save(stream, "PNG", icc_profile=profile)
    (folder / "photo.png").write_bytes(stream.getvalue())
    with watched():
        return Photo.open(folder / "photo.png")


SCENE_IMAGE = Image.fromarray(SCENE.pixels)


@st.composite
def lights(draw):
    """How bright each channel is, and over which share of the face it is 0."""
    levels = draw(st.tuples(*[st.sampled_from((0.0, 1e-6, 0.01, 0.5, 1.0))] * 3))
    return levels, draw(st.tuples(*[st.sampled_from((0.0, 0.3, 0.5, 0.9, 1.0))] * 3))


def appearance_in(light, _):
    """The albedo and light of a face in light of one colour."""
    generator = np.random.default_rng(0)
    harmonics = np.concatenate((np.ones((400, 1)), generator.normal(0, 0.3, (400, 8))), axis=1)
    regions = np.eye(3)[generator.integers(0, 3, 400)]
    levels, dark = light
    colours = generator.uniform(0.2, 0.9, (400, 3)) * levels
    for channel, share in enumerate(dark):
        colours[: int(share * 400), channel] = 0.0
    with watched():
        return solve_appearance(colours, harmonics, regions, np.ones(400))


def check_appearance(found):
    finite(found.albedo, found.light)


NAMES = st.sampled_from(
    (
        "a.png",
        "b.jpg",
        "a_mask.png",
        "a-mask.png",
        "b_occlusion.png",
        "=1+1.png",
        "-x.png",
        "masks",
        "c.PNG",
        "notes.txt",
        "d\n.png",
    )
)
ENTRIES = st.lists(st.tuples(NAMES, st.sampled_from(("photo", "mask", "pipe", "loop", "folder", "junk", "circle"))), max_size=8)


def read_folder(entries, folder):
    """The jobs of a folder of such entries, and what is left of it."""
    for name, kind in entries:
        path = folder / name
        if os.path.lexists(path):
            continue
        if kind in ("photo", "mask"):
            pixels = SCENE.pixels if kind == "photo" else np.uint8(255) * FACE
            Image.fromarray(pixels).save(path, "PNG")
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        elif kind == "junk":
            path.write_bytes(b"\xff\xd8\xff\xda" * 50)
        else:
            path.symlink_to(path.name if kind == "loop" else ".")
    with watched():
        jobs = jobs_in(folder)
        return folder, jobs, left_in(folder, jobs, folder / "out")


def check_folder(found):
    """Each file is a photo, a mask or left; each photo is one that can be opened without waiting."""
    folder, jobs, left = found
    taken = [path for job in jobs for path in (job.photo, job.mask) if path]
    assert len(set(taken)) == len(taken) and all(path.is_file() for path in taken)
    assert len({job.name for job in jobs}) == len(jobs)
    assert len(taken) + len(left) == sum(not path.is_dir() for path in folder.iterdir())  # empty folders and links to this one


def kinds_of_folk():
    """All of them."""
    strokes = st.lists(st.tuples(BOXES, COLOURS), min_size=1, max_size=3)
    return [
        Kind("landmarks of another picture", other_landmarks(), compare, check_near, SEEN + 1, 150, refused=0.8),
        Kind("strokes on the photo", strokes, read_painted, check_painted, [((5, 5, 9, 40), (255, 0, 0))], 100),
        Kind("masks off the face", BOXES, read_mask_beside, check_said, (90, 100, 9, 9), 100, refused=0.0),
        Kind("colour profiles", broken([SRGB]), read_profiled, check_photo, SRGB, 100, refused=0.0),
        Kind("light of one colour", lights(), appearance_in, check_appearance, ((1.0, 0.5, 0.5), (0.0, 0.0, 0.0)), 60, refused=0.0),
        Kind("folders of a batch", ENTRIES, read_folder, check_folder, [("a.png", "photo")], 80),
    ]  # fmt: skip
