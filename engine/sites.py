"""Sites: the named places of a network where activations are read and changed, and the stages between them.

A network is a row of *stages*. Each stage writes one activation, its *site*, into the state, and the next stages read
it from there. That is all a planner needs: to intervene at a site is to replace the activation after the stage that
writes it, and whatever comes before can be shared. Site names are TransformerLens' hook points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Weights = Mapping[str, "Tensor"]
"""Parameters by name."""

State = dict[str, "Tensor"]
"""Activations by site, beside the inputs `tokens` [item, pos] and `read` [item, slot]."""

Edit = Callable[["Tensor", State], "Tensor"]
"""What happens to the activation at one site, in the state of the run. Leaves both arguments as they were."""


@dataclass(frozen=True)
class Stage:
    """One step of the forward pass: reads the state, returns the activation of its `site`."""

    site: str
    run: Callable[[Weights, State], Tensor]


def embed() -> str:
    """The residual stream that enters layer 0, [item, pos, d_model]."""
    return "blocks.0.hook_resid_pre"


def z(layer: int) -> str:
    """What each head of a layer puts out before W_O, [item, pos, head, d_head]."""
    return f"blocks.{layer}.attn.hook_z"


def resid_post(layer: int) -> str:
    """The residual stream that leaves a layer, [item, pos, d_model]."""
    return f"blocks.{layer}.hook_resid_post"


def resid_pre(layer: int) -> str:
    """The residual stream that enters a layer, [item, pos, d_model]."""
    return resid_post(layer - 1) if layer else embed()


LOGITS = "logits"
"""The last site: logits at the positions that are read, [item, slot, vocab]."""
