"""The stages of feed-forward networks compute what torch's own modules compute with the same weights."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from engine import sites
from engine.models.architectures import Convolution, Perceptron
from engine.networks import feed_forward
from engine.networks.network import forward

SHAPES = [
    Perceptron(inputs=12, hidden=(9, 7, 5), outputs=4),
    Perceptron(inputs=3, hidden=(6,), outputs=2),
    Perceptron(inputs=5, hidden=(), outputs=3),
    Convolution(side=8, channels=(3, 4, 5), outputs=6),
    Convolution(side=7, channels=(2, 3), outputs=4),
    Convolution(side=4, channels=(3,), outputs=2),
]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=repr)


def weights_of(shape: Perceptron | Convolution) -> dict[str, Tensor]:
    """Weights with biases that are not 0."""
    generator = torch.Generator().manual_seed(1)
    weights = feed_forward.initial_weights(shape, generator)
    return {name: w if name.endswith("W") else torch.randn(w.shape, generator=generator) for name, w in weights.items()}


def inputs_of(shape: Perceptron | Convolution, items: int = 11) -> Tensor:
    features = shape.inputs if isinstance(shape, Perceptron) else shape.side**2
    return torch.randn(items, features, generator=torch.Generator().manual_seed(2))


def hidden_modules(shape: Perceptron | Convolution, weights: dict[str, Tensor]) -> list[nn.Module]:
    """One module for each hidden layer, ReLU included."""
    modules: list[nn.Module] = []
    for layer in range(len(shape.hidden if isinstance(shape, Perceptron) else shape.channels)):
        w, b = weights[f"hidden.{layer}.W"], weights[f"hidden.{layer}.b"]
        if isinstance(shape, Perceptron):
            module = nn.Linear(w.shape[0], w.shape[1])
            module.weight.data, module.bias.data = w.T, b
        else:
            module = nn.Conv2d(w.shape[1], w.shape[0], 3, stride=2 if layer else 1, padding=1)
            assert module.bias is not None
            module.weight.data, module.bias.data = w, b
        modules.append(nn.Sequential(module, nn.ReLU()))
    return modules


def read(items: int, slots: int = 1) -> Tensor:
    return torch.zeros(items, slots, dtype=torch.long)


@every_shape
def test_every_activation_is_that_of_torchs_modules(shape: Perceptron | Convolution) -> None:
    weights, x = weights_of(shape), inputs_of(shape)
    state = forward(feed_forward.stages(shape), weights, x, read(len(x)))
    y = x if isinstance(shape, Perceptron) else x.view(-1, 1, shape.side, shape.side)
    with torch.no_grad():
        for layer, module in enumerate(hidden_modules(shape, weights)):
            y = module(y)
            found = state[sites.hidden(layer)]
            assert found.ndim == 3
            expected = y[:, None] if isinstance(shape, Perceptron) else y.flatten(2).mT  # item pixel channel
            torch.testing.assert_close(found, expected)
        pooled = y if isinstance(shape, Perceptron) else nn.AdaptiveAvgPool2d(1)(y).flatten(1)
        torch.testing.assert_close(state[sites.LOGITS][:, 0], pooled @ weights["out.W"] + weights["out.b"])


@every_shape
def test_its_sites_are_those_that_the_architecture_names(shape: Perceptron | Convolution) -> None:
    row = feed_forward.stages(shape)
    assert tuple(stage.site for stage in row) == (*shape.parts["sites"], sites.LOGITS)
    assert [stage.slots for stage in row] == [False] * (len(row) - 1) + [True]
    x = inputs_of(shape)
    state = forward(row, weights_of(shape), x, read(len(x)))
    neurons = {(layer, unit) for layer, unit in (map(int, name.split(".")) for name in shape.parts["neurons"])}
    widths = [state[site].shape[-1] for site in shape.parts["sites"]]
    assert neurons == {(layer, unit) for layer, width in enumerate(widths) for unit in range(width)}
    assert all(shape.neuron_site(layer) == site for layer, site in enumerate(shape.parts["sites"]))


@every_shape
def test_every_slot_reads_the_same_answer_and_no_item_another(shape: Perceptron | Convolution) -> None:
    weights, x = weights_of(shape), inputs_of(shape)
    logits = forward(feed_forward.stages(shape), weights, x, read(len(x), 3))[sites.LOGITS]
    assert logits.shape == (len(x), 3, shape.classes)
    assert (logits == logits[:, :1]).all()
    for item in range(len(x)):
        alone = forward(feed_forward.stages(shape), weights, x[item : item + 1], read(1))[sites.LOGITS]
        torch.testing.assert_close(alone[0, 0], logits[item, 0])


@pytest.mark.parametrize(
    "shape",
    [Perceptron(inputs=64, hidden=(256, 256, 256), outputs=8), Convolution(side=16, channels=(64, 64), outputs=8)],
)
def test_initial_weights_keep_the_size_of_what_passes_through(shape: Perceptron | Convolution) -> None:
    """He et al. 2015: with variance 2/inputs the mean square of a layer's output is about that of its input."""
    weights = feed_forward.initial_weights(shape, torch.Generator().manual_seed(0))
    for name, tensor in weights.items():
        if name.endswith("b"):
            assert (tensor == 0).all()
        elif name != "out.W":
            inputs = tensor[0].numel() if tensor.ndim == 4 else len(tensor)
            assert tensor.var() * inputs == pytest.approx(2, rel=0.15)
    again = feed_forward.initial_weights(shape, torch.Generator().manual_seed(0))
    other = feed_forward.initial_weights(shape, torch.Generator().manual_seed(1))
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    assert not torch.equal(weights["out.W"], other["out.W"])
