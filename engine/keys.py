"""The store's keys of what a sweep measures: each is the whole question, so that no answer is taken for another's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.behaviours.base import Dataset
from engine.chains import Chain
from engine.degraders.base import Setting
from engine.dials import Variant, dials_of
from engine.interventions.base import Intervention
from engine.measure import EXAMPLES
from engine.spec import Experiment
from engine.store import key_of


def of_losses(
    asked: Experiment, setting: Setting, data: Dataset, conditions: Sequence[Intervention | None], chain: Chain | None
) -> list[str]:
    """The keys of one degraded network's losses, one for each condition.

    The undegraded network is the same whatever the dial, so its key leaves the degrader out. The tile's size, the
    threads and torch's version move a loss by rounding only (about 1e-8 nats), so they are no part of it.
    """
    question = {
        **_network(asked, setting),
        "behaviour": _question(asked.behaviour),
        "data": data.fingerprint,
        "examples": EXAMPLES,
        # a network that is sampled again may differ by what rounding makes of it: then it is another network, and
        # what was measured of the first one is no baseline for it
        "chain": None if chain is None else chain.fingerprint,
    }
    return [key_of(question | {"intervention": each and _question(each)}) for each in conditions]


def of_chain(asked: Experiment, setting: Setting) -> str:
    """The key of the chain that a network was sampled by, whatever is measured on it."""
    return key_of({**_network(asked, setting), "of": "chain"})


def _network(asked: Experiment, setting: Setting) -> dict[str, Any]:
    """All that a degraded network depends on."""
    strength = setting.strength
    return {
        "weights": asked.card.fingerprint,
        "step": asked.step,
        "model": _question(asked.model),
        "precision": "float32",
        "numpy": np.__version__,  # another release may draw other numbers from the same stream (NEP 19)
        "degrader": _question(asked.degrader) if strength else None,
        "strength": strength,
        "draw": setting.draw,
        "seed": asked.seed if strength and asked.degrader.random else None,
    }


def _question(variant: Variant) -> dict[str, Any]:
    """A variant with its version, and with those of its parts."""
    parts = [
        _question(part.degrader)
        for dial in dials_of(type(variant))
        if dial.kind == "parts"
        for part in getattr(variant, dial.name)
    ]
    return {**variant.to_json(), "version": variant.version, **({"of parts": parts} if parts else {})}
