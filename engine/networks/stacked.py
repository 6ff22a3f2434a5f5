"""Many copies of a network at once: their training losses and gradients, stacked along a first axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from engine.networks.network import Network, forward
from engine.networks.plain_attention import PlainAttention
from engine.sites import LOGITS, Weights

if TYPE_CHECKING:
    from engine.items import Items


PLACES: Final = 32_768
MOST_ITEMS: Final = 1024
"""The gradient of the network itself is averaged over so many places of items, and at most so many items."""
ITEMS_AT_ONCE: Final = 32


class Batch(NamedTuple):
    """Items as tensors on the device of a network; targets count among the classes that are admissible, if not all are
    (of which there is none here, then).
    """

    inputs: Tensor
    read: Int[Tensor, "item slot"]
    targets: Int[Tensor, "item slot"]
    scored: Bool[Tensor, "item slot"]
    classes: Int[Tensor, " class"]


@dataclass(frozen=True, eq=False)
class Stacked:
    """A network's training loss as a function of u: its weights are w0 + σ·u, with σ the root mean square of each
    tensor and w0 its weights as they are.

    u is flat, [chain, parameter], the tensors one after the other in the network's order.
    """

    network: Network
    size: int
    """Items of a batch."""
    firsts: tuple[int, ...]
    """Number of each copy's batch of step 0: copies with the same one have the same batches."""

    @cached_property
    def origin(self) -> Float[Tensor, " parameter"]:
        """w0."""
        return torch.cat([tensor.flatten() for tensor in self.network.weights.values()])

    @cached_property
    def scale(self) -> Float[Tensor, " parameter"]:
        """σ."""
        scale, weights = self.network.scale, self.network.weights
        return torch.cat([scale[name].expand(tensor.numel()) for name, tensor in weights.items()])

    def weights(self, u: Float[Tensor, "chain parameter"]) -> dict[str, Tensor]:
        """The weights of every copy, each tensor with the axis `chain` before its own: views of one buffer."""
        flat = torch.addcmul(self.origin, u, self.scale)
        tensors = self.network.weights
        parts = flat.split([tensor.numel() for tensor in tensors.values()], dim=1)
        return {
            name: part.unflatten(1, tensor.shape) for (name, tensor), part in zip(tensors.items(), parts, strict=True)
        }

    def __call__(
        self, u: Float[Tensor, "chain parameter"], step: int
    ) -> tuple[Float[Tensor, " chain"], Float[Tensor, "chain parameter"]]:
        """By how much the loss on a batch is above that of the network itself, nats, and its gradient by u.

        What chance the batch has at u = 0 is taken off, and the mean over many batches put in its place: nearby most of
        the chance goes with it (control variates; Baker et al., Stat. Comput. 29, 2019).
        """
        different = sorted(set(self.firsts))
        of = torch.tensor([different.index(first) for first in self.firsts], device=u.device)
        rows = torch.cat([u, u.new_zeros(len(different), u.shape[1])])
        losses, gradients = self._at(rows, step, (*self.firsts, *different))
        correction = (slope(self.network) - gradients[len(u) :])[of]
        above = losses[: len(u)] - losses[len(u) :][of] + (correction * u).sum(1)
        return above, gradients[: len(u)] + correction

    def at(
        self, u: Float[Tensor, "chain parameter"], step: int
    ) -> tuple[Float[Tensor, " chain"], Float[Tensor, "chain parameter"]]:
        """The loss of every copy on its batch, nats, and its gradient by u."""
        return self._at(u, step, self.firsts)

    def _at(
        self, u: Float[Tensor, "chain parameter"], step: int, firsts: Sequence[int]
    ) -> tuple[Float[Tensor, " chain"], Float[Tensor, "chain parameter"]]:
        batches = self._batches(step, firsts)
        # leaves of their own: through slices of one flat tensor the gradient would be gathered again and again
        leaves = {name: part.detach().requires_grad_() for name, part in self.weights(u).items()}
        with torch.inference_mode(False), torch.enable_grad(), PlainAttention():
            losses = torch.vmap(self._loss)(leaves, batches)
            gradients = torch.autograd.grad(losses.sum(), list(leaves.values()))
        return losses.detach(), torch.cat([each.flatten(1) for each in gradients], dim=1).mul_(self.scale)

    def _loss(self, weights: Weights, batches: tuple[Batch, ...]) -> Float[Tensor, ""]:
        return torch.stack([self._mean_loss(batch, weights) for batch in batches]).sum()

    def _mean_loss(self, batch: Batch, weights: Weights) -> Float[Tensor, ""]:
        """The mean over items of what is the mean over their slots."""
        logits = forward(self.network.stages, weights, batch.inputs, batch.read)[LOGITS]
        if batch.classes.numel():
            logits = logits.index_select(-1, batch.classes)
        loss = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), reduction="none").view(batch.read.shape)
        return ((loss * batch.scored).sum(1) / batch.scored.sum(1)).mean()

    def _batches(self, step: int, firsts: Sequence[int]) -> tuple[Batch, ...]:
        """The batch of every copy in a step, each tensor with the axis `chain` before its own."""
        drawn = {first: self.network.training.batch(first + step, self.size) for first in set(firsts)}
        device = self.origin.device
        return tuple(_batch(own, device) for own in zip(*(drawn[first] for first in firsts), strict=True))


@lru_cache(maxsize=4)
def slope(network: Network) -> Float[Tensor, " parameter"]:
    """The gradient of the training loss at u = 0, over many items."""
    one = Stacked(network, ITEMS_AT_ONCE, (0,))
    places = network.training.batch(0, 1)[0].read.shape[1]
    count = min(MOST_ITEMS, PLACES // places) // ITEMS_AT_ONCE
    still = torch.zeros(1, len(one.origin), device=one.origin.device)
    return torch.stack([one.at(still, number)[1][0] for number in range(count)]).mean(0)


def _batch(items: Sequence[Items], device: torch.device) -> Batch:
    """Several batches as one."""

    def there(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(each, name) for each in items])).to(device)

    targets, among = there("targets"), items[0].among
    classes = torch.empty(len(items), 0, dtype=torch.long, device=device)
    if among is not None:
        alone = torch.tensor(among, device=device)
        targets = torch.searchsorted(alone, targets).clamp_max(len(among) - 1)
        classes = alone.expand(len(items), -1)
    return Batch(there("inputs"), there("read"), targets, there("scored"), classes)
