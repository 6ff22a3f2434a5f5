"""Our networks in TransformerLens, and the loop that a user of it writes to measure degraded copies of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources import boot_native

from benchmarks.shapes import Case
from engine.behaviours.base import Dataset
from engine.degraders.base import Degraded
from engine.items import Items
from engine.measure import measure
from engine.models.architectures import Transformer
from engine.networks.reading import state_of
from engine.sites import Edit, State, z

Hooks = list[tuple[str | Callable[..., Any], Callable[..., Any]]]


class Lens:
    """A network in TransformerLens.

    Attributes:
        bridge: TransformerLens' network.
        state: its parameters undegraded, by the names that they have there.
    """

    def __init__(self, shape: Transformer, weights: Mapping[str, Tensor]) -> None:
        self.bridge = bridge_of(shape, norms="ln_final.w" in weights)
        self.state = _named(shape, weights)
        self.bridge.load_state_dict(self.state)
        self._shape = shape
        self._rms = {name: tensor.square().mean().sqrt() for name, tensor in self.state.items()}

    def degrade(self, strength: float, generator: torch.Generator) -> None:
        """Weight noise: copies the parameters, adds noise, and loads them."""
        self.bridge.load_state_dict(
            {
                name: tensor + strength * self._rms[name] * torch.randn(tensor.shape, generator=generator)
                for name, tensor in self.state.items()
            }
        )

    def put(self, weights: Mapping[str, Tensor]) -> None:
        """Writes other weights of ours into the network."""
        self.bridge.load_state_dict(_named(self._shape, weights))

    def losses(self, items: Items, conditions: Sequence[Hooks]) -> Float[np.ndarray, "condition item"]:
        """Mean loss of every item under each condition, nats."""
        tokens, read, targets = (torch.from_numpy(each) for each in (items.inputs, items.read, items.targets))
        rows, found = torch.arange(len(tokens))[:, None], []
        with torch.inference_mode():
            for hooks in conditions:
                logits = self.bridge.run_with_hooks(tokens, fwd_hooks=hooks)[rows, read]
                loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)
                found.append(loss.double().numpy().mean(axis=1, where=items.scored))
        return np.stack(found)


class Loop:
    """The loop that a user of TransformerLens writes. Both sets are one batch, and logits turn into losses only where
    they are read, which favours it.
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        self._lens = Lens(case.shape, case.network.weights)
        self._conditions: list[Hooks] = [[], *(without(heads) for heads in case.ablated)]
        self._sets = _sets(case.data)

    def run(self, strengths: Sequence[float], draws: int, seed: int) -> None:
        """The cells of all strengths and draws, with noise of its own on the weights of each."""
        generator = torch.Generator().manual_seed(seed)
        for _ in range(draws):
            for strength in strengths:
                self._lens.degrade(strength, generator)
                self._measure([])

    def run_on_activations(self, site: str, strengths: Sequence[float], draws: int, seed: int) -> None:
        """The same, with noise on the activations at a site; with the intervention and without it is the same."""
        generator, rms = torch.Generator().manual_seed(seed), self._case.network.activation_scale[site]
        size = (sum(len(items) for items, _ in self._sets), self._case.shape.context, self._case.shape.d_model)
        for _ in range(draws):
            for strength in strengths:
                noise = strength * rms * torch.randn(size, generator=generator)
                self._measure([(site, partial(_plus, noise=noise))])

    def differs(self, degraded: Degraded) -> tuple[float, float]:
        """The largest difference between the mean losses here and in the engine, nats, and between those of an item
        (relative, for a loss above 1).
        """
        self._lens.put(degraded.weights)
        (_, state), *more = self._sets
        assert not (more and degraded.edits), "noise on activations is compared where both sets are one batch"
        edits: Hooks = [(site, partial(_edited, edit=edit, state=state)) for site, edit in degraded.edits.items()]
        found = np.concatenate(self._measure(edits), axis=1)
        measured = measure(self._case.network, self._case.data, degraded, self._case.interventions)
        expected = np.stack([np.concatenate([each.performance, each.behaviour]) for each in measured])
        apart = found - expected
        return float(np.abs(apart.mean(1)).max()), float((np.abs(apart) / np.maximum(1, np.abs(expected))).max())

    def _measure(self, always: Hooks) -> list[Float[np.ndarray, "condition item"]]:
        conditions = [[*always, *hooks] for hooks in self._conditions]
        return [self._lens.losses(items, conditions) for items, _ in self._sets]


