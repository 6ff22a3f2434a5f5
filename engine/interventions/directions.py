"""What steering shares: differences of means, projections, and random directions to compare them with.

A direction has the shape of an activation in one place. Inputs without positions, such as images, have their places
always in the same order, so there it has the shape of the whole activation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from engine.interventions.base import FitOn, Reference
from engine.randomness import normal

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

Shape = Literal["isotropic", "covariance"]

DIRECTIONS: Final = 10_000
"""How many random directions there are to choose from; each number is another sham."""


def times(coefficient: float) -> str:
    """A coefficient before what it multiplies; nothing for 1."""
    return "" if coefficient == 1 else f"{coefficient:g} × "


def mean_difference(reference: Reference, site: str, fit_on: FitOn) -> Float[Tensor, ...]:
    """Mean activation of the corrupt counterparts minus that of the examples, where they are read and scored."""
    import torch

    change = reference.examples(site, fit_on, "corrupt") - reference.examples(site, fit_on, "clean")
    if reference.data.examples.inputs.dtype.kind == "f":
        return change.mean(0)
    return change[torch.from_numpy(reference.data.examples.scored).to(change.device)].mean(0)


def rows(activation: Float[Tensor, ...], like: Float[Tensor, ...]) -> Float[Tensor, "*place feature"]:
    """An activation as rows of features, each with the entries of a direction."""
    return activation.flatten(activation.ndim - like.ndim)


def without(activation: Float[Tensor, ...], direction: Float[Tensor, ...]) -> Float[Tensor, ...]:
    """The activation without its component along the direction: x − (x·v̂)v̂. Nothing lies along a zero direction."""
    import torch

    unit = direction.flatten() / direction.norm().clamp_min(torch.finfo(direction.dtype).tiny)
    features = rows(activation, direction)
    return (features - (features @ unit)[..., None] * unit).view_as(activation)


def random_like(
    direction: Float[Tensor, ...], reference: Reference, site: str, shape: Shape, fit_on: FitOn, number: int
) -> Float[Tensor, ...]:
    """A random direction as long as another one.

    It is isotropic, or distributed as the activations of the reference inputs at the site: N(0, Σ) with their
    covariance Σ, so that it points where activations vary.
    """
    import torch

    if shape == "isotropic":
        random = torch.from_numpy(normal(tuple(direction.shape), "random-direction", number)).to(direction)
    else:
        features = rows(reference.activations(site, fit_on), direction).flatten(0, -2)
        random = covariant(features, "covariance-matched", number).view_as(direction)
    return direction.norm() * random / random.norm().clamp_min(torch.finfo(random.dtype).tiny)


def covariant(rows: Float[Tensor, "row feature"], *labels: int | str) -> Float[Tensor, " feature"]:
    """A normal vector with the sample covariance of the rows: X_cᵀε/√(n − 1) with ε ~ N(0, 1) for each row, where X_c
    are the rows without their mean.
    """
    import torch

    chance = torch.from_numpy(normal((len(rows),), *labels)).to(rows)
    return chance @ (rows - rows.mean(0)) / (len(rows) - 1) ** 0.5
