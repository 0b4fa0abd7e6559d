"""The command line: ``d3f-lite reconstruct PHOTO``."""

import argparse
import os
import sys
from pathlib import Path

from d3f_lite.errors import D3FError


def main(arguments=None):
    """Run the command line; returns the exit code: 0, or 2 with one line on what was wrong."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except D3FError as error:
        print(f"d3f-lite: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("d3f-lite: stopped; nothing was written", file=sys.stderr)
        return 130


def _parser():
    parser = argparse.ArgumentParser(prog="d3f-lite", description="Many 3D heads from one occluded face photo.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("reconstruct", help="one photo to N heads", description="One photo to N heads.")
    command.add_argument("photo", type=Path, help="a photo with a face")
    command.add_argument("--mask", type=Path, help="PNG of the photo's size, white where something hides the face")
    command.add_argument("--out", type=Path, default=Path("results"), help="folder of the results (default: results)")
    command.add_argument("--samples", type=int, default=16, help="how many heads (default: 16)")
    command.add_argument("--seed", type=int, default=0, help="of every random draw (default: 0)")
    command.add_argument("--head", default="anny", help="head model (default: anny, the shipped one)")
    command.add_argument("--config", type=Path, help="TOML file with [fit] and [diversity] settings")
    command.set_defaults(run=_reconstruct)
    return parser


def _reconstruct(options):
    """``d3f-lite reconstruct``: observe, fit, complete, save."""
    # Small matrices on few cores: more threads only wait for each other. Must stand before numpy is imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from d3f_lite.photo import Photo, read_mask
    from d3f_lite.pipeline import reconstruct
    from d3f_lite.results import check_writable
    from d3f_lite.settings import Settings

    settings = Settings.load(options.config) if options.config else Settings()
    photo = Photo.open(options.photo)
    occluded = read_mask(options.mask, photo) if options.mask else None
    check_writable(options.out)
    bar = _TerminalBar()
    found = reconstruct(photo, occluded, samples=options.samples, seed=options.seed, head=options.head,
                        settings=settings, progress=bar)  # fmt: skip
    bar.close()
    faces = found.observation.landmarks.faces
    if faces > 1:
        print(f"{faces} faces found; took the largest")
    print(f"wrote {found.save(options.out)}: open samples.png, heatmap.png, viewer.html")
    return 0


class _TerminalBar:
    """A progress bar in the terminal, one per stage."""

    def __init__(self):
        self._bar, self._stage = None, None

    def __call__(self, stage, fraction):
        from tqdm import tqdm

        if stage != self._stage:
            self.close()
            self._bar, self._stage = tqdm(total=100, desc=stage, bar_format="{desc:12s} {bar:30} {percentage:3.0f} %"), stage
        self._bar.update(round(100 * fraction) - self._bar.n)

    def close(self):
        """Finish the bar on the screen."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


if __name__ == "__main__":
    sys.exit(main())
