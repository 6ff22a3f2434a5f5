"""Re-dosing: how much of an intervention it takes, at each strength, to have the same effect.

A loss delta can vanish because the intervention lost its potency. Compared at equal effect it can't: at each strength
the intervention's coefficient is chosen so that its mean effect over all draws is a common target. That no coefficient
reaches the target is a finding, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from engine import discovery
from engine.dials import Dial, InputError, dials_of
from engine.intervals import Interval
from engine.lab import Lab
from engine.regime import Row
from engine.spec import Experiment
from engine.sweep import Sweep

DIAL: Final = "coefficient"
TOLERANCE: Final = 0.02
"""The effect counts as the target within this share of it."""
LADDER: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Doses that are tried until one has enough effect, as multiples of the coefficient given, as far as the dial goes."""
MOST_STEPS: Final = 12


@dataclass(frozen=True)
class Dose:
    """What it takes at one strength, and what it costs.

    Attributes:
        strength: of the degrader.
        degraded_loss: without the intervention, nats.
        coefficient: with which the target is reached, or if it is not, with which the effect came nearest to it.
        reached: whether the effect is the target (within `TOLERANCE`).
        effect: with this coefficient.
        loss_delta: with this coefficient, nats. Both intervals are those of the coefficient as if it had been given:
            that it was found on the same items and draws is not in them.
    """

    strength: float
    degraded_loss: float
    coefficient: float
    reached: bool
    effect: Interval
    loss_delta: Interval


def target_of(experiment: Experiment, lab: Lab) -> float:
    """The effect of the intervention as it is given, on the undegraded network.

    Raises:
        InputError: the intervention has no dose, or no effect.
    """
    _coefficient(experiment)
    return undegraded_effect(experiment, lab)


def undegraded_effect(experiment: Experiment, lab: Lab) -> float:
    """The same of an intervention that need not have a dose: others are brought to it.

    Raises:
        InputError: the intervention has no effect.
    """
    row = Sweep(experiment.model_copy(update={"strengths": (0.0,), "shams": 0}), lab).run().rows[0]
    effect = Interval(row.effect, row.effect_low, row.effect_high)
    if not (effect.low > 0 or effect.high < 0):
        raise InputError(
            f"{experiment.intervention.name} must have an effect to be re-dosed to, got {effect.told('g')} on the "
            "undegraded network; give another intervention or, to `regimescope redose`, --effect."
        )
    return row.effect


def has_dose(experiment: Experiment) -> bool:
    """Whether the intervention has a coefficient."""
    return _dial(experiment) is not None


def redose(experiment: Experiment, lab: Lab, target: float) -> Iterator[Dose]:
    """Finds the dose at each strength of an experiment, in order.

    The coefficient keeps its sign, for to steer the other way is another intervention. The first rung of the ladder
    whose effect is beyond the target and the one before it bracket the dose; the secant, kept off the ends, closes in
    on it. An effect that rises and falls between two rungs is not seen. Every dose is an experiment of its own and kept
    in the store.

    Args:
        experiment: whose intervention has the dial `coefficient`.
        lab: where it is measured.
        target: the effect, in the unit of the behaviour's metric; not 0.

    Raises:
        InputError: the intervention has no such dial, or the target is 0.
    """
    given = _coefficient(experiment)
    if target == 0 or not math.isfinite(target):
        raise InputError(f"the effect to reach must be a number other than 0, got {target:g}; give another.")
    for strength in experiment.sweep_strengths:
        yield _dose(experiment, lab, strength, target, given or 1.0)


def _dose(experiment: Experiment, lab: Lab, strength: float, target: float, given: float) -> Dose:
    rows: dict[float, Row] = {}

    def reach(coefficient: float) -> float:
        if coefficient not in rows:
            rows[coefficient] = _row(experiment, lab, strength, coefficient)
        return rows[coefficient].effect / target

    dial = _dial(experiment)
    assert dial is not None and dial.low is not None and dial.high is not None, "it has a coefficient"
    _search(reach, _rungs(given, dial.low, dial.high))
    return _nearest(strength, rows, target)


def _rungs(given: float, low: float, high: float) -> list[float]:
    """Coefficients of the sign of the given one, growing up to the end of the dial."""
    end = high if given > 0 else low
    within = [rung for each in LADDER if abs(rung := each * given) < abs(end)]
    return [*within, end]


def _search(reach: Callable[[float], float], rungs: list[float]) -> None:
    """Asks for the reach (effect ÷ target) of doses, until one is 1."""
    below, reach_below = 0.0, 0.0
    for above in rungs:
        reach_above = reach(above)
        if abs(reach_above - 1) <= TOLERANCE:
            return
        if reach_above > 1:
            break
        if math.isfinite(reach_above):
            below, reach_below = above, reach_above
    else:
        return
    for _ in range(MOST_STEPS):
        share = (1 - reach_below) / (reach_above - reach_below)
        middle = _rounded(below + min(max(share, 0.1), 0.9) * (above - below))
        reach_middle = reach(middle)
        if abs(reach_middle - 1) <= TOLERANCE:
            return
        if not math.isfinite(reach_middle):
            return  # the network comes apart before the effect is there
        if reach_middle > 1:
            above, reach_above = middle, reach_middle
        else:
            below, reach_below = middle, reach_middle


def _nearest(strength: float, rows: dict[float, Row], target: float) -> Dose:
    """The dose whose effect is nearest to the target; an effect that is no number is the farthest."""
    missed = {each: abs(row.effect / target - 1) for each, row in rows.items()}
    best = min(missed, key=lambda each: math.inf if math.isnan(missed[each]) else missed[each])
    row = rows[best]
    return Dose(
        strength=strength,
        degraded_loss=row.degraded_loss,
        coefficient=best,
        reached=missed[best] <= TOLERANCE,
        effect=Interval(row.effect, row.effect_low, row.effect_high),
        loss_delta=Interval(row.loss_delta, row.loss_delta_low, row.loss_delta_high),
    )


def _rounded(coefficient: float) -> float:
    """Four digits: as fine as an effect can be told apart, and the same dose is found in the store again."""
    return float(f"{coefficient:.4g}")


def _row(experiment: Experiment, lab: Lab, strength: float, coefficient: float) -> Row:
    """What is measured at one strength with one dose."""
    intervention = experiment.intervention.model_copy(update={DIAL: coefficient})
    strengths = tuple(sorted({0.0, strength}))
    asked = experiment.model_copy(update={"intervention": intervention, "strengths": strengths, "shams": 0})
    return Sweep(asked, lab).run().rows[-1]


def _dial(experiment: Experiment) -> Dial | None:
    return next((dial for dial in dials_of(type(experiment.intervention)) if dial.name == DIAL), None)


def _coefficient(experiment: Experiment) -> float:
    if _dial(experiment) is None:
        dosed = [
            name
            for name, variant in discovery.find("interventions").items()
            if DIAL in variant.model_fields and variant.is_compatible(experiment.card)
        ]
        raise InputError(
            f"{experiment.intervention.name} has no dial '{DIAL}', so it has one dose only; to re-dose, choose one of "
            f"{', '.join(dosed)}."
        )
    return getattr(experiment.intervention, DIAL)
