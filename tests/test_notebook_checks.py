"""Every check in the course fails on an empty stub and on a plausible wrong answer, and passes on the solution."""

import re
import textwrap
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?### END SOLUTION$", re.DOTALL | re.MULTILINE)
NAME = re.compile(r"^(?:def|class) (\w+)", re.MULTILINE)
EMPTY = "raise NotImplementedError"

# Notebook, stub, and what a student might well write there instead.
WRONG = {
    "00_quickstart": {
        "my_spread": "return heads.std(axis=0).mean(axis=-1)",
    },
    "01_head_model": {
        "my_head": "return np.tensordot(coefficients, basis, axes=1)",  # no mean head
        "my_coefficients": "return np.tensordot(basis, vertices - mean, axes=((1, 2), (0, 1)))",  # no division
        "my_transplant": "return head.mean + head.regions[region][:, None] * (vertices - head.mean)",  # no square
        "my_prior_spread": "return np.linalg.norm(basis, axis=2).sum(axis=0)",  # lengths added up, not variances
        "my_landmark_points": "return vertices[head.triangles[triangles]].mean(axis=1)",  # the weights are forgotten
    },
    "02_landmarks_and_masks": {
        "my_inner_landmarks": "return np.array([dense[indices[0]] for indices in INNER_POINTS])",  # the first of two
        "my_error": "return np.linalg.norm(found - truth, axis=1)[used].mean()",  # px, not %
        "my_confidence": "return np.exp(-100 * (looks - middle).std(axis=(0, 2)) / unit / 3)",  # falls from the start
        "my_fill": "filled = pixels.copy()\nfilled[occluded] = np.median(pixels[occluded], axis=0)\nreturn filled",
        "my_visible_and_iou": "visible = face ^ painted\niou = (painted & truth).sum() / (painted | truth).sum()",
    },
    "03_fitting": {
        "my_project": "return scale * (points @ rotation.T)[:, :2] + translation",  # v points up
        "my_step": "return jacobian.T @ residual",  # the gradient
        "my_posterior_step": "hessian = jacobian.T @ jacobian + np.diag(precision)\n"
        "step = np.linalg.solve(hessian, jacobian.T @ residual)",  # the prior brakes, but does not pull
        "my_whiten": "return residual / np.sqrt(np.diag(covariance))",  # correlations are forgotten
        "my_shade": "return albedo + harmonics @ light",
        "my_sorting": "return seen & ~covered, covered, ~seen & ~covered",  # the nape is occluded
        "my_uncertainty": "variance = 1 / np.diag(hessian)\n"
        "return np.sqrt((variance[:, None, None] * basis**2).sum(axis=(0, 2)))",  # correlations are forgotten
    },
}


def code_of(notebook):
    """The sources of a notebook's code cells."""
    cells = nbformat.read(ROOT / "notebooks" / f"{notebook}.ipynb", as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code"]


def stubs_of(notebook):
    """The names of the stubs in a notebook."""
    return {NAME.search(source)[1] for source in code_of(notebook) if SOLUTION.search(source)}


def answered(source, answer):
    """A stub's cell with ``answer`` instead of its solution."""
    return SOLUTION.sub(lambda found: textwrap.indent(answer, found[1]), source)


@pytest.mark.parametrize("notebook", WRONG)
def test_checks_fail_on_the_stub_and_on_a_wrong_answer(notebook, monkeypatch):
    assert stubs_of(notebook) == set(WRONG[notebook]), "each stub needs a wrong answer in this test"
    monkeypatch.syspath_prepend(ROOT)
    cells, names = code_of(notebook), {"display": lambda *_, **__: None}
    for number, source in enumerate(cells):
        if SOLUTION.search(source):
            check, name = cells[number + 1], NAME.search(source)[1]
            assert "assert " in check, f"{notebook}: {name} is not checked at once"
            for answer, error in ((EMPTY, NotImplementedError), (WRONG[notebook][name], AssertionError)):
                exec(answered(source, answer), names)
                with pytest.raises(error) as caught:
                    exec(check, names)
            assert len(str(caught.value)) > 20, f"{notebook}: the check of {name} fails without a word of help"
        exec(source, names)
