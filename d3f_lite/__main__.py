"""The command line: ``d3f-lite reconstruct PHOTO``, ``demo``, ``batch FOLDER``, ``evaluate`` and ``fetch``."""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from d3f_lite.command_line import command_line
from d3f_lite.files.names import expanded
from d3f_lite.formats import fetch

OPTIONS = {
    "photo": {"type": expanded, "help": "a photo with a face"},
    "folder": {"type": expanded, "help": "a folder of photos"},
    "--mask": {"help": "picture of the photo's size, white over what hides the face; 'none': nothing does (default: estimated)"},
    "--strokes": {"type": Path,
                  "help": "a layer or a painted copy of the photo, to correct the mask: red = occluded, green or blue = visible"},
    "--landmarks": {"type": Path,
                    "help": "68 landmarks as .csv, .pts or .npy; those that the mask hides are not used (default: detected)"},
    "--face": {"default": "1",
               "help": "which of several faces, numbered by size from 1; 'all': each, in a folder of its own (default: 1)"},
    "--hides": {"nargs": "+", "choices": ("hair", "glasses"), "default": (),
                "help": "what else an estimated mask counts as an occluder: hair and beards, clear glasses (default: neither)"},
    "--portrait": {"choices": ("astronaut", "grace_hopper"), "default": "astronaut"},
    "--occluder": {"default": "surgical_mask", "help": "what to draw (default: surgical_mask)"},
    "--detector": {"choices": ("auto", "mediapipe", "face-alignment"), "default": "auto",
                   "help": "of the landmarks; auto (default): face-alignment if its weights are here, else mediapipe"},
    "--out": {"type": expanded, "default": Path("results"), "help": "folder of the results (default: %(default)s)"},
    "--samples": {"type": int, "default": 16, "help": "how many heads (default: 16)"},
    "--seed": {"type": int, "default": 0, "help": "of every random draw (default: 0)"},
    "--head": {"default": "anny", "help": "head model (default: anny, the shipped one)"},
    "--heads": {"type": int, "default": 30, "help": "how many held-out heads, 1 to 64 (default: 30)"},
    "--config": {"type": Path, "help": "TOML file with [fit] and [diversity] settings"},
    "--device": {"default": "cpu", "help": "where torch decodes the heads: cpu (default) or cuda"},
    "--look": {"choices": ("photo", "marked", "clay", "spread"), "default": "photo",
               "help": "of the heads in samples.png: in the photo's colours (default), the same with made-up skin hatched, "
                       "plain, or coloured by how far they differ"},
    "--without-photo": {"action": "store_true",
                        "help": "leave the photo and the face's colours out of viewer.html, so that it can be sent to others"},
    "--jobs": {"type": int, "default": -1, "help": "how many at once (default: one per core)"},
    "--backend": {"choices": ("loky", "threading", "dask"), "default": "loky", "help": "joblib's backend"},
    "--scheduler": {"help": "address of a Dask scheduler (default: a local cluster)"},
}  # fmt: skip


@command_line("d3f-lite")
def main(arguments=None):
    """Run the command line; returns the exit code: 0, or 2 with one line on what was wrong."""
    options = _parser().parse_args(arguments)
    # Small matrices on few cores: more threads only wait for each other. Must stand before numpy is imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    return options.run(options)


