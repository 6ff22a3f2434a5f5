"""What sweeps share: the store, the networks that are loaded, and the device with a thread for each core."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Final, Self

import torch

from engine.behaviours.base import Behaviour, Dataset
from engine.degraders.base import Degraded, Sampling, Setting
from engine.device import chosen, described
from engine.interventions.base import Intervention
from engine.kept import KeptNetworks
from engine.measure import Losses, measure
from engine.models.base import Model
from engine.networks.network import Network
from engine.spec import Experiment
from engine.stacking import Stacks
from engine.store import Store

M_TRIM_THRESHOLD: Final = -1  # from glibc's malloc.h
M_MMAP_THRESHOLD: Final = -3

MOST_NETWORKS: Final = 4
MOST_DATA: Final = 4


class Lab:
    """What sweeps share: the store, the networks that are loaded, and one thread for each core."""

    def __init__(self, store: Store, threads: int | None = None, device: str | None = None) -> None:
        self.store = store
        self.threads = threads or available_cores()
        self.device = chosen(device)
        self._networks: dict[tuple[str, int | None], Network] = {}
        self._kept = KeptNetworks()
        self._data: dict[tuple[Behaviour, Model, int], Dataset] = {}
        self._stacks = Stacks()
        self._pool = ThreadPoolExecutor(self.threads, initializer=_one_thread)

    def network(self, experiment: Experiment) -> Network:
        """The network that an experiment studies; the last few that were asked for are kept."""
        asked = experiment.card.fingerprint, experiment.step
        if asked not in self._networks:
            trained = experiment.model.load()
            weights = trained.weights if experiment.step is None else trained.checkpoint(experiment.step)
            studied = replace(trained, card=experiment.card, weights=weights).to(self.device)
            self._networks = dict(list(self._networks.items())[1 - MOST_NETWORKS :]) | {asked: studied}
        return self._networks[asked]

    def data(self, experiment: Experiment) -> Dataset:
        """The experiment's items; the last few that were asked for are kept."""
        asked = experiment.behaviour, experiment.model, experiment.items
        if asked not in self._data:
            kept = list(self._data.items())[1 - MOST_DATA :]
            self._data = dict(kept) | {asked: experiment.behaviour.data(experiment.model, experiment.items)}
        return self._data[asked]

    def degraded(self, experiment: Experiment, settings: Sequence[Setting]) -> Iterator[Degraded | Sampling]:
        """The experiment's degraded networks (`Degrader.degrade`); those that cost much to make come from memory, if
        they were made before.
        """
        network, degrader, seed = self.network(experiment), experiment.degrader, experiment.seed
        if not degrader.together:
            return degrader.degrade(network, settings, seed)
        return self._kept.degrade(degrader, network, settings, seed)

    def measure(
        self,
        network: Network,
        data: Dataset,
        degraded: Sequence[Degraded],
        interventions: Sequence[Sequence[Intervention | None]],
    ) -> list[list[Losses]]:
        """Measures degraded networks, each under its own interventions (`engine.measure.measure`): side by side on the
        cores, or stacked on a GPU.
        """
        if self.device.type == "cpu":
            return list(self._pool.map(partial(measure, network, data), degraded, interventions))
        losses: dict[int, list[Losses]] = {}
        for under in dict.fromkeys(map(tuple, interventions)):
            places = [place for place, each in enumerate(interventions) if tuple(each) == under]
            some = [degraded[place] for place in places]
            losses |= dict(zip(places, self._stacks.measure(network, data, some, under), strict=True))
        return [losses[place] for place in range(len(degraded))]

    def batch(self, network: Network) -> int:
        """So many of a network's degraded copies are best measured at a time."""
        return self.threads if self.device.type == "cpu" else self._stacks.batch(network)

    @property
    def where(self) -> str:
        """What it measures on, as people read it."""
        return described(self.device, self.threads)

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
