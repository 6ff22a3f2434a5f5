"""Stacks: many degraded networks measured as one, so that a GPU has enough to do even with small ones."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch import Tensor

from engine.behaviours.base import Dataset
from engine.degraders.base import Degraded
from engine.interventions.base import Intervention
from engine.measure import Losses, Read, losses_by_network, measure, read
from engine.networks.network import Network
from engine.networks.plain_attention import PlainAttention
from engine.sites import Edit, State

MOST_STACKED: Final = 256
SHARE: Final = 0.8
"""Of the memory that is free so much is used: blocks of different sizes never fill it."""
SHARE_OF_WEIGHTS: Final = 0.25
"""Of the memory that is free degraded weights take so much at most: a stack holds them a second time."""

Interventions = tuple[Intervention | None, ...]
Asked = tuple[Network, Dataset, Interventions]


def measure_stack(
    network: Network, data: Dataset, degraded: Sequence[Degraded], interventions: Sequence[Intervention | None]
) -> list[list[Losses]]:
    """What `measure` says of each of several degraded networks under the same interventions, computed together.

    Weights that are degraded get an axis more, over which everything is vectorised. What a degrader does to activations
    is done one network at a time, and if an intervention cannot be vectorised (its course depends on the data, or it is
    fitted) everything is.
    """
    varied = [name for name in network.weights if any(e.weights[name] is not network.weights[name] for e in degraded)]
    sites = {site for each in degraded for site in each.edits}
    edits = {site: _each_its_own([each.edits.get(site) for each in degraded]) for site in sites}

    def one(number: Tensor, own: dict[str, Tensor]) -> Read:
        named: dict[str, Edit] = {site: edit(number) for site, edit in edits.items()}
        return read(network, data, Degraded(network.weights | own, named), interventions)

    with torch.inference_mode(), contextlib.suppress(_CannotBeVectorised):
        numbers = torch.arange(len(degraded), device=network.device)
        stacked = {name: torch.stack([each.weights[name] for each in degraded]) for name in varied}
        return losses_by_network(network, data, _vectorised(one, numbers, stacked))
    return [measure(network, data, each, interventions) for each in degraded]


class _CannotBeVectorised(Exception):
    """Raised without what caused it, whose tensors would stay in memory."""


def _vectorised(one: Callable[[Tensor, dict[str, Tensor]], Read], numbers: Tensor, stacked: dict[str, Tensor]) -> Read:
    try:
        with PlainAttention():
            return torch.vmap(one)(numbers, stacked)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError:  # torch has no other name for it; if it is something else, it comes again one by one
        pass
    raise _CannotBeVectorised


def _each_its_own(edits: Sequence[Edit | None]) -> Callable[[Tensor], Edit]:
    """An edit that does to each network of a stack, told by its number, what its own edit does."""

    def of(number: Tensor) -> Edit:
        def edit(activation: Tensor, state: State) -> Tensor:
            return _OneByOne.apply(number, edits, tuple(state), activation, *state.values())

        return edit

    return of


class _OneByOne(torch.autograd.Function):
    """Applies edits outside of the vectorisation: each to its own slice."""

    @staticmethod
    def forward(
        number: Tensor, edits: Sequence[Edit | None], names: tuple[str, ...], activation: Tensor, *values: Tensor
    ) -> Tensor:
        raise NotImplementedError("outside of a stack networks have their own edits")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *args: Any) -> tuple[Tensor, int]:
        _, edits, names, *tensors = args
        slices = [
            [tensor] * info.batch_size if axis is None else tensor.unbind(axis)
            for tensor, axis in zip(tensors, in_dims[3:], strict=True)
        ]
        edited = []
        for edit, activation, *values in zip(edits, *slices, strict=True):
            edited.append(activation if edit is None else edit(activation, dict(zip(names, values, strict=True))))
        return torch.stack(edited), 0


class Stacks:
    """Measures degraded networks in stacks as large as memory allows."""

    def __init__(self, most: int = MOST_STACKED) -> None:
        self.most = most
        self._asked: Asked | None = None
        self._size = most

    def batch(self, network: Network) -> int:
        """So many of its degraded networks are made at a time: of a large one no more than leave room for measuring."""
        if network.device.type != "cuda":
            return self.most
        size = sum(tensor.nbytes for tensor in network.weights.values())
        return max(1, min(self.most, int(SHARE_OF_WEIGHTS * _free(network.device)) // size))

    def measure(
        self, network: Network, data: Dataset, degraded: Sequence[Degraded], interventions: Interventions
    ) -> list[list[Losses]]:
        """What `measure` says of each. On a GPU the first one goes alone and tells how much memory one takes; a stack
        for which it does not suffice all the same is halved.
        """
        losses: list[list[Losses]] = []
        if self._asked != (network, data, interventions):
            self._asked, self._size = (network, data, interventions), self.most
            if network.device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(network.device)
                before = torch.cuda.memory_allocated(network.device)
                losses += [measure(network, data, each, interventions) for each in degraded[:1]]
                took = torch.cuda.max_memory_allocated(network.device) - before
                self._size = max(1, min(self.most, int(SHARE * _free(network.device)) // max(1, took)))
        while len(losses) < len(degraded):
            some = degraded[len(losses) : len(losses) + self._size]
            try:
                losses += measure_stack(network, data, some, interventions)
            except torch.OutOfMemoryError:
                if len(some) == 1:
                    raise
                self._size = len(some) // 2
                torch.cuda.empty_cache()
        return losses


def _free(device: torch.device) -> int:
    """Bytes of a GPU that are free, those included that torch holds ready."""
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
