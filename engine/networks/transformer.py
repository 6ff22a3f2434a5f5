"""An attention-only transformer (pre-LayerNorm, learned positions), written as stages between sites.

The same stages serve training and measuring. The last layer is computed only at the positions that a loss reads: its
queries, its residual stream and the logits have an axis `slot` (the index into `read`) where earlier layers have `pos`.
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from engine import sites
from engine.models.base import Architecture
from engine.sites import Stage, State, Weights


def initial_weights(shape: Architecture, generator: torch.Generator) -> dict[str, Tensor]:
    """Random weights: N(0, 1/d_model) matrices, W_O scaled down by √(2·layers) as in GPT-2, LayerNorms at identity."""
    d, std = shape.d_model, shape.d_model**-0.5

    def normal(*size: int, scale: float = std) -> Tensor:
        return torch.randn(*size, generator=generator) * scale

    weights = {"embed.W_E": normal(shape.vocab, d), "pos_embed.W_pos": normal(shape.context, d)}
    for layer in range(shape.layers):
        at = f"blocks.{layer}"
        weights |= {f"{at}.ln1.w": torch.ones(d), f"{at}.ln1.b": torch.zeros(d)}
        for name in "QKV":
            weights |= {f"{at}.attn.W_{name}": normal(d, d), f"{at}.attn.b_{name}": torch.zeros(d)}
        scale = std / (2 * shape.layers) ** 0.5
        weights |= {f"{at}.attn.W_O": normal(d, d, scale=scale), f"{at}.attn.b_O": torch.zeros(d)}
    weights |= {"ln_final.w": torch.ones(d), "ln_final.b": torch.zeros(d)}
    weights |= {"unembed.W_U": normal(d, shape.vocab), "unembed.b_U": torch.zeros(shape.vocab)}
    return weights


def stages(shape: Architecture) -> tuple[Stage, ...]:
    """The forward pass: embed, then attention and its output projection in each layer, then the logits."""
    row = [Stage(sites.embed(), embed)]
    for layer in range(shape.layers):
        last = layer == shape.layers - 1
        row.append(Stage(sites.z(layer), partial(attend, layer=layer, heads=shape.heads, last=last)))
        row.append(Stage(sites.resid_post(layer), partial(project, layer=layer, last=last)))
    row.append(Stage(sites.LOGITS, partial(unembed, layers=shape.layers)))
    return tuple(row)


def embed(weights: Weights, state: State) -> Float[Tensor, "item pos d_model"]:
    """Token and position embeddings."""
    tokens = state["tokens"]
    return F.embedding(tokens, weights["embed.W_E"]) + weights["pos_embed.W_pos"][: tokens.shape[1]]


def attend(
    weights: Weights, state: State, *, layer: int, heads: int, last: bool
) -> Float[Tensor, "item query head d_head"]:
    """What each head puts out; in the last layer only for the queries at the positions read."""
    at = f"blocks.{layer}.attn"
    x = _normed(weights, state, layer)
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
    q, k, _ = (split(t, heads) for t in linear(_normed(weights, state, layer), weights, at, "QKV").chunk(3, dim=-1))
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


def unembed(weights: Weights, state: State, *, layers: int) -> Float[Tensor, "item slot vocab"]:
    """Logits at the positions read."""
    x = state[sites.resid_post(layers - 1)]
    x = F.layer_norm(x, x.shape[-1:], weights["ln_final.w"], weights["ln_final.b"])
    return x @ weights["unembed.W_U"] + weights["unembed.b_U"]


def _normed(weights: Weights, state: State, layer: int) -> Float[Tensor, "item pos d_model"]:
    x = state[sites.resid_pre(layer)]
    return F.layer_norm(x, x.shape[-1:], weights[f"blocks.{layer}.ln1.w"], weights[f"blocks.{layer}.ln1.b"])


def linear(x: Tensor, weights: Weights, at: str, names: str) -> Tensor:
    """x·W + b for one or several matrices side by side (one matrix product instead of three)."""
    if len(names) == 1:
        matrix, bias = weights[f"{at}.W_{names}"], weights[f"{at}.b_{names}"]
    else:
        matrix = torch.cat([weights[f"{at}.W_{name}"] for name in names], dim=1)
        bias = torch.cat([weights[f"{at}.b_{name}"] for name in names])
    return torch.addmm(bias, x.flatten(0, 1), matrix).unflatten(0, x.shape[:2])


def split(x: Float[Tensor, "item pos d_model"], heads: int) -> Float[Tensor, "item head pos d_head"]:
    """Gives each head its share of the columns."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def at_slots(x: Tensor, read: Tensor) -> Tensor:
    """X [item, pos, d] at the positions read [item, slot]: [item, slot, d]."""
    return x.gather(1, read[..., None].expand(-1, -1, x.shape[-1]))
