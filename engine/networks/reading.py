"""Between items and tensors: what a run of items begins with, and what is read of its logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from engine.sites import State

if TYPE_CHECKING:
    from engine.items import Items


def state_of(items: Items) -> State:
    """What a run of these items begins with."""
    index = np.arange(items.first, items.first + len(items))
    named = {name: getattr(items, name) for name in ("inputs", "corrupt", "read", "scored")}
    return {name: torch.from_numpy(array) for name, array in (named | {"index": index}).items()}


def losses_of(
    logits: Float[Tensor, "tile slot class"], items: Items, tile: Int[Tensor, " tile"]
) -> Float[Tensor, "tile slot"]:
    """−log of the probability of the admissible answers, nats; NaN in slots that are not scored."""
    logits = among(logits, items)
    targets, scored = (torch.from_numpy(array)[tile] for array in (items.targets, items.scored))
    if items.also is None:
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)
    else:
        answers = torch.stack([targets, torch.from_numpy(items.also)[tile]], dim=-1)
        loss = -logits.log_softmax(-1).gather(-1, answers).logsumexp(-1)
    return loss.masked_fill(~scored, torch.nan)


def among(logits: Float[Tensor, "*tile slot class"], items: Items) -> Float[Tensor, "*tile slot class"]:
    """The logits with −∞ in place of the classes among which the answer is not to be found."""
    if items.among is None:
        return logits
    left_out = torch.full(logits.shape[-1:], -torch.inf)
    left_out[list(items.among)] = 0
    return logits + left_out
