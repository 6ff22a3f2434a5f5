"""What a benchmark ran on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import torch


def machine() -> str:
    """The processor, the cores, the graphics processor if there is one, and the versions that matter."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    where = [_processor(), f"{cores} cores"]
    if torch.cuda.is_available():
        where.append(torch.cuda.get_device_name())
    packages = (f"{name} {version(name)}" for name in ("torch", "transformer-lens", "devinterp"))
    return ", ".join([*where, f"Python {platform.python_version()}", *packages])


def _processor() -> str:
    """Its name as Linux tells it, else its architecture."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
