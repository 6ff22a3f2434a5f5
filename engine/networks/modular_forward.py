"""The forward pass of the `modular-addition` networks for all pairs at once, with no work done twice.

There are only 2p different embeddings of a number at its place, and one or two of an operation. So keys, values and
attention scores are computed once for each of them and looked up for each pair; queries, MLP and logits exist only
where the answer is read.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from engine.models.modular_addition import Recipe
from engine.sites import Weights


def logits(weights: Weights, inputs: Int[Tensor, "pair 3"], recipe: Recipe) -> Float[Tensor, "pair p"]:
    """What the transformer's stages compute at the last position, for inputs of two numbers and an operation."""
    p, heads, attn, mlp = recipe.p, recipe.shape.heads, "blocks.0.attn", "blocks.0.mlp"
    embedding, position = weights["embed.W_E"], weights["pos_embed.W_pos"]
    rows = torch.cat([embedding[:p] + position[0], embedding[:p] + position[1], embedding[p:] + position[2]])
    operations = rows[2 * p :]
    k, v = (rows @ torch.cat([weights[f"{attn}.W_K"], weights[f"{attn}.W_V"]], dim=1)).chunk(2, dim=1)
    q, k = ((x.unflatten(1, (heads, -1))) for x in (operations @ weights[f"{attn}.W_Q"], k))
    scores = torch.einsum("ohc,rhc->orh", q, k) / q.shape[-1] ** 0.5

    operation = inputs[:, 2] - p
    at = torch.stack([inputs[:, 0], inputs[:, 1] + p, operation + 2 * p], dim=1)  # pair 3: row of each position
    pattern = F.embedding(at + len(rows) * operation[:, None], scores.flatten(0, 1)).softmax(dim=1)  # pair 3 head
    values = F.embedding(at, v).unflatten(-1, (heads, -1))  # pair 3 head d_head
    z = (pattern[..., None] * values).sum(dim=1).flatten(1)
    middle = F.embedding(operation, operations) + z @ weights[f"{attn}.W_O"]
    neurons = torch.addmm(weights[f"{mlp}.b_in"], middle, weights[f"{mlp}.W_in"]).relu_()
    after = middle + torch.addmm(weights[f"{mlp}.b_out"], neurons, weights[f"{mlp}.W_out"])
    return after @ weights["unembed.W_U"]
