"""Degraded networks that cost much to make, kept in memory: a change of intervention samples none of them again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

from engine.degraders.base import Degraded, Degrader, Sampling, Setting
from engine.networks.network import Network

MOST_BYTES: Final = 512 * 1024**2

Key = tuple[Network, str, int, Setting]


class KeptNetworks:
    """The degraded networks that were made last, up to a number of bytes; beyond, the oldest make room."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: dict[Key, Degraded] = {}

    def degrade(
        self, degrader: Degrader, network: Network, settings: Sequence[Setting], seed: int
    ) -> Iterator[Degraded | Sampling]:
        """What `Degrader.degrade` gives; it is asked for no network that is kept."""

        def key(setting: Setting) -> Key:
            return network, json.dumps(degrader.to_json(), sort_keys=True), seed, setting

        made = degrader.degrade(network, [each for each in settings if key(each) not in self._kept], seed)
        known = {each: self._kept[key(each)] for each in settings if key(each) in self._kept}
        for setting in settings:
            if setting in known:
                yield known[setting]
                continue
            degraded = next(made)
            while isinstance(degraded, Sampling):
                yield degraded
                degraded = next(made)
            self._keep(key(setting), degraded)
            yield degraded

    def _keep(self, key: Key, degraded: Degraded) -> None:
        self._kept[key] = degraded
        while len(self._kept) > 1 and sum(map(_bytes, self._kept.values())) > self._most_bytes:
            del self._kept[next(iter(self._kept))]


def _bytes(degraded: Degraded) -> int:
    return sum(tensor.nbytes for tensor in degraded.weights.values())
