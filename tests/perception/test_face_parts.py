"""The parts of the face: the classes on real pictures, and how they and the network's probability become one."""

import subprocess
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from d3f_lite.assets import SHIPPED
from d3f_lite.errors import AssetError, SettingsError
from d3f_lite.observation.landmarks import face_region
from d3f_lite.observation.photo import SAMPLE_PHOTOS, Photo
from d3f_lite.observe import _counted_visible, observe
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.perception.face_parts import FaceParts, PartsSegmenter, load_parts_segmenter
from d3f_lite.perception.mask_estimation import estimate_occlusion, with_parts
from d3f_lite.perception.turned_and_cut_faces import turned_back
from d3f_lite.reconstruct import reconstruct
from research.bake.face_parts import write_face_parts
from research.study.masks import overlap

CLASSES = ("background", "hair", "hands", "skin", "cloth", "things")
ASTRONAUT_HAIR, ASTRONAUT_BACKGROUND = (60, 205), (10, 330)  # (row, column) of a pixel


def likeliest(parts):
    """The number of the likeliest class at every pixel."""
    return np.stack([getattr(parts, name) for name in CLASSES]).argmax(axis=0)


def parts_of(shape, **shares):
    """The same everywhere."""
    return FaceParts(*(np.full(shape, shares.get(name, 0.0), np.float32) for name in CLASSES))


@pytest.mark.parametrize("name", SAMPLE_PHOTOS)
def test_a_portrait_is_skin_and_hair(portraits, name):
    photo, landmarks = portraits[name]
    parts = load_parts_segmenter().parts(photo.pixels, landmarks.dense)
    assert sum(getattr(parts, kind) for kind in CLASSES) == pytest.approx(1, abs=0.02)
    found, face = likeliest(parts), face_region(landmarks, photo.shape)
    x, y = np.floor(landmarks.xy[29:36]).astype(int).T
    assert (found[y, x] == CLASSES.index("skin")).all()  # the nose, below the glasses
    assert np.isin(found[face], [CLASSES.index(kind) for kind in ("skin", "hair", "things")]).mean() > 0.99  # things: her glasses
    if name == "astronaut":
        assert found[ASTRONAUT_HAIR] == CLASSES.index("hair") and found[ASTRONAUT_BACKGROUND] == CLASSES.index("background")


def test_a_hand_is_other_skin_and_hides_the_face(portraits):
    photo, landmarks = portraits["astronaut"]
    drawn, truth = draw_occluder(photo, landmarks, "hand", seed=0)
    face = face_region(landmarks, photo.shape)
    parts = load_parts_segmenter().parts(drawn.pixels, landmarks.dense)
    assert (likeliest(parts) == CLASSES.index("hands"))[truth & face].mean() > 0.7
    assert overlap(estimate_occlusion(drawn, landmarks).occluded, truth, face) > 0.8


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_face_is_seen_upright(portraits, turns):
    photo, landmarks = portraits["astronaut"]
    turned = np.ascontiguousarray(np.rot90(photo.pixels, turns))
    mesh = turned_back(landmarks.dense, -turns % 4, turned.shape[:2])
    face = face_region(landmarks, photo.shape)
    upright, back = (likeliest(load_parts_segmenter().parts(*seen)) for seen in ((photo.pixels, landmarks.dense), (turned, mesh)))
    assert (np.rot90(back, -turns) == upright)[face].mean() > 0.97


def test_odds_worked_out_by_hand():
    tenth = np.full((8, 8), 0.1, np.float32)
    assert with_parts(tenth, parts_of((8, 8), skin=0.9, things=0.1), 1.0) == pytest.approx(0.1, abs=1e-6)
    assert with_parts(tenth, parts_of((8, 8), skin=0.5, things=0.1, hair=0.4), 1.0) == pytest.approx(0.1, abs=1e-6)
    doubtful = with_parts(tenth, parts_of((8, 8), skin=0.1, hands=0.9), 1.0)  # odds 1/9 and 9, weights 0.32 and 0.68
    assert doubtful == pytest.approx(1 / (1 + 9 ** (0.32 - 0.68)), abs=1e-5)
    assert with_parts(tenth, parts_of((8, 8), background=1.0), 0.0) == pytest.approx(0.1, abs=1e-6)


