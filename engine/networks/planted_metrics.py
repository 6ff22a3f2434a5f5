"""What the `planted` network can do, and how well its units are told apart."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from engine.models import handwriting
from engine.models.planted import CONTEXTS
from engine.networks.network import Network
from engine.networks.planted_forward import answers, planted_units, units, with_contexts
from engine.randomness import generator


def metrics(network: Network) -> dict[str, float]:
    """What the network can do on held-out images, and how well its units are told apart.

    The context is written through units if the answer follows them when they come from another image in another
    context; it can be read from units if a linear classifier finds it there, however little of their variance it is and
    whether the network uses it or not.
    """
    weights, images, rng = network.weights, handwriting.held_out(), generator("planted", "metrics")
    planted, digits = planted_units(), torch.from_numpy(images.digits)
    features, contexts = with_contexts(rng, images)
    other = torch.from_numpy(rng.permutation(len(digits)))
    new_digit, new_context = digits != digits[other], contexts != contexts[other]
    with torch.no_grad():
        activation = units(weights, features)
        digit, context = answers(weights, activation)
        swapped = answers(weights, torch.where(planted, activation[other], activation))
        rest = answers(weights, torch.where(planted, activation, activation[other]))
        found = {
            "digit accuracy": _share(digit, digits),
            "digit loss": F.cross_entropy(digit, digits).item(),
            "context accuracy": _share(context, contexts),
            "context loss": F.cross_entropy(context, contexts).item(),
            "context written through the planted units": _share(swapped[1][new_context], contexts[other][new_context]),
            "digit kept when the planted units are swapped": _share(swapped[0][new_digit], digits[new_digit]),
            "context written through the other units": _share(rest[1][new_context], contexts[other][new_context]),
            "digit written through the other units": _share(rest[0][new_digit], digits[other][new_digit]),
        }
        training, training_contexts = with_contexts(rng, handwriting.training())
        for name, kind in {"planted": planted, "other": ~planted}.items():
            seen, unseen = units(weights, training)[:, kind], activation[:, kind]
            found[f"context read from the {name} units"] = _share(_probe(seen, training_contexts, unseen), contexts)
            found[f"variance share of the context in the {name} units"] = _between(unseen, contexts)
    parameters = float(sum(tensor.numel() for tensor in weights.values()))
    return {name: round(value, 4) for name, value in found.items()} | {"parameters": parameters}


def _between(activation: Float[Tensor, "item unit"], classes: Int[Tensor, " item"]) -> float:
    """The variance of the classes' means as a share of the variance, over all units."""
    within = torch.stack([activation[classes == each].var(0, correction=0) for each in range(CONTEXTS)])
    weight = F.one_hot(classes, CONTEXTS).float().mean(0)
    return 1 - (weight @ within).sum().item() / activation.var(0, correction=0).sum().item()


def _share(logits: Float[Tensor, "item class"], wanted: Int[Tensor, " item"]) -> float:
    return (logits.argmax(1) == wanted).double().mean().item()


def _probe(
    seen: Float[Tensor, "item unit"], classes: Int[Tensor, " item"], unseen: Float[Tensor, "other unit"]
) -> Float[Tensor, "other class"]:
    """What a linear classifier, fitted by least squares, says of unseen activations."""
    seen, unseen = (F.pad(each.double(), (0, 1), value=1.0) for each in (seen, unseen))
    ridge = 1e-6 * torch.eye(seen.shape[1], dtype=seen.dtype)  # units may be dead
    return unseen @ torch.linalg.solve(seen.T @ seen + ridge, seen.T @ F.one_hot(classes, CONTEXTS).double())
