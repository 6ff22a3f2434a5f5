"""The ground-truth study: does a clean regime tell a genuine handle from a spurious one of the same effect?

Networks whose mechanism is known, from several training seeds each, are swept on every dial under their genuine handles
and under spurious ones that were brought to the same effect undegraded. All of it goes through the store, so a study
that was stopped goes on from there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, get_args

import numpy as np

from engine import discovery
from engine.degraders.base import Degrader
from engine.degraders.compose import Compose
from engine.degraders.sgld import Sgld
from engine.dials import dial_of
from engine.interventions.base import Intervention
from engine.interventions.optimised_direction import OptimisedDirection
from engine.lab import Lab
from engine.models.base import Card, Handle, Model
from engine.redosing import TOLERANCE, redose
from engine.regime import Analysis, Row
from engine.spec import Experiment
from engine.study_result import Curve, Size, Truth
from engine.sweep import Sweep

FEWEST_SEEDS: Final = 3
"""Of one network nothing can be said about its kind."""
GROKKING: Final = 0.3
"""Test loss, nats, at which about nine in ten sums are right."""
MOST_FITS: Final = 4


@dataclass(frozen=True)
class Case:
    """A handle and the genuine one whose undegraded effect it is brought to (itself, if it is genuine)."""

    handle: Handle
    matched_to: Handle
    standing: Truth


def networks() -> tuple[Model, ...]:
    """The networks that are studied: those that were trained in one way from at least `FEWEST_SEEDS` seeds, and have
    genuine and spurious handles on one behaviour.
    """
    every = [model for kind in discovery.find("models").values() for model in kind.every()]
    trained = [model for model in every if (model.folder / "card.json").is_file()]

    def way(model: Model) -> tuple[str, ...]:
        card = model.card()
        return model.name, card.recipe, card.data, card.architecture.model_dump_json()

    return tuple(
        model
        for _, same in groupby(sorted(trained, key=way), key=way)
        if len(alike := list(same)) >= FEWEST_SEEDS
        for model in sorted(alike, key=lambda each: each.card().seed)
        if {each.standing for each in cases(model)} == set(get_args(Truth))
    )


def cases(model: Model) -> list[Case]:
    """The handles that are compared, genuine ones first. Where there are several genuine ones, the spurious ones go
    round them in order.
    """
    handles = model.handles(model.card())
    genuine = [each for each in handles if each.standing == "genuine"]
    found = [Case(each, each, "genuine") for each in genuine]
    for behaviour, same in groupby((each for each in handles if each.standing == "spurious"), lambda h: h.behaviour):
        known = [each for each in genuine if each.behaviour == behaviour]
        found += [Case(each, known[place % len(known)], "spurious") for place, each in enumerate(same) if known]
    return found


def dials(card: Card, size: Size) -> list[Degrader]:
    """Every degrader that the network can have, with its usual settings; a composition is no dial of its own."""
    return [
        card.usual(kind, steps=size.steps) if issubclass(kind, Sgld) else card.usual(kind)
        for kind in discovery.find("degraders").values()
        if kind.is_compatible(card) and not issubclass(kind, Compose)
    ]


def studied_step(card: Card) -> int | None:
    """The checkpoint that is studied: None, the finished network, unless it groks.

    In a network that has grokked a fitted map finds the circuit and is no longer spurious. It is studied between the
    formation of the circuit and the clean-up, at the checkpoint whose test loss is nearest to `GROKKING` (by ratio).
    """
    losses = {step: loss for step in card.steps if (loss := card.metrics.get(f"test loss at step {step}"))}
    return min(losses, key=lambda step: abs(math.log(losses[step] / GROKKING)), default=None)


def thinned(strengths: Sequence[float], most: int) -> tuple[float, ...]:
    """At most so many of the strengths besides 0, evenly over their places in the sweep, the last among them."""
    degraded = [each for each in strengths if each > 0]
    places = np.linspace(len(degraded) - 1, 0, min(most, len(degraded))).round().astype(int)
    return (0.0, *sorted({degraded[place] for place in places}))


def count(models: Sequence[Model], size: Size) -> int:
    """How many curves the study of these networks has."""
    return sum(len(cases(model)) * len(dials(_card(model), size)) for model in models)


def study(models: Sequence[Model], lab: Lab, size: Size) -> Iterator[Curve]:
    """Measures one curve after another: network by network, in each dial by dial."""
    for model in models:
        card = _card(model)
        matched = [(case, *_matched(model, case, lab, size)) for case in cases(model)]
        for dial in dials(card, size):
            for case, intervention, wanted in matched:
                asked = _experiment(model, case.handle, intervention, dial, size)
                yield _curve(asked, case, wanted, Sweep(asked, lab).run())


def _card(model: Model) -> Card:
    card = model.card()
    return card.up_to(studied_step(card))


def _experiment(model: Model, handle: Handle, intervention: Any, dial: Degrader, size: Size) -> Experiment:
    card = _card(model)
    return Experiment.read(
        {
            "model": model.to_json(),
            "step": studied_step(model.card()),
            "behaviour": handle.behaviour,
            "intervention": intervention,
            "degrader": dial.to_json(),
            "strengths": list(thinned(dial.strengths(card), size.sampled if dial.together else size.strengths)),
            "draws": size.draws,
            "items": size.items,
            "shams": 0,
        }
    )


def _matched(model: Model, case: Case, lab: Lab, size: Size) -> tuple[dict[str, Any], float]:
    """The intervention, in the JSON form, with the dose that gives the wanted effect undegraded, and that effect."""
    dial = dials(_card(model), size)[0]  # whatever the dial: it stays at 0

    def asked(handle: Handle) -> Experiment:
        return _experiment(model, handle, handle.intervention, dial, size)

    wanted = _undegraded(asked(case.matched_to), lab).effect
    experiment = asked(case.handle)
    # where a probability saturates many doses have one effect: if the one that was given has it, it is kept
    if _off(experiment, lab, wanted) > TOLERANCE and isinstance(experiment.intervention, OptimisedDirection):
        experiment = _refitted(experiment, experiment.intervention, lab, wanted)
    if _off(experiment, lab, wanted) > TOLERANCE:
        dose = next(redose(experiment, lab, wanted))
        experiment = _with(experiment, experiment.intervention.model_copy(update={"coefficient": dose.coefficient}))
    return experiment.intervention.to_json(), wanted


def _refitted(experiment: Experiment, fitted: OptimisedDirection, lab: Lab, wanted: float) -> Experiment:
    """The direction fitted for such an effect on its examples that it has the wanted one on the items, or nearly."""
    limits, target = dial_of(type(fitted), "target"), wanted
    tried = []
    for _ in range(MOST_FITS):
        aim = float(f"{np.clip(target, limits.low, limits.high):.4g}")
        tried.append(_with(experiment, fitted.model_copy(update={"target": aim})))
        if _off(tried[-1], lab, wanted) <= TOLERANCE:
            break
        target += wanted - _undegraded(tried[-1], lab).effect
    return min(tried, key=lambda each: _off(each, lab, wanted))


def _with(experiment: Experiment, intervention: Intervention) -> Experiment:
    return experiment.model_copy(update={"intervention": intervention})


def _off(experiment: Experiment, lab: Lab, wanted: float) -> float:
    """By what share of the wanted effect the intervention misses it, undegraded."""
    return abs(_undegraded(experiment, lab).effect / wanted - 1)


def _undegraded(experiment: Experiment, lab: Lab) -> Row:
    return Sweep(experiment.model_copy(update={"strengths": (0.0,)}), lab).run().rows[0]


def _curve(experiment: Experiment, case: Case, wanted: float, found: Analysis) -> Curve:
    origin, *degraded = found.rows
    gains = {
        row.strength: row.selectivity_gain
        for row in degraded
        if row.state not in ("broken", "effect lost") and math.isfinite(row.selectivity_gain)
    }
    best = max(gains, key=lambda strength: gains[strength], default=None)
    return Curve(
        model=experiment.model.name,
        network=experiment.model.title,
        seed=experiment.card.seed,
        step=experiment.step,
        dial=experiment.degrader.name,
        handle=case.handle.title,
        standing=case.standing,
        matched_to=case.matched_to.title,
        wanted=wanted,
        effect=origin.effect,
        matched=abs(origin.effect / wanted - 1) <= TOLERANCE,
        loss_delta=origin.loss_delta,
        margin=found.margin,
        verdict=found.verdict.name,
        clean_regime=found.verdict.regime is not None,
        confirmed=bool(found.confirmed),
        gain=None if best is None else gains[best],
        gain_strength=best,
        frontier=min(row.frontier for row in degraded),
    )
