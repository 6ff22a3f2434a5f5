"""What sweeps share: the store, the networks that are loaded, and a thread for each core."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Self, TypeVar

import torch

from engine.behaviours.base import Behaviour, Dataset
from engine.models.base import Model
from engine.networks.network import Network
from engine.spec import Experiment
from engine.store import Store

M_TRIM_THRESHOLD: Final = -1  # from glibc's malloc.h
M_MMAP_THRESHOLD: Final = -3

MOST_DATA: Final = 4

Task = TypeVar("Task")
Result = TypeVar("Result")


class Lab:
    """What sweeps share: the store, the networks that are loaded, and one thread for each core."""

    def __init__(self, store: Store, threads: int | None = None) -> None:
        self.store = store
        self.threads = threads or available_cores()
        self._networks: dict[str, Network] = {}
        self._data: dict[tuple[Behaviour, Model, int], Dataset] = {}
        self._pool = ThreadPoolExecutor(self.threads, initializer=_one_thread)

    def network(self, experiment: Experiment) -> Network:
        """The experiment's network, loaded once."""
        fingerprint = experiment.card.fingerprint
        if fingerprint not in self._networks:
            self._networks[fingerprint] = experiment.model.load()
        return self._networks[fingerprint]

    def data(self, experiment: Experiment) -> Dataset:
        """The experiment's items; the last few that were asked for are kept."""
        asked = experiment.behaviour, experiment.model, experiment.items
        if asked not in self._data:
            kept = list(self._data.items())[1 - MOST_DATA :]
            self._data = dict(kept) | {asked: experiment.behaviour.data(experiment.model, experiment.items)}
        return self._data[asked]

    def map(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> list[Result]:
        """Does several tasks side by side."""
        return list(self._pool.map(work, tasks))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Waits for what is under way and closes the store."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.store.close()


def _one_thread() -> None:
    # The points of a sweep are independent: threads side by side use small matrices better than threads within one.
    torch.set_num_threads(1)


def keep_freed_memory() -> None:
    """Lets glibc keep the memory of freed activations instead of giving it back to the system.

    They are just above the size from which every allocation is a mapping of its own, whose pages the kernel fills with
    zeros each time: a fifth of the processor time of a sweep of the embedded models.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, 32 * 1024**2)
        libc.mallopt(M_TRIM_THRESHOLD, 256 * 1024**2)


def available_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
