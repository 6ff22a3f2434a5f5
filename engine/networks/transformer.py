"""A decoder-only transformer with learned positions, written as stages between sites.

The same stages serve training and measuring. The last layer is computed only at the positions that a loss reads: its
queries, its residual stream and the logits have an axis `slot` (the index into `read`) where earlier layers have `pos`.

The weights say what a network has: without `ln1`, `ln2` and `ln_final` it has no LayerNorm, without a bias none is
added, and without `unembed.W_U` the embedding is used once more (tied).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from engine import sites
from engine.models.architectures import Transformer
from engine.sites import Stage, State, Weights

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}


def initial_weights(
    shape: Transformer, generator: torch.Generator, *, norms: bool = True, biases: bool = True
) -> dict[str, Tensor]:
    """Random weights: N(0, 1/d_model) matrices, what writes into the residual stream scaled down by √(2·layers) as in
    GPT-2, LayerNorms at identity, biases 0.
    """
    d, std = shape.d_model, shape.d_model**-0.5
    last = std / (2 * shape.layers) ** 0.5

    def normal(*size: int, scale: float = std) -> Tensor:
        return torch.randn(*size, generator=generator).mul_(scale)

    def norm(at: str) -> dict[str, Tensor]:
        return {f"{at}.w": torch.ones(d), f"{at}.b": torch.zeros(d)} if norms else {}

    def bias(name: str, size: int) -> dict[str, Tensor]:
        return {name: torch.zeros(size)} if biases else {}

    weights = {"embed.W_E": normal(shape.vocab, d), "pos_embed.W_pos": normal(shape.context, d)}
    for layer in range(shape.layers):
        at = f"blocks.{layer}"
        weights |= norm(f"{at}.ln1")
        for name in "QKV":
            weights |= {f"{at}.attn.W_{name}": normal(d, d)} | bias(f"{at}.attn.b_{name}", d)
        weights |= {f"{at}.attn.W_O": normal(d, d, scale=last)} | bias(f"{at}.attn.b_O", d)
        if shape.d_mlp:
            weights |= norm(f"{at}.ln2")
            weights |= {f"{at}.mlp.W_in": normal(d, shape.d_mlp), f"{at}.mlp.b_in": torch.zeros(shape.d_mlp)}
            weights |= {f"{at}.mlp.W_out": normal(shape.d_mlp, d, scale=last * (d / shape.d_mlp) ** 0.5)}
            weights |= {f"{at}.mlp.b_out": torch.zeros(d)}
    weights |= norm("ln_final")
    if not shape.tied:
        weights |= {"unembed.W_U": normal(d, shape.classes)}
    return weights | bias("unembed.b_U", shape.classes)


def stages(shape: Transformer) -> tuple[Stage, ...]:
    """The forward pass: embed, then attention, its output projection and an MLP in each layer, then the logits."""
    row = [Stage(sites.embed(), embed)]
    for layer in range(shape.layers):
        last = layer == shape.layers - 1
        row.append(Stage(sites.z(layer), partial(attend, layer=layer, heads=shape.heads, last=last), slots=last))
        after_attention = sites.resid_mid(layer) if shape.d_mlp else sites.resid_post(layer)
        row.append(Stage(after_attention, partial(project, layer=layer, last=last), slots=last))
        if shape.d_mlp:
            activation = ACTIVATIONS[shape.activation]
            row.append(Stage(sites.mlp_post(layer), partial(neurons, layer=layer, activation=activation), slots=last))
            row.append(Stage(sites.mlp_out(layer), partial(mlp_out, layer=layer), slots=last))
            row.append(Stage(sites.resid_post(layer), partial(add_mlp, layer=layer), slots=last))
    row.append(Stage(sites.LOGITS, partial(unembed, layers=shape.layers), slots=True))
    return tuple(row)


def embed(weights: Weights, state: State) -> Float[Tensor, "item pos d_model"]:
    """Token and position embeddings."""
    tokens = state["inputs"]
    return F.embedding(tokens, weights["embed.W_E"]) + weights["pos_embed.W_pos"][: tokens.shape[1]]


def attend(
    weights: Weights, state: State, *, layer: int, heads: int, last: bool
) -> Float[Tensor, "item query head d_head"]:
    """What each head puts out; in the last layer only for the queries at the positions read."""
    at = f"blocks.{layer}.attn"
    x = normed(weights, state[sites.resid_pre(layer)], f"blocks.{layer}.ln1")
    if last:
        q = linear(at_slots(x, state["read"]), weights, at, "Q")  # item slot d_model
        k, v = linear(x, weights, at, "KV").chunk(2, dim=-1)  # item pos d_model
        keys = torch.arange(x.shape[1], device=x.device)
        mask = (keys <= state["read"][..., None])[:, None]  # item 1 slot pos
        z = F.scaled_dot_product_attention(*(split(t, heads) for t in (q, k, v)), attn_mask=mask)
    else:
        q, k, v = (split(t, heads) for t in linear(x, weights, at, "QKV").chunk(3, dim=-1))
        z = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return z.transpose(1, 2)


def pattern(weights: Weights, state: State, *, layer: int, heads: int) -> Float[Tensor, "item head query key"]:
    """The attention pattern of a layer at every position, for looking at; `attend` never holds it."""
    at = f"blocks.{layer}.attn"
    x = normed(weights, state[sites.resid_pre(layer)], f"blocks.{layer}.ln1")
    q, k, _ = (split(t, heads) for t in linear(x, weights, at, "QKV").chunk(3, dim=-1))
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    future = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
    return scores.masked_fill(future, -torch.inf).softmax(-1)


def project(weights: Weights, state: State, *, layer: int, last: bool) -> Float[Tensor, "item query d_model"]:
    """The residual stream with the layer's heads added."""
    at = f"blocks.{layer}.attn"
    residual = state[sites.resid_pre(layer)]
    if last:
        residual = at_slots(residual, state["read"])
    z = state[sites.z(layer)].flatten(-2)  # item query d_model
    return residual + linear(z, weights, at, "O")


