"""The meshes of a result, read back by a reader of this file's own: closed parts, normals, colours of the heatmap."""

import json
import re
import struct
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from d3f_lite.heads.model import PARTS, Bases, HeadModel
from d3f_lite.observation.photo import sample_photo
from d3f_lite.occluders.drawing import draw_occluder
from d3f_lite.perception.landmark_detection import detect_landmarks
from d3f_lite.reconstruct import reconstruct
from d3f_lite.results import files
from d3f_lite.results.mesh_files import write_head
from d3f_lite.results.pictures import NEUTRAL, NEVER_SEEN, heatmap_colours, heatmap_shares
from d3f_lite.results.provenance import is_part_of_result
from d3f_lite.results.refinement import refinement, with_closed_eyeballs
from d3f_lite.results.texture import texture_of

TYPES = {"float": "<f4", "uchar": "u1"}


def read_ply(path):
    """The vertices of a binary PLY file as a structured array, and its triangles (T, 3)."""
    header, body = path.read_bytes().split(b"end_header\n", 1)
    assert header.startswith(b"ply\nformat binary_little_endian 1.0\ncomment ")
    vertices, faces = (int(number) for number in re.findall(rb"element \w+ (\d+)", header))
    properties = re.findall(r"property (float|uchar) (\w+)", header.decode())
    row = np.dtype([(name, TYPES[kind]) for kind, name in properties])
    table = np.frombuffer(body, row, vertices)
    lists = np.frombuffer(body, [("corners", "u1"), ("index", "<i4", 3)], faces, offset=table.nbytes)
    assert (lists["corners"] == 3).all() and table.nbytes + lists.nbytes == len(body)
    return table, lists["index"]


def columns(table, names):
    """Some columns of a structured array, (V, number of names)."""
    return np.stack([table[name].astype(np.float64) for name in names], 1)


def open_sides(triangles):
    """The sides of triangles that no other triangle runs along the other way; each way is run once at most."""
    runs = Counter(zip(triangles.ravel().tolist(), triangles[:, [1, 2, 0]].ravel().tolist()))
    assert max(runs.values()) == 1  # neighbours agree on which way is outside
    return [(a, b) for a, b in runs if (b, a) not in runs]


def volume(points, triangles):
    """Six times the volume inside a closed surface, positive where its triangles face outwards."""
    return np.linalg.det(points[triangles]).sum()


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """A Reconstruction of three heads and the folder of its meshes."""
    portrait, folder = sample_photo("astronaut"), tmp_path_factory.mktemp("meshes")
    found = reconstruct(*draw_occluder(portrait, detect_landmarks(portrait), "surgical_mask"), samples=3)
    files.save_meshes(found, folder)
    return found, folder


@pytest.mark.parametrize("name", ["fit", "sample_000", "sample_002"])
def test_a_mesh_is_open_at_the_neck_only_and_its_normals_point_outwards(name, result):
    found, folder = result
    table, triangles = read_ply(folder / f"{name}.ply")
    points, normals = columns(table, "xyz"), columns(table, ("nx", "ny", "nz"))
    expected = found.fit.vertices if name == "fit" else found.samples.vertices[int(name[-2:])]
    np.testing.assert_array_equal(points, expected.astype(np.float64))
    assert len(np.unique(points, axis=0)) == len(points)

    rim = np.unique(open_sides(triangles))
    assert len(rim) == 42 and (found.head.regions["boundary"][rim] > 0.25).all()
    parts = found.head.parts
    number, piece = connected_components(graph_of(triangles, len(points)), directed=False)
    assert number == 4
    for one in range(number):
        own = triangles[piece[triangles[:, 0]] == one]
        assert volume(points - points[own].mean((0, 1)), own) > 0
        closed = parts[own[0, 0]] != PARTS.index("skin")
        assert bool(open_sides(own)) != closed

    check_surface(points, normals, triangles)
    comment = (folder / f"{name}.ply").read_bytes().splitlines()[2].decode()
    assert comment.startswith("comment The occluded part is sampled") and comment.endswith("Millimetres, y up, facing z.")


def check_surface(points, normals, triangles, thinnest=5e-3):
    """Fail unless normals are of unit length and point outwards, and no triangle is flatter than ``thinnest`` mm."""
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-5)
    sides = points[triangles].astype(float)
    faces, around = np.cross(sides[:, 1] - sides[:, 0], sides[:, 2] - sides[:, 0]), np.zeros(points.shape)
    np.add.at(around, triangles.ravel(), np.repeat(faces, 3, axis=0))
    assert ((around * normals).sum(1) > 0).all()
    assert (np.linalg.norm(faces, axis=1) / np.linalg.norm(np.roll(sides, 1, 1) - sides, axis=2).max(1)).min() > thinnest


def graph_of(triangles, vertices):
    """The mesh's vertex graph, sparse."""
    from scipy.sparse import coo_array

    pairs = (triangles.ravel(), triangles[:, [1, 2, 0]].ravel())
    return coo_array((np.ones(triangles.size), pairs), shape=(vertices, vertices))


