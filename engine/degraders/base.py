"""What a degrader is: a dial that takes complexity away from a network in a controlled way."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final

from engine.dials import Dial, InputError, Variant
from engine.sites import Edit, Weights

if TYPE_CHECKING:
    from engine.chains import Chain
    from engine.models.base import Card
    from engine.networks.network import Network


UNDEGRADED: Final = "undegraded"
"""The label of strength 0 where the dial's own word for it would say less: no name goes before it."""


@dataclass(frozen=True)
class Axis:
    """How the dial reads on screen: "step 597 of 4,000" has the name `step` and the total `4,000`."""

    title: str
    name: str
    total: str = ""


@dataclass(frozen=True)
class Setting:
    """One degraded network of a dial: how strongly degraded, and which random realisation."""

    strength: float
    draw: int


@dataclass(frozen=True)
class Sampling:
    """Said while networks are sampled: `share` of that work is done, 0 to 1."""

    share: float


@dataclass(frozen=True)
class Degraded:
    """A degraded network.

    Attributes:
        weights: its weights.
        edits: what is done to activations in every run of it, with the intervention and without.
        chain: how it was sampled, if it was.
    """

    weights: Weights
    edits: dict[str, Edit] = field(default_factory=dict)
    chain: Chain | None = None


class Degrader(Variant):
    """Degrades a network by a strength. Strength 0 is the network itself, bit for bit.

    The same draw uses the same underlying noise at every strength (common random numbers).
    """

    replaces: ClassVar[bool] = False
    """Whether it puts other weights in place of the network's, so that what was done to these is lost."""

    @property
    @abstractmethod
    def strength(self) -> Dial:
        """The dial: its range, scale, unit and help."""

    @property
    @abstractmethod
    def random(self) -> bool:
        """Whether draws differ. A degrader without randomness has one draw."""

    @property
    @abstractmethod
    def together(self) -> bool:
        """Whether many settings cost much less made together than one by one; they are sampled and have chains."""

    @classmethod
    @abstractmethod
    def is_compatible(cls, card: Card) -> bool:
        """Whether the model can be degraded so."""

    @abstractmethod
    def strengths(self, card: Card) -> tuple[float, ...]:
        """The strengths of a default sweep: ascending, from 0."""

    @abstractmethod
    def canonical(self, strength: float, card: Card) -> float:
        """The strength as the dial names it, so that one degraded network has one strength.

        Raises:
            InputError: what is allowed, what came, what to do.
        """

    @abstractmethod
    def unit(self, draw: int) -> int:
        """The independent unit that a draw belongs to: the two draws of an antithetic pair share one."""

    @abstractmethod
    def degrade(self, network: Network, settings: Sequence[Setting], seed: int) -> Iterator[Degraded | Sampling]:
        """The degraded networks, in order. In between may come how far sampling them is: a chance to stop.

        The network given is left as it was. What comes for a setting depends on no other setting.
        """

    @abstractmethod
    def label(self, strength: float, card: Card) -> str:
        """A strength as the axis shows it, without its name: "597"."""

    @abstractmethod
    def axis(self, card: Card) -> Axis:
        """The axis of the dial."""


class Separate(Degrader):
    """A degrader that makes one network at a time."""

    antithetic: ClassVar[bool] = False
    """Whether draws 2j and 2j + 1 are a pair with opposite chance."""

    @property
    def together(self) -> bool:
        return False

    def unit(self, draw: int) -> int:
        return draw // 2 if self.antithetic else draw

    def degrade(self, network: Network, settings: Sequence[Setting], seed: int) -> Iterator[Degraded]:
        for setting in settings:
            yield self.degrade_one(network, setting.strength, setting.draw, seed)

    @abstractmethod
    def degrade_one(self, network: Network, strength: float, draw: int, seed: int) -> Degraded:
        """The degraded network. The network given is left as it was."""


class Continuous(Separate):
    """A degrader whose dial has no steps: every strength in its range is one, and is named by its number."""

    dial: ClassVar[Dial]
    """The dial."""
    sweep: ClassVar[tuple[float, ...]]
    """The strengths of a default sweep, whatever the model."""

    @property
    def strength(self) -> Dial:
        return self.dial

    def strengths(self, card: Card) -> tuple[float, ...]:
        return self.sweep

    def canonical(self, strength: float, card: Card) -> float:
        return within_range(self, strength)

    def label(self, strength: float, card: Card) -> str:
        return f"{strength:.3g}"


def within_range(degrader: Degrader, strength: float) -> float:
    """The strength, if it is 0 or within the declared range.

    Raises:
        InputError: it is not.
    """
    low, high = degrader.strength.low, degrader.strength.high
    assert low is not None and high is not None, "a strength is declared by `dial`"
    if strength and not low <= strength <= high:
        raise InputError(
            f"strength of {degrader.name} must be 0 or between {low:g} and {high:g}, got {strength:g}; "
            "choose one in range."
        )
    return strength
