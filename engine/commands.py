"""What the commands that measure share: the lab, the bar that shows progress, and a look at where a file is to go."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tqdm import tqdm

from engine.device import add_option
from engine.dials import InputError
from engine.models.base import Progress

if TYPE_CHECKING:
    from engine.lab import Lab


def add_lab(command: argparse.ArgumentParser) -> None:
    """Adds the options that say where to measure and where measurements are kept."""
    command.add_argument("--cache", type=Path, metavar="FOLDER", help="where measurements are kept")
    add_option(command)


def opened_lab(arguments: argparse.Namespace) -> Lab:
    """The lab that these options name."""
    from engine.lab import Lab, keep_freed_memory  # torch is slow to import: not before the input is known to be good
    from engine.store import Store, default_folder

    keep_freed_memory()
    return Lab(Store(arguments.cache or default_folder()), device=arguments.device)


@contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """Shows progress in points, of a total that may grow."""
    with tqdm(unit="point", disable=None, desc=title) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress


TABLES: Final = (".parquet", ".csv")
"""How the names of files end that tables are written to."""


def check_out(path: Path, option: str = "--out", endings: Sequence[str] = ()) -> None:
    """Refuses a file that can't be written where it is to go, before anything is measured for it.

    Args:
        path: where it is to go.
        option: by which it was named.
        endings: that say what is written there, in small letters; none: any.

    Raises:
        InputError: it is a folder, its own does not exist or is none, or it ends otherwise.
    """
    try:
        parent = path.parent
        if path.is_dir():
            raise InputError(f"{option} must be a file, got {path}, which is a folder; add the file's name.")
        if not parent.exists():
            raise InputError(f"{option} must be in a folder that exists, got {path}; make the folder {parent} first.")
        if not parent.is_dir():
            raise InputError(f"{option} must be in a folder, got {path}, but {parent} is a file; name a folder.")
    except OSError as error:  # a name that is too long, a folder that can't be looked into
        raise InputError(f"{option} must be a file that can be written, got {path} ({error.strerror}).") from error
    if endings and path.suffix.lower() not in endings:
        raise InputError(
            f"{option} must end in {' or '.join(endings)}, which says what is written, got {path.name}; rename it."
        )
