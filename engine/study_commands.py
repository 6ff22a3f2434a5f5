"""The part of the command line that is about the method itself: `regimescope study`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tqdm import tqdm

from engine import discovery, study_page, study_result
from engine.commands import check_out
from engine.device import add_option
from engine.dials import InputError
from engine.models.base import assets

if TYPE_CHECKING:
    from engine.models.base import Model

SIZE: Final = study_result.Size()
PAGE: Final = Path(__file__).parents[1] / "docs" / "study.md"


def add_commands(commands: Any) -> None:
    """Adds the command to a parser's."""
    study = commands.add_parser(
        "study", help="does a clean regime tell genuine from spurious: every dial, on networks whose mechanism is known"
    )
    study.add_argument(
        "--models", nargs="+", choices=sorted(discovery.find("models")), metavar="NAME", help="default: all it can have"
    )
    out = study.add_mutually_exclusive_group()
    out.add_argument("--out", type=Path, metavar="FILE.parquet", help="where the curves go")
    out.add_argument("--write", action="store_true", help="write the shipped result and its tables in docs/study.md")
    study.add_argument("--cache", type=Path, metavar="FOLDER", help="where measurements are kept")
    add_option(study)
    study.set_defaults(run=_study, resumes=True)


def _study(arguments: argparse.Namespace) -> None:
    out: Path | None = assets() / "study.parquet" if arguments.write else arguments.out
    if out is not None:
        check_out(out, endings=(".parquet",))

    from engine import study  # torch is slow to import: not before the input is known to be good
    from engine.lab import Lab, keep_freed_memory
    from engine.store import Store, default_folder

    models = _asked(arguments.models, study.networks())
    keep_freed_memory()
    with Lab(Store(arguments.cache or default_folder()), device=arguments.device) as lab:
        bar = tqdm(study.study(models, lab, SIZE), total=study.count(models, SIZE), unit="curve", disable=None)
        found = study_result.Study(SIZE, tuple(bar))
    if out is not None:
        study_result.write(out, found)
    if arguments.write:
        study_page.put(PAGE, found)
    print(study_page.markdown(found))
    print(f"\nMeasured on {lab.where}.")


def _asked(names: list[str] | None, models: tuple[Model, ...]) -> tuple[Model, ...]:
    """Those of the networks of the study whose models were named."""
    chosen = tuple(model for model in models if names is None or model.name in names)
    if not chosen:
        known = ", ".join(dict.fromkeys(model.name for model in models))
        raise InputError(f"--models must be some of {known}, got {', '.join(names or ())}; choose among them.")
    return chosen
