"""Count what a class predicted: ``python notebooks/predictions.py FOLDER``, with the students' files anywhere below it."""

import sys
from collections import Counter
from pathlib import Path

from d3f_lite.command_line import command_line
from d3f_lite.errors import D3FError, OutputError
from d3f_lite.files.names import readable
from widgets.prediction import read_predictions


def count(students):
    """For each prediction and option, how many chose it first and last.

    Args:
        students: for each student, what ``read_predictions`` gives.

    Returns:
        Number to {option: (first, last)}, in the order of the numbers and of the options.
    """
    first, last, options = Counter(), Counter(), {}
    for predictions in students:
        for number, one in predictions.items():
            options.setdefault(number, {}).update(dict.fromkeys(one["options"]))
            first[number, one["first"]] += 1
            last[number, one["last"]] += 1
    return {
        number: {option: (first[number, option], last[number, option]) for option in options[number]}
        for number in sorted(options)
    }


def table(counted):
    """The counts as a Markdown table, with shares of those who answered."""
    lines = ["| prediction | option | at first | in the end |", "|---|---|---|---|"]
    for number, options in counted.items():
        answered = sum(at_first for at_first, _ in options.values())
        for option, votes in options.items():
            cells = [readable(number), readable(option), *(f"{one} ({one / answered:.0%})" for one in votes)]
            lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
    return "\n".join(lines)


@command_line("predictions")
def main():
    """Print the table of the folder that is named; a file that is none of ours is left out, and that is said."""
    if len(sys.argv) != 2:
        raise OutputError("name one folder: python notebooks/predictions.py FOLDER")
    students = []
    for path in sorted(Path(sys.argv[1]).rglob("predictions_*.json")):
        try:
            students.append(read_predictions(path))
        except D3FError as error:
            print(f"left out: {error}", file=sys.stderr)
    if not students:
        raise OutputError(f"there is no predictions_NAME.json below {sys.argv[1]}")
    print(f"{len(students)} files\n\n{table(count(students))}")


if __name__ == "__main__":
    sys.exit(main())
