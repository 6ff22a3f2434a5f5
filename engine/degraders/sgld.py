"""Stochastic gradient Langevin dynamics: samples of the networks that are nearly as good, near the trained one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, final

from engine.degraders.base import Axis, Degraded, Degrader, Sampling, Setting, within_range
from engine.dials import Dial, choice, dial

if TYPE_CHECKING:
    from engine.models.base import Card
    from engine.networks.network import Network
    from engine.networks.posterior import Wanted

LOCALISATION = Dial(
    name="strength",
    kind="number",
    default=0.2,
    low=0.001,
    high=2.0,
    scale="log",
    unit="× rms",
    help="Width s of the well around the trained weights, as a share of each tensor's root mean square.",
)
TEMPERATURE = Dial(
    name="strength",
    kind="number",
    default=1e-3,
    low=1e-6,
    high=1.0,
    scale="log",
    unit="nats",
    help="Temperature 1/(nβ): by about half of it the loss rises for every direction that matters.",
)


@final
class Sgld(Degrader):
    """Draws weights from p(w) ∝ exp(−nβ·L(w))·N(w; w0, s²σ²): L is the training loss, w0 the trained weights and σ the
    root mean square of each tensor (Welling & Teh 2011; localised as in Lau et al. 2023). With nβ = 0 that is weight
    noise of strength s, and every chain begins at the weight noise of its draw.

    All strengths use the same noise, and draws 2j and 2j + 1 are a pair that uses it with opposite signs.
    """

    name: ClassVar[str] = "sgld"
    summary: ClassVar[str] = "Samples networks near the trained one that keep their training loss (SGLD)."
    version: ClassVar[int] = 2

    swept: Literal["localisation", "temperature"] = choice(
        "localisation", help="What the strength is: the width s of the well, or the temperature 1/(nβ)."
    )
    n_beta: float = dial(
        1000.0, low=1.0, high=1e6, scale="log", help="Inverse temperature nβ, if the width of the well is swept."
    )
    width: float = dial(
        0.2, low=0.001, high=2.0, scale="log", unit="× rms", help="Width s of the well, if the temperature is swept."
    )
    steps: int = dial(200, low=10, high=5000, help="Steps of each chain; the first half is burn-in.")
    batch: int = dial(32, low=1, high=1024, help="Items in each step, of those that the network was trained on.")

    @property
    def strength(self) -> Dial:
        return LOCALISATION if self.swept == "localisation" else TEMPERATURE

    @property
    def random(self) -> bool:
        return True

    @property
    def together(self) -> bool:
        return True

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return True

    def strengths(self, card: Card) -> tuple[float, ...]:
        if self.swept == "localisation":
            return (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
        return (0.0, 1e-4, 3e-4, 1e-3, 2e-3, 5e-3, 1e-2, 3e-2, 0.1)

    def canonical(self, strength: float, card: Card) -> float:
        return within_range(self, strength)

    def unit(self, draw: int) -> int:
        return draw // 2

    def degrade(self, network: Network, settings: Sequence[Setting], seed: int) -> Iterator[Degraded | Sampling]:
        from engine.networks.posterior import Drawn, Posterior

        chains = [self._chain(each) for each in settings if each.strength]
        drawn = Posterior(network, seed, self.steps, self.batch).sample(chains)
        for setting in settings:
            if not setting.strength:
                yield Degraded(network.weights)
                continue
            while not isinstance(found := next(drawn), Drawn):
                yield Sampling(found)
            weights, chain = found
            yield Degraded(weights, chain=chain)

    def _chain(self, setting: Setting) -> Wanted:
        """The chain that a setting asks for. One of each strength is run twice, from two starts."""
        from engine.networks.posterior import Wanted

        s, n_beta = (
            (setting.strength, self.n_beta) if self.swept == "localisation" else (self.width, 1 / setting.strength)
        )
        return Wanted(s, n_beta, self.unit(setting.draw), setting.draw % 2 == 1, coupled=setting.draw == 0)

    def label(self, strength: float, card: Card) -> str:
        return f"{strength:.3g}"

    def axis(self, card: Card) -> Axis:
        if self.swept == "localisation":
            return Axis(title=f"width of the well, × rms of each tensor (SGLD at nβ = {self.n_beta:g})", name="SGLD s")
        return Axis(title=f"temperature 1/(nβ) (SGLD in a well of {self.width:g} × rms)", name="SGLD temperature")
