"""The figure that counts: how soon a whole curve is as certain as the loop in TransformerLens makes it.

The loop's draws are independent of each other and at every strength; the engine's come in antithetic pairs of the same
noise at every strength. How much a draw and a pair tell is taken from the variance of many of them, measured by the
engine (in the loop the losses are the same). Only the chance of draws is counted: that of items is the same for both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy.special import stdtrit

from benchmarks import shapes
from benchmarks.lens import Loop
from benchmarks.shapes import Case, Effort
from benchmarks.tables import Table, against
from benchmarks.timing import in_turns
from benchmarks.ways import ours
from engine.behaviours.code_copying import CodeCopying
from engine.behaviours.copying import Copying
from engine.degraders.weight_noise import WeightNoise
from engine.measure import measure
from engine.models.code_lm import CodeLm
from engine.models.induction import Induction

REFERENCE = 64
"""Independent draws at each strength that the loop takes."""
ALPHA = 0.05
TARGET = 30.0
RESAMPLES = 200
TITLE = "Processor time to a resolved curve"
COLUMNS = (
    "9 strengths, 0.02 – 0.3",
    "seconds: engine",
    "loop",
    "draws a strength: engine",
    "loop",
    "times faster (90 % of resampled pairs)",
    "target",
    "met",
)


def resolved(effort: Effort) -> list[Table]:
    """Both embedded language models."""
    cases = (
        shapes.embedded(Induction(), Copying(), effort.items),
        shapes.embedded(CodeLm(), CodeCopying(text="snippets"), effort.items),
    )
    return [Table(TITLE, COLUMNS, tuple(row for case in cases for row in _rows(case, effort)))]


def _rows(case: Case, effort: Effort) -> list[tuple[str, ...]]:
    loop, degrader, strengths = Loop(case), WeightNoise(), effort.strengths
    some = strengths[::4]
    times = in_turns(
        {
            "engine": lambda run: ours(case, degrader, strengths, 2, run),
            "loop": lambda run: loop.run(some, 1, run),
        },
        effort.runs,
    )
    engine, theirs = times.median("engine") / (2 * len(strengths)), times.median("loop") / len(some)
    deltas = _deltas(case, strengths, effort.pairs)
    pairs = _pairs(deltas)
    chance = np.random.default_rng(0)
    again = [_pairs(deltas[:, chance.integers(effort.pairs, size=effort.pairs)]) for _ in range(RESAMPLES)]

    def row(what: str, spent: Int[np.ndarray, " strength"], others: list[Int[np.ndarray, " strength"]]) -> list[str]:
        whole = REFERENCE * len(strengths) * theirs
        low, high = np.quantile([whole / (each.sum() * engine) for each in others], [0.05, 0.95])
        ratio = whole / (spent.sum() * engine)
        seconds = f"{spent.sum() * engine:.3g}", f"{whole:.3g}"
        draws = f"{spent.min()} – {spent.max()}" if spent.min() < spent.max() else f"{spent[0]}"
        return [what, *seconds, draws, f"{REFERENCE}", f"{ratio:.2g} ({low:.2g} – {high:.2g})", *against(TARGET, ratio)]

    return [
        tuple(row(f"{case.title}; a sweep: as many draws everywhere", *_alike(pairs, again))),
        tuple(row(f"{case.title}; as many draws as each strength needs", 2 * pairs, [2 * each for each in again])),
    ]


def _alike(
    pairs: Int[np.ndarray, " strength"], again: list[Int[np.ndarray, " strength"]]
) -> tuple[Int[np.ndarray, " strength"], list[Int[np.ndarray, " strength"]]]:
    """Draws at each strength if all get as many as the one that needs most."""
    return np.full_like(pairs, 2 * pairs.max()), [np.full_like(each, 2 * each.max()) for each in again]


def _deltas(case: Case, strengths: Sequence[float], pairs: int) -> Float[np.ndarray, "strength pair sign"]:
    """Mean loss deltas on the performance set."""
    degrader, found = WeightNoise(), np.empty((len(strengths), 2 * pairs))
    for draw in range(2 * pairs):
        for number, strength in enumerate(strengths):
            degraded = degrader.degrade_one(case.network, strength, draw, 0)
            without, ablated = measure(case.network, case.data, degraded, case.interventions)
            found[number, draw] = (ablated.performance - without.performance).mean()
    return found.reshape(len(strengths), pairs, 2)


def _pairs(deltas: Float[np.ndarray, "strength pair sign"]) -> Int[np.ndarray, " strength"]:
    """Pairs that bring the 90 % interval at each strength down to what the loop's independent draws reach."""
    single, mean = deltas[:, :, 0].std(axis=1, ddof=1), deltas.mean(axis=2).std(axis=1, ddof=1)
    reached = _half(REFERENCE) * single
    counts = np.arange(2, 4 * REFERENCE)
    halves = np.array([_half(int(count)) for count in counts])
    # the intervals narrow with every pair; more pairs than there are counts are told as the largest count
    needed = [int((halves * each > half).sum()) for each, half in zip(mean, reached, strict=True)]
    return counts[np.minimum(needed, len(counts) - 1)]


def _half(count: int) -> float:
    """Half of the width of the interval of a mean of so many, in standard deviations of one."""
    return float(stdtrit(count - 1, 1 - ALPHA)) / math.sqrt(count)
