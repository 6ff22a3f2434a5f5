"""Where a command of the command line has its experiment from: a file, or a preset."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.dials import InputError
from engine.spec import Experiment


def add_source(command: argparse.ArgumentParser) -> None:
    """Adds the options that name an experiment."""
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("spec", nargs="?", type=Path, metavar="SPEC.json", help="an experiment")
    source.add_argument("--preset", metavar="NAME", help="a preset; see `regimescope list`")


def experiment_of(arguments: argparse.Namespace) -> Experiment:
    """The experiment that these options name.

    Raises:
        InputError: there is none, or it is not right.
    """
    if arguments.preset is not None:
        return Experiment.preset(arguments.preset)
    return Experiment.from_json(_text(arguments.spec))


def _text(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"SPEC.json must be a file that can be read, got {path} ({error.strerror}).") from error
