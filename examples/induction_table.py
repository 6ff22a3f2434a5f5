"""The interventions of the `induction` model side by side: three Markdown tables.

`python -m examples.induction_table` prints, for each intervention, first the verdict of its whole curve on both dials,
how many shams get which verdict, then loss delta / effect at chosen strengths, in nats, each with the half-width of its
90 % interval, the degraded loss L and the state; last, what becomes of the same heads with each value that can take
their place. It uses the dashboard's store, so a second run only reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, get_args

from engine.interventions.parts import Value
from engine.lab import Lab
from engine.models.base import Card
from engine.models.induction import Induction
from engine.regime import Analysis, Row
from engine.spec import Experiment
from engine.store import Store, default_folder
from engine.sweep import Sweep
from engine.words import place

STEPS = (1200, 600)
NOISES = (0.1, 0.2)
DRAWS = 16
SHAMS = 12
SHAM_ITEMS = (256, 1024)

Form = Mapping[str, Any]


def main() -> None:
    """Prints the tables."""
    lab = Lab(Store(default_folder()))
    card = Induction().card()
    interventions = interventions_of(card)

    print("| intervention | E(0) | checkpoint | weight noise |\n|---|---|---|---|")
    for title, intervention in interventions.items():
        curves = {dial: _sweep(lab, intervention, {"degrader": dial}) for dial in ("checkpoint", "weight-noise")}
        effect = next(iter(curves.values()))[1].rows[0].effect
        _print_row(title, f"{effect:.2f}", *(_curve(*curve) for curve in curves.values()))

    for items in SHAM_ITEMS:
        dial = {"degrader": "checkpoint", "items": items}
        shams = (_sweep(lab, _sham(card, direction), dial)[1] for direction in range(SHAMS))
        counts = Counter(_confirmed(sham) for sham in shams)
        told = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
        print(f"\nOf {SHAMS} random vectors on the checkpoint dial, at {items:,} items: {told}.")

    print()
    heads = ["undegraded", *(f"step {step:,}" for step in STEPS), *(f"weight noise {noise}" for noise in NOISES)]
    print("| intervention | " + " | ".join(heads) + " |\n|---" + "|---" * len(heads) + "|")
    steps = {"degrader": "checkpoint", "strengths": [1 - step / card.steps[-1] for step in STEPS]}
    noises = {"degrader": "weight-noise", "strengths": NOISES, "draws": DRAWS}
    for title, intervention in interventions.items():
        checkpoints, noise = (_sweep(lab, intervention, dial)[1].rows for dial in (steps, noises))
        _print_row(title, *map(_cell, (*checkpoints, *noise[1:])))

    print("\n| value | undegraded | Δ while half of the effect is left | checkpoint |\n|---|---|---|---|")
    for value in get_args(Value):
        form = {"name": "head-ablation", "heads": card.groups["heads"]["previous-token"], "value": value}
        curve = _sweep(lab, form, {"degrader": "checkpoint"})
        rows = curve[1].rows
        deltas = [row.loss_delta for row in rows if row.state not in ("effect lost", "broken")]
        sure = " (not confirmed)" if curve[1].confirmed is False else ""
        _print_row(value, _cell(rows[0]), f"{min(deltas):+.3f} to {max(deltas):+.3f}", _curve(*curve) + sure)
    lab.close()


def interventions_of(card: Card) -> dict[str, Form]:
    """The interventions that are compared, by what they are called."""
    previous, induction = card.groups["heads"]["previous-token"], card.groups["heads"]["induction"][:2]
    vectors = {f"{vector} (spurious)": {"name": "steering", "vector": vector} for vector in card.vectors}
    return {
        "previous-token heads, mean": {"name": "head-ablation", "heads": previous},
        "previous-token heads, mean of the original": {
            "name": "head-ablation",
            "heads": previous,
            "fit_on": "original",
        },
        "previous-token heads, zero": {"name": "head-ablation", "heads": previous, "value": "zero"},
        "two strongest induction heads, mean": {"name": "head-ablation", "heads": induction},
        **vectors,
        "random vector 0 (sham)": _sham(card, 0),
        "identity": {"name": "identity"},
    }


def _sham(card: Card, direction: int) -> Form:
    """A random vector as long as the first of the optimised ones, at its site."""
    return {"name": "random-direction", "vector": next(iter(card.vectors)), "direction": direction}


def _sweep(lab: Lab, intervention: Form, dial: Form) -> tuple[Experiment, Analysis]:
    form = {"model": "induction", "behaviour": "copying", "intervention": intervention, **dial}
    experiment = Experiment.read(form)
    return experiment, Sweep(experiment, lab).run()


def _curve(experiment: Experiment, analysis: Analysis) -> str:
    verdict = analysis.verdict
    if verdict.strengths is None or verdict.losses is None:
        return verdict.name
    ends = " to ".join(dict.fromkeys(place(experiment, strength) for strength in verdict.strengths))
    return f"**{verdict.name}**, {ends}, L {verdict.losses[0]:.2f} to {verdict.losses[1]:.2f}"


def _confirmed(analysis: Analysis) -> str:
    return analysis.verdict.name + (" (not confirmed)" if analysis.confirmed is False else "")


def _cell(row: Row) -> str:
    delta = f"{row.loss_delta:+.3f} ± {(row.loss_delta_high - row.loss_delta_low) / 2:.3f}"
    effect = f"{row.effect:.2f} ± {(row.effect_high - row.effect_low) / 2:.2f}"
    return f"{delta} / {effect} (L {row.degraded_loss:.2f}, {row.state})"


def _print_row(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