def test_the_fit_has_the_colours_of_the_heatmap_and_the_samples_have_the_photos(result):
    found, folder = result
    table, _ = read_ply(folder / "fit.ply")
    colours, where = columns(table, ("red", "green", "blue")) / 255.0, found.fit.occluded
    share, never = heatmap_shares(found.fit, found.head)
    for grey, vertices in ((NEUTRAL, (share == 0) & (never == 0)), (NEVER_SEEN, never == 1)):
        assert vertices.sum() > 50
        np.testing.assert_allclose(colours[vertices], np.broadcast_to(grey, (vertices.sum(), 3)), atol=1 / 255)
    np.testing.assert_allclose(colours, heatmap_colours(found.spread, share, found.spread[share > 0].max(), never), atol=1 / 255)
    where = where & (share == 1)
    assert where.any() and len(np.unique(colours[where], axis=0)) > 50
    # Cividis runs from blue to yellow: where the heads differ most, red is above blue, where least, below.
    order = np.flatnonzero(where)[np.argsort(found.spread[where])]
    assert colours[order[-1], 0] > colours[order[-1], 2] and colours[order[0], 0] < colours[order[0], 2]
    colours = columns(read_ply(folder / "sample_001.ply")[0], ("red", "green", "blue")) / 255.0
    np.testing.assert_allclose(colours, texture_of(found).albedo[: len(colours)].clip(0, 1), atol=1 / 255)


def test_one_scene_has_all_heads_in_metres_and_the_photos_colours(result):
    import trimesh

    found, folder = result
    scene, head = trimesh.load(folder / "heads.glb", process=False), found.head
    assert list(scene.geometry) == ["fit", "head 0", "head 1", "head 2"]
    for name, vertices in zip(scene.geometry, (found.fit.vertices, *found.samples.vertices)):
        mesh = scene.geometry[name]
        np.testing.assert_allclose(1000.0 * mesh.vertices[: len(vertices)], vertices, atol=1e-3)
        assert len(np.unique(mesh.vertices, axis=0)) == len(mesh.vertices) == refinement(head, 1).weights.shape[0]
        check_surface(1000.0 * mesh.vertices, mesh.vertex_normals, mesh.faces)
        rim = np.unique(open_sides(np.asarray(mesh.faces)))
        assert len(rim) == 42 and (rim < len(vertices)).all() and (head.regions["boundary"][rim] > 0.25).all()
        nose = mesh.vertices[head.triangles[head.landmarks.triangles[0, 30], 0]]
        assert nose[2] > 0.06 and abs(nose[0]) < 0.03  # it faces z
    # Side by side, and as bright on the screen as in the photo.
    places = [scene.graph.get(node)[0][:3, 3] for node in scene.graph.nodes_geometry]
    assert len(np.unique(np.round(places, 3), axis=0)) == 4
    tree, binary = glb(folder / "heads.glb")
    surface = tree["meshes"][2]["primitives"][0]
    assert tree["materials"][surface["material"]]["pbrMetallicRoughness"]["metallicFactor"] == 0
    colours = tree["accessors"][surface["attributes"]["COLOR_0"]]
    start = tree["bufferViews"][colours["bufferView"]]["byteOffset"]
    assert colours["componentType"] == 5121 and colours["normalized"] and colours["type"] == "VEC4"
    linear = np.frombuffer(binary, "u1", 4 * colours["count"], start).reshape(-1, 4)[:, :3]
    screen = texture_of(found).albedo[: len(linear)].clip(0, 1)
    expected = np.where(screen <= 0.04045, screen / 12.92, ((screen + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(linear / 255.0, expected, atol=0.51 / 255)
    np.testing.assert_array_equal(scene.geometry["head 1"].visual.vertex_attributes["color"][:, :3], linear)
    note = tree["asset"]["extras"]["note"]
    assert "sampled" in note and "Head 0 (sample_000.ply)" in note and note.endswith("Metres, y up, facing z.")


def test_names_of_samples_sort_by_number(result, tmp_path, monkeypatch):
    found, _ = result
    many = {name: np.repeat(getattr(found.samples, name)[:1], 101, axis=0) for name in ("vertices", "latents")}
    monkeypatch.setattr(files, "write_scene", lambda *_: None)
    files.save_meshes(replace(found, samples=replace(found.samples, **many)), tmp_path)
    names = sorted(path.stem for path in tmp_path.glob("sample_*.ply"))
    assert len(names) == 101 and [int(name.split("_")[1]) for name in names] == list(range(101))
    assert is_part_of_result(tmp_path)


def glb(path):
    """The JSON and the binary part of a .glb file."""
    data = path.read_bytes()
    magic, version, length, size, kind = struct.unpack("<4sIII4s", data[:20])
    assert (magic, version, length, kind) == (b"glTF", 2, len(data), b"JSON")
    assert data[20 + size + 4 : 20 + size + 8] == b"BIN\0"
    return json.loads(data[20 : 20 + size]), data[20 + size + 8 :]


def test_a_hole_by_hand(tmp_path):
    # A pyramid over a square, its base open: two triangles close it, and face down.
    pyramid = np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]], np.int32)
    points = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0.5, 0.5, 1]], np.float32)
    none, parts = np.zeros((0, 5, 3), np.float32), np.full(5, PARTS.index("eyeballs"), np.int8)
    head = HeadModel("pyramid", points, pyramid, Bases(none, none, none, ()), {}, None, None, parts)
    closed = with_closed_eyeballs(head)
    assert len(closed) == 6 and not open_sides(closed) and volume(points, closed) == pytest.approx(2.0)  # 6 · 1/3
    skin = replace(head, parts=np.zeros(5, np.int8))
    assert len(with_closed_eyeballs(skin)) == 4  # a hole of the skin is the neck's, or meant
    write_head(tmp_path / "head.ply", points, closed)
    table, triangles = read_ply(tmp_path / "head.ply")
    np.testing.assert_array_equal(triangles, closed)
    np.testing.assert_allclose(columns(table, ("nx", "ny", "nz"))[4], [0, 0, 1], atol=1e-6)
