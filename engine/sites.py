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
"""Activations by site, beside what comes with the items of a run: `inputs` [item, pos] (tokens) or [item, feature],
`read` and `scored` [item, slot], `corrupt` (their counterparts, shaped as `inputs`), and `set` and `index` [item]: of
which set an item is, and its number there (`networks.reading`).
"""

Edit = Callable[["Tensor", State], "Tensor"]
"""What happens to the activation at one site, in the state of the run. Leaves both arguments as they were. Of earlier
activations the state need only hold those that later stages read."""


@dataclass(frozen=True)
class Stage:
    """One step of the forward pass: reads the state, returns the activation of its `site`.

    An activation has the axes [item, place, ...]. A place is a position, or, where `slots` says so, one of the
    positions in `read`: nothing else is computed there.
    """

    site: str
    run: Callable[[Weights, State], Tensor]
    slots: bool = False


def embed() -> str:
    """The residual stream that enters layer 0, [item, pos, d_model]."""
    return "blocks.0.hook_resid_pre"


def z(layer: int) -> str:
    """What each head of a layer puts out before W_O, [item, pos, head, d_head]."""
    return f"blocks.{layer}.attn.hook_z"


def resid_mid(layer: int) -> str:
    """The residual stream between a layer's attention and its MLP, [item, pos, d_model]."""
    return f"blocks.{layer}.hook_resid_mid"


def mlp_post(layer: int) -> str:
    """A layer's neurons after their nonlinearity, [item, pos, d_mlp]."""
    return f"blocks.{layer}.mlp.hook_post"


def mlp_out(layer: int) -> str:
    """What a layer's MLP adds to the residual stream, [item, pos, d_model]."""
    return f"blocks.{layer}.hook_mlp_out"


def resid_post(layer: int) -> str:
    """The residual stream that leaves a layer, [item, pos, d_model]."""
    return f"blocks.{layer}.hook_resid_post"


def resid_pre(layer: int) -> str:
    """The residual stream that enters a layer, [item, pos, d_model]."""
    return resid_post(layer - 1) if layer else embed()


def of_transformer(layers: int, *, mlp: bool) -> tuple[str, ...]:
    """Every site of a transformer but its logits, in the order in which they are computed."""
    row = [embed()]
    for layer in range(layers):
        row += [z(layer)]
        row += [resid_mid(layer), mlp_post(layer), mlp_out(layer)] if mlp else []
        row += [resid_post(layer)]
    return tuple(row)


def hidden(layer: int) -> str:
    """A hidden layer of a feed-forward network after its nonlinearity: [item, 1, unit], of a convolution [item, pixel,
    channel].
    """
    return f"hidden.{layer}"


LOGITS = "logits"
"""The last site: logits at the positions that are read, [item, slot, class]."""
