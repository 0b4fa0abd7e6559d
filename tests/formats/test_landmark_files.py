"""Landmark files: a .pts worked out by hand, every kind read back, and what is refused in one line."""

import numpy as np
import pytest

from d3f_lite.errors import LandmarkError
from d3f_lite.formats.landmark_files import as_landmarks, read_landmarks, write_landmarks
from d3f_lite.observation.landmarks import BY_HAND, MEDIAPIPE, Landmarks
from d3f_lite.observation.photo import Photo
from d3f_lite.perception.detector import to_68

PHOTO = Photo.from_array(np.zeros((300, 400, 3), np.uint8))
RANDOM = np.random.default_rng(0)
POINTS = RANDOM.uniform((100, 50), (300, 250), (68, 2)).astype(np.float32)
POINTS[36], POINTS[45] = (150, 100), (250, 105)


def test_pts_counts_from_one_at_the_centre_of_the_first_pixel(tmp_path):
    rows = "\n".join(f"{1 + 2 * number} {number + 1:.3f}" for number in range(68))
    (tmp_path / "face.pts").write_text(f"version: 1\nn_points:  68\n{{\n{rows}\n}}\n")
    landmarks = read_landmarks(tmp_path / "face.pts", PHOTO)
    np.testing.assert_array_equal(landmarks.xy[[0, 67]], [(0.5, 0.5), (134.5, 67.5)])
    assert landmarks.backend == "file" and (landmarks.confidence == 1).all() and landmarks.dense is None


def test_a_table_keeps_every_bit(tmp_path):
    sure = RANDOM.uniform(0, 1, 68).astype(np.float32)
    landmarks = Landmarks(POINTS, sure, MEDIAPIPE + BY_HAND, 1)
    write_landmarks(landmarks, tmp_path / "face.csv")
    again = read_landmarks(tmp_path / "face.csv", PHOTO)
    assert again.xy.tobytes() == POINTS.tobytes() and again.confidence.tobytes() == sure.tobytes()
    assert again.backend == landmarks.backend and again.detector == MEDIAPIPE


@pytest.mark.parametrize("kind", ("pts", "csv without names", "npy", "npy with confidences", "array"))
def test_every_kind(kind, tmp_path):
    path = tmp_path / f"face.{kind.split()[0]}"
    if kind == "pts":
        write_landmarks(Landmarks(POINTS, np.ones(68), "by hand", 1), path)
    elif kind.startswith("csv"):
        np.savetxt(path, POINTS, delimiter=",")
    elif kind == "npy":
        np.save(path, POINTS.astype(np.float64))
    elif kind.startswith("npy"):
        np.save(path, np.column_stack((POINTS, np.full(68, 0.25))))
    found = as_landmarks(POINTS if kind == "array" else path, PHOTO)
    np.testing.assert_allclose(found.xy, POINTS, atol=1e-4)
    assert (found.confidence == (0.25 if "confidences" in kind else 1.0)).all()


TABLES = {
    "semicolons": lambda x, y, n: f"{x};{y}",
    "semicolons and decimal commas": lambda x, y, n: f"{x};{y}".replace(".", ","),
    "tabs": lambda x, y, n: f"{x}\t{y}",
    "tabs and decimal commas": lambda x, y, n: f"{x}\t{y}".replace(".", ","),
    "numbered from 0": lambda x, y, n: f"{n},{x},{y}",
    "numbered from 1": lambda x, y, n: f"{n + 1};{x};{y}",
    "numbered, confidence": lambda x, y, n: f"{n},{x},{y},1",
}


@pytest.mark.parametrize("first", ["", "id"])
@pytest.mark.parametrize("kind", TABLES)
def test_tables_as_spreadsheets_write_them(kind, first, tmp_path):
    rows = [TABLES[kind](float(x), float(y), n) for n, (x, y) in enumerate(POINTS)]
    if first:
        mark = next(mark for mark in "\t;," if mark in rows[0])
        names = (["id"] if "numbered" in kind else []) + ["x", "y"] + (["score"] if "confidence" in kind else [])
        rows.insert(0, mark.join(names))
    (tmp_path / "face.csv").write_text("\n".join(rows))
    np.testing.assert_allclose(read_landmarks(tmp_path / "face.csv", PHOTO).xy, POINTS, atol=1e-4)


def test_a_table_without_x_and_y_is_refused_by_its_names(tmp_path):
    (tmp_path / "face.csv").write_text("lat,lon\n" + points())
    with pytest.raises(LandmarkError, match="names lat, lon, not x and y"):
        read_landmarks(tmp_path / "face.csv", PHOTO)


def points(**changes):
    """The points as text, some rows exchanged."""
    rows = [f"{x},{y}" for x, y in POINTS]
    for number, row in changes.items():
        rows[int(number[3:])] = row
    return "\n".join(rows)


