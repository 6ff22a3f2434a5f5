"""The local learning coefficient of a small network as devinterp's sampler estimates it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.chains import diagnose
from engine.degraders.base import Degraded, Setting
from engine.degraders.sgld import Sgld
from engine.items import Items, classified
from engine.models.architectures import Perceptron
from engine.models.planted import Planted
from engine.networks import feed_forward, langevin
from engine.networks.network import Network, Training, forward
from engine.sites import LOGITS

SHAPE = Perceptron(inputs=2, hidden=(19,), outputs=2)
ITEMS, N_BETA, S = 64, 15.4, 0.3
THEIR_CHAINS, THEIR_STEPS, THEIR_BURN_IN = 3, 1200, 200
BLOCKS = 8

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def items() -> Items:
    """Points that a line divides, with some noise: every batch is all of them, so that both sample the same law."""
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((ITEMS, 2), dtype=np.float32)
    targets = (inputs.sum(axis=1) + 0.5 * rng.standard_normal(ITEMS) > 0).astype(np.int64)
    return classified(inputs, targets, inputs)


@pytest.fixture(scope="module")
def network(items: Items) -> Network:
    """A network that has learned them; the unit of every weight is 1, for devinterp's well is equally wide in all."""
    stages = feed_forward.stages(SHAPE)
    weights = feed_forward.initial_weights(SHAPE, torch.Generator().manual_seed(0))
    leaves = [tensor.requires_grad_() for tensor in weights.values()]
    optimiser = torch.optim.Adam(leaves, lr=0.02)
    for _ in range(200):
        optimiser.zero_grad()
        loss_of(stages, weights, items).backward()
        optimiser.step()
    learned = {name: tensor.detach() for name, tensor in weights.items()}
    training = Training(lambda: learned, lambda step, size: (items,))
    made = Network(Path(), Planted().card(), learned, stages, training)
    vars(made)["scale"] = {name: torch.ones(()) for name in learned}
    return made


def loss_of(stages: Any, weights: dict[str, Tensor], items: Items) -> Tensor:
    logits = forward(stages, weights, torch.from_numpy(items.inputs), torch.from_numpy(items.read))[LOGITS]
    return F.cross_entropy(logits[:, 0], torch.from_numpy(items.targets)[:, 0])


def test_the_learning_coefficient_agrees_within_the_joint_error(
    network: Network, items: Items, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(langevin, "LARGEST_STEP", 0.02)
    degrader = Sgld(n_beta=N_BETA, steps=600, batch=ITEMS)
    settings = [Setting(S, draw) for draw in range(48)]
    chains = [
        each.chain for each in degrader.degrade(network, settings, 0) if isinstance(each, Degraded) and each.chain
    ]
    health = diagnose(chains, np.arange(48) // 2)
    ours = np.array([N_BETA * chain.losses.mean() for chain in chains]).reshape(-1, 2).mean(axis=1)
    theirs = their_estimates(network, items)
    assert health.learning_coefficient == pytest.approx(ours.mean())
    assert health.flag == ""
    joint = np.hypot(*(each.std(ddof=1) / len(each) ** 0.5 for each in (ours, theirs)))
    assert joint < 0.2, "the comparison says something"
    assert abs(ours.mean() - theirs.mean()) < 3.5 * joint


class Module(nn.Module):
    """The network as a module."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.stages, self.names = network.stages, tuple(network.weights)
        self.tensors = nn.ParameterList([tensor.clone() for tensor in network.weights.values()])

    def forward(self, inputs: Tensor) -> Tensor:
        weights = dict(zip(self.names, self.tensors, strict=True))
        return forward(self.stages, weights, inputs, torch.zeros(len(inputs), 1, dtype=torch.long))[LOGITS][:, 0]


class Rows(torch.utils.data.Dataset[dict[str, Tensor]]):
    """The items one by one."""

    def __init__(self, items: Items) -> None:
        self.inputs, self.targets = torch.from_numpy(items.inputs), torch.from_numpy(items.targets[:, 0])

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        return {"input_ids": self.inputs[number], "targets": self.targets[number]}


def their_estimates(network: Network, items: Items) -> np.ndarray:
    """nβ·(mean loss − loss before) of blocks of steps, long enough to be as good as independent."""
    from devinterp.optim import SGMCMC
    from devinterp.slt.sampler import sample_single_chain

    module = Module(network)
    before = loss_of(network.stages, network.weights, items).item()
    losses = np.empty((THEIR_CHAINS, THEIR_STEPS))

    def keep(*, loss: Tensor, draw: int, chain: int, **_: object) -> None:
        losses[chain, draw] = loss.mean().item()

    def evaluate(model: nn.Module, batch: Any) -> tuple[Tensor, dict[str, Any]]:
        return F.cross_entropy(model(batch["input_ids"]), batch["targets"]), {}

    sgld: Any = SGMCMC.sgld
    masks: dict[str, Tensor | None] = {name: None for name, _ in module.named_parameters()}
    for chain in range(THEIR_CHAINS):
        sample_single_chain(
            module,
            Rows(items),
            evaluate,
            masks,
            num_draws=THEIR_STEPS,
            num_burnin_steps=THEIR_BURN_IN,
            sampling_method=sgld,
            sampling_method_kwargs={"lr": 4e-3, "nbeta": N_BETA, "localization": 1 / S**2},
            chain=chain,
            seed=chain,
            batch_size=ITEMS,
            callbacks=[keep],
        )
    return N_BETA * (losses.reshape(THEIR_CHAINS * BLOCKS, -1).mean(axis=1) - before)
