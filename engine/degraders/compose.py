"""Several degraders one after the other, of which one is turned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, ClassVar, Self, final

from pydantic import BaseModel, ConfigDict, PlainSerializer, PlainValidator, Strict, model_validator

from engine.degraders.base import UNDEGRADED, Axis, Degraded, Degrader, Sampling, Setting
from engine.dials import Dial, InputError, parts
from engine.discovery import read_variant
from engine.randomness import generator

if TYPE_CHECKING:
    from torch import Tensor

    from engine.models.base import Card
    from engine.networks.network import Network
    from engine.sites import Edit, State

MOST_PARTS = 4


class Part(BaseModel):
    """A degrader of a composition with its strength; none if it is the one that is swept."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    degrader: Annotated[
        Degrader,
        PlainValidator(partial(read_variant, kind="degraders")),
        PlainSerializer(lambda degrader: degrader.to_json()),
    ]
    strength: Annotated[float, Strict()] | None = None


@final
class Compose(Degrader):
    """Degrades by one part after the other; the strength is that of the part that has none of its own.

    At strength 0 nothing is degraded, by the other parts neither. To see what one dial does to an earlier checkpoint,
    with that checkpoint as the network to compare with, study the checkpoint (`Experiment.step`) instead.
    """

    name: ClassVar[str] = "compose"
    summary: ClassVar[str] = "Several degraders in a row; one of their strengths is swept."

    parts: tuple[Part, ...] = parts(
        [{"degrader": "pruning", "strength": 0.2}, {"degrader": "weight-noise"}],
        of="degraders",
        help="What degrades, in this order; one of the strengths is left open.",
    )

    @model_validator(mode="after")
    def _one_is_swept(self) -> Self:
        if not 2 <= len(self.parts) <= MOST_PARTS:
            raise InputError(
                f"compose: 'parts' must be 2 to {MOST_PARTS} degraders, got {len(self.parts)}; add or remove some."
            )
        swept = sum(part.strength is None for part in self.parts)
        if swept != 1:
            raise InputError(
                f"compose: 'parts' must leave the strength of exactly one degrader open, got {swept} open; "
                f"{'leave one out' if swept == 0 else 'give the others one'}."
            )
        for part in self.parts[1:]:
            if part.degrader.replaces:
                raise InputError(
                    f"compose: '{part.degrader.name}' must be the first of 'parts', got it further on, where it undoes "
                    "what comes before; put it first."
                )
        if sum(part.degrader.together for part in self.parts) > 1:
            raise InputError("compose: 'parts' must hold at most one degrader that samples, got several; keep one.")
        if any(part.strength == 0 for part in self.parts):
            raise InputError("compose: 'parts' must have strengths above 0, got 0 for one of them; leave it out.")
        if any(isinstance(part.degrader, Compose) for part in self.parts):
            raise InputError("compose: 'parts' must be no compositions themselves, got one; write out its parts.")
        return self

    @property
    def strength(self) -> Dial:
        return self._swept.strength

    @property
    def random(self) -> bool:
        return any(part.degrader.random for part in self.parts)

    @property
    def together(self) -> bool:
        return any(part.degrader.together for part in self.parts)

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return True

    def strengths(self, card: Card) -> tuple[float, ...]:
        return self._swept.strengths(card)

    def canonical(self, strength: float, card: Card) -> float:
        try:
            return self._swept.canonical(strength, card)
        except InputError as error:
            raise InputError(f"compose: {error}") from error

    def unit(self, draw: int) -> int:
        # draws that belong together in one of the parts belong together
        return min((part.degrader.unit(draw) for part in self.parts if part.degrader.random), default=draw)

    def degrade(self, network: Network, settings: Sequence[Setting], seed: int) -> Iterator[Degraded | Sampling]:
        # unit by unit, so that the first ones are there before the last are begun
        units = [list(some) for _, some in groupby(settings, key=lambda setting: self.unit(setting.draw))]
        for number, some in enumerate(units):
            for made in self._of_one_unit(network, some, seed):
                yield Sampling((number + made.share) / len(units)) if isinstance(made, Sampling) else made

    def _of_one_unit(self, network: Network, settings: Sequence[Setting], seed: int) -> Iterator[Degraded | Sampling]:
        made = [Degraded(network.weights)] * len(settings)
        for number, part in enumerate(self.parts):
            asked = [_of_part(part, setting) for setting in settings]
            alike = sum(earlier.degrader.name == part.degrader.name for earlier in self.parts[:number])
            for places in _with_the_same_weights(made):
                given = made[places[0]].weights
                onto = network if given is network.weights else replace(network, weights=dict(given))
                distinct = list(dict.fromkeys(asked[place] for place in places))
                networks: list[Degraded] = []
                for degraded in part.degrader.degrade(onto, distinct, _seed(seed, alike)):
                    if isinstance(degraded, Sampling):
                        yield degraded
                    else:
                        networks.append(degraded)
                by_setting = dict(zip(distinct, networks, strict=True))
                for place in places:
                    made[place] = _then(made[place], by_setting[asked[place]])
        yield from made

    def label(self, strength: float, card: Card) -> str:
        return self._swept.label(strength, card) if strength else UNDEGRADED

    def axis(self, card: Card) -> Axis:
        axis = self._swept.axis(card)
        others = " and ".join(
            f"{part.degrader.axis(card).name} {part.degrader.label(part.strength, card)}"
            for part in self.parts
            if part.strength is not None
        )
        return replace(axis, title=f"{axis.title}, with {others}")

    @property
    def _swept(self) -> Degrader:
        return next(part.degrader for part in self.parts if part.strength is None)


def _of_part(part: Part, setting: Setting) -> Setting:
    """What a setting of the composition means for a part: one and the same for all draws where there is no chance."""
    strength = setting.strength if part.strength is None or setting.strength == 0 else part.strength
    return Setting(strength, setting.draw if part.degrader.random and strength else 0)


def _with_the_same_weights(made: Sequence[Degraded]) -> list[list[int]]:
    """The places of networks that have their weights in common so far: they are degraded further together."""
    groups: dict[int, list[int]] = {}
    for place, degraded in enumerate(made):
        groups.setdefault(id(degraded.weights), []).append(place)
    return list(groups.values())


def _then(first: Degraded, second: Degraded) -> Degraded:
    """The weights of the second, which was made from the first; what both do to activations, in this order."""
    edits = dict(first.edits)
    for site, edit in second.edits.items():
        edits[site] = partial(_one_after_the_other, edits[site], edit) if site in edits else edit
    return Degraded(second.weights, edits, second.chain or first.chain)


def _one_after_the_other(first: Edit, second: Edit, activation: Tensor, state: State) -> Tensor:
    return second(first(activation, state), state)


def _seed(seed: int, alike: int) -> int:
    """The seed of a part before which there are so many of its kind: two of one kind must not have the same noise, and
    the first has the noise that it has alone.
    """
    return seed if alike == 0 else int(generator("compose", seed, alike).integers(2**31))
