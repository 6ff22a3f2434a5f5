"""Sampling by SGLD against devinterp: the same forward pass, as many chains, steps, and items of a batch.

devinterp runs its chains one after the other; the engine stacks them. The engine's time holds what devinterp does not
do: looks at the curvature that bound the step, a second start of one chain, and proposals whose acceptance is computed.
What counts is chains × steps a second of the processor.
"""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from devinterp.optim import SGMCMC
from devinterp.slt.sampler import sample_single_chain
from torch import Tensor, nn

from benchmarks import shapes
from benchmarks.shapes import Effort
from benchmarks.tables import Table, against
from benchmarks.timing import in_turns
from engine.degraders.base import Setting
from engine.degraders.sgld import Sgld
from engine.items import Items, classified
from engine.models.architectures import Perceptron
from engine.models.modular_addition import ModularAddition
from engine.networks import feed_forward
from engine.networks.network import Network, Training, forward
from engine.sites import LOGITS

TITLE = "Equal chains in devinterp"
COLUMNS = ("SGLD", "chains × steps a second: engine", "devinterp", "times faster (from – to)", "target", "met")
STRENGTH, N_BETA = 0.1, 100.0
TINY_MLP = Perceptron(inputs=2, hidden=(19,), outputs=2)
"""97 parameters."""
ITEMS = 1024
"""From which devinterp draws batches."""
MOST_CHAINS, MOST_RUNS = 2, 2


class Plain(nn.Module):
    """A network of the engine as the module that devinterp takes."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self._stages = network.stages
        self._names = tuple(network.weights)
        self.tensors = nn.ParameterList([tensor.clone() for tensor in network.weights.values()])

    def forward(self, inputs: Tensor, read: Tensor) -> Tensor:
        """Logits where they are read."""
        return forward(self._stages, dict(zip(self._names, self.tensors, strict=True)), inputs, read)[LOGITS]


def sgld(effort: Effort) -> list[Table]:
    """From a network for which a step is costly to a tiny one, where what surrounds a step decides."""
    grok = ModularAddition(task="113").load()
    induction = shapes.random_network(shapes.INDUCTION.model_copy(update={"context": 32}))
    mlp, steps, size = _tiny_mlp(), effort.steps, effort.items
    rows = [
        _row(f"grok, batches of {size}", grok, Batches(size, 8, steps), effort.runs, 2.5),
        _row(
            f"induction shape, batches of {size // 2} × 32 tokens",
            induction,
            Batches(size // 2, 4, steps),
            effort.runs,
            2.0,
        ),
        _row(f"97 parameters, batches of {size}", mlp, Batches(size, 4, steps), effort.runs, 12.0),
        _row(f"97 parameters, batches of {size}", mlp, Batches(size, effort.chains, steps), effort.runs, 150.0),
    ]
    return [Table(TITLE, COLUMNS, tuple(rows))]


class Batches(NamedTuple):
    """Items of a batch, chains, and steps of each."""

    size: int
    chains: int
    steps: int


def _row(title: str, network: Network, asked: Batches, runs: int, target: float) -> tuple[str, ...]:
    # devinterp's chains go one after the other: more of them take longer in proportion
    some = asked._replace(chains=min(asked.chains, MOST_CHAINS))
    items = network.training.batch(0, ITEMS)[0]
    times = in_turns(
        {
            "engine": lambda run: _ours(network, asked, run),
            "devinterp": lambda run: _theirs(network, items, some, run),
        },
        min(runs, MOST_RUNS),
    )
    engine, theirs = (
        each.chains * each.steps / times.median(way) for each, way in ((asked, "engine"), (some, "devinterp"))
    )
    return (
        f"{title}, {asked.chains} chains",
        f"{engine:,.0f}",
        f"{theirs:,.0f}",
        times.told("devinterp", "engine", asked.chains / some.chains),
        *against(target, engine / theirs),
    )


def _ours(network: Network, asked: Batches, seed: int) -> None:
    degrader = Sgld(steps=asked.steps, batch=asked.size, n_beta=N_BETA)
    settings = [Setting(STRENGTH, draw) for draw in range(asked.chains)]
    for _ in degrader.degrade(network, settings, seed):
        pass


def _theirs(network: Network, items: Items, asked: Batches, seed: int) -> None:
    module = Plain(network)
    method: Any = SGMCMC.sgld
    gc.freeze()  # it collects garbage around each chain, and all that was imported here should not slow that down
    masks: dict[str, Tensor | None] = {name: None for name, _ in module.named_parameters()}
    for chain in range(asked.chains):
        sample_single_chain(
            module,
            _Rows(items),
            _evaluate,
            masks,
            num_draws=asked.steps,
            sampling_method=method,
            sampling_method_kwargs={"lr": 1e-5, "nbeta": N_BETA, "localization": 100.0},
            seed=seed + chain,
            dataloader_seed=seed,
            chain=chain,
            batch_size=asked.size,
        )
    gc.unfreeze()


class _Rows(torch.utils.data.Dataset[dict[str, Tensor]]):
    """Items one by one, as devinterp reads them."""

    def __init__(self, items: Items) -> None:
        self._arrays = {"input_ids": items.inputs, "read": items.read, "targets": items.targets}
        self._tensors = {name: torch.from_numpy(array) for name, array in self._arrays.items()}

    def __len__(self) -> int:
        return len(self._tensors["read"])

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        return {name: tensor[number] for name, tensor in self._tensors.items()}


def _evaluate(model: nn.Module, batch: Any) -> tuple[Tensor, dict[str, Any]]:
    logits = model(batch["input_ids"], batch["read"])
    return F.cross_entropy(logits.flatten(0, 1), batch["targets"].flatten()), {}


def _tiny_mlp() -> Network:
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((ITEMS, TINY_MLP.inputs), dtype=np.float32)
    items = classified(inputs, (inputs.sum(axis=1) > 0).astype(np.int64), inputs)
    weights = feed_forward.initial_weights(TINY_MLP, torch.Generator().manual_seed(0))
    made = shapes.random_network(shapes.SMALL)

    def batch(step: int, size: int) -> tuple[Items, ...]:
        first = step * size % (ITEMS - size + 1)
        return (items.part(first, first + size),)

    return Network(Path(), made.card, weights, feed_forward.stages(TINY_MLP), Training(lambda: weights, batch))
