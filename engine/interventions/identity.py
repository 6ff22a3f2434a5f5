"""The identity: a sham that does nothing. Its loss delta and effect are exactly zero, or the instrument is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from engine.interventions.base import Intervention, Reference
from engine.sites import Edit

if TYPE_CHECKING:
    from engine.models.base import Card


@final
class Identity(Intervention):
    """Changes nothing."""

    name: ClassVar[str] = "identity"
    summary: ClassVar[str] = "Changes nothing: a check of the instrument."

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return True

    def edits(self, reference: Reference) -> dict[str, Edit]:
        return {}

    def describe(self) -> str:
        return "Changing nothing"
