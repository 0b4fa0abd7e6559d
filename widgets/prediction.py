"""A prediction, made before looking: the options of a question, and the small file that keeps what was chosen."""

import getpass
import html
import json
from pathlib import Path

import ipywidgets

from d3f_lite.errors import D3FError, OutputError
from d3f_lite.files.arrays import bounded_bytes
from d3f_lite.files.names import folder_name
from d3f_lite.files.whole import write_json

KIND = "d3f-lite predictions"  # what a file says that it is
LARGEST = 1_000_000  # bytes; all predictions of the course take a few thousand


class Prediction(ipywidgets.VBox):
    """The options of one prediction. What is chosen goes to ``predictions_NAME.json`` beside the notebook, and nowhere else.

    Nothing is chosen, and no file is written, until somebody chooses. Minds may change: the file keeps the first choice
    and the last.

    Args:
        number: of the prediction, such as "08.1".
        options: texts, one of which can be chosen.
        folder: where the file lies; by default where the notebook runs.
    """

    def __init__(self, number, options, folder="."):
        self.number, self.options, self.path = number, list(options), Path(folder) / f"predictions_{_who()}.json"
        self.choice = ipywidgets.RadioButtons(options=self.options, value=None, layout={"width": "max-content"})
        self.words = ipywidgets.HTML()
        self._tell(self._recall)
        self.choice.observe(lambda change: self._tell(self._keep), "value")
        super().__init__([ipywidgets.HTML(f"My prediction {html.escape(number)}"), self.choice, self.words])

    def _recall(self, kept):
        """Show what was chosen before, if anything was."""
        before = kept.get(self.number)
        if before and before["last"] in self.options:
            self.choice.value = before["last"]

    def _keep(self, kept):
        """Write the choice, beside all that the file holds already."""
        first = kept.get(self.number, {}).get("first")
        first = first if first in self.options else self.choice.value
        kept[self.number] = {"options": self.options, "first": first, "last": self.choice.value}
        try:
            write_json(self.path, {"kind": KIND, "predictions": kept})
        except OSError as error:
            raise OutputError(f"not kept: {self.path} cannot be written ({error.strerror})") from error

    def _tell(self, work):
        """Do it with what the file holds, and say that the choice is kept, or what is wrong."""
        try:
            work(read_predictions(self.path) if self.path.exists() else {})
            words = f"kept in {self.path.name}" if self.choice.value else "not answered"
        except D3FError as error:
            words = str(error)
        self.words.value = html.escape(words)


def read_predictions(path):
    """What a file of predictions holds: number to {"options": texts, "first": text, "last": text}.

    Raises:
        OutputError: it is no such file; nobody writes over it.
    """
    try:
        content = json.loads(bounded_bytes(path, OutputError, LARGEST))
        kept = content["predictions"]
        for one in kept.values():
            list.index(one["options"], one["first"]), list.index(one["options"], one["last"])  # both are among them
        texts = [text for one in kept.values() for text in one["options"]]
        if content["kind"] != KIND or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"not of the kind {KIND}")
    except (D3FError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise OutputError(f"{path} is no file of predictions: move it away") from error
    return kept


def _who():
    """The user's name, as a file can have it: in a shared folder everybody gets a file of their own."""
    try:
        return folder_name(getpass.getuser())
    except (OSError, KeyError, ImportError):  # a container's user without a name
        return "me"
