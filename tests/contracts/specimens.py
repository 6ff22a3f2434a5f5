"""Variants as the contracts need them: with their defaults, with other values, in an experiment that makes sense."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar, get_args

import numpy as np
import torch
from torch import Tensor

from engine import discovery
from engine.behaviours.base import Behaviour, Dataset
from engine.dials import Variant, dials_of
from engine.discovery import Kind
from engine.measure import Losses
from engine.models.base import Card, Model
from engine.networks.network import Network
from engine.spec import read_variant

KINDS: tuple[Kind, ...] = get_args(Kind)
EVERY: list[tuple[Kind, type[Variant]]] = [
    (kind, variant) for kind in KINDS for variant in discovery.find(kind).values()
]
IDS = [f"{kind}/{variant.name}" for kind, variant in EVERY]

MANY = 6
"""Of so many options at most each is tried; of more, the ends and what the card suggests."""

WORK = ("steps", "batch")
"""Parameters that say how much work is put in."""

Chosen = TypeVar("Chosen", bound=Variant)


@cache
def models() -> tuple[Model, ...]:
    """Every network that is shipped; the one that most tests know comes first, then the small ones."""
    every = [model for variant in discovery.find("models").values() for model in variant.every()]
    shipped = [model for model in every if model.folder.is_dir()]
    return tuple(sorted(shipped, key=lambda each: (each.name != "induction", each.card().metrics["parameters"])))


def one_of_each() -> tuple[Model, ...]:
    """The first network of each kind of model."""
    return tuple({model.name: model for model in reversed(models())}.values())


def home(kind: Kind, variant: type[Variant]) -> Model:
    """A model that a variant goes with."""
    if kind == "models":
        return next(model for model in models() if isinstance(model, variant))
    return next(model for model in models() if _fits(kind, variant, model))


def _fits(kind: Kind, variant: type[Variant], model: Model) -> bool:
    known: Any = variant  # each kind but models has `is_compatible`
    return known.is_compatible(model if kind == "behaviours" else model.card())


def variations(variant: type[Variant], card: Card) -> Iterator[Any]:
    """A variant with its defaults, then with one parameter at a time at every other value of interest."""
    yield card.usual(variant)
    for dial in dials_of(variant):
        values: tuple[Any, ...]
        if dial.kind == "options":
            known = card.options(dial.of)
            few = known if len(known) <= MANY else dict.fromkeys([known[0], *card.suggested(dial.of)[:2], known[-1]])
            values = tuple((each,) if dial.several else each for each in few)
            values += (known,) if dial.several else ()
        elif dial.kind == "choice":
            values = dial.choices
        elif dial.kind == "parts":
            values = (tuple(reversed(dial.default)),)
        else:
            assert dial.low is not None
            assert dial.high is not None
            values = (int(dial.low), int(dial.high)) if dial.kind == "integer" else (dial.low, dial.high)
        for value in values:
            yield card.usual(variant, **{dial.name: value})


def brief(variant: Chosen) -> Chosen:
    """The variant, and if it goes in steps, with as few as it allows: how far it gets is no contract."""
    lows = {dial.name: dial.low for dial in dials_of(type(variant)) if dial.name in WORK and dial.low is not None}
    return variant.model_copy(update={name: int(low) for name, low in lows.items()})


def experiment_form(kind: Kind, variant: Variant, model: Model) -> dict[str, Any]:
    """The JSON form of an experiment that has the variant in its place."""
    model = variant if isinstance(variant, Model) else model
    form: dict[str, Any] = {"model": model.to_json(), "items": 4}
    for other in KINDS[1:]:
        fitting = next(each for each in discovery.find(other).values() if _fits(other, each, model))
        form[other.removesuffix("s")] = model.card().usual(fitting).to_json()
    return form | {kind.removesuffix("s"): variant.to_json()}


def loaded(model: Model) -> Network:
    """A model's network, loaded once."""
    return _network(json.dumps(model.to_json()))


def some_data(model: Model, items: int) -> Dataset:
    """A few items of the first behaviour that exists in a model."""
    return _dataset(json.dumps(model.to_json()), items)


@cache
def _network(form: str) -> Network:
    return _model(form).load()


@cache
def _dataset(form: str, items: int) -> Dataset:
    return behaviours_of(_model(form))[0].data(_model(form), items)


def _model(form: str) -> Model:
    model = read_variant(json.loads(form), "models")
    assert isinstance(model, Model)
    return model


def behaviours_of(model: Model) -> list[Behaviour]:
    """The behaviours that exist in a model."""
    return [
        model.card().usual(variant) for variant in discovery.find("behaviours").values() if variant.is_compatible(model)
    ]


def hashes(tensors: dict[str, Tensor]) -> dict[str, str]:
    """sha256 of every tensor's bytes."""
    return {name: hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest() for name, tensor in tensors.items()}


def state_of(network: Network) -> dict[str, dict[str, str]]:
    """Hashes of everything that a network holds, to see that nothing was modified."""
    return {"weights": hashes(network.weights), "vectors": hashes(network.vectors), "scale": hashes(network.scale)}


def identical(one: Losses, other: Losses) -> bool:
    """Whether two measurements are the same bit by bit."""
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True))


def identical_weights(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two sets of weights are the same bit by bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def is_one_sentence(text: str) -> bool:
    """Whether a text is one line with one full stop, at its end, and short enough to be read."""
    return re.fullmatch(r"[^\n\r]{10,400}\.", text) is not None and re.search(r"[.!?][\s,]", text) is None
