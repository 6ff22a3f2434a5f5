"""The part of the command line that compares: `regimescope compare --dials | --interventions`."""

from __future__ import annotations

import argparse
import math
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engine.commands import TABLES, add_lab, check_out, kept_as, measured, opened_lab, progress_bar
from engine.dials import InputError, dial_of
from engine.questions import DialComparison, InterventionComparison
from engine.sources import add_source, experiment_of

if TYPE_CHECKING:
    import pandas as pd

    from engine.comparison import Several
    from engine.lab import Lab
    from engine.spec import Experiment

COUNT: Final = int(dial_of(DialComparison, "count").default)
"""Losses at which dials are compared, if none are given."""


def add_commands(commands: Any) -> None:
    """Adds the command to a parser's."""
    compare = commands.add_parser("compare", help="an intervention on every dial, or several interventions on one")
    add_source(compare)
    what = compare.add_mutually_exclusive_group(required=True)
    what.add_argument("--dials", action="store_true", help="every dial the model can have, at equal degraded loss")
    what.add_argument("--interventions", action="store_true", help="the experiment's and the model's other handles")
    wanted = compare.add_mutually_exclusive_group()
    wanted.add_argument("--loss", type=float, action="append", metavar="L", help="a degraded loss, nats; repeatable")
    wanted.add_argument(
        "--count",
        type=int,
        metavar="N",
        help="N losses, evenly spaced up to halfway to chance; default: "
        f"{COUNT} for dials, the experiment's strengths for interventions",
    )
    compare.add_argument(
        "--redosed", action="store_true", help="interventions at the undegraded effect of the experiment's own"
    )
    compare.add_argument("--out", type=Path, required=True, metavar="TABLE.parquet", help="the table; or TABLE.csv")
    add_lab(compare)
    compare.set_defaults(run=_compare, resumes=True)


def _compare(arguments: argparse.Namespace) -> None:
    experiment = experiment_of(arguments)
    check_out(arguments.out, endings=TABLES)
    if arguments.redosed and arguments.dials:
        raise InputError("--redosed must go with --interventions, got --dials; leave it out.")

    from engine.comparison import ranked, table  # torch is slow to import: not before the input is known to be good
    from engine.report import write_table

    with opened_lab(arguments) as lab:
        frame = table((_dials if arguments.dials else _interventions)(arguments, experiment, lab))
    write_table(arguments.out, frame, {"experiment": experiment.to_json()})
    _print(ranked(frame))
    name = frame.columns[0]
    for line in dict.fromkeys(f"{row[name]}: {row['note']}" for row in frame.to_dict("records") if row["note"]):
        print(line)
    print(f"Measured on {lab.where}.")


def _dials(arguments: argparse.Namespace, experiment: Experiment, lab: Lab) -> Several:
    from engine.dial_comparison import Dials

    count = COUNT if arguments.count is None else arguments.count
    # losses of one's own are no question that the dashboard can ask
    question = None if arguments.loss else kept_as(DialComparison, {"experiment": experiment, "count": count})
    dials = Dials(experiment, lab, _losses(arguments, experiment, lab, COUNT))
    measured(dials, "dials", lab, question)
    return dials


def _interventions(arguments: argparse.Namespace, experiment: Experiment, lab: Lab) -> Several:
    from engine.calibrate import on_losses
    from engine.intervention_comparison import Interventions, contenders

    asked = experiment
    if arguments.loss or arguments.count is not None:
        with progress_bar(experiment.degrader.name) as progress:
            on = on_losses(experiment, lab, _losses(arguments, experiment, lab, 0), progress=progress)
        asked = on.experiment
        for sentence in on.left_out:
            print(f"left out: {sentence}")
    interventions = Interventions(contenders(asked), lab, redosed=arguments.redosed)
    question = kept_as(InterventionComparison, {"experiment": asked, "redosed": arguments.redosed})
    measured(interventions, "interventions", lab, question)
    return interventions


def _losses(arguments: argparse.Namespace, experiment: Experiment, lab: Lab, usual: int) -> list[float]:
    from engine.calibrate import spaced_losses

    if arguments.loss:
        return arguments.loss
    return list(spaced_losses(experiment, lab, usual if arguments.count is None else arguments.count))


def _print(table: pd.DataFrame) -> None:
    """A ranking, in columns as wide as what is in them."""
    name = str(table.columns[0])
    head = [name, *(["standing"] if "standing" in table else []), "verdict", "smallest ε, nats", "gain", "clean"]
    lines = [head, *(_cells(row, head) for row in table.to_dict("records"))]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    for line in lines:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())


def _cells(row: Mapping[Hashable, Any], head: list[str]) -> list[str]:
    import pandas as pd

    unsure = "" if pd.isna(row["confirmed"]) or row["confirmed"] else ", not confirmed"
    verdict = "no loss within reach" if pd.isna(row["verdict"]) else f"{row['verdict']}{unsure}"
    frontier = f"{row['frontier']:.3f} at {row['label']}" if math.isfinite(row["frontier"]) else "–"
    gain = f"{row['selectivity_gain']:.2f}" if math.isfinite(row["selectivity_gain"]) else "–"
    clean = "–"
    if not pd.isna(row["regime"]):
        clean = f"{row['regime']} (degraded loss {row['regime_loss_low']:.3f} to {row['regime_loss_high']:.3f})"
    return [*(str(row[each]) for each in head[: head.index("verdict")]), verdict, frontier, gain, clean]
