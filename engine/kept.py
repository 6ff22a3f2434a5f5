"""Degraded networks that cost much to make, kept in memory: a change of intervention samples none of them again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

from engine.degraders.base import Degraded, Degrader, Setting
from engine.networks.network import Network

MOST_BYTES: Final = 512 * 1024**2

Key = tuple[int, str, int, Setting]


class KeptNetworks:
    """The degraded networks that were made last, up to a number of bytes; beyond, the oldest make room."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: dict[Key, tuple[Network, Degraded]] = {}

    def degrade(
        self, degrader: Degrader, network: Network, settings: Sequence[Setting], seed: int
    ) -> Iterator[Degraded | None]:
        """What `Degrader.degrade` gives; it is asked for no network that is kept."""

        def key(setting: Setting) -> Key:
            # the network is kept beside, so that no other can come to have its identity
            return id(network), json.dumps(degrader.to_json(), sort_keys=True), seed, setting

        made = degrader.degrade(network, [each for each in settings if key(each) not in self._kept], seed)
        known = {each: self._kept[key(each)][1] for each in settings if key(each) in self._kept}
        for setting in settings:
            if setting in known:
                yield known[setting]
                continue
            degraded = next(made)
            while degraded is None:
                yield None
                degraded = next(made)
            self._keep(key(setting), network, degraded)
            yield degraded

    def _keep(self, key: Key, network: Network, degraded: Degraded) -> None:
        self._kept[key] = network, degraded
        while len(self._kept) > 1 and sum(_bytes(each) for _, each in self._kept.values()) > self._most_bytes:
            del self._kept[next(iter(self._kept))]


def _bytes(degraded: Degraded) -> int:
    return sum(tensor.nbytes for tensor in degraded.weights.values())
