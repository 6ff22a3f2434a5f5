"""Where a command of the command line has its experiment from: a file, the standard input, or a preset."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from engine.dials import InputError
from engine.spec import Experiment

STANDARD_INPUT: Final = Path("-")


def add_source(command: argparse.ArgumentParser) -> None:
    """Adds the options that name an experiment."""
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "spec", nargs="?", type=Path, metavar="SPEC.json", help="an experiment; - for the standard input"
    )
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
        if path != STANDARD_INPUT:
            return path.read_bytes()
        if sys.stdin is None:  # closed by whoever began the command
            raise InputError("SPEC.json must come on the standard input, got none; name a file instead of -.")
        return sys.stdin.buffer.read()
    except OSError as error:
        raise InputError(
            f"SPEC.json must be a file that can be read, got {path} ({error.strerror}); correct its name, or name a "
            "preset with --preset."
        ) from error
