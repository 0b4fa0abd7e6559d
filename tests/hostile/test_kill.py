"""SIGKILL at random moments of the work: no result is half there afterwards, and the next run works.

D3F_LITE_KILLS sets how many. A kill waits for a condition, so that it comes in the middle of the work on any machine.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import joblib
import numpy as np
import pytest
import trimesh
from small_head import small_head

from d3f_lite.assets import Asset
from d3f_lite.evaluation import evaluate as study
from d3f_lite.formats import fetch
from d3f_lite.observation.photo import sample_photo
from d3f_lite.reconstruct import reconstruct
from research.bake import mesh_vae as bake

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("D3F_LITE_KILLS", "4"))
CONTENT = bytes(range(256)) * 8192  # 2 MiB

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]


def kill_moments(seed, longest):
    """Seconds after which to kill, one for each kill."""
    return np.random.default_rng(seed).uniform(0.0, longest, KILLS)


def killed(work, begun, seconds=0.0):
    """Repeat ``work()`` in another process, and kill it so many seconds after ``begun()`` has become true."""
    child = os.fork()
    if child == 0:
        try:
            while True:
                work()
        finally:
            os._exit(1)
    while not begun():
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "it ended by itself: it failed"
        time.sleep(0.002)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1]), "it ended by itself: it failed"


def check_result(folder, heads):
    """Fail unless a result is whole."""
    meshes = sorted(folder.glob("*.ply"))
    assert len(meshes) == heads + 1
    assert all(len(trimesh.load(mesh, process=False).vertices) == 4538 for mesh in meshes)
    with np.load(folder / "samples.npz", allow_pickle=False) as stored:
        assert len(stored["vertices"]) == heads
    assert json.loads((folder / "report.json").read_text())["samples"] == heads
    assert (folder / "viewer.html").read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert all((folder / name).read_bytes().endswith(b"IEND\xaeB`\x82") for name in ("samples.png", "heatmap.png"))


def test_saving_a_result(tmp_path):
    found = reconstruct(sample_photo("astronaut"), np.zeros((512, 512), bool), samples=2)
    folder, before = tmp_path / "astronaut", set()
    being_written = lambda: {path for path in tmp_path.iterdir() if path.name.startswith(".")} - before
    for seconds in kill_moments(1, 2.0):
        killed(lambda: found.save(tmp_path), being_written, seconds)
        before |= being_written()
        if folder.exists():
            check_result(folder, 2)
    check_result(found.save(tmp_path), 2)
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == ["astronaut"]


def test_the_reconstruct_command(tmp_path):
    command = [sys.executable, "-m", "d3f_lite", "demo", "--samples", "2", "--out", str(tmp_path)]
    folder = tmp_path / "astronaut_surgical_mask"
    for seconds in kill_moments(2, 10.0)[: max(1, KILLS // 4)]:
        run = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        run.kill()
        run.wait()
        if folder.exists():
            check_result(folder, 2)
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0
    check_result(folder, 2)


def test_evaluating(tmp_path, monkeypatch):
    filler = list(range(20_000))
    monkeypatch.setattr(study, "evaluate_case", lambda plan, head, occluder: {"head": head, "occluder": occluder, "rows": filler})
    plan = study.Plan(heads=60, occluders=("scarf", "sunglasses"))
    monkeypatch.setattr(study, "tqdm", lambda work, **_: work)
    found = lambda: list(tmp_path.glob("case_*.json"))
    for number in sorted(np.random.default_rng(3).integers(1, len(plan.cases()), KILLS)):
        with joblib.parallel_config(backend="threading", n_jobs=1):
            killed(lambda: (study.evaluate(plan, tmp_path), time.sleep(9)), lambda: len(found()) >= number)  # noqa: B023
        assert [json.loads(path.read_text()) for path in found()]
    with joblib.parallel_config(backend="threading", n_jobs=1):
        records = study.evaluate(plan, tmp_path)
    assert [(record["head"], record["occluder"]) for record in records] == plan.cases()
    assert all(record["rows"] == filler for record in records)


TRAINING = """
import sys
sys.path[:0] = [{tests!r}, {helpers!r}, {root!r}]
from research.bake import mesh_vae as bake, mesh_vae_start
from test_kill import RECIPE, small_head
bake.CHECKPOINT_EVERY, mesh_vae_start.SAMPLES = 1, 30
save = bake._save_checkpoint
bake._save_checkpoint = lambda *arguments: (save(*arguments), print("saved", flush=True))
bake.train(small_head(), RECIPE, {folder!r}, "cpu")
"""
RECIPE = bake.Recipe(heads=30, masks=3, steps=400, batch=6)


def test_training(tmp_path, monkeypatch):
    folders = {"tests": Path(__file__).parent, "helpers": ROOT / "tests" / "helpers", "root": ROOT, "folder": tmp_path}
    code = TRAINING.format(**{name: str(path) for name, path in folders.items()})
    for seconds in kill_moments(4, 1.0)[: max(2, KILLS // 3)]:
        run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert run.stdout.readline() == b"saved\n"
        time.sleep(seconds)
        run.kill()
        run.wait()
        run.stdout.close()
    steps = []
    monkeypatch.setattr(bake, "loss_terms", lambda *_: steps.append(1) or 1 / 0)
    with pytest.raises(ZeroDivisionError):  # it reads the checkpoint and goes on: the first new step ends it here
        bake.train(small_head(), RECIPE, tmp_path, "cpu")
    (checkpoint,) = (path for path in tmp_path.iterdir() if path.suffix == ".pt")
    assert 0 < bake.torch.load(checkpoint, weights_only=True)["progress"][0] < RECIPE.steps and steps


class _Slow(BaseHTTPRequestHandler):
    """Sends CONTENT from where it is asked to, bit by bit."""

    def do_GET(self):
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.server.starts.append(start)
        try:
            for place in range(start, len(CONTENT), 2**16):
                self.wfile.write(CONTENT[place : place + 2**16])
                time.sleep(0.02)
        except OSError:  # the other end was killed
            return

    def log_message(self, *_):
        pass


def test_fetching(tmp_path, monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Slow)
    server.starts = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("D3F_LITE_CACHE", str(tmp_path))
    asset = Asset("heads.zip", "fetched", "heads", "here", "nobody", "CC0-1.0", sha256=hashlib.sha256(CONTENT).hexdigest(),
                  bytes=len(CONTENT), urls=(f"http://127.0.0.1:{server.server_port}/heads.zip",))  # fmt: skip
    monkeypatch.setattr(fetch, "assets", lambda: {asset.name: asset})
    fetch.fetch(asset.name, progress=False).unlink()  # all is imported: kills come while it is fetched
    server.starts.clear()
    part = asset.path.with_name(f"{asset.name}.part")
    for share in sorted(np.random.default_rng(5).uniform(0.05, 0.9, KILLS)):
        begun = lambda: asset.path.exists() or (part.exists() and part.stat().st_size >= share * len(CONTENT))  # noqa: B023
        killed(lambda: (fetch.fetch(asset.name, progress=False), time.sleep(9)), begun)
        assert not asset.path.exists() or asset.path.read_bytes() == CONTENT
    assert fetch.fetch(asset.name, progress=False).read_bytes() == CONTENT
    assert max(server.starts) > 0, "no run went on where a killed one stopped"
    server.shutdown()
    server.server_close()