def neurons(
    weights: Weights, state: State, *, layer: int, activation: Callable[[Tensor], Tensor]
) -> Float[Tensor, "item query d_mlp"]:
    """The layer's neurons after their nonlinearity."""
    x = normed(weights, state[sites.resid_mid(layer)], f"blocks.{layer}.ln2")
    return activation(affine(x, weights[f"blocks.{layer}.mlp.W_in"], weights[f"blocks.{layer}.mlp.b_in"]))


def mlp_out(weights: Weights, state: State, *, layer: int) -> Float[Tensor, "item query d_model"]:
    """What the layer's MLP adds to the residual stream."""
    at = f"blocks.{layer}.mlp"
    return affine(state[sites.mlp_post(layer)], weights[f"{at}.W_out"], weights[f"{at}.b_out"])


def add_mlp(weights: Weights, state: State, *, layer: int) -> Float[Tensor, "item query d_model"]:
    """The residual stream with the layer's MLP added."""
    return state[sites.resid_mid(layer)] + state[sites.mlp_out(layer)]


def unembed(weights: Weights, state: State, *, layers: int) -> Float[Tensor, "item slot vocab"]:
    """Logits at the positions read."""
    x = normed(weights, state[sites.resid_post(layers - 1)], "ln_final")
    matrix = weights["unembed.W_U"] if "unembed.W_U" in weights else weights["embed.W_E"].T
    return affine(x, matrix, weights.get("unembed.b_U"))


def normed(weights: Weights, x: Float[Tensor, "item pos d_model"], at: str) -> Float[Tensor, "item pos d_model"]:
    """X after the LayerNorm at this place, if the network has one there."""
    if f"{at}.w" not in weights:
        return x
    return F.layer_norm(x, x.shape[-1:], weights[f"{at}.w"], weights[f"{at}.b"])


def linear(x: Tensor, weights: Weights, at: str, names: str) -> Tensor:
    """x·W + b for one or several matrices side by side (one matrix product instead of three)."""
    matrices = [weights[f"{at}.W_{name}"] for name in names]
    biases = [weights[f"{at}.b_{name}"] for name in names if f"{at}.b_{name}" in weights]
    if len(names) == 1:
        return affine(x, matrices[0], biases[0] if biases else None)
    return affine(x, torch.cat(matrices, dim=1), torch.cat(biases) if biases else None)


def affine(x: Float[Tensor, "item pos d_in"], matrix: Tensor, bias: Tensor | None) -> Float[Tensor, "item pos d_out"]:
    """x·W + b as one product of two matrices."""
    rows = x.flatten(0, 1)
    y = rows @ matrix if bias is None else torch.addmm(bias, rows, matrix)
    return y.unflatten(0, x.shape[:2])


def split(x: Float[Tensor, "item pos d_model"], heads: int) -> Float[Tensor, "item head pos d_head"]:
    """Gives each head its share of the columns."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def at_slots(x: Tensor, read: Tensor) -> Tensor:
    """X [item, pos, d] at the positions read [item, slot]: [item, slot, d]."""
    first = torch.arange(0, x.shape[0] * x.shape[1], x.shape[1], device=x.device)[:, None]
    return x.flatten(0, 1).index_select(0, (first + read).flatten()).unflatten(0, read.shape)