@pytest.mark.parametrize(
    "name, content, word",
    [
        ("none.csv", None, "no such file"),
        ("face.txt", points(), "come as"),
        ("few.csv", "1,2\n3,4", "68"),
        ("word.csv", points(row3="left,eye"), "float"),
        ("ragged.csv", points(row3="1"), "68"),
        ("nan.csv", points(row3="nan,7"), "between"),
        ("far.csv", points(row3="900,7"), "outside"),
        ("sure.csv", "\n".join(f"{row},2" for row in points().split()), "between"),
        ("two.csv", "\n".join(f"{row},1,{n}" for n, row in enumerate(points().split())), "backend"),
        ("point.csv", "\n".join(["5,5"] * 68), "no face"),
        ("long.csv", "1,2\n" * 30_000, "bytes"),
        ("bytes.csv", b"\xff\xfe\x00\x01", "68"),
        ("open.pts", "version: 1\nn_points: 68\n{\n1 2\n", "{ and }"),
        ("text.npy", "1,2", "numbers"),
    ],
)
def test_what_is_no_landmark_file(name, content, word, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(LandmarkError, match=f"{name}.*{word}"):
        read_landmarks(tmp_path / name, PHOTO)


def test_arrays_that_are_no_landmarks(tmp_path):
    arrays = (np.zeros((68, 4)), np.zeros((5, 2)), np.array(["a"] * 136).reshape(68, 2), np.zeros((68, 2)) * 1j)
    for number, array in enumerate(arrays):
        np.save(tmp_path / f"{number}.npy", array)
        with pytest.raises(LandmarkError):
            read_landmarks(tmp_path / f"{number}.npy", PHOTO)
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(LandmarkError):
        read_landmarks(tmp_path / "objects.npy", PHOTO)


def test_of_98_478_and_468_points_the_68_are_taken(tmp_path):
    mesh = RANDOM.uniform((100, 50), (300, 250), (478, 2))
    for points in (mesh, mesh[:468], mesh / (400, 300)):  # px, without irises, parts of the photo's sides
        np.save(tmp_path / "mesh.npy", np.column_stack((points, np.zeros(len(points)))))
        np.testing.assert_allclose(read_landmarks(tmp_path / "mesh.npy", PHOTO).xy, to_68(mesh), atol=1e-4)
    contour = np.arange(98)
    np.savetxt(tmp_path / "wflw.csv", np.column_stack((contour + 100, 200 - contour / 2 + 100 * (contour > 67))), delimiter=",")
    found = read_landmarks(tmp_path / "wflw.csv", PHOTO).xy[:, 0] - 100
    assert found[[0, 8, 16, 17, 27, 36, 39, 45, 48, 67]].tolist() == [0, 16, 32, 33, 51, 60, 64, 72, 76, 95]


@pytest.mark.parametrize("number, named", [(5, "5 points .* too few"), (106, "106 points come in two orders"), (21, "68 rows")])
def test_other_numbers_of_points_are_refused_by_name(number, named):
    with pytest.raises(LandmarkError, match=named):
        as_landmarks(np.ones((number, 2)), PHOTO)


def test_pixels_counted_from_one_are_noticed():
    pixels = POINTS.round()
    assert len(as_landmarks(pixels, PHOTO).xy) == 68
    pixels[0] = (400, 20)  # the last column, were the first one 1
    with pytest.raises(LandmarkError, match="counted from 1"):
        as_landmarks(pixels, PHOTO)


@pytest.mark.parametrize("kind", ("pts", "csv", "npy", "named csv"))
@pytest.mark.parametrize("column", (np.full(68, 0.7), np.arange(68) % 2, np.arange(68) / 2.0 - 10, np.arange(68) / 67 - 0.5))
def test_a_third_column_is_a_confidence_a_flag_or_a_depth(kind, column, tmp_path):
    table, path = np.column_stack((POINTS.astype(float), column)), tmp_path / f"face.{kind.split()[-1]}"
    if kind == "npy":
        np.save(path, table)
    elif kind == "pts":
        rows = "\n".join(f"{x + 0.5} {y + 0.5} {last}" for x, y, last in table)
        path.write_text(f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n")
    else:
        header = "x,y,visible" if kind.startswith("named") else ""
        np.savetxt(path, table, delimiter=",", header=header, comments="")
    found = read_landmarks(path, PHOTO)
    np.testing.assert_allclose(found.xy, POINTS, atol=1e-4)
    np.testing.assert_allclose(found.confidence, np.ones(68) if column.min() < 0 else column, atol=1e-6)


def test_a_third_column_beyond_1_may_be_a_depth(tmp_path):
    with pytest.raises(LandmarkError, match="between 0 and 1; leave out the third column if it is z"):
        as_landmarks(np.column_stack((POINTS, np.linspace(1, 90, 68))), PHOTO)
