"""The students' copies run as far as unsolved exercises let them, and every check tells wrong answers from right ones."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import nbformat
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?### END SOLUTION$", re.DOTALL | re.MULTILINE)
STUB = re.compile(r"^( *)# YOUR CODE HERE\n *raise NotImplementedError\(\)$", re.MULTILINE)
NAME = re.compile(r"^(?:def|class) (\w+)", re.MULTILINE)

# Notebook, exercise, and what a student might well write there instead.
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
    "04_mesh_vae": {
        "my_pooling": "return interpolation / np.bincount(edges[0], interpolation)[edges[0]]",  # sums over fine vertices
        "my_message": "return torch.einsum('ebc,mcd->ebd', x_source, matrices) * coefficients.sum(1)[:, None, None]",
        "my_input": "shown = visible[:, None].float()\n"
        "return torch.cat(((vertices - mean) / scale * shown, shown), dim=1)",  # 0 · NaN is NaN
        "my_divergence": "variance = factor.diagonal(dim1=1, dim2=2).square()\n"
        "return 0.5 * (mu.square() + variance - 1 - variance.log()).sum(1)",  # as if R were diagonal
    },
    "05_diversity_with_dpps": {
        "my_similarity": "return torch.exp(-torch.cdist(points, points) / bandwidth)",  # not squared
        "my_kernel": "return q**2 * S",  # as published: not symmetric
        "my_expected_cardinality": "return torch.trace(torch.linalg.inv(L + torch.eye(len(L), dtype=L.dtype)))",
        "my_published_bandwidth": "return 2.0 * apart.median()",  # the diagonal's zeros count
        "my_change_of_basis": "return torch.diag(1 / q)",  # the wrong way round
        "my_asd": "return rms_distances(heads, heads, where).min(axis=1).mean()",  # each head is its own nearest
    },
    "06_how_good_is_it": {
        "my_cse": "return np.sqrt(np.square(heads - truth)[:, where].mean(axis=(1, 2))).min()",  # over coordinates
        "my_expected_nearest": "chances = [(1 - i / N) ** n - (1 - (i + 1) / N) ** n for i in range(N)]\n"
        "return np.dot(chances, errors)",  # each may be picked again
        "my_coverage": "squared = np.square(offset / heads.std(axis=0, ddof=1)).sum(axis=1)\n"
        "return np.mean(squared <= limit(len(heads), level))",  # correlations are forgotten
        "my_paired": "return np.mean(ours) - np.mean(theirs), np.sqrt((np.var(ours) + np.var(theirs)) / len(ours))",
    },
    "07_your_own_photo": {
        "my_clean_copy": "return ImageOps.exif_transpose(image)",  # upright, but it still tells the place
        "my_wider": "return cv2.blur(occluded.astype(np.uint8), (radius, radius)) > 0",
        "my_obj": "lines += [f'f {a} {b} {c}' for a, b, c in triangles]",  # counted from 0
    },
    "08_is_the_uncertainty_true": {
        "my_ranks": "return (draws > truth).sum(axis=0)",  # above the truth
        "my_tarp": "nearer = np.linalg.norm(draws - truth, axis=1) < np.linalg.norm(reference - truth)\n"
        "return nearer.mean()",  # seen from the truth
        "my_energy_score": "return to_truth.mean() - 0.5 * metrics.rms_distances(heads, heads).mean()",  # zeros count
        "my_accept": "return proposed < now",  # an optimiser
        "my_rhat": "within, between = chains.var(axis=1, ddof=1).mean(), chains.mean(axis=1).var(ddof=1)\n"
        "return np.sqrt((within + chains.shape[1] * between) / within)",  # B of the texts
    },
    "09_project_starters": {
        "my_prior": "return replace(head, bases=replace(head.bases, shape=times * head.bases.shape))",  # shape alone
        "my_matern": "return np.exp(-np.sqrt(3) * apart)",  # order 1/2
        "my_bar": "mask = np.zeros(photo.shape, bool)\nmask[left:right, top:bottom] = True\n"  # x first
        "pixels = photo.pixels.copy()\npixels[mask] = 15",
        "my_features": "return np.column_stack((colours - skin, np.ones(len(colours))))",  # with their signs
    },
}


def code_of(path):
    """The sources of a notebook's code cells."""
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def answered(stub, answer):
    """A stub's cell with ``answer`` in the place of its NotImplementedError."""
    return STUB.sub(lambda found: textwrap.indent(answer, found[1]), stub)


def outcome(names, *sources):
    """The exception that cells end with when they run after one another with these names, or None."""
    try:
        for source in sources:
            exec(source, names)
    except Exception as error:
        return error
    return None


@pytest.fixture(scope="module")
def handouts(tmp_path_factory):
    """The students' copies, made as ``make handouts`` makes them."""
    folder = tmp_path_factory.mktemp("handouts")
    command = [sys.executable, ROOT / "notebooks" / "handouts.py", folder]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return folder


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_handout_runs_and_its_checks_tell_wrong_from_right(notebook, handouts, monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    solved, cells = code_of(ROOT / "notebooks" / f"{notebook}.ipynb"), code_of(handouts / f"{notebook}.ipynb")
    names, exercises = {"display": lambda *_, **__: None}, []
    for number, source in enumerate(cells):
        error = outcome(names, source)
        assert error is None or isinstance(error, NotImplementedError), f"{error!r} in:\n{source}"
        if not STUB.search(source):
            continue
        exercise, check = NAME.search(source)[1], cells[number + 1]
        exercises.append(exercise)
        assert "assert " in check, f"{exercise} is not checked at once"
        # Each on names of its own: whoever skips an exercise can still do the next one.
        told = {answer: outcome(dict(names), cell, check) for answer, cell in (
            ("none", source), ("right", solved[number]), ("wrong", answered(source, WRONG[notebook][exercise])),
        )}  # fmt: skip
        assert isinstance(told["none"], NotImplementedError), f"{exercise}, not yet written: {told['none']!r}"
        assert isinstance(told["wrong"], AssertionError), f"{exercise}, wrong answer: {told['wrong']!r}"
        assert len(str(told["wrong"])) > 20, f"the check of {exercise} fails without a word of help"
        assert told["right"] is None, f"{exercise}, right answer: {told['right']!r}"
    assert set(exercises) == set(WRONG[notebook]), "each exercise needs a wrong answer in this test, and no other"


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_handout_holds_no_solution_and_no_output(notebook, handouts):
    source, path = ROOT / "notebooks" / f"{notebook}.ipynb", handouts / f"{notebook}.ipynb"
    solutions = [cell for cell in code_of(source) if SOLUTION.search(cell)]
    assert len(solutions) >= (1 if notebook == "00_quickstart" else 2)
    assert sum(len(STUB.findall(cell)) for cell in code_of(path)) == len(solutions)
    assert "SOLUTION" not in path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    assert len(cells) == len(nbformat.read(source, as_version=4).cells)
    assert not any(cell.outputs or cell.execution_count for cell in cells if cell.cell_type == "code")
