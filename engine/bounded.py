"""Tensors that are kept because they may be needed again, within a bound on memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Tensors = dict[str, "Tensor"]


class Bounded:
    """Keeps tensors of several owners, up to so many bytes.

    Who needs something once will soon need all of its owner's once more, in the same order. So what is kept of an owner
    stays while there is one that was asked for longer ago; without one, nothing more is kept.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._kept: OrderedDict[Hashable, dict[Hashable, Tensors]] = OrderedDict()
        self._lock = Lock()

    def get(self, owner: Hashable, name: Hashable, make: Callable[[], Tensors]) -> Tensors:
        """What is kept of an owner under a name; made if it is not there."""
        with self._lock:
            own = self._kept.setdefault(owner, {})
            self._kept.move_to_end(owner)
            if name in own:
                return own[name]
        made = make()  # two threads may make the same: that costs time now and then, waiting would cost it always
        with self._lock:
            room = self.most - _bytes(made)
            while len(self._kept) > 1 and self.bytes > room and next(iter(self._kept)) != owner:
                self._kept.popitem(last=False)
            if self.bytes <= room:
                self._kept.setdefault(owner, {})[name] = made
        return made

    @property
    def bytes(self) -> int:
        """How much is kept."""
        return sum(_bytes(tensors) for own in self._kept.values() for tensors in own.values())


def _bytes(tensors: Tensors) -> int:
    return sum(tensor.nbytes for tensor in tensors.values())
