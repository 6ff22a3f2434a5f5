"""Activation patching: an activation is replaced by the one of the item's corrupt counterpart."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, final

from engine.dials import choice, dial, options
from engine.interventions.base import FitOn, Intervention, Reference
from engine.sites import Edit, State

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

    from engine.models.base import Card


@final
class ActivationPatching(Intervention):
    """Runs every item with the activation at a site that the network has on the item's corrupt counterpart (Vig et al.
    2020; Meng et al. 2022).

    It goes one way, from corrupt to clean ("noising"). Loss delta and effect compare with a run of the same item
    without the intervention, and that is the clean one. Clean activations within a corrupt run ("denoising") would have
    to be compared with the corrupt run, which is a behaviour with the two exchanged, not another intervention.
    """

    name: ClassVar[str] = "activation-patching"
    summary: ClassVar[str] = "Puts in the activation of the item's corrupt counterpart, at a site and position."

    site: str = options(of="sites", help="Where the activation is replaced.")
    at: Literal["every position", "positions read", "one position"] = choice(
        "every position", help="At which positions (in an image, pixels)."
    )
    position: int = dial(0, low=0, high=511, help="Which one, if it is one; where an item has none, nothing is done.")
    fit_on: FitOn = choice(
        "degraded", help="The network that runs the counterpart: the degraded one, or the original (frozen)."
    )

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return bool(card.options("sites"))

    def edits(self, reference: Reference) -> dict[str, Edit]:
        slots = reference.network.stage(self.site).slots

        def patched(activation: Float[Tensor, "item place ..."], state: State) -> Float[Tensor, "item place ..."]:
            import torch

            exchanged = {
                **{name: state[name] for name in ("read", "scored", "index", "set")},
                "inputs": state["corrupt"],
                "corrupt": state["inputs"],
            }
            counterpart = reference.run(exchanged, [self.site], self.fit_on)[self.site]
            here = self._here(activation.shape[1], state, slots)
            return torch.where(here.view(*here.shape, *(1,) * (activation.ndim - 2)), counterpart, activation)

        return {self.site: patched}

    def _here(self, places: int, state: State, slots: bool) -> Bool[Tensor, "item place"]:
        """Whether a place is to be patched."""
        import torch

        position = state["read"] if slots else torch.arange(places, device=state["read"].device)[None]
        if self.at == "one position":
            return position == self.position
        if self.at == "every position" or slots or state["inputs"].is_floating_point():
            return torch.ones_like(position, dtype=torch.bool)
        return ((position[..., None] == state["read"][:, None]) & state["scored"][:, None]).any(-1)

    # It names no sham: in what it does at a site there are no parts to exchange, and another site carries what sets the
    # counterpart apart as well.

    def describe(self) -> str:
        where = f"position {self.position}" if self.at == "one position" else self.at
        return f"Patching {self.site} at {where} from the corrupt counterpart"
