"""What degraded networks share with the one that they were made of: all that is computed before they first differ."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from torch import Tensor

from engine.bounded import Bounded
from engine.sites import Edit, Stage, State, Weights

if TYPE_CHECKING:
    from engine.behaviours.base import Dataset

MOST_BYTES: Final = 256 * 1024**2


class Undegraded:
    """Activations of a network as it is, computed once for all degraded networks that have them, too."""

    def __init__(self, stages: Sequence[Stage], weights: Weights) -> None:
        self.stages = stages
        self.weights = weights
        self._kept = Bounded(MOST_BYTES)
        self._reads: list[tuple[set[str], set[str]]] = []

    def common(self, weights: Weights, edits: Mapping[str, Edit], state: State) -> int:
        """How many stages from the first on give what they give in this network, before any edit.

        A network that is not degraded at all has none: there is nothing to share it with.

        Args:
            weights: of the degraded network; a tensor that is not degraded is the same object.
            edits: of the degraded network.
            state: what any run of it begins with.
        """
        other = {name for name, tensor in self.weights.items() if weights[name] is not tensor}
        if not other and not edits:
            return 0
        for number, (stage, (reads, _)) in enumerate(zip(self.stages, self._read(state), strict=True)):
            if reads & other:
                return number
            if stage.site in edits:
                return number + 1
        return len(self.stages)

    def entering(self, number: int, state: State) -> tuple[str, ...]:
        """The sites before stage `number` of which this stage or a later one reads the activation, and in any case the
        last of them.
        """
        before = [stage.site for stage in self.stages[:number]]
        read = set().union(*(sites for _, sites in self._read(state)[number:]))
        return tuple(site for site in before if site in read or site == before[-1])

    def activations(self, data: Dataset, name: Hashable, state: State, sites: Collection[str]) -> State:
        """The activations at these sites in a run of some of the data, kept under a name that stands for this run."""
        sites = tuple(sites)
        return self._kept.get((data, sites), name, lambda: self._run(state, sites))

    def _run(self, state: State, sites: tuple[str, ...]) -> State:
        state = dict(state)
        last = max((number for number, stage in enumerate(self.stages) if stage.site in sites), default=-1)
        for stage in self.stages[: last + 1]:
            state[stage.site] = stage.run(self.weights, state)
        return {site: state[site] for site in sites}

    def _read(self, state: State) -> list[tuple[set[str], set[str]]]:
        """Which weights and which activations each stage reads, found by running one item."""
        if not self._reads:
            state, reads = {name: each[:1] for name, each in state.items()}, []
            for stage in self.stages:
                weights, seen = _Recorded(self.weights), _Recorded(state)
                state[stage.site] = stage.run(weights, seen)
                reads.append((weights.read, seen.read))
            self._reads = reads
        return self._reads


class _Recorded(dict[str, Tensor]):
    """Tensors by name; remembers which were looked at."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__(tensors)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Tensor:
        self.read.add(name)
        return super().__getitem__(name)

    def __iter__(self) -> Iterator[str]:  # without its own, a copy of all tensors would not come by `__getitem__`
        return super().__iter__()

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)
