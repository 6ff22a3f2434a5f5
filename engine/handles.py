"""What is known of a model's handles, beside what they do to the undegraded network.

A handle's standing is declared with the model, with the evidence for it. Here its loss delta and effect at strength 0
are measured. What does not fit the picture stays in the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from engine.degraders.base import Degraded
from engine.lab import Lab
from engine.measure import measure
from engine.models.base import Handle, Model
from engine.regime import Criteria, Point, Row, margin_of, row
from engine.spec import Experiment


@dataclass(frozen=True)
class Measured:
    """A handle and what it does undegraded.

    Attributes:
        handle: what is measured.
        row: loss delta, effect and state at strength 0, with intervals over items.
        evidence: how its standing is known, numbers included.
        effect_unit: what an effect of 1 means.
    """

    handle: Handle
    row: Row
    evidence: str
    effect_unit: str


def undegraded(model: Model, lab: Lab, items: int = 256) -> list[Measured]:
    """Measures every handle of a model on the undegraded network.

    Args:
        model: whose handles.
        lab: for its network.
        items: of each set, or as many as there are.
    """
    card = model.card()
    return [
        Measured(handle, judged, handle.told(card), asked.behaviour.effect)
        for _, same in groupby(model.handles(card), key=lambda handle: handle.behaviour)
        for handle, asked, judged in _of_one_behaviour(model, list(same), lab, items)
    ]


def _of_one_behaviour(
    model: Model, handles: list[Handle], lab: Lab, items: int
) -> Iterator[tuple[Handle, Experiment, Row]]:
    form = {"model": model.to_json(), "degrader": "weight-noise", "items": items}  # whatever the dial: it stays at 0
    asked = [
        Experiment.read({**form, "behaviour": handle.behaviour, "intervention": handle.intervention})
        for handle in handles
    ]
    data, network = asked[0].behaviour.data(model, asked[0].items), lab.network(asked[0])
    plain, *under = measure(network, data, Degraded(network.weights), [None, *(each.intervention for each in asked)])
    for handle, experiment, losses in zip(handles, asked, under, strict=True):
        point = Point(
            strength=0.0,
            loss=plain.performance[None],
            loss_intervened=losses.performance[None],
            behaviour=plain.behaviour[None],
            behaviour_intervened=losses.behaviour[None],
            units=np.zeros(1, dtype=int),
            random=False,
        )
        criteria = Criteria(data.performance.chance, experiment.margin, experiment.retention_min, experiment.alpha)
        yield handle, experiment, row(point, point, criteria, margin_of(point, criteria))
