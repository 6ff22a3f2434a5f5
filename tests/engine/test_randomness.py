"""Noise: its distribution, and that it is a function of its labels and of nothing else."""

from __future__ import annotations

import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from scipy import stats

from engine.randomness import generator, normal


def test_it_is_standard_normal() -> None:
    """A million numbers of one stream, and the p-values of a hundred streams: these are uniform if each is normal."""
    assert stats.kstest(normal((1_000_000,), "x").astype(float), "norm").pvalue > 0.01
    pvalues = [stats.kstest(normal((2000,), "run", seed).astype(float), "norm").pvalue for seed in range(100)]
    assert stats.kstest(pvalues, "uniform").pvalue > 0.01


def test_many_short_streams_together_are_standard_normal() -> None:
    """The first numbers of neighbouring streams: what a draw of a small tensor takes."""
    pooled = np.concatenate([normal((3,), "run", label) for label in range(5000)])
    assert stats.kstest(pooled, "norm").pvalue > 0.01


def test_neighbouring_labels_are_independent() -> None:
    streams = np.stack([normal((4096,), "weight-noise", seed, pair) for seed in range(8) for pair in range(8)])
    correlations = np.corrcoef(streams)[np.triu_indices(len(streams), 1)] * np.sqrt(streams.shape[1])
    # under independence these are standard normal: as a whole, and the largest of 2016 of them too
    assert stats.kstest(correlations, "norm").pvalue > 0.01
    assert np.abs(correlations).max() < 5


def test_a_stream_is_not_a_neighbour_shifted() -> None:
    one, other = normal((1000,), "a", 0), normal((1000,), "a", 1)
    assert not set(one.tolist()) & set(other.tolist())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((3, 1), (4, 0)),  # run n, chain i + 1 and run n + 1, chain i
        ((1, 12), (11, 2)),
        ((12, 3), (1, 23)),
        (("ab", "c"), ("a", "bc")),
        (("a", 1), ("a", "1")),
        (("a,b",), ("a", "b")),
        (('a", "b',), ("a", "b")),
        ((0,), (0, 0)),
        ((), ("",)),
        ((1,), (-1,)),
        ((2**64,), (0,)),
    ],
)
def test_different_labels_never_share_a_stream(one: tuple[int | str, ...], other: tuple[int | str, ...]) -> None:
    assert not np.isin(normal((100,), *one), normal((100,), *other)).any()


def test_the_same_labels_give_the_same_numbers_in_any_order_and_thread() -> None:
    labels = [(kind, seed) for kind in ("a", "b") for seed in range(20)]
    expected = {label: normal((50,), *label) for label in labels}
    shuffled = random.Random(1).sample(labels, len(labels))
    with ThreadPoolExecutor(4) as pool:
        for label, numbers in zip(shuffled, pool.map(lambda label: normal((50,), *label), shuffled), strict=True):
            np.testing.assert_array_equal(numbers, expected[label])


def test_another_process_gives_the_same_numbers() -> None:
    code = "from engine.randomness import normal; print(normal((4,), 'weight-noise', 3, 'W').tolist())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == str(normal((4,), "weight-noise", 3, "W").tolist())


def test_the_numbers_stay_what_they_were() -> None:
    """Stored results rest on them: other numbers for these labels would need another `version` of every noise."""
    recorded = [-0.19177407, -2.30078411, 0.20778120]
    assert normal((3,), "weight-noise", 0, 0, "embed.W_E").tolist() == pytest.approx(recorded, abs=1e-7)


def test_they_are_float32_of_the_shape_asked_for() -> None:
    numbers = normal((2, 3, 4), "x")
    assert numbers.dtype == np.float32
    assert numbers.shape == (2, 3, 4)
    assert normal((), "x").shape == ()


def test_no_global_generator_is_touched() -> None:
    def states() -> tuple[object, ...]:
        return random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()

    before = states()
    normal((100,), "x")
    generator("x").integers(10)
    assert states() == before
