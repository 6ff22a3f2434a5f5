"""Which heads do what, by what they look at: how much attention each pays to one place from another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
from jaxtyping import Int

from engine.models.architectures import Transformer
from engine.networks import transformer
from engine.networks.network import forward, read_everywhere
from engine.sites import Weights

HEAD_SCORE: Final = 0.3
"""From this share of its attention on, a head is one that does it."""

Scores = dict[str, dict[str, float]]
"""By kind, by head."""


def head_scores(
    shape: Transformer,
    weights: Weights,
    inputs: Int[np.ndarray, "item pos"],
    looked_at: Mapping[str, Int[np.ndarray, "item pos"]],
) -> Scores:
    """How much attention each head pays, on average over an item's positions and then over items, to certain places.

    Args:
        shape: the network's.
        weights: the network's.
        inputs: sequences.
        looked_at: by kind, the place that counts when looking from each position; −1 where none does.
    """
    tokens = torch.from_numpy(inputs)
    scores: Scores = {kind: {} for kind in looked_at}
    with torch.no_grad():
        state = forward(transformer.stages(shape), weights, tokens, read_everywhere(tokens))
        for layer in range(shape.layers):
            pattern = transformer.pattern(weights, state, layer=layer, heads=shape.heads).numpy()
            for kind, places in looked_at.items():
                counted = places[:, None] >= 0  # item 1 query
                paid = np.take_along_axis(pattern, places.clip(0)[:, None, :, None], axis=3)[..., 0]  # item head query
                some = places.max(axis=1) >= 0
                by_item = (paid * counted).sum(axis=2)[some] / counted.sum(axis=2)[some]
                scores[kind] |= {f"{layer}.{head}": float(each) for head, each in enumerate(by_item.mean(axis=0))}
    return scores


def previous(inputs: Int[np.ndarray, "item pos"]) -> Int[np.ndarray, "item pos"]:
    """The place before each; −1 for the first."""
    return np.broadcast_to(np.arange(inputs.shape[1]) - 1, inputs.shape)


def head_groups(scores: Scores, least: float = HEAD_SCORE) -> dict[str, tuple[str, ...]]:
    """Heads that do one thing for at least so much of their attention, best first."""
    groups = {}
    for kind, by_head in scores.items():
        ranked = sorted((head for head in by_head if by_head[head] >= least), key=lambda head: -by_head[head])
        if ranked:
            groups[kind] = tuple(ranked)
    return groups
