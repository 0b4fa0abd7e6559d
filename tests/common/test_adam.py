"""The optimiser takes the steps of torch's own."""

import torch

from d3f_lite.common.adam import Adam


def test_the_same_steps_as_torch():
    target = torch.tensor([1.0, -2.0, 0.5])
    ours = torch.zeros(3, requires_grad=True)
    theirs = torch.zeros(3, requires_grad=True)
    one, other = Adam(0.1, decay=0.01), torch.optim.Adam([theirs], lr=0.1, weight_decay=0.01)
    for _ in range(30):
        (gradient,) = torch.autograd.grad(((ours - target) ** 4).sum(), ours)
        ours = one.step(ours.detach(), gradient).requires_grad_()
        other.zero_grad()
        ((theirs - target) ** 4).sum().backward()
        other.step()
    torch.testing.assert_close(ours, theirs)
