"""Where torch computes: on the CPU, or on a GPU that is asked for; and on how many threads."""

from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits

from d3f_lite.errors import SettingsError

CPU = torch.device("cpu")


def torch_device(name: str = "cpu") -> torch.device:
    """The torch device of a name: "cpu", "cuda" or "cuda:1".

    Raises:
        SettingsError: no such device, or torch sees none here.
    """
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise SettingsError(f"unknown device {name!r:.60}: use cpu, cuda, or cuda:1")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise SettingsError(f"torch sees no device {name} here: use --device cpu, or install torch with GPU support")
    return device


@contextmanager
def device_faults():
    """Turn a GPU's own errors into a line that says what to do: a SettingsError."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise SettingsError("the GPU has too little memory for so many heads: take fewer, or --device cpu") from error
    except torch.AcceleratorError as error:
        reason = str(error).partition("\n")[0]
        raise SettingsError(f"torch cannot compute on this GPU ({reason:.100}): use --device cpu") from error


@contextmanager
def one_thread():
    """Run numpy, scipy and torch on one thread: for loops over small matrices, where more threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        torch.set_num_threads(before)
