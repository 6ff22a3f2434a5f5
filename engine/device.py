"""The device that networks run on: a GPU that is there, unless another one is asked for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from engine.dials import InputError

if TYPE_CHECKING:
    import argparse

    import torch

VARIABLE: Final = "REGIMESCOPE_DEVICE"


def add_option(command: argparse.ArgumentParser) -> None:
    """Adds the option that asks for a device."""
    command.add_argument("--device", metavar="NAME", help=f"cpu, cuda or cuda:N; default ${VARIABLE}, or a GPU if any")


def chosen(asked: str | None = None) -> torch.device:
    """The device that is asked for, or else the one that the environment names, or else CUDA if there is any.

    Raises:
        InputError: there is no such device.
    """
    import torch

    name = asked or os.environ.get(VARIABLE) or ("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = name.partition(":")
    here = torch.cuda.device_count()
    if name == "cpu":
        return torch.device("cpu")
    if kind != "cuda" or (name != "cuda" and not number.isdecimal()):
        raise InputError(f"device must be cpu, cuda or cuda:N, got {name}; give another with --device or {VARIABLE}.")
    if int(number or 0) >= here:
        found = {0: "is no CUDA device", 1: "is 1 CUDA device"}.get(here, f"are {here} CUDA devices")
        raise InputError(
            f"device must be one that is there, got {name} where there {found}; give another, such as cpu, with "
            f"--device or {VARIABLE}."
        )
    _exact()
    return torch.device("cuda", int(number or 0))


def described(device: torch.device, threads: int) -> str:
    """The device as people read it."""
    import torch

    if device.type == "cpu":
        return f"CPU · {threads} thread{'s' if threads > 1 else ''}"
    return f"CUDA · {torch.cuda.get_device_name(device)}"


def _exact() -> None:
    """Products of float32 matrices in float32: TF32 would move a loss delta by more than the verdict allows."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
