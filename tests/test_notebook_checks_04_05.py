"""The checks of notebooks 04 and 05 fail on an empty stub and on a plausible wrong answer, and pass on the solution."""

import pytest
import test_notebook_checks as course

# Notebook, stub, and what a student might well write there instead.
WRONG = {
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
}  # fmt: skip


@pytest.mark.parametrize("notebook", WRONG)
def test_checks_fail_on_the_stub_and_on_a_wrong_answer(notebook, monkeypatch):
    assert course.stubs_of(notebook) == set(WRONG[notebook])
    monkeypatch.setitem(course.WRONG, notebook, WRONG[notebook])
    course.test_checks_fail_on_the_stub_and_on_a_wrong_answer(notebook, monkeypatch)
