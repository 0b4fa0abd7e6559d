"""Fetch, install and check the files that d3f-lite does not ship: ``python data_fetch.py list``."""

import argparse
import sys

from d3f_lite.command_line import command_line
from d3f_lite.formats import fetch


@command_line("data_fetch")
def main(arguments=None):
    """The command line; exit code 2 with one line when something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    fetch.add_commands(parser)
    fetch.run(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
