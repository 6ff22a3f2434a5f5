"""What ablations share: the sets of parts that they name, and what takes the place of what a part puts out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, ValidationInfo

from engine import sites
from engine.interventions.base import FitOn, Reference
from engine.randomness import generator
from engine.sites import Edit, State

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

MOST_LISTED = 8

Value = Literal["mean", "zero", "resample"]

Chosen = list[int] | slice
"""Parts by number along the third axis of an activation, [item, place, part, ...]."""


def _in_order(parts: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    if not parts:
        kind = str(info.field_name).removesuffix("s")
        raise ValueError(f"must name at least one {kind[:-2] + 'y' if kind.endswith('ie') else kind}")
    return tuple(sorted(set(parts), key=lambda part: [piece.zfill(6) for piece in part.split(".")]))


Parts = Annotated[tuple[str, ...], AfterValidator(_in_order)]
"""A set of parts in one order, so that one set is one question; not the empty one."""


def listed(parts: Sequence[str], kind: str) -> str:
    """Parts as a sentence names them: "heads 0.1, 0.3", and many of them by their number."""
    kinds = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
    if len(parts) > MOST_LISTED:
        return f"{len(parts)} {kinds} ({parts[0]} to {parts[-1]})"
    return f"{kinds if len(parts) > 1 else kind} {', '.join(parts)}"


def ablating(
    reference: Reference, components: Collection[str], value: Value, fit_on: FitOn, seed: int = 0
) -> dict[str, Edit]:
    """Takes heads (`0.1`) and MLPs (`mlp.0`) out: what a head puts out before W_O, what an MLP adds to the residual
    stream.
    """
    chosen: dict[str, Chosen] = {}
    for component in components:
        first, second = component.split(".")
        if first == "mlp":
            chosen[sites.mlp_out(int(second))] = slice(None)
        else:
            heads = chosen.setdefault(sites.z(int(first)), [])
            assert isinstance(heads, list)
            heads.append(int(second))
    return {site: replacing(reference, site, each, value, fit_on, seed) for site, each in chosen.items()}


def replacing(reference: Reference, site: str, chosen: Chosen, value: Value, fit_on: FitOn, seed: int) -> Edit:
    """Puts something else in place of some parts of a site.

    That is zero, the mean over reference inputs and places, or what the same parts put out in the same place of another
    input: for each item one of the reference inputs, the same one for every part and site.
    """
    if value == "resample":
        others = reference.activations(site, fit_on)[:, :, chosen]
        slots = reference.network.stage(site).slots
        return partial(_put_others, chosen=chosen, others=others, slots=slots, seed=seed)
    fill = 0.0 if value == "zero" else reference.activations(site, fit_on).mean((0, 1))[chosen]
    return partial(_put, chosen=chosen, fill=fill)


def _put(
    activation: Float[Tensor, "item place part ..."], _: State, chosen: Chosen, fill: float | Tensor
) -> Float[Tensor, "item place part ..."]:
    changed = activation.clone()
    changed[:, :, chosen] = fill
    return changed


def _put_others(
    activation: Float[Tensor, "item place part ..."],
    state: State,
    chosen: Chosen,
    others: Float[Tensor, "other place chosen ..."],
    slots: bool,
    seed: int,
) -> Float[Tensor, "item place part ..."]:
    import torch

    device = activation.device
    places = state["read"] if slots else torch.arange(activation.shape[1], device=device)[None]
    places = places.clamp(max=others.shape[1] - 1)  # beyond the end of the other input: its last place
    donors = torch.tensor([_donor(seed, index, len(others)) for index in state["index"].tolist()], device=device)
    changed = activation.clone()
    changed[:, :, chosen] = others[donors[:, None], places]
    return changed


@lru_cache(maxsize=65_536)
def _donor(seed: int, item: int, count: int) -> int:
    """The reference input that an item is given the activations of, whatever other items it runs with."""
    return int(generator("resample", seed, item).integers(count))
