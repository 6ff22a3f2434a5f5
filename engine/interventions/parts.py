"""What ablations share: the sets of parts that they name, and what takes the place of what a part puts out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import AfterValidator, ValidationInfo

from engine import sites
from engine.interventions.base import FitOn, Reference
from engine.randomness import generator
from engine.sites import Edit, State

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

MOST_LISTED = 8

Settled = Literal["mean", "position-mean", "zero"]
"""What takes the place of what a part puts out, one and the same for all items: its mean over reference inputs and
places, its mean over reference inputs in each place, or zero.
"""

Value = Literal[Settled, "resample"]
"""The same, or what the part puts out on another input."""

MEANS: Final = "mean is over inputs and positions, position-mean over inputs at each position"
"""What tells the two means apart, in the help of a `value`."""

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

    That is zero, the mean over reference inputs and places, that over reference inputs in the same place, or what the
    same parts put out in the same place of another input: for each item one of the reference inputs, the same one for
    every part and site. Beyond the end of the reference inputs their last place counts.
    """
    if value == "zero":
        return partial(_put, chosen=chosen, fill=0.0)
    seen = reference.activations(site, fit_on)
    if value == "mean":
        return partial(_put, chosen=chosen, fill=seen.mean((0, 1))[chosen])
    slots = reference.network.stage(site).slots
    if value == "position-mean":
        return partial(_put_means, chosen=chosen, means=seen.mean(0)[:, chosen], slots=slots)
    return partial(_put_others, chosen=chosen, others=seen[:, :, chosen], slots=slots, seed=seed)


def _put(
    activation: Float[Tensor, "item place part ..."], _: State, chosen: Chosen, fill: float | Tensor
) -> Float[Tensor, "item place part ..."]:
    changed = activation.clone()
    changed[:, :, chosen] = fill
    return changed


def _put_means(
    activation: Float[Tensor, "item place part ..."],
    state: State,
    chosen: Chosen,
    means: Float[Tensor, "place chosen ..."],
    slots: bool,
) -> Float[Tensor, "item place part ..."]:
    changed = activation.clone()
    changed[:, :, chosen] = means[_places(activation, state, slots, len(means))]
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

    places = _places(activation, state, slots, others.shape[1])
    donors = [_donor(seed, index, len(others)) for index in state["index"].tolist()]
    changed = activation.clone()
    changed[:, :, chosen] = others[torch.tensor(donors, device=activation.device)[:, None], places]
    return changed


def _places(activation: Tensor, state: State, slots: bool, most: int) -> Int[Tensor, "item place"]:
    """Where in reference inputs of so many places those of an activation are; of all items at once, if they agree."""
    import torch

    places = state["read"] if slots else torch.arange(activation.shape[1], device=activation.device)[None]
    return places.clamp(max=most - 1)


@lru_cache(maxsize=65_536)
def _donor(seed: int, item: int, count: int) -> int:
    """The reference input that an item is given the activations of, whatever other items it runs with."""
    return int(generator("resample", seed, item).integers(count))
