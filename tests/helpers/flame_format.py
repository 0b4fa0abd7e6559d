"""Files in FLAME's format, made from the shipped head: a model, its landmark embeddings and its region masks."""

import pickle
import sys
import types

import numpy as np
from scipy.sparse import csc_matrix

from d3f_lite.formats.load_head import load_head
from d3f_lite.heads.model import JAW_POINTS, REGIONS

TORSO_BELOW, CHIN_BELOW = -95.0, -45.0  # mm, y


class _Python2Pickler(pickle._Pickler):
    """Writes what Python 2 wrote: byte strings, and the module names of its numpy."""

    dispatch = {**pickle._Pickler.dispatch}

    def save_bytes(self, value):
        self.write(pickle.BINSTRING + len(value).to_bytes(4, "little") + value)

    def save_str(self, value):
        self.save_bytes(value.encode("latin1"))

    dispatch[bytes], dispatch[str] = save_bytes, save_str


def python2_pickle(value, path):
    """Write ``value`` as Python 2 would have, protocol 2."""
    with open(path, "wb") as stream:
        _Python2Pickler(stream, protocol=2).dump(value)
    path.write_bytes(path.read_bytes().replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))


def as_chumpy(array, monkeypatch):
    """``array`` as an object whose pickle names ``chumpy.ch.Ch``."""
    module = types.ModuleType("chumpy.ch")
    module.Ch = type("Ch", (), {"__module__": "chumpy.ch"})
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", module)
    stand_in = module.Ch()
    stand_in.x, stand_in.dirty = array, {"flags": None}
    return stand_in


def flame_table(seed=0, head=None):
    """The shipped head as FLAME's dict of arrays: metres, 300 + 100 directions (the unused ones zero), five joints."""
    head, generator = head or load_head(), np.random.default_rng(seed)
    count = len(head.mean)
    directions = np.zeros((count, 3, 400), np.float32)
    directions[..., : len(head.bases.shape)] = head.bases.shape.transpose(1, 2, 0) / 1000.0
    directions[..., 300 : 300 + len(head.bases.expression)] = head.bases.expression.transpose(1, 2, 0) / 1000.0
    skinning = _skinning(head)
    regressor = np.where(skinning > 0.5, skinning, 0.0)
    regressor[:, 1] = head.regions["neck"]
    regressor[:, 2] = head.regions["left_ear"] + head.regions["right_ear"]  # the jaw's hinge
    regressor /= regressor.sum(0)
    return {
        "v_template": head.mean.astype(np.float64) / 1000.0 + (0.0, 0.02, -0.01),
        "shapedirs": directions,
        "posedirs": generator.normal(0.0, 1e-4, (count, 3, 36)),
        "J_regressor": csc_matrix(regressor.T),
        "weights": skinning,
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]]),
        "f": head.triangles.astype(np.uint32),
        "bs_style": "lbs",
    }


def _skinning(head):
    """(V, 5) weights: neck and torso, head, jaw, both eyes."""
    y, z = head.mean[:, 1], head.mean[:, 2]
    weights = np.zeros((len(y), 5))
    weights[:, 0] = np.clip((TORSO_BELOW - y) / 20.0, 0.0, 1.0)
    jaw = np.clip((CHIN_BELOW - y) / 20.0, 0.0, 1.0) * np.clip((z - 30.0) / 20.0, 0.0, 1.0)
    weights[:, 2] = np.minimum(jaw, 1.0 - weights[:, 0])
    weights[:, 1] = 1.0 - weights[:, 0] - weights[:, 2]
    for joint, side in ((3, "left_eyeball"), (4, "right_eyeball")):
        ball = head.regions[side] > 0
        weights[ball] = np.eye(5)[joint]
    return weights


def write_flame(folder, table=None, name="generic_model.pkl"):
    """Write a model file and return its path."""
    python2_pickle(flame_table() if table is None else table, folder / name)
    return folder / name


def write_embeddings(folder, head=None):
    """Write the static and dynamic landmark embeddings as RingNet ships them: protocol 0, and a pickle in an npy."""
    head = head or load_head()
    triangles, barycentric = head.landmarks.at(0.0)
    static = {"lmk_face_idx": triangles[JAW_POINTS:].astype(np.uint32), "lmk_b_coords": barycentric[JAW_POINTS:]}
    (folder / "flame_static_embedding.pkl").write_bytes(pickle.dumps(static, protocol=0))
    yaws = np.radians([*range(0, -40, -1), *range(1, 40)])  # right first, then left: FLAME's order of rows
    rows = [head.landmarks.at(yaw) for yaw in yaws]
    dynamic = {
        "lmk_face_idx": np.stack([row[0][:JAW_POINTS] for row in rows]),
        "lmk_b_coords": np.stack([row[1][:JAW_POINTS] for row in rows]),
    }
    np.save(folder / "flame_dynamic_embedding.npy", dynamic, allow_pickle=True)


def write_masks(folder, head=None):
    """Write the region masks, overlapping as FLAME's are."""
    head = head or load_head()
    masks = {name: np.flatnonzero(head.regions[name] > 0.3) for name in REGIONS}
    masks["boundary"] = np.flatnonzero(head.mean[:, 1] < head.mean[:, 1].min() + 5.0)
    python2_pickle(masks, folder / "FLAME_masks.pkl")
