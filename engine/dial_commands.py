"""The part of the command line that is about dials: `regimescope calibrate | map`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.commands import TABLES, add_lab, check_out, kept_as, measured, opened_lab, progress_bar
from engine.degraders.compose import Compose
from engine.dials import InputError
from engine.questions import PhaseMap, repeated
from engine.sources import add_source, experiment_of
from engine.spec import Experiment

if TYPE_CHECKING:
    from engine.calibrate import Calibration, Crossing


def add_commands(commands: Any) -> None:
    """Adds the commands to a parser's."""
    calibrate = commands.add_parser("calibrate", help="the strengths at which a dial gives a wanted degraded loss")
    add_source(calibrate)
    wanted = calibrate.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--loss", type=float, action="append", metavar="L", help="a degraded loss, nats; repeatable")
    wanted.add_argument("--count", type=int, metavar="N", help="N losses, evenly spaced up to halfway to chance")
    calibrate.add_argument("--all-dials", action="store_true", help="of every degrader that the model can have")
    calibrate.add_argument("--draws", type=int, metavar="N", help="draws at each strength; default: at most 4")
    calibrate.add_argument("--out", type=Path, metavar="SPEC2.json", help="write the experiment on these losses")
    add_lab(calibrate)
    calibrate.set_defaults(run=_calibrate, resumes=True)

    phases = commands.add_parser("map", help="two dials of a composition at once, a sweep for each strength of one")
    add_source(phases)
    phases.add_argument("--part", type=int, required=True, metavar="N", help="the part that is the outer dial, from 0")
    phases.add_argument("--strengths", required=True, metavar="S,S,…", help="of the outer dial; 0: without it")
    phases.add_argument("--out", type=Path, required=True, metavar="MAP.parquet", help="where the map goes; or MAP.csv")
    add_lab(phases)
    phases.set_defaults(run=_map, resumes=True)


def _calibrate(arguments: argparse.Namespace) -> None:
    experiment = experiment_of(arguments)
    out: Path | None = arguments.out
    if out is not None:
        check_out(out)

    from engine import calibrate  # torch is slow to import: not before the input is known to be good
    from engine.dial_comparison import on_every_dial

    with opened_lab(arguments) as lab:
        wanted = arguments.loss or calibrate.spaced_losses(experiment, lab, arguments.count)
        for asked in on_every_dial(experiment) if arguments.all_dials else (experiment,):
            with progress_bar(asked.degrader.name) as progress:
                found = calibrate.calibrate(asked, lab, wanted, arguments.draws, progress)
            _print(asked, found)
        if out is not None:
            on = calibrate.on_losses(experiment, lab, wanted, arguments.draws)
            _write(out, on.experiment)
            for sentence in on.left_out:
                print(f"left out of {out}: {sentence}")
    print(f"Measured on {lab.where}.")


def _map(arguments: argparse.Namespace) -> None:
    experiment, strengths = experiment_of(arguments), _numbers(arguments.strengths)
    check_out(arguments.out, endings=TABLES)

    from engine import phase_map

    rows = phase_map.sweeps_of(experiment, arguments.part, strengths)
    assert isinstance(experiment.degrader, Compose), "of others there is no map"
    if twice := repeated(experiment.degrader.parts[arguments.part].degrader, experiment.card, strengths):
        print(twice)
    question = kept_as(PhaseMap, {"experiment": experiment, "part": arguments.part, "strengths": list(rows)})
    with opened_lab(arguments) as lab:
        found = phase_map.Map(experiment, lab, arguments.part, strengths)
        measured(found, "map", lab, question)
    frame = phase_map.table(found)
    phase_map.write(arguments.out, frame, experiment, arguments.part)
    print(f"verdict of {experiment.degrader.axis(experiment.card).name}, by strength of part {arguments.part}")
    for label, verdict in dict(zip(frame["outer_label"], frame["verdict"], strict=True)).items():
        print(f"  {label:<9} {verdict}")
    print(f"Measured on {lab.where}.")


def _print(experiment: Experiment, found: tuple[Calibration, ...]) -> None:
    print(experiment.degrader.name)
    print(f"  {'wanted':<8} {'loss, nats':<24} strength")
    for each in found:
        for crossing in each.crossings:
            print(f"  {each.wanted:<8.4g} {_line(crossing)}")
        if not each.crossings:
            print(f"  {each.wanted:<8.4g} never")
    for each in found:
        print(f"  {each.sentence}")


def _line(crossing: Crossing) -> str:
    reached, flag = crossing.nearest.loss.told(".3f"), crossing.nearest.flag
    return f"{reached:<24} {crossing.nearest.label}{'' if crossing.reached else ', nearest'}{flag and f': {flag}'}"


def _numbers(text: str) -> list[float]:
    try:
        return [float(each) for each in text.split(",")]
    except ValueError as error:
        raise InputError(f"--strengths must be numbers with commas between them, got '{text}'; correct it.") from error


def _write(path: Path, experiment: Experiment) -> None:
    try:
        path.write_text(experiment.to_json() + "\n")
    except OSError as error:
        raise InputError(f"--out must be a file that can be written, got {path} ({error.strerror}).") from error