def test_where_no_person_is_seen_the_network_alone_counts(portraits):
    photo, landmarks = portraits["astronaut"]
    blurred = Photo(cv2.GaussianBlur(photo.pixels, (0, 0), 4.0), "blurred")
    face = face_region(landmarks, photo.shape)
    parts = load_parts_segmenter().parts(blurred.pixels, landmarks.dense)
    assert (likeliest(parts) == CLASSES.index("background"))[face].mean() > 0.9  # such a face is none to it
    assert estimate_occlusion(blurred, landmarks).occluded[face].mean() <= 0.02


def test_hair_and_clear_glasses_are_told_and_hide_if_so_wished(portraits, detector):
    hair, glasses = (estimate_occlusion(*portraits[name]) for name in ("astronaut", "grace_hopper"))
    assert 0.05 < hair.kinds["hair"] < 0.2 and set(hair.kinds) == {"hair"}
    assert 0.01 < glasses.kinds["clear glasses"] < 0.1 and glasses.kinds.get("hair", 0) < 0.05
    assert not (hair.hair & hair.occluded).any() and not (glasses.glasses & glasses.occluded).any()
    assert np.array_equal(hair.masks(())[0], hair.occluded) and np.array_equal(hair.masks(["hair"])[0], hair.occluded | hair.hair)
    photo, _ = portraits["astronaut"]
    plain, hidden = (observe(photo, detector=detector, hides=hides).masks for hides in ((), ("hair",)))
    assert plain.share <= 0.01 and hidden.share == pytest.approx(hair.kinds["hair"], abs=0.03)
    assert plain.kinds == hidden.kinds == hair.kinds
    assert not observe(photo, np.zeros(photo.shape, bool), detector=detector, hides=("hair",)).masks.occluded.any()
    with pytest.raises(SettingsError, match="hides"):
        reconstruct(photo, hides=("hat",))


def test_what_hides_a_face_is_named(portraits):
    photo, landmarks = portraits["grace_hopper"]
    for kind, name in (("hand", "hands"), ("surgical_mask", "things")):
        kinds = estimate_occlusion(draw_occluder(photo, landmarks, kind, seed=0)[0], landmarks).kinds
        assert (
            max({key: kinds.get(key, 0) for key in ("hands", "cloth", "things", "background")}.items(), key=lambda it: it[1])[0]
            == name
        )


def test_another_file_is_no_model(tmp_path):
    with pytest.raises(AssetError, match="missing"):
        PartsSegmenter(tmp_path / "none.tflite")
    (tmp_path / "other.tflite").write_bytes((SHIPPED / "face_parts.tflite").read_bytes()[:-1])
    with pytest.raises(AssetError, match="sha256"):
        PartsSegmenter(tmp_path / "other.tflite")
    with pytest.raises(AssetError, match="not Google's"):
        write_face_parts(tmp_path / "other.tflite", tmp_path / "out.tflite")
    assert not (tmp_path / "out.tflite").exists()


@pytest.mark.slow
def test_python_ends_quietly():
    code = "from d3f_lite.perception.face_parts import load_parts_segmenter; load_parts_segmenter()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0 and "Exception" not in ended.stderr, ended.stderr


def test_hair_below_the_nose_is_a_beard_and_what_is_occluded_does_not_count():
    xy = np.zeros((68, 2), np.float32)
    xy[27], xy[33], xy[8] = (50, 30), (50, 50), (50, 90)  # bridge and base of the nose, chin: an upright face
    visible, hair = np.ones((100, 100), bool), np.zeros((100, 100), bool)
    hair[:10], hair[60:90] = True, True
    estimate = SimpleNamespace(hair=hair, glasses=np.zeros_like(hair))
    shares = _counted_visible(SimpleNamespace(xy=xy), visible, estimate)
    assert shares == pytest.approx({"hair": 0.1, "a beard": 0.3})
    visible[55:] = False
    assert set(_counted_visible(SimpleNamespace(xy=xy), visible, estimate)) == {"hair"}
