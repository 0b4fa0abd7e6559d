"""On how many threads everything computes, and where torch does, where it is needed at all."""

import sys
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from d3f_lite.errors import SettingsError


def check_device(name: str = "cpu") -> None:
    """Look whether torch has the device of a name: "cpu", "cuda" or "cuda:1".

    Raises:
        SettingsError: no such device, or torch sees none here.
    """
    if name == "cpu":  # which needs no torch
        return
    import torch

    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise SettingsError(f"unknown device {name!r:.60}: use cpu, cuda, or cuda:1")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise SettingsError(f"torch sees no device {name} here: use --device cpu, or install torch with GPU support")


@contextmanager
def torch_at_work():
    """Load torch and let it compute gradients on one thread, whatever the caller has switched off.

    Raises:
        SettingsError: a GPU failed; one line says what to do.
    """
    import torch

    try:
        with one_thread(), torch.inference_mode(False), torch.enable_grad():
            yield
    except torch.OutOfMemoryError as error:
        raise SettingsError("the GPU has too little memory for so many heads: take fewer, or --device cpu") from error
    except torch.AcceleratorError as error:
        reason = str(error).partition("\n")[0]
        raise SettingsError(f"torch cannot compute on this GPU ({reason:.100}): use --device cpu") from error


@contextmanager
def one_thread():
    """Run numpy, scipy and torch on one thread: for loops over small matrices, where more threads only wait for each other."""
    torch = sys.modules.get("torch")  # if anybody has loaded it
    before = torch.get_num_threads() if torch else 1
    if torch:
        torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        if torch:
            torch.set_num_threads(before)
