"""The command line, `regimescope COMMAND`; the commands on dials, models and the method itself stand beside it."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from tqdm import tqdm

from engine import compare_commands, device, dial_commands, discovery, model_commands, study_commands, words
from engine.commands import TABLES, check_out
from engine.dials import Dial, InputError, dials_of
from engine.discovery import Kind
from engine.regime import Analysis
from engine.sources import add_source, experiment_of
from engine.spec import Experiment, presets

if TYPE_CHECKING:
    from engine.degraders.base import Degrader
    from engine.redosing import Dose

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code: 0 done, 2 bad input, 130 interrupted."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    arguments = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], None] = arguments.run
    try:
        run(arguments)
    except InputError as error:
        print(f"regimescope: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `regimescope list | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        kept = "; what was measured is kept, the same command goes on from there" if arguments.resumes else ""
        print(f"\nregimescope: stopped{kept}.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="regimescope", description="Look for the clean regime of an intervention.")
    parser.set_defaults(resumes=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    sweep = commands.add_parser("sweep", help="measure an experiment at every strength")
    add_source(sweep)
    sweep.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="RESULT.parquet",
        help="where the result goes; RESULT.csv for the table alone, RESULT.json for the dashboard's history",
    )
    sweep.add_argument(
        "--items", nargs="?", const="", metavar="FILE", help="write per-item values too; default RESULT.items.parquet"
    )
    sweep.add_argument("--cache", type=Path, metavar="FOLDER", help="where measurements are kept")
    device.add_option(sweep)
    sweep.set_defaults(run=_sweep, resumes=True)

    redose = commands.add_parser("redose", help="the loss delta at equal effect: how much it takes at every strength")
    add_source(redose)
    redose.add_argument("--effect", type=float, metavar="E", help="the effect to reach; default: that at strength 0")
    redose.add_argument("--cache", type=Path, metavar="FOLDER", help="where measurements are kept")
    device.add_option(redose)
    redose.set_defaults(run=_redose, resumes=True)

    verdict = commands.add_parser("verdict", help="what a result says")
    verdict.add_argument("result", type=Path, metavar="RESULT.parquet")
    verdict.add_argument("--json", action="store_true", help="as JSON")
    verdict.set_defaults(run=_verdict)

    listing = commands.add_parser("list", help="models, behaviours, degraders, interventions and presets")
    listing.add_argument("--json", action="store_true", help="as JSON, each with its declared parameters")
    listing.set_defaults(run=_list)

    dial_commands.add_commands(commands)
    compare_commands.add_commands(commands)
    model_commands.add_commands(commands)
    study_commands.add_commands(commands)

    app = commands.add_parser("app", help="open the dashboard")
    app.add_argument("--port", default="8501", metavar="N", help="port on this machine, default 8501")
    app.add_argument("--cache", type=Path, metavar="FOLDER", help="where measurements are kept")
    app.add_argument("--no-browser", action="store_true", help="do not open a browser")
    device.add_option(app)
    app.set_defaults(run=_app)
    return parser


def _sweep(arguments: argparse.Namespace) -> None:
    experiment = experiment_of(arguments)
    out: Path = arguments.out
    items = Path(arguments.items or out.parent / f"{out.stem}.items.parquet")
    check_out(out, endings=(*TABLES, ".json"))
    check_out(items, "--items", TABLES)

    from engine import report  # torch is slow to import: not before the input is known to be good
    from engine.documents import Document, Form
    from engine.history import History
    from engine.lab import Lab, keep_freed_memory
    from engine.store import Store, default_folder
    from engine.sweep import Sweep

    keep_freed_memory()
    folder = arguments.cache or default_folder()
    with Lab(Store(folder), device=arguments.device) as lab, lab.store.owned_by(experiment.key):
        sweep = Sweep(experiment, lab)
        with tqdm(total=sweep.total, unit="point", disable=None) as bar:
            sweep.recall()
            bar.update(sweep.done)
            while not sweep.finished:
                before = sweep.done
                sweep.step()
                bar.total = sweep.total  # draws and shams may have come on top
                bar.update(sweep.done - before)
        analysis = sweep.analysis()
        document = Document.of_sweep(experiment, analysis, sweep.done, lab.where)
        History(folder).keep(document)
        if out.suffix.lower() == ".json":
            with report.writing(out):
                out.write_bytes(document.file(Form.json))
        else:
            report.write(out, report.table(analysis), experiment, analysis)
        if arguments.items is not None:
            report.write(items, report.item_table(sweep), experiment, analysis)
    print(f"{analysis.verdict.name}: {_said(experiment, analysis)}")
    print(f"Measured on {lab.where}.")


def _redose(arguments: argparse.Namespace) -> None:
    experiment = experiment_of(arguments)

    from engine import redosing
    from engine.lab import Lab, keep_freed_memory
    from engine.store import Store, default_folder

    keep_freed_memory()
    with Lab(Store(arguments.cache or default_folder()), device=arguments.device) as lab:
        target = arguments.effect if arguments.effect is not None else redosing.target_of(experiment, lab)
        doses = redosing.redose(experiment, lab, target)
        lines = [
            _dose_line(experiment, dose) for dose in tqdm(doses, total=len(experiment.sweep_strengths), disable=None)
        ]
    print(f"{experiment.intervention.describe()}, at an effect of {target:.3g} {experiment.behaviour.effect}")
    print(f"  {'strength':<10} {'loss':>7}  {'loss delta, nats':<26} {'effect':<24} coefficient")
    print("\n".join(lines))
    print(f"Measured on {lab.where}.")


def _dose_line(experiment: Experiment, dose: Dose) -> str:
    label = experiment.degrader.label(dose.strength, experiment.card)
    cost, does = dose.loss_delta.told("+.3f"), dose.effect.told(".3g")
    found = f"{dose.coefficient:.4g}" if dose.reached else f"cannot reach it; nearest at {dose.coefficient:.4g}"
    return f"  {label:<10} {dose.degraded_loss:>7.3f}  {cost:<26} {does:<24} {found}"


def _said(experiment: Experiment, analysis: Analysis) -> str:
    return " ".join(filter(None, words.answer(experiment, analysis, finished=True)[2:]))


def _verdict(arguments: argparse.Namespace) -> None:
    from engine import report

    analysis, form = report.read(arguments.result)
    experiment, said = Experiment.read(form), analysis.verdict
    if not arguments.json:
        print(f"{said.name}: {_said(experiment, analysis)}")
        for row in analysis.rows:
            print(f"  {experiment.degrader.label(row.strength, experiment.card):<10} {row.state:<12} {row.reason}")
        return
    states = [{"strength": row.strength, "state": row.state, "reason": row.reason} for row in analysis.rows]
    regime = said.strengths and {"strength": said.strengths, "degraded_loss": said.losses}
    _print_json(
        {
            "verdict": said.name,
            "sentence": _said(experiment, analysis),
            "regime": regime,
            "clean_at_zero": said.clean_at_zero,
            "confirmed": analysis.confirmed,
            "margin": analysis.margin,
            "states": states,
            "experiment": form,
        }
    )


def catalogue() -> dict[str, Any]:
    """Every variant with its declared parameters, and the presets, as JSON carries them."""
    listed: dict[str, Any] = {}
    for kind in get_args(Kind):
        listed[kind] = []
        for name, variant in discovery.find(kind).items():
            entry = {"name": name, "help": variant.summary, "parameters": [d.model_dump() for d in dials_of(variant)]}
            if kind == "degraders":
                usual = _usual(variant)
                entry |= {"strength": usual.strength.model_dump(), "random": usual.random}
            listed[kind].append(entry)
    listed["presets"] = [{"name": name, **preset} for name, preset in presets().items()]
    return listed


def _usual(degrader: type[Degrader]) -> Degrader:
    """A degrader with its defaults. Which parts of a model it goes for, if it has to be told, makes no difference to
    its dial.
    """
    known = all(not field.is_required() for field in degrader.model_fields.values())
    return degrader() if known else degrader.model_construct()


def _list(arguments: argparse.Namespace) -> None:
    listed = catalogue()
    if arguments.json:
        _print_json(listed)
        return
    for kind, entries in listed.items():
        print(kind)
        for entry in entries:
            print(f"  {entry['name']:<18} {entry.get('help') or entry['story']}")
            strength = [entry["strength"]] if "strength" in entry else []
            for dial in map(Dial.model_validate, [*strength, *entry.get("parameters", ())]):
                print(f"    {dial.name:<16} {dial.allowed}: {dial.help}")


def _app(arguments: argparse.Namespace) -> None:
    # the dashboard stands above the engine: a program of its own, not an import
    command = [sys.executable, "-m", "app.serve", "--port", arguments.port]
    command += ["--cache", str(arguments.cache)] if arguments.cache else []
    command += ["--no-browser"] if arguments.no_browser else []
    if arguments.device or os.environ.get(device.VARIABLE):
        device.chosen(arguments.device)  # here, where a bad one is still told in a sentence
        command += ["--device", arguments.device] if arguments.device else []
    os.execv(sys.executable, command)


def _print_json(value: Any) -> None:
    from engine.report import finite

    print(json.dumps(finite(value), indent=2, allow_nan=False))


if __name__ == "__main__":
    sys.exit(main())
