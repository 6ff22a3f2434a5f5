"""The device: which one is chosen, and that everything goes where it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine import cli, device, stacking
from engine.behaviours.base import Dataset
from engine.degraders.base import Degraded
from engine.degraders.weight_noise import WeightNoise
from engine.dials import InputError
from engine.interventions.head_ablation import HeadAblation
from engine.lab import Lab
from engine.networks.network import Network
from engine.networks.reading import tiles_of
from engine.spec import Experiment
from engine.store import Store
from engine.sweep import Sweep

on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
ROUNDING = 1e-5
"""By how much a loss delta may differ between devices."""


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Pretends that there are so many GPUs, and that nobody named a device."""
    monkeypatch.delenv(device.VARIABLE, raising=False)

    def pretend(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return pretend


def test_a_gpu_is_used_by_itself_where_there_is_one(gpus: Callable[[int], None]) -> None:
    gpus(0)
    assert device.chosen() == torch.device("cpu")
    gpus(1)
    assert device.chosen() == torch.device("cuda:0")


def test_what_is_asked_for_goes_before_the_environment_and_this_before_what_there_is(
    gpus: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus(2)
    monkeypatch.setenv(device.VARIABLE, "cuda:1")
    assert device.chosen() == torch.device("cuda:1")
    assert device.chosen("cpu") == torch.device("cpu")
    monkeypatch.setenv(device.VARIABLE, "")
    assert device.chosen() == torch.device("cuda:0")


@pytest.mark.parametrize(
    ("name", "count", "words"),
    [
        ("tpu", 1, "must be cpu, cuda or cuda:N, got tpu"),
        ("cpu:0", 1, "must be cpu, cuda or cuda:N, got cpu:0"),
        ("cuda:", 1, "must be cpu, cuda or cuda:N, got cuda:"),
        ("cuda:-1", 1, "must be cpu, cuda or cuda:N, got cuda:-1"),
        ("cuda", 0, "got cuda where there is no CUDA device"),
        ("cuda:1", 1, "got cuda:1 where there is 1 CUDA device;"),
        ("cuda:5", 2, "got cuda:5 where there are 2 CUDA devices;"),
    ],
)
@pytest.mark.parametrize("by", ["argument", "environment"])
def test_a_device_that_there_is_not_is_refused_in_a_sentence(
    gpus: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, by: str, name: str, count: int, words: str
) -> None:
    gpus(count)
    monkeypatch.setenv(device.VARIABLE, name if by == "environment" else "cpu")
    with pytest.raises(InputError) as refused:
        device.chosen(name if by == "argument" else None)
    told = str(refused.value)
    assert words in told
    assert told.endswith(".")
    assert "\n" not in told


def test_products_on_a_gpu_are_not_rounded_to_tf32(gpus: Callable[[int], None]) -> None:
    gpus(1)
    kinds: tuple[Any, ...] = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [kind.allow_tf32 for kind in kinds]
    try:
        for kind in kinds:
            kind.allow_tf32 = True
        device.chosen()
        assert [kind.allow_tf32 for kind in kinds] == [False, False]
    finally:
        for kind, allowed in zip(kinds, before, strict=True):
            kind.allow_tf32 = allowed


def test_it_is_named() -> None:
    assert device.described(torch.device("cpu"), 1) == "CPU · 1 thread"
    assert device.described(torch.device("cpu"), 2) == "CPU · 2 threads"


@pytest.mark.parametrize("command", ["sweep", "redose", "app"])
def test_the_command_line_refuses_it_before_it_does_anything(
    command: str,
    tmp_path: Path,
    experiment: Callable[..., Experiment],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.execv", lambda *_: pytest.fail("the dashboard was started"))
    spec = tmp_path / "spec.json"
    spec.write_text(experiment().to_json())
    arguments = {"sweep": [str(spec), "--out", str(tmp_path / "a.parquet")], "redose": [str(spec)], "app": []}
    assert cli.main([command, *arguments[command], "--device", "no-such"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("regimescope: device must be cpu, cuda or cuda:N, got no-such")
    assert told.count("\n") == 1


def test_the_dashboard_is_started_on_the_device_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda _, command: started.append(command))
    cli.main(["app", "--device", "cpu"])
    cli.main(["app"])
    assert [command[3:] for command in started] == [["--port", "8501", "--device", "cpu"], ["--port", "8501"]]


# ---- everything goes where the network is ----------------------------------------------------------------------------


def test_a_network_moves_whole(network: Network) -> None:
    """`meta` is a device that every build of torch has; it holds shapes, but no numbers."""
    meta = network.to(torch.device("meta"))
    assert meta.device.type == "meta"
    tensors = [*meta.weights.values(), *meta.vectors.values(), *meta.scale.values()]
    tensors += meta.checkpoint(meta.card.steps[0]).values()
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert network.device.type == "cpu"


def test_items_are_moved_once(data: Dataset) -> None:
    meta = torch.device("meta")
    tiles = tiles_of(data.performance, "performance", meta, 512, 2)
    assert tiles is tiles_of(data.performance, "performance", meta, 512, 2)
    for tile in tiles:
        moved = [*tile.state.values(), tile.answers.targets, tile.answers.scored, tile.places]
        assert {tensor.device.type for tensor in moved} == {"meta"}


@on_a_gpu
def test_cpu_and_gpu_agree(tmp_path: Path, experiment: Callable[..., Experiment]) -> None:
    site = "blocks.0.hook_resid_post"
    ablation = {"name": "head-ablation", "heads": ["0.1", "0.3"]}
    for intervention in (ablation, {"name": "activation-patching", "site": site}):
        for degrader in ("weight-noise", {"name": "activation-noise", "sites": [site]}):
            asked = experiment(intervention=intervention, degrader=degrader, draws=4, items=32)
            sweeps = []
            for where in ("cpu", "cuda"):
                with Lab(Store(tmp_path / f"{where}{intervention}{degrader}"), device=where) as lab:
                    sweep = Sweep(asked, lab)
                    sweep.run()
                    sweeps.append(sweep)
            on_cpu, on_gpu = sweeps
            assert on_cpu.analysis().verdict.name == on_gpu.analysis().verdict.name
            for here, there in zip(on_cpu.points(), on_gpu.points(), strict=True):
                deltas = [each.loss_intervened - each.loss for each in (here, there)]
                np.testing.assert_allclose(deltas[0].mean(1), deltas[1].mean(1), atol=ROUNDING)


@on_a_gpu
def test_a_stack_on_a_gpu_is_no_larger_than_its_memory(tmp_path: Path, experiment: Callable[..., Experiment]) -> None:
    with Lab(Store(tmp_path), device="cuda") as lab:
        asked = experiment()
        network, data = lab.network(asked), lab.data(asked)
        degraded = [WeightNoise().degrade_one(network, 0.1, draw, 0) for draw in range(300)]
        under = (None, HeadAblation(heads=("0.1",)))
        together = lab.measure(network, data, degraded, [under] * len(degraded))
        alone = lab.measure(network, data, [Degraded(network.weights), *degraded[-1:]], [under] * 2)
        np.testing.assert_allclose(together[-1][1].behaviour, alone[1][1].behaviour, atol=ROUNDING)
        assert torch.cuda.max_memory_allocated() < torch.cuda.get_device_properties(0).total_memory


@on_a_gpu
def test_a_stack_on_a_gpu_is_measured_as_one(
    tmp_path: Path, experiment: Callable[..., Experiment], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lab(Store(tmp_path), device="cuda") as lab:
        asked = experiment()
        network, data = lab.network(asked), lab.data(asked)
        degraded = [WeightNoise().degrade_one(network, 0.1, draw, 0) for draw in range(4)]
        monkeypatch.setattr(stacking, "measure", lambda *_: pytest.fail("measured one by one"))
        stacking.measure_stack(network, data, degraded, [None, HeadAblation(heads=("0.1",))])
