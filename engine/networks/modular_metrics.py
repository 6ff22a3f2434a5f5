"""What a `modular-addition` network has learned: its key frequencies, its losses with and without them, its phases.

Definitions are those of Nanda et al. (2023), sections 4 and 5. Everything is computed in float64: a loss of 1e-7 is a
difference of logits that float32 rounds away.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from engine.models.modular_addition import Pairs, Recipe, pairs
from engine.networks.fourier import component, shares
from engine.networks.modular_forward import logits
from engine.networks.network import Network
from engine.sites import Weights


class Losses(NamedTuple):
    """Losses on additions, nats.

    Attributes:
        train: on the pairs trained on.
        test: on all others.
        restricted: on all pairs, with nothing left in the logits but the key frequencies of a + b and the mean.
        excluded: on the pairs trained on, with only the key frequencies of a + b taken out: what they owe to memory.
    """

    train: float
    test: float
    restricted: float
    excluded: float


class Phases(NamedTuple):
    """The last checkpoint of each phase.

    Attributes:
        memorisation: the excluded loss is at its lowest: from here on the pairs trained on, too, come to rest on the
            key frequencies.
        formation: the test loss is above chance for the last time: the circuit is there, under what was memorised.
    """

    memorisation: int
    formation: int


def frequency_groups(weights: Weights, p: int) -> dict[str, tuple[str, ...]]:
    """The key frequencies, and as many others: the strongest of them.

    A frequency is key if both the embedding of the numbers and the map from neurons to logits give it more than an even
    share of their power. Each group begins with what the embedding gives most.
    """
    embedding = shares(weights["embed.W_E"][:p].double())
    neurons = shares((weights["blocks.0.mlp.W_out"].double() @ weights["unembed.W_U"].double()).T)
    is_key = torch.minimum(embedding, neurons) > 1 / len(embedding)
    ranked = embedding.argsort(descending=True, stable=True).tolist()
    key = tuple(str(k + 1) for k in ranked if is_key[k])
    other = tuple(str(k + 1) for k in ranked if not is_key[k])
    return {"key": key, "other": other[: len(key)]}


def metrics(network: Network, recipe: Recipe) -> dict[str, float]:
    """The numbers of the card: those of the finished network, and the losses of every checkpoint."""
    key = [int(k) for k in network.card.groups["frequencies"]["key"]]
    measured = {}
    for task in recipe.tasks:
        known = pairs(recipe, task)
        found = _logits(network.weights, known, recipe)
        wrong, right = _item_losses(found, known), _right(found, known)
        measured[f"loss of {task}"] = float(wrong.mean())
        for name, part in ("train", slice(known.trained)), ("test", slice(known.trained, None)):
            measured |= {f"{name} loss of {task}": float(wrong[part].mean())}
            measured |= {f"{name} accuracy of {task}": float(right[part].mean())}
    curve = {step: losses(network.checkpoint(step), recipe, key) for step in network.card.steps}
    phases = phases_of(curve, recipe.p)
    measured |= {
        "key frequencies": len(key),
        "restricted loss": curve[network.card.steps[-1]].restricted,
        "excluded loss": curve[network.card.steps[-1]].excluded,
        "last step of memorisation": phases.memorisation,
        "last step of circuit formation": phases.formation,
        "parameters": sum(tensor.numel() for tensor in network.weights.values()),
    }
    for step, at in curve.items():
        measured |= {f"{name} loss at step {step}": value for name, value in at._asdict().items()}
    return {name: value if isinstance(value, int) else float(f"{value:.4g}") for name, value in measured.items()}


def losses(weights: Weights, recipe: Recipe, key: Collection[int]) -> Losses:
    """The losses on additions that tell the phases."""
    known = pairs(recipe, "addition")
    found = _logits(weights, known, recipe)
    wave = sum_component(found, known, key)
    everywhere = _item_losses(found, known)
    return Losses(
        train=float(everywhere[: known.trained].mean()),
        test=float(everywhere[known.trained :].mean()),
        restricted=float(_item_losses(found.mean(dim=0) + wave, known).mean()),
        excluded=float(_item_losses(found - wave, known)[: known.trained].mean()),
    )


def sum_component(
    found: Float[Tensor, "pair p"], known: Pairs, frequencies: Collection[int]
) -> Float[Tensor, "pair p"]:
    """The part of the logits of all pairs that lies in cos w(a + b) and sin w(a + b), w = 2πk/p for each frequency.

    Of all functions of two numbers these waves see only the mean over the pairs that have one sum.
    """
    sums = torch.from_numpy(known.inputs[:, :2].sum(axis=1)) % found.shape[1]
    of_sum = torch.zeros(found.shape[1], found.shape[1], dtype=found.dtype).index_add(0, sums, found) / found.shape[1]
    return component(of_sum, frequencies)[sums]


def phases_of(curve: Mapping[int, Losses], p: int) -> Phases:
    """Tells the phases of training by the losses of its checkpoints."""
    return Phases(
        memorisation=min(curve, key=lambda step: curve[step].excluded),
        formation=max((step for step in curve if curve[step].test > math.log(p)), default=min(curve)),
    )


def _logits(weights: Weights, known: Pairs, recipe: Recipe) -> Float[Tensor, "pair p"]:
    doubled = {name: tensor.double() for name, tensor in weights.items()}
    with torch.no_grad():
        return logits(doubled, torch.from_numpy(known.inputs), recipe)


def _item_losses(found: Float[Tensor, "pair p"], known: Pairs) -> Float[Tensor, " pair"]:
    return F.cross_entropy(found, torch.from_numpy(known.answers), reduction="none")


def _right(found: Float[Tensor, "pair p"], known: Pairs) -> Float[Tensor, " pair"]:
    return (found.argmax(dim=1) == torch.from_numpy(known.answers)).double()
