"""Timings and memory of the main job, printed as one table: ``make bench``."""

import resource
import subprocess
import sys
import time

import numpy as np
from bench_mesh_vae import measure as measure_mesh_vae

from d3f_lite.diversity import diversify_calibrated, diversify_published, sample_iid
from d3f_lite.fitting import fit_visible
from d3f_lite.heads import load_head
from d3f_lite.heads.anny import load_anny
from d3f_lite.landmark_fitting import fit_landmarks
from d3f_lite.landmarks import MediapipeDetector, detect_landmarks
from d3f_lite.metrics import landmark_nme
from d3f_lite.occluders import draw_occluder
from d3f_lite.occlusion import observe
from d3f_lite.photo import sample_photo
from d3f_lite.pipeline import INNER, decoder_for, reconstruct
from d3f_lite.settings import DiversitySettings, FitSettings
from d3f_lite.threads import one_thread

OCCLUDERS = ("surgical_mask", "sunglasses", "scarf", "hand", "sticker")


def seconds(work, repeats=5):
    """The median time of ``work`` after one warm-up."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times[1:]))


def fresh(code):
    """The time of a fresh Python that runs ``code``."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *code], check=True, capture_output=True)
    return time.perf_counter() - start


def stages(detector):
    """Rows (what, value, unit) for the stages of one reconstruction."""
    portrait = sample_photo("astronaut")
    photo, mask = draw_occluder(portrait, detect_landmarks(portrait, detector=detector), "surgical_mask")
    head, observation = load_head(), observe(photo, mask, detector=detector)
    fit = fit_visible(observation, head)
    decoder = decoder_for(fit, head, DiversitySettings())
    landmarks_only = one_thread()(fit_landmarks)
    yield "load the head", seconds(load_anny), "s"
    yield "observe (13 jittered looks)", seconds(lambda: observe(photo, mask, detector=detector)), "s"
    yield "fit, landmarks only", seconds(lambda: landmarks_only(head, observation.landmarks, FitSettings())), "s"
    yield "fit, whole", seconds(lambda: fit_visible(observation, head)), "s"
    yield "16 heads, i.i.d.", seconds(lambda: sample_iid(decoder, 16)), "s"
    for number in (4, 16, 64, 256):
        calibrated = one_thread()(lambda: diversify_calibrated(decoder, fit.occluded, number=number))
        yield f"{number} heads, calibrated DPP", seconds(calibrated, 3), "s"
    for steps in (60, 300):
        published = one_thread()(
            lambda: diversify_published(decoder, fit.vertices, fit.visible, fit.occluded, head.triangles, steps=steps)
        )
        yield f"16 heads, published loss, {steps} steps", seconds(published, 1), "s"
    yield "photo to 16 heads", seconds(lambda: reconstruct(photo, mask), 3), "s"


def landmark_errors(detector):
    """Rows for the visible inner landmarks' error on both portraits, clean and occluded."""
    head = load_head()
    for name in ("grace_hopper", "astronaut"):
        portrait = sample_photo(name)
        clean = detect_landmarks(portrait, detector=detector)
        for occluder in (None, *OCCLUDERS):
            photo, mask = (portrait, None) if occluder is None else draw_occluder(portrait, clean, occluder)
            seen = observe(photo, mask, detector=detector)
            used = (seen.landmarks.confidence >= 0.3) & (np.arange(68) >= INNER.start)
            fit = fit_visible(seen, head)
            projected = fit.camera.project(head.landmark_points(fit.vertices, fit.camera.angles[0]))
            with_bias, without = (100 * landmark_nme(xy, seen.landmarks.xy, used) for xy in (fit.landmarks, projected))
            label = f"inner landmarks, {name}, {occluder or 'clean'} (without the detector's bias: {without:.2f})"
            yield label, with_bias, "% of the inter-ocular distance"


def main():
    """Print the table."""
    print("| what | median | unit |\n|---|---|---|")
    with MediapipeDetector() as detector:
        for rows in (stages(detector), landmark_errors(detector)):
            for what, value, unit in rows:
                print(f"| {what} | {value:.3f} | {unit} |", flush=True)
    for what, milliseconds in measure_mesh_vae():
        print(f"| {what} | {milliseconds:.1f} | ms |", flush=True)
    print(f"| import d3f_lite in a fresh Python | {fresh(['-c', 'import d3f_lite']):.2f} | s |")
    print(f"| d3f-lite --help | {fresh(['-m', 'd3f_lite', '--help']):.2f} | s |")
    start = time.perf_counter()
    fresh(["-m", "d3f_lite", "demo", "--out", "results"])
    print(f"| d3f-lite demo, the whole process | {time.perf_counter() - start:.1f} | s |")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"| its peak memory | {peak:.0f} | MB |")


if __name__ == "__main__":
    main()
