"""Architectures: the sizes of a network and the names of its parts, as cards carry them and controls offer them."""

from __future__ import annotations

from abc import abstractmethod
from itertools import pairwise
from typing import Literal

from pydantic import BaseModel, ConfigDict

from engine import sites


class Transformer(BaseModel):
    """A decoder-only transformer with learned positions.

    Attributes:
        d_mlp: width of each MLP; 0 for attention only.
        vocab: tokens that go in; as many logits come out unless `outputs` says otherwise.
        context: positions.
        tied: whether the logits are read with the embedding's matrix.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: int
    heads: int
    d_model: int
    vocab: int
    context: int
    d_mlp: int = 0
    activation: Literal["relu", "gelu"] = "gelu"
    outputs: int | None = None
    tied: bool = False

    @property
    def classes(self) -> int:
        """Number of logits."""
        return self.outputs or self.vocab

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """The names of what interventions can be pointed at, by kind."""
        layers = range(self.layers)
        heads = tuple(f"{layer}.{head}" for layer in layers for head in range(self.heads))
        mlps = tuple(f"mlp.{layer}" for layer in layers) if self.d_mlp else ()
        neurons = tuple(f"{layer}.{neuron}" for layer in layers for neuron in range(self.d_mlp))
        return {
            "heads": heads,
            "mlps": mlps,
            "components": heads + mlps,
            "neurons": neurons,
            "sites": sites.of_transformer(self.layers, mlp=self.d_mlp > 0),
            "matrices": tuple(self.matrices),
        }

    @property
    def matrices(self) -> dict[str, tuple[int, ...]]:
        """The matrices among the weights by name, with their shapes."""
        d, found = (
            self.d_model,
            {"embed.W_E": (self.vocab, self.d_model), "pos_embed.W_pos": (self.context, self.d_model)},
        )
        for layer in range(self.layers):
            found |= {f"blocks.{layer}.attn.W_{name}": (d, d) for name in "QKVO"}
            if self.d_mlp:
                found |= {f"blocks.{layer}.mlp.W_in": (d, self.d_mlp), f"blocks.{layer}.mlp.W_out": (self.d_mlp, d)}
        return found if self.tied else found | {"unembed.W_U": (d, self.classes)}

    def neuron_site(self, layer: int) -> str:
        """Where the neurons of a layer put out what they compute."""
        return sites.mlp_post(layer)

    @property
    def usual_site(self) -> str:
        """Where one begins to read or steer: the residual stream in the middle."""
        return sites.resid_post((self.layers - 1) // 2)


class FeedForward(BaseModel):
    """What feed-forward networks share: hidden layers of so many neurons each, and no positions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outputs: int

    @property
    @abstractmethod
    def widths(self) -> tuple[int, ...]:
        """Neurons of each hidden layer."""

    @property
    @abstractmethod
    def matrices(self) -> dict[str, tuple[int, ...]]:
        """The matrices among the weights by name, with their shapes."""

    @property
    def classes(self) -> int:
        """Number of logits."""
        return self.outputs

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """The names of what interventions can be pointed at, by kind."""
        layers = enumerate(self.widths)
        return {
            "neurons": tuple(f"{layer}.{neuron}" for layer, width in layers for neuron in range(width)),
            "sites": tuple(map(sites.hidden, range(len(self.widths)))),
            "matrices": tuple(self.matrices),
        }

    def neuron_site(self, layer: int) -> str:
        """Where the neurons of a layer put out what they compute."""
        return sites.hidden(layer)

    @property
    def usual_site(self) -> str:
        """Where one begins to read or steer: the last hidden layer."""
        return sites.hidden(len(self.widths) - 1)


class Perceptron(FeedForward):
    """Fully connected hidden layers with ReLU."""

    inputs: int
    hidden: tuple[int, ...]

    @property
    def widths(self) -> tuple[int, ...]:
        """Neurons of each hidden layer."""
        return self.hidden

    @property
    def matrices(self) -> dict[str, tuple[int, ...]]:
        """The matrices among the weights by name, with their shapes."""
        wide = (self.inputs, *self.hidden)
        found = {f"hidden.{layer}.W": shape for layer, shape in enumerate(pairwise(wide))}
        return found | {"out.W": (wide[-1], self.outputs)}


class Convolution(FeedForward):
    """3×3 convolutions with ReLU, each of which halves the image's sides but the first; the logits are read from the
    last one's mean over pixels.

    Attributes:
        side: height and width of the image, in pixels.
        channels: of each hidden layer; a neuron is a channel.
    """

    side: int
    channels: tuple[int, ...]

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each hidden layer."""
        return self.channels

    @property
    def matrices(self) -> dict[str, tuple[int, ...]]:
        """The kernels [out, in, 3, 3] and the last matrix by name, with their shapes."""
        deep = (1, *self.channels)
        found = {f"hidden.{layer}.W": (after, before, 3, 3) for layer, (before, after) in enumerate(pairwise(deep))}
        return found | {"out.W": (deep[-1], self.outputs)}


Architecture = Transformer | Perceptron | Convolution
