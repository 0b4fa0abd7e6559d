"""Try many more bad inputs than ``make test`` does, and print how many of each kind were refused: ``make fuzz``."""

import argparse
import os
import tempfile

from hostile import bounded_memory
from hostile_kinds import kinds


def main():
    """Run every kind; a failure ends it with the input that caused it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=8, help="as many inputs as make test tries (default: 8)")
    parser.add_argument("--seed", type=int, default=1, help="of the inputs (default: 1)")
    parser.add_argument("--kind", default="", help="only kinds whose name has this in it")
    options = parser.parse_args()
    chosen, total = [kind for kind in kinds() if options.kind in kind.name], [0, 0]
    print(f"seed {options.seed}\n\n| Bad input | tried | refused | harmless |\n|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for kind in chosen:
            with bounded_memory():
                tally = kind.run(options.times * kind.examples, options.seed)
            assert not os.listdir(folder), f"{kind.name}: left {os.listdir(folder)}"
            total = [total[0] + tally.tried, total[1] + tally.refused]
            print(f"| {kind.name} | {tally.tried:,} | {tally.refused:,} | {tally.harmless:,} |", flush=True)
        os.chdir("/")
    print(f"| all | {total[0]:,} | {total[1]:,} | {total[0] - total[1]:,} |")
    print("\nRefused: by one line that says why. Harmless: a valid object. No other error, no file, no code, memory bounded.")


if __name__ == "__main__":
    main()
