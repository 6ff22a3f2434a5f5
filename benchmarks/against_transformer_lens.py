"""Fixed cells against the loop that a user of TransformerLens writes: the same losses, in how much less time."""

from __future__ import annotations

from benchmarks import shapes
from benchmarks.lens import Loop
from benchmarks.shapes import Case, Effort
from benchmarks.tables import Table, against
from benchmarks.timing import Ways, in_turns
from benchmarks.ways import ours
from engine.degraders.activation_noise import ActivationNoise
from engine.degraders.weight_noise import WeightNoise

TITLE = "The same cells in TransformerLens"
COLUMNS = (
    "noise on weights, 9 strengths",
    "processor ms a cell: engine",
    "loop",
    "times faster (from – to)",
    "target",
    "met",
    "means differ by",
    "items differ by",
)


def small(effort: Effort) -> list[Table]:
    """Networks that fit a processor's cache."""
    many = effort._replace(draws=2 * effort.draws)
    few = effort._replace(strengths=effort.strengths[-1:], runs=min(3, effort.runs))
    rows = (
        _on_weights(shapes.grok(64), many, 5.0),
        _on_weights(shapes.grok(512), effort, 4.0),
        _on_weights(shapes.induction(), effort, 2.7),
        _on_weights(shapes.char(effort.char), effort, 1.9),
        _on_weights(shapes.char(effort.char, every=True), few, 2.8),
        _on_activations(shapes.char(effort.char), effort, 3.5),
    )
    return [Table(TITLE, COLUMNS, rows)]


def large(effort: Effort) -> list[Table]:
    """A network whose weights alone are much larger than any cache."""
    few = effort._replace(draws=1, runs=min(2, effort.runs))
    return [Table(TITLE, COLUMNS, (_on_weights(shapes.large(effort.large), few, 2.0),))]


def _on_weights(case: Case, effort: Effort, target: float) -> tuple[str, ...]:
    loop, degrader, (strengths, draws) = Loop(case), WeightNoise(), (effort.strengths, effort.draws)
    ways = {
        "engine": lambda run: ours(case, degrader, strengths, draws, run),
        "loop": lambda run: loop.run(strengths, draws, run),
    }
    apart = loop.differs(degrader.degrade_one(case.network, strengths[-1], 0, 0))
    return _row(case.title, ways, effort, target, apart)


def _on_activations(case: Case, effort: Effort, target: float) -> tuple[str, ...]:
    """At the site where one begins, the residual stream in the middle."""
    loop, site, (strengths, draws) = Loop(case), case.shape.usual_site, (effort.strengths, effort.draws)
    degrader = ActivationNoise(sites=(site,))
    ways = {
        "engine": lambda run: ours(case, degrader, strengths, draws, run),
        "loop": lambda run: loop.run_on_activations(site, strengths, draws, run),
    }
    apart = loop.differs(degrader.degrade_one(case.network, strengths[-1], 0, 0))
    return _row(f"{case.title}; noise on activations at {site}", ways, effort, target, apart)


def _row(title: str, ways: Ways, effort: Effort, target: float, apart: tuple[float, float]) -> tuple[str, ...]:
    times, cells = in_turns(ways, effort.runs), len(effort.strengths) * effort.draws
    return (
        title,
        *(f"{times.median(way) * 1e3 / cells:.3g}" for way in ("engine", "loop")),
        times.told("loop", "engine"),
        *against(target, times.ratio("loop", "engine")),
        *(f"{each:.0e}" for each in apart),
    )
