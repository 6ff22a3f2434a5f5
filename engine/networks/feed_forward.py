"""Feed-forward classifiers, fully connected or convolutional, written as stages between sites.

Each hidden layer is a site, after its ReLU: [item, 1, unit], or [item, pixel, channel] of a convolution, whose last
layer is averaged over pixels before the logits. The answer is one row of logits, read at position 0.
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from engine import sites
from engine.models.architectures import Convolution, Perceptron
from engine.networks.transformer import affine
from engine.sites import Stage, State, Weights

KERNEL = 3


def initial_weights(shape: Perceptron | Convolution, generator: torch.Generator) -> dict[str, Tensor]:
    """Random weights: N(0, 2/inputs of a unit) before a ReLU (He et al. 2015), N(0, 1/inputs) before the logits,
    biases 0.
    """

    def normal(inputs: int, gain: float, *size: int) -> Tensor:
        return torch.randn(*size, generator=generator) * (gain / inputs) ** 0.5

    weights = {}
    if isinstance(shape, Perceptron):
        wide = shape.inputs
        for layer, units in enumerate(shape.hidden):
            weights |= {f"hidden.{layer}.W": normal(wide, 2.0, wide, units), f"hidden.{layer}.b": torch.zeros(units)}
            wide = units
    else:
        deep = 1
        for layer, channels in enumerate(shape.channels):
            size = (channels, deep, KERNEL, KERNEL)
            weights |= {f"hidden.{layer}.W": normal(deep * KERNEL**2, 2.0, *size)}
            weights |= {f"hidden.{layer}.b": torch.zeros(channels)}
            deep = channels
        wide = deep
    return weights | {"out.W": normal(wide, 1.0, wide, shape.outputs), "out.b": torch.zeros(shape.outputs)}


def side_of(shape: Convolution, layer: int) -> int:
    """Height and width of a hidden layer: each one but the first has half the side of the one before, rounded up."""
    return -(-shape.side // 2**layer)


def stages(shape: Perceptron | Convolution) -> tuple[Stage, ...]:
    """The forward pass: the hidden layers, then the logits."""
    if isinstance(shape, Perceptron):
        layers = len(shape.hidden)
        row = [Stage(sites.hidden(layer), partial(dense, layer=layer)) for layer in range(layers)]
    else:
        layers = len(shape.channels)
        sides = [shape.side, *(side_of(shape, layer) for layer in range(layers))]  # of what goes in
        row = [Stage(sites.hidden(layer), partial(convolve, layer=layer, side=sides[layer])) for layer in range(layers)]
    return (*row, Stage(sites.LOGITS, partial(classify, layers=layers), slots=True))


def dense(weights: Weights, state: State, *, layer: int) -> Float[Tensor, "item 1 unit"]:
    """A fully connected layer."""
    x = state[sites.hidden(layer - 1)] if layer else state["inputs"][:, None]
    return affine(x, weights[f"hidden.{layer}.W"], weights[f"hidden.{layer}.b"]).relu()


def convolve(weights: Weights, state: State, *, layer: int, side: int) -> Float[Tensor, "item pixel channel"]:
    """A 3×3 convolution of an image of this side; every layer but the first takes every second pixel."""
    x = state[sites.hidden(layer - 1)] if layer else state["inputs"][..., None]  # item pixel channel
    image = x.transpose(1, 2).unflatten(2, (side, side))
    kernel, bias = weights[f"hidden.{layer}.W"], weights[f"hidden.{layer}.b"]
    y = F.conv2d(image, kernel, bias, stride=2 if layer else 1, padding=KERNEL // 2)
    return y.relu().flatten(2).transpose(1, 2)


def classify(weights: Weights, state: State, *, layers: int) -> Float[Tensor, "item slot class"]:
    """Logits, the same in every slot: there is one place to read."""
    x = state[sites.hidden(layers - 1)].mean(1) if layers else state["inputs"]  # over pixels; a perceptron has one
    logits = torch.addmm(weights["out.b"], x, weights["out.W"])
    return logits[:, None].expand(-1, state["read"].shape[1], -1)
