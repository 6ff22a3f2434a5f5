"""Ablation of attention heads: their output is replaced by zero or by its mean."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal, final

from pydantic import field_validator

from engine import sites
from engine.dials import choice, options
from engine.interventions.base import FitOn, Intervention, Reference
from engine.sites import Edit, State

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from engine.models.base import Card


@final
class HeadAblation(Intervention):
    """Replaces what the heads put out (z, before W_O) by zero or by its mean over reference items and positions."""

    name: ClassVar[str] = "head-ablation"
    summary: ClassVar[str] = "Takes attention heads out: their output becomes zero or its mean."

    heads: tuple[str, ...] = options(of="heads", help="The heads to ablate, as layer.head.")
    value: Literal["mean", "zero"] = choice("mean", help="What takes the place of a head's output.")
    fit_on: FitOn = choice(
        "degraded", help="The network whose mean is taken: the degraded one, or the original (frozen)."
    )

    @field_validator("heads")
    @classmethod
    def _in_order(cls, heads: tuple[str, ...]) -> tuple[str, ...]:
        if not heads:
            raise ValueError("must name at least one head")
        return tuple(sorted(set(heads), key=lambda head: [part.zfill(4) for part in head.split(".")]))

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return bool(card.options("heads"))

    def edits(self, reference: Reference) -> dict[str, Edit]:
        by_layer: dict[int, list[int]] = defaultdict(list)
        for head in self.heads:
            layer, index = head.split(".")
            by_layer[int(layer)].append(int(index))
        edits: dict[str, Edit] = {}
        for layer, heads in by_layer.items():
            value: float | Tensor = 0.0
            if self.value == "mean":
                value = reference.activations(sites.z(layer), self.fit_on).mean((0, 1))[heads]
            edits[sites.z(layer)] = partial(_replace, heads=heads, value=value)
        return edits

    def describe(self) -> str:
        return f"Ablating head{'s' if len(self.heads) > 1 else ''} {', '.join(self.heads)} ({self.value})"


def _replace(
    z: Float[Tensor, "item query head d_head"], _: State, heads: list[int], value: float | Tensor
) -> Float[Tensor, "item query head d_head"]:
    changed = z.clone()
    changed[:, :, heads] = value
    return changed
