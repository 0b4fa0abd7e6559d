"""A prediction, made before looking: the options of a question, and the small file that keeps what was chosen."""

import getpass
import html
import json
from pathlib import Path

import ipywidgets

from d3f_lite.errors import D3FError, OutputError
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
        self.words = ipywidgets.HTML("not answered")
        self._told(self._recall)
        self.choice.observe(lambda change: self._told(self._keep), "value")
        super().__init__([ipywidgets.HTML(f"My prediction {html.escape(number)}"), self.choice, self.words])

    def _recall(self):
        """Show what was chosen before, if anything was."""
        before = read_predictions(self.path).get(self.number) if self.path.exists() else None
        if before and before["last"] in self.options:
            self.choice.value = before["last"]
            self.words.value = f"kept in {html.escape(self.path.name)}"

    def _keep(self):
        """Write the choice, beside all that the file holds already."""
        kept = read_predictions(self.path) if self.path.exists() else {}
        first = kept.get(self.number, {}).get("first")
        first = first if first in self.options else self.choice.value
        kept[self.number] = {"options": self.options, "first": first, "last": self.choice.value}
        try:
            write_json(self.path, {"kind": KIND, "predictions": kept})
        except OSError as error:
            raise OutputError(f"not kept: {self.path} cannot be written ({error.strerror})") from error
        self.words.value = f"kept in {html.escape(self.path.name)}"

    def _told(self, work):
        """Do it, or say in words what is wrong."""
        try:
            work()
        except D3FError as error:
            self.words.value = html.escape(str(error))


def read_predictions(path):
    """What a file of predictions holds: number to {"options": texts, "first": text, "last": text}.

    Raises:
        OutputError: it is no such file; nobody writes over it.
    """
    refused = OutputError(f"{path} is no file of predictions: move it away")
    try:
        if path.stat().st_size > LARGEST:
            raise refused
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise refused from error
    if not isinstance(content, dict) or content.get("kind") != KIND or not isinstance(content.get("predictions"), dict):
        raise refused
    if not all(_is_prediction(one) for one in content["predictions"].values()):
        raise refused
    return content["predictions"]


def _is_prediction(one):
    """Whether this is one entry: texts to choose from, and two of them."""
    if not isinstance(one, dict) or not isinstance(one.get("options"), list):
        return False
    return all(isinstance(text, str) for text in one["options"]) and all(
        one.get(key) in one["options"] for key in ("first", "last")
    )


def _who():
    """The user's name, as a file can have it: in a shared folder everybody gets a file of their own."""
    try:
        return folder_name(getpass.getuser())
    except (OSError, KeyError, ImportError):  # a container's user without a name
        return "me"
