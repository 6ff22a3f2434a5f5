"""What the dials show: tables of the interventions of `induction` on low rank, pruning and SGLD, and of low rank on
networks that are still learning to add.

`python -m examples.dial_tables` prints them: loss delta / effect in nats (or probability), each with the half-width of
its 90 % interval, and the state. It uses the dashboard's store, so a second run only reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine import discovery
from engine.lab import Lab
from engine.models.induction import Induction
from engine.models.modular_addition import ModularAddition
from engine.regime import Row
from engine.spec import Experiment
from engine.store import Store, default_folder
from engine.sweep import Sweep
from examples.induction_table import interventions_of

RANKS = (52, 44, 40, 36, 32)
PRUNED = (0.1, 0.2, 0.3, 0.4)
WIDTHS = (0.1, 0.2, 0.3, 0.35)
SGLD_DRAWS = 8
MID_GROKKING = (1500, 1550, 1600)
ADDITION_RANKS = (16, 12, 10, 8, 7, 6, 5, 4)
SPURIOUS_RANK = 8
EMBEDDING = "embed.W_E"

Form = Mapping[str, Any]


def main() -> None:
    """Prints all tables."""
    with Lab(Store(default_folder())) as lab:
        _induction(lab)
        for step in MID_GROKKING:
            _addition(lab, step)


def _induction(lab: Lab) -> None:
    card = Induction().card()
    low_rank = card.usual(discovery.find("degraders")["low-rank"])
    ranks = [1 - rank / max(map(min, card.architecture.matrices.values())) for rank in RANKS]
    dials: list[Form] = [
        {"degrader": low_rank.to_json(), "strengths": ranks},
        {"degrader": "pruning", "strengths": PRUNED},
        {"degrader": "sgld", "strengths": WIDTHS, "draws": SGLD_DRAWS},
    ]
    base = {"model": "induction", "behaviour": "copying"}
    _table(lab, [{**base, **dial} for dial in dials], interventions_of(card))


def _addition(lab: Lab, step: int) -> None:
    """Low rank on a checkpoint, of the genuine handle and of a map fitted there to have the same effect."""
    card = ModularAddition().card()
    full = min(card.architecture.matrices[EMBEDDING])
    base: Form = {
        "model": "modular-addition",
        "step": step,
        "behaviour": "steered-sum",
        "degrader": {"name": "low-rank", "matrices": [EMBEDDING]},
        "items": 1024,
        "strengths": [1 - rank / full for rank in ADDITION_RANKS],
    }
    genuine = {"name": "frequency-rotation", "shift": 7, "frequencies": card.groups["frequencies"]["key"]}
    effect = _rows(lab, base, genuine)[0].effect
    spurious = {"name": "optimised-direction", "site": "blocks.0.hook_resid_pre", "target": round(effect, 1)}
    fitted = spurious | {"rank": SPURIOUS_RANK, "examples": 256, "steps": 300}
    print(f"\nModular addition at step {step:,}, before clean-up; low rank of the embedding:\n")
    _table(lab, [base], {"key frequencies of a turned": genuine, f"optimised map, rank {SPURIOUS_RANK}": fitted})


def _table(lab: Lab, bases: Sequence[Form], interventions: Mapping[str, Form]) -> None:
    """One line for each strength of each dial, one column for each intervention."""
    print("| dial | " + " | ".join(interventions) + " |\n|---" + "|---" * len(interventions) + "|", flush=True)
    for number, base in enumerate(bases):
        columns = [_rows(lab, base, intervention) for intervention in interventions.values()]
        for at, row in enumerate(columns[0]):
            if at or not number:
                cells = (_cell(rows[at], rows[0]) for rows in columns)
                print(f"| {_where(base, row)} | " + " | ".join(cells) + " |", flush=True)


def _rows(lab: Lab, base: Form, intervention: Form) -> tuple[Row, ...]:
    return Sweep(Experiment.read({**base, "intervention": intervention, "shams": 0}), lab).run().rows


def _where(base: Form, row: Row) -> str:
    asked = Experiment.read({**base, "intervention": "identity"})
    name = f"{asked.degrader.axis(asked.card).name} {asked.degrader.label(row.strength, asked.card)}"
    return f"{name if row.strength else 'undegraded'} (L {row.degraded_loss:.2f})" + "".join(_health(row))


def _health(row: Row) -> Iterator[str]:
    if row.health:
        yield f"; λ̂ {row.health.learning_coefficient:.0f}, R̂ {row.health.r_hat:.2f}"
        yield f", acceptance {row.health.acceptance:.2f}"
        if row.health.flag:
            yield f"; {row.health.flag}"


def _cell(row: Row, origin: Row) -> str:
    delta = f"{row.loss_delta:+.3f} ± {(row.loss_delta_high - row.loss_delta_low) / 2:.3f}"
    effect = f"{row.effect:.2f} ± {(row.effect_high - row.effect_low) / 2:.2f}"
    kept = f", {row.effect / origin.effect:.0%} kept" if row.strength and origin.effect else ""
    return f"{delta} / {effect}{kept} ({row.state})"


if __name__ == "__main__":
    main()
