"""A GPU's stand-in for machines without one: tensors that a CPU computes, but that say they live elsewhere.

They name torch's device "meta", which every build of torch knows. As on a GPU, NumPy refuses them, and so does an
operation that mixes them with the CPU's; only ``.to()``, ``.cpu()``, ``.item()`` and ``copy_`` move numbers across.
"""

from contextlib import contextmanager

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("meta")
CROSSING = ("aten::_to_copy", "aten::copy_", "aten::_local_scalar_dense")
INDEXING = ("aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_")  # by the CPU's indices, too


class Elsewhere(torch.Tensor):
    """A tensor of DEVICE; its numbers lie in ``here``, on the CPU."""

    @staticmethod
    def __new__(cls, here):
        strides = here.stride() if here.layout == torch.strided else None
        return torch.Tensor._make_wrapper_subclass(cls, here.shape, strides, dtype=here.dtype, layout=here.layout, device=DEVICE)

    def __init__(self, here):
        self.here = here

    def __repr__(self, **_):
        return f"Elsewhere({self.here})"

    @classmethod
    def __torch_function__(cls, function, types, arguments=(), options=None):
        if function is torch.Tensor.new_tensor:  # torch copies into it where no dispatch sees that
            return torch.tensor(arguments[1], dtype=arguments[0].dtype).to(DEVICE)
        return torch._C._disabled_torch_function_impl(function, types, arguments, options or {})

    @classmethod
    def __torch_dispatch__(cls, function, types, arguments=(), options=None):
        return computed(function, arguments, options or {})


def computed(function, arguments, options):
    """What the operation gives, computed on the CPU, on the device where a GPU would leave it.

    Raises:
        RuntimeError: it mixes tensors of both devices.
        NotImplementedError: torch made a tensor of DEVICE itself, as of a list used as index: its numbers are lost.
    """
    name, options = function._schema.name, dict(options)
    given = [leaf for leaf in tree_leaves((arguments, options)) if isinstance(leaf, torch.Tensor)]
    if any(tensor.device == DEVICE and not isinstance(tensor, Elsewhere) for tensor in given):
        raise NotImplementedError(f"the stand-in cannot follow {name}: give it tensors, not Python's own lists and numbers")
    elsewhere = any(isinstance(tensor, Elsewhere) for tensor in given)
    checked = tree_leaves(arguments[:1]) if name in INDEXING else given
    strays = [tensor for tensor in checked if not isinstance(tensor, Elsewhere) and tensor.dim() > 0]
    if elsewhere and strays and name not in CROSSING:
        raise RuntimeError(f"Expected all tensors to be on the same device, but {name} found cpu beside {DEVICE}")
    if options.get("device") is not None:
        elsewhere = torch.device(options["device"]) == DEVICE
        options["device"] = "cpu"
    here = lambda leaf: leaf.here if isinstance(leaf, Elsewhere) else leaf
    results = function(*tree_map(here, arguments), **tree_map(here, options))
    if name == "aten::copy_":
        return arguments[0]
    known = {id(tensor.here): tensor for tensor in given if isinstance(tensor, Elsewhere)}  # changed in place
    away = lambda leaf: known[id(leaf)] if id(leaf) in known else Elsewhere(leaf)
    return tree_map(lambda leaf: away(leaf) if isinstance(leaf, torch.Tensor) else leaf, results) if elsewhere else results


class _Factories(TorchDispatchMode):
    """Lets operations that are asked for DEVICE, and have no tensor of it yet, make one."""

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        return computed(function, arguments, options or {})


@contextmanager
def second_device():
    """A device that is not the CPU: the GPU where there is one, else the stand-in."""
    if torch.cuda.is_available():
        yield torch.device("cuda")
    else:
        with _Factories():
            yield DEVICE