def _plus(activation: Tensor, hook: object, noise: Tensor) -> Tensor:
    return activation + noise


def _edited(activation: Tensor, hook: object, edit: Edit, state: State) -> Tensor:
    return edit(activation, state)


def _sets(data: Dataset) -> list[tuple[Items, State]]:
    """Both sets, as one if as many positions are read in each, with what the engine's edits ask of a run."""
    a, b = data.performance, data.behaviour
    one, other = state_of(a, "performance"), state_of(b, "behaviour")
    if a.read.shape[1] != b.read.shape[1]:
        return [(a, one), (b, other)]
    arrays: dict[str, Any] = {name: np.concatenate([array, b.arrays[name]]) for name, array in a.arrays.items()}
    return [(Items(**arrays), {name: torch.cat([one[name], other[name]]) for name in ("set", "index")})]


def without(heads: Sequence[str]) -> Hooks:
    """Hooks that put zero in place of what these heads put out."""
    layers: dict[int, list[int]] = {}
    for head in heads:
        layer, index = map(int, head.split("."))
        layers.setdefault(layer, []).append(index)

    def zero(chosen: list[int]) -> Callable[..., Tensor]:
        def hook(out: Tensor, hook: object) -> Tensor:
            out = out.clone()
            out[:, :, chosen] = 0
            return out

        return hook

    return [(z(layer), zero(chosen)) for layer, chosen in layers.items()]


def bridge_of(shape: Transformer, *, norms: bool = True) -> TransformerBridge:
    """A network of the same shape in TransformerLens, still with random weights."""
    mlp: dict[str, Any] = {"d_mlp": shape.d_mlp, "act_fn": shape.activation} if shape.d_mlp else {"attn_only": True}
    return boot_native(
        TransformerBridgeConfig(
            d_model=shape.d_model,
            d_head=shape.d_model // shape.heads,
            n_heads=shape.heads,
            n_layers=shape.layers,
            n_ctx=shape.context,
            d_vocab=shape.vocab,
            d_vocab_out=shape.classes,
            normalization_type="LN" if norms else None,
            eps=1e-5,
            seed=0,
            **mlp,
        )
    )


def _named(shape: Transformer, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our weights by TransformerLens' names: x·W + b here is torch's `Linear` with W transposed there."""

    def linear(name: str, matrix: str, bias: str) -> dict[str, Tensor]:
        w = weights[matrix].T.contiguous()
        return {f"{name}.weight": w, f"{name}.bias": weights[bias] if bias in weights else w.new_zeros(len(w))}

    def norm(at: str) -> dict[str, Tensor]:
        return {f"{at}.weight": weights[f"{at}.w"], f"{at}.bias": weights[f"{at}.b"]} if f"{at}.w" in weights else {}

    named = {"embed.weight": weights["embed.W_E"], "pos_embed.weight": weights["pos_embed.W_pos"]}
    for layer in range(shape.layers):
        at = f"blocks.{layer}"
        named |= norm(f"{at}.ln1") | norm(f"{at}.ln2")
        for name in "QKVO":
            named |= linear(f"{at}.attn.{name.lower()}", f"{at}.attn.W_{name}", f"{at}.attn.b_{name}")
        for name in ("in", "out") if shape.d_mlp else ():
            named |= linear(f"{at}.mlp.{name}", f"{at}.mlp.W_{name}", f"{at}.mlp.b_{name}")
    named |= norm("ln_final")
    if shape.tied:
        return named | {"unembed.weight": weights["embed.W_E"], "unembed.bias": weights["unembed.b_U"]}
    return named | linear("unembed", "unembed.W_U", "unembed.b_U")
