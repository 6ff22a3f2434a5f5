"""The part of the command line that is about models: `regimescope train | card | handles`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from engine import discovery
from engine.dials import InputError, dials_of
from engine.intervals import Interval
from engine.models.base import Model, assets

if TYPE_CHECKING:
    from engine.handles import Measured


Options = dict[str, tuple[Any, dict[str, Any]]]
"""Of each option its default, and what else argparse wants to know."""


def add_commands(commands: Any) -> None:
    """Adds the commands to a parser's; a model's parameters become options of theirs."""
    train = commands.add_parser("train", help="train embedded models from their seeds")
    out = {"type": Path, "metavar": "FOLDER", "help": "where the weights go; default: the model's own folder"}
    _add_models(train, _train, {"--out": (None, out)}, required=True)
    card = commands.add_parser("card", help="measure the weights of models and write the numbers on their cards")
    _add_models(card, _card, {}, required=False)
    handles = commands.add_parser("handles", help="what a model's interventions do undegraded, and which are genuine")
    items = {"type": int, "metavar": "N", "help": "items of each set, default 256"}
    _add_models(handles, _handles, {"--items": (256, items)}, required=False)


def _add_models(command: Any, run: Callable[[argparse.Namespace], None], options: Options, *, required: bool) -> None:
    for option, (default, settings) in options.items():
        command.add_argument(option, default=default, **settings)
    command.set_defaults(run=run)
    names = command.add_subparsers(required=required, metavar="NAME", dest="name", help="a model, default every one")
    for name, model in discovery.find("models").items():
        parser = names.add_parser(name, help=model.summary, description=model.summary)
        for dial in dials_of(model):
            parser.add_argument(f"--{dial.name}", choices=dial.choices, help=f"{dial.help} Default: each of them.")
        for option, (_, settings) in options.items():  # after the name, too
            parser.add_argument(option, default=argparse.SUPPRESS, **settings)


def _asked(arguments: argparse.Namespace) -> list[Model]:
    """The networks that a command is about: every one of the models that has the parameters given."""
    known = discovery.find("models")
    kinds = known.values() if arguments.name is None else [known[arguments.name]]
    given = {key: value for key, value in vars(arguments).items() if value is not None}
    every = [model for kind in kinds for model in kind.every()]
    return [model for model in every if all(given.get(key, value) == value for key, value in model)]


def _train(arguments: argparse.Namespace) -> None:
    models = _asked(arguments)
    for model in models:
        folder = model.folder
        if arguments.out is not None:
            folder = arguments.out if len(models) == 1 else arguments.out / folder.relative_to(assets() / model.name)
        try:
            folder.mkdir(parents=True, exist_ok=True)  # not after an hour of training
        except OSError as error:
            raise InputError(f"--out must be a folder that can be written, got {folder} ({error.strerror}).") from error
        with tqdm(unit="step", disable=None, desc=model.title) as bar:

            def progress(done: int, total: int, bar: tqdm = bar) -> None:
                bar.total = total
                bar.update(done - bar.n)

            card = model.train(folder, progress)
        print(f"{card.title}: weights, {len(card.steps)} checkpoints and card in {folder}")


def _card(arguments: argparse.Namespace) -> None:
    from engine.networks.training import write_card

    for model in _asked(arguments):
        card = model.card()
        metrics = model.metrics(model.load())
        write_card(model.folder, card.model_copy(update={"metrics": metrics}))
        print(f"{card.title}")
        for name, value in metrics.items():
            print(f"  {name:<50} {value:.6g}")


def _handles(arguments: argparse.Namespace) -> None:
    from engine.handles import undegraded
    from engine.lab import Lab
    from engine.store import Store, default_folder

    with Lab(Store(default_folder())) as lab:
        for model in _asked(arguments):
            print(f"## {model.card().title}\n")
            print("| handle | on | loss delta Δ(0), nats | effect E(0) | undegraded | standing | evidence |")
            print("|---|---|---|---|---|---|---|")
            for each in undegraded(model, lab, arguments.items):
                print(_line(each))
            print()


def _line(measured: Measured) -> str:
    row, handle = measured.row, measured.handle
    name, *parameters = handle.behaviour.values()
    behaviour = f"{name} ({', '.join(parameters)})" if parameters else name
    delta = Interval(row.loss_delta, row.loss_delta_low, row.loss_delta_high).told("+.3f")
    effect = Interval(row.effect, row.effect_low, row.effect_high).told(".3f")
    does = f"{effect} {measured.effect_unit}"
    cells = (handle.title, behaviour, delta, does, row.state, handle.standing, measured.evidence)
    return f"| {' | '.join(cells)} |"
