"""Finds the variants of a kind: every final class in the kind's folder, and in packages that offer entry points.

A package of your own joins through the entry point groups `regimescope.models`, `.behaviours`, `.degraders` and
`.interventions`; each entry names a class.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Literal, overload

from pydantic import ValidationError

from engine.dials import InputError, Variant, dials_of, explain, shown

if TYPE_CHECKING:
    from engine.behaviours.base import Behaviour
    from engine.degraders.base import Degrader
    from engine.interventions.base import Intervention
    from engine.models.base import Model

Kind = Literal["models", "behaviours", "degraders", "interventions"]

log = logging.getLogger(__name__)


@overload
def find(kind: Literal["models"]) -> dict[str, type[Model]]: ...
@overload
def find(kind: Literal["behaviours"]) -> dict[str, type[Behaviour]]: ...
@overload
def find(kind: Literal["degraders"]) -> dict[str, type[Degrader]]: ...
@overload
def find(kind: Literal["interventions"]) -> dict[str, type[Intervention]]: ...
@cache
def find(kind: Kind) -> dict[str, type[Variant]]:
    """The variants of a kind by name, in alphabetical order."""
    base = _base(kind)
    found: dict[str, type[Variant]] = {}
    for variant in [*_in_folder(kind, base), *_from_packages(kind, base)]:
        if found.setdefault(variant.name, variant) is not variant:
            log.warning("%s '%s' of %s is left out: the name is taken.", kind, variant.name, variant.__module__)
    return dict(sorted(found.items()))


def get(kind: Kind, name: object) -> type[Variant]:
    """The variant of this name.

    Raises:
        InputError: there is none.
    """
    known = find(kind)
    if not isinstance(name, str) or name not in known:
        raise InputError(
            f"{kind.removesuffix('s')} must be one of {', '.join(known)}, got {shown(name)}; choose one of them."
        )
    return known[name]


def read_variant(value: object, kind: Kind) -> Variant:
    """A variant from its JSON form, its name alone, or itself.

    Raises:
        InputError: no variant of this name, or a parameter that is not allowed.
    """
    if isinstance(value, Variant) and isinstance(value, get(kind, value.name)):
        return value
    form = {"name": value} if isinstance(value, str) else value
    if not isinstance(form, Mapping):
        raise InputError(
            f"{kind.removesuffix('s')} must be a name or an object with a name, got {shown(value)}; correct it."
        )
    variant = get(kind, form.get("name"))
    try:
        return variant.model_validate({key: given for key, given in form.items() if key != "name"})
    except ValidationError as error:
        raise explain(error, str(form["name"])) from error


def _base(kind: Kind) -> type[Variant]:
    module = importlib.import_module(f"engine.{kind}.base")
    return getattr(module, kind.removesuffix("s").capitalize())


def _in_folder(kind: Kind, base: type[Variant]) -> list[type[Variant]]:
    package = importlib.import_module(f"engine.{kind}")
    return [
        variant
        for module in pkgutil.iter_modules(package.__path__)
        for variant in _declared_in(f"engine.{kind}.{module.name}", base)
    ]


def _declared_in(module_name: str, base: type[Variant]) -> list[type[Variant]]:
    module = importlib.import_module(module_name)
    return [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, base)
        and not inspect.isabstract(value)
        and value.__module__ == module_name
    ]


def _from_packages(kind: Kind, base: type[Variant]) -> list[type[Variant]]:
    variants = []
    for entry in entry_points(group=f"regimescope.{kind}"):
        try:
            variants.append(_declared(entry.load(), base))
        except Exception:  # a stranger's package must not take the program down
            log.warning("%s '%s' of %s can't be used.", kind, entry.name, entry.value, exc_info=True)
    return variants


def _declared(offered: object, base: type[Variant]) -> type[Variant]:
    """What a package offers, if it is a variant whose declaration can be read."""
    if not (inspect.isclass(offered) and issubclass(offered, base) and hasattr(offered, "name")):
        raise TypeError(f"{offered!r} is no {base.__name__} with a name")
    dials_of(offered)
    return offered
