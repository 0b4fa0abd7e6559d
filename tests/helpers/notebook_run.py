"""A notebook's cells run in this process: solved and with its exercises open, side by side, each costly cell once."""

import ast
import contextlib
import io
import re
from dataclasses import dataclass

TAG = "nbval-check-output"  # of cells whose output must be what is stored
ALT = re.compile(r'alt="([^"]*)"')


@dataclass(frozen=True)
class Outcome:
    """What became of a cell: the exception that ended it, or None; what it printed; the alt texts of what it showed."""

    error: Exception | None
    printed: str
    alt: tuple[str, ...]


def run_cell(source: str, names: dict) -> Outcome:
    """Run a cell with these names, as a kernel does: its last expression is shown."""
    body, shown, printed = ast.parse(source).body, [], io.StringIO()
    last = ast.Expression(body.pop().value) if body and isinstance(body[-1], ast.Expr) else None
    names["display"] = lambda *values, **_: shown.extend(values)
    error = None
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(ast.Module(body, []), "<cell>", "exec"), names)
            if last is not None:
                shown.append(eval(compile(last, "<cell>", "eval"), names))
        except Exception as ended:
            error = ended
    html = [value._repr_html_() for value in shown if hasattr(value, "_repr_html_")]
    return Outcome(error, printed.getvalue(), tuple(alt for text in html if text for alt in ALT.findall(text)))


def stored(cell) -> Outcome:
    """The outcome that a notebook stores."""
    printed = "".join(output.text for output in cell.outputs if output.get("name") == "stdout")
    html = "".join(output.get("data", {}).get("text/html", "") for output in cell.outputs)
    return Outcome(None, printed, tuple(ALT.findall(html)))


class TwoCopies:
    """The students' copy of a notebook, whose exercises are open, and the solved one.

    Only cells that use an exercise, or a name that such a cell has set, can differ between the copies: those are run in
    both; the others once.
    """

    def __init__(self):
        self.student, self.solved, self._open = {}, {}, set()

    def run(self, student: str, solved: str) -> tuple[Outcome, Outcome]:
        """Run a cell of both copies; the names that it sets stay."""
        used, set_here = _names(solved)
        first = run_cell(student, self.student)
        if student == solved and not used & self._open:
            self.solved |= {name: self.student[name] for name in set_here if name in self.student}
            return first, first
        self._open |= set_here
        return first, run_cell(solved, self.solved)


def _names(source):
    """The names that a cell uses, and those that it sets."""
    used, set_here = set(), set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else set_here).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            set_here.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            set_here |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return used, set_here
