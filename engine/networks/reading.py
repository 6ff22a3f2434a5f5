"""Between items and tensors: what a run of items begins with, and what is read of its logits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from engine.networks.network import read_everywhere
from engine.sites import State

if TYPE_CHECKING:
    from engine.behaviours.base import Dataset
    from engine.items import Items

Part = Literal["performance", "behaviour", "examples", "reference"]
"""Which set of a behaviour's data."""

KEPT: Final = 32
"""So many sets are kept on their device: those of the data that a lab keeps, and some more."""

CPU: Final = torch.device("cpu")


def state_of(items: Items, part: Part = "examples", device: torch.device = CPU) -> State:
    """What a run of these items begins with."""
    index = np.arange(items.first, items.first + len(items))
    named = {name: getattr(items, name) for name in ("inputs", "corrupt", "read", "scored")}
    named |= {"index": index, "set": np.full_like(index, get_args(Part).index(part))}
    return on_device({name: torch.from_numpy(array) for name, array in named.items()}, device)


def on_device(state: State, device: torch.device) -> State:
    """The state with all its tensors on a device."""
    return {name: tensor.to(device) for name, tensor in state.items()}


class Answers(NamedTuple):
    """What is admissible in every slot of some items (`Items`), where their logits are."""

    targets: Int[Tensor, "item slot"]
    scored: Bool[Tensor, "item slot"]
    also: Int[Tensor, "item slot"] | None
    among: Int[Tensor, " class"] | None

    def at(self, items: Int[Tensor, " chosen"]) -> Answers:
        """Those of some of the items."""
        also = None if self.also is None else self.also[items]
        return Answers(self.targets[items], self.scored[items], also, self.among)


def answers_of(items: Items, device: torch.device = CPU) -> Answers:
    """What is admissible."""
    among = None if items.among is None else np.array(items.among)
    arrays = (items.targets, items.scored, items.also, among)
    targets, scored, *optional = (None if each is None else torch.from_numpy(each).to(device) for each in arrays)
    assert targets is not None and scored is not None
    return Answers(targets, scored, *optional)


def losses_of(logits: Float[Tensor, "item slot class"], answers: Answers) -> Float[Tensor, "item slot"]:
    """−log of the probability of the admissible answers, nats; NaN in slots that are not scored."""
    logits, targets = among(logits, answers), answers.targets
    if answers.also is None:
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)
    else:
        both = torch.stack([targets, answers.also], dim=-1)
        loss = -logits.log_softmax(-1).gather(-1, both).logsumexp(-1)
    return loss.masked_fill(~answers.scored, torch.nan)


def among(logits: Float[Tensor, "*item slot class"], answers: Answers) -> Float[Tensor, "*item slot class"]:
    """The logits with −∞ in place of the classes among which the answer is not to be found."""
    if answers.among is None:
        return logits
    left_out = torch.full(logits.shape[-1:], -torch.inf, device=logits.device)
    return logits + left_out.index_fill(0, answers.among, 0)


@dataclass(frozen=True, eq=False)
class Tile:
    """Items that run together.

    Attributes:
        items: their numbers.
        state: what their run begins with: all the features, but no token after the last position that is read of them.
        answers: what is admissible.
        shown: the numbers of those that are to be shown.
        places: where in the tile these are.
    """

    items: Int[np.ndarray, " tile"]
    state: State
    answers: Answers
    shown: Int[np.ndarray, " shown"]
    places: Int[Tensor, " shown"]


@lru_cache(maxsize=KEPT)
def tiles_of(items: Items, part: Part, device: torch.device, rows: int, shown: int) -> tuple[Tile, ...]:
    """Items cut into tiles of so many rows at most (positions, or items that have none), but of one item at least.
    Sequences of one length run together.

    Args:
        items: all items of a set.
        part: which set that is.
        device: where they run.
        rows: of a tile.
        shown: how many items are shown, from the first on.
    """
    with torch.inference_mode(False):  # as every caller finds them, whichever was the first
        state, answers = state_of(items, part, device), answers_of(items, device)
        sequences = items.inputs.dtype.kind != "f"
        ends = items.read.max(axis=1) + 1 if sequences else np.zeros(len(items), dtype=int)
        size = max(1, rows // max(1, int(ends.max())))
        order = np.argsort(ends, kind="stable")
        tiles = []
        for numbers in np.split(order, range(size, len(order), size)):
            at = torch.from_numpy(numbers).to(device)
            own = {name: tensor[at] for name, tensor in state.items()}
            if sequences:
                end = int(ends[numbers].max())
                own |= {name: own[name][:, :end] for name in ("inputs", "corrupt")}
            places = torch.from_numpy(np.flatnonzero(numbers < shown)).to(device)
            tiles.append(Tile(numbers, own, answers.at(at), numbers[numbers < shown], places))
        return tuple(tiles)


@lru_cache(maxsize=KEPT)
def reference_of(data: Dataset, device: torch.device) -> State:
    """What a run of the reference inputs begins with, read everywhere."""
    with torch.inference_mode(False):
        inputs = torch.from_numpy(data.reference).to(device)
        index = torch.arange(len(inputs), device=device)
        part = torch.full_like(index, get_args(Part).index("reference"))
        return {"inputs": inputs, "read": read_everywhere(inputs), "index": index, "set": part}


@lru_cache(maxsize=KEPT)
def examples_of(data: Dataset, device: torch.device) -> State:
    """What a run of the example items begins with."""
    with torch.inference_mode(False):
        return state_of(data.examples, "examples", device)