class _Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong with an option."""

    def error(self, message):
        """Exit with code 2."""
        self.exit(2, f"d3f-lite: {' '.join(message.split())}; see {self.prog} --help\n")


def _parser():
    parser = _Parser(prog="d3f-lite", description="Many 3D heads from one occluded face photo.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name, run, summary, description, options, **defaults):
        command = commands.add_parser(name, help=summary, description=description)
        for option in options.split():
            command.add_argument(option, **OPTIONS[option])
        command.set_defaults(run=run, **defaults)
        return command

    common, workers = "--out --samples --seed --head --config --device", "--jobs --backend --scheduler"
    add("reconstruct", _reconstruct, "one photo to N heads", "One photo to N heads.",
        f"photo --mask --strokes --landmarks --face --hides --detector {common} --look --without-photo")  # fmt: skip
    add("demo", _demo, "the same on a portrait with a drawn occluder", "A public-domain portrait, a drawn occluder, N heads.",
        f"--portrait --occluder {common} --look --without-photo")  # fmt: skip
    add("batch", _batch, "every photo of a folder to N heads",
        "Every photo of a folder, one row each in photos.csv, and contact sheets. Interrupted, it goes on. The mask of x.jpg is "
        "x_mask.png beside it, else it is estimated. The exit code is 1 if a photo failed.",
        f"folder --detector {common} {workers}", out=Path("results/batch"))  # fmt: skip
    add("evaluate", _evaluate, "every method against true heads",
        "Held-out heads, each with five occluders: every method against the truth. Interrupted, it goes on.",
        f"--heads --samples --seed --config --out {workers}", out=Path("results/evaluation"))  # fmt: skip
    fetch.add_commands(add("fetch", fetch.run, "files that are not shipped", "Fetch, install and check files.", ""))
    return parser


def _settings(options):
    """The Settings that ``--config`` names."""
    from d3f_lite.settings import Settings

    return Settings.load(options.config) if options.config else Settings()


def _reconstruct(options):
    """``d3f-lite reconstruct``: a photo, and from files what is known of it."""
    import numpy as np

    from d3f_lite.observation.masks import read_mask, read_strokes
    from d3f_lite.observation.photo import Photo

    photo = Photo.open(options.photo)
    if options.mask == "none":
        occluded = np.zeros(photo.shape, bool)
    else:
        occluded = read_mask(options.mask, photo) if options.mask else None
    strokes = None if options.strokes is None else read_strokes(options.strokes, photo)
    corrections = {"landmarks": options.landmarks, "strokes": strokes, "detector": options.detector, "hides": options.hides}
    if options.face == "1":
        return _heads_of(photo, occluded, options, **corrections)
    for face in _numbers(options.face, options.landmarks, photo):
        _heads_of(replace(photo, name=f"{photo.name}_face-{face}"), occluded, options, face=face, **corrections)
    return 0


def _numbers(faces, landmarks, photo):
    """The numbers of the faces that ``--face`` asks for."""
    from d3f_lite.errors import SettingsError
    from d3f_lite.perception.landmark_detection import count_faces

    if landmarks is not None:
        raise SettingsError("--landmarks are of one face, so --face cannot be given with them")
    if faces != "all" and not faces.isdecimal():
        raise SettingsError(f"--face {faces}: it takes a number from 1, or 'all'")
    return range(1, count_faces(photo) + 1) if faces == "all" else [int(faces)]


def _demo(options):
    """``d3f-lite demo``: a portrait with a drawn occluder, whose mask is exact."""
    from d3f_lite.observation.photo import Photo, sample_photo
    from d3f_lite.occluders.drawing import draw_occluder
    from d3f_lite.perception.landmark_detection import detect_landmarks

    portrait = sample_photo(options.portrait)
    photo, occluded = draw_occluder(portrait, detect_landmarks(portrait), options.occluder, seed=options.seed)
    return _heads_of(Photo(photo.pixels, f"{options.portrait}_{options.occluder}"), occluded, options)


def _batch(options):
    """``d3f-lite batch``: every photo of a folder."""
    from d3f_lite.batch import Plan, run_batch
    from d3f_lite.common.workers import workers

    plan = Plan(options.samples, options.seed, options.head, _settings(options), options.device, options.detector)
    with workers(options.backend, options.jobs, options.scheduler):
        rows = run_batch(options.folder, options.out, plan, lambda words: print(f"d3f-lite: {words}", file=sys.stderr))
    failed = [row for row in rows if "error" in row]
    for row in failed:
        print(f"d3f-lite: {row['photo']}: {row['error']}", file=sys.stderr)
    print(
        f"{sum('result' in row for row in rows)} of {len(rows)} photos reconstructed; "
        f"photos.csv and the contact sheets are in {options.out}"
    )
    return 1 if failed else 0


def _evaluate(options):
    """``d3f-lite evaluate``: every method against true heads."""
    from d3f_lite.common.workers import workers
    from d3f_lite.evaluation.evaluate import Plan, evaluate
    from d3f_lite.evaluation.report import write_report

    plan = Plan(heads=options.heads, samples=options.samples, seed=options.seed, settings=_settings(options))
    with workers(options.backend, options.jobs, options.scheduler):
        records = evaluate(plan, options.out)
    print(write_report(records, options.out))
    print(f"cases.csv, table.md and the figures are in {options.out}")
    return 0


def _heads_of(photo, occluded, options, **corrections):
    """Observe, fit, complete, save; say where to look."""
    from d3f_lite.files.whole import check_writable
    from d3f_lite.reconstruct import reconstruct
    from d3f_lite.results.provenance import result_folder
    from d3f_lite.results.telling import first_words

    settings = _settings(options)
    check_writable(options.out)
    result_folder(options.out, photo.name)
    with _TerminalBar() as bar:
        found = reconstruct(photo, occluded, samples=options.samples, seed=options.seed, head=options.head,
                            settings=settings, device=options.device, progress=bar, **corrections)  # fmt: skip
    _tell(found, corrections.get("face", 1))
    print(f"the photo leaves {found.variance_left:.0%} of the variance that faces have", *first_words(found), sep="\n")
    folder = found.save(options.out, options.look, not options.without_photo)
    print(f"{len(found.samples.vertices)} heads in {folder}")
    for name, what in (("samples.png", "the photo, the fit and the heads"), ("heatmap.png", "where they differ, in mm"),
                       ("viewer.html", "the heads in 3D with sliders, in a browser"),
                       ("heads.glb", "the heads in colour, for programs that show 3D"),
                       ("report.json", "what was measured")):  # fmt: skip
        if (folder / name).exists():
            print(f"  {folder / name}: {what}")
    holders = "samples.png holds" if options.without_photo else "samples.png and viewer.html hold"
    print(f"{holders} the photo, and the coloured meshes the face's colours: think of it before you pass them on")
    return 0


def _tell(found, face=1):
    """Say what the heads are drawn from."""
    from d3f_lite.observation.observation import landmark_doubt

    observation = found.observation
    landmarks, masks = observation.landmarks, observation.masks
    if landmarks.faces > 1:
        print(f"{landmarks.faces} faces found; took {'the largest (--face all takes each)' if face == 1 else f'number {face}'}")
    sure = f", {masks.confidence:.0%} sure" if masks.origin != "given" else ""
    hides = f"{masks.share:.0%} of the face occluded" if masks.share or not masks.doubt else "nothing of the face"
    print(f"landmarks: {landmarks.backend}; mask: {masks.origin}, {hides}{sure}")
    if observation.alternatives and found.settings.fit.several_masks:
        print(f"the mask was unsure: fitted under {1 + len(observation.alternatives)} masks")
    if masks.kinds:
        print(f"found on the face: {', '.join(f'{kind} {share:.0%}' for kind, share in masks.kinds.items())}")
    for doubt in filter(None, (observation.photo.note, masks.doubt, landmark_doubt(observation))):
        print(f"careful: {doubt}")


class _TerminalBar:
    """A progress bar for each stage; shown in a terminal only, and gone when the work is done or has failed."""

    def __init__(self):
        self._bar, self._stage = None, None

    def __call__(self, stage, fraction):
        from tqdm import tqdm

        if stage != self._stage:
            self._close()
            self._bar = tqdm(total=100, desc=stage, bar_format="{desc:12s} {bar:30} {percentage:3.0f} %", leave=False,
                             disable=None)  # fmt: skip
            self._stage = stage
        self._bar.update(round(100 * fraction) - self._bar.n)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._close()

    def _close(self):
        if self._bar is not None:
            self._bar.close()


if __name__ == "__main__":
    sys.exit(main())
