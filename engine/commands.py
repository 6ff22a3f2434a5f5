"""What the commands that measure share: the lab, the bar that shows progress, and a look at where a file is to go."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tqdm import tqdm

from engine.device import add_option
from engine.dials import InputError
from engine.models.base import Progress
from engine.questions import DialComparison, InterventionComparison, PhaseMap

if TYPE_CHECKING:
    from engine.comparison import Several
    from engine.lab import Lab
    from engine.runners.several_work import LongQuestion

T = TypeVar("T", DialComparison, InterventionComparison, PhaseMap)


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


def measured(several: Several, title: str, lab: Lab, question: LongQuestion | None) -> None:
    """Measures several curves with a bar that shows progress, and keeps what they say in the history.

    Args:
        several: the curves.
        title: of the bar.
        lab: where they are measured.
        question: to which they are the answer; none if it is one that the dashboard can't ask, which is not kept.
    """
    from engine.documents import Document
    from engine.history import History
    from engine.runners.several_work import SeveralWork
    from engine.steps import drive

    points = (0, 0)
    with progress_bar(title) as progress:

        def keep_count(done: int, total: int) -> None:
            nonlocal points
            points = done, total
            progress(done, total)

        with lab.store.owned_by(question.key) if question else nullcontext():
            drive(several.steps(), keep_count)
    if question is not None:
        told = SeveralWork(question, lab, several).whole(points)
        History(lab.store.folder).keep(Document.of(question, {**told, "device": lab.where}, told["rows"]))


def kept_as(kind: type[T], form: Mapping[str, Any]) -> T | None:
    """The question of this form, if the dashboard can ask it: of one that is larger than it shows no record is kept."""
    try:
        return kind.read(form)
    except InputError:
        return None


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
