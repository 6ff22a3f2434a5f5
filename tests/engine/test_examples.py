"""What is told of single items: their tokens or pixels, and what a network says of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest

from engine import discovery
from engine.behaviours.base import Behaviour
from engine.items import Items
from engine.measure import EXAMPLES, SHOWN_CLASSES, Losses
from engine.models.base import Model
from engine.runners.examples import SHOWN, described, measured

SLOTS = 2


def sweep(items: Items, view: Literal["tokens", "image"], classes: int = 3, losses: Losses | None = None) -> Any:
    """As much of a sweep as is looked at, with these items in both sets."""
    behaviour = SimpleNamespace(
        view=view, behaviour_item="of behaviour", performance_item="other", show=lambda model, answer: f"t{answer}"
    )
    card = SimpleNamespace(architecture=SimpleNamespace(classes=classes))
    experiment = SimpleNamespace(behaviour=behaviour, model=None, card=card)
    data = SimpleNamespace(behaviour=items, performance=items)
    return SimpleNamespace(experiment=experiment, data=data, examples=lambda index: losses and [losses, losses])


def text(tokens: list[int], read: list[int], targets: list[int], **changes: Any) -> Items:
    """One text, read at these positions against these targets, with one slot more that is not scored."""
    inputs = np.array([tokens])
    fill = np.array([[*read, 0]]), np.array([[*targets, 0]])
    return Items(inputs, fill[0], fill[1], np.array([[True] * len(read) + [False]]), inputs, **changes)


def said(items: int, slots: int, classes: int, losses: list[float], answers: list[float]) -> Losses:
    means, examples = np.zeros(items), np.tile(np.array(losses), (items, 1))
    kept = np.broadcast_to(np.array(answers), (items, slots, classes)) if classes else np.zeros((items, slots, 0))
    return Losses(means, means, examples, examples, kept, kept)


def test_an_answer_after_the_last_token_stands_there_with_its_loss() -> None:
    items = text([7, 5, 9], [2], [12])
    example = described(sweep(items, "tokens"))[0]
    assert example["tokens"] == ["t7", "t5", "t9", "t12"]
    assert example["scored"] == [False, False, False, True]
    row = measured(sweep(items, "tokens", losses=said(1, 2, 0, [0.5, np.nan], [])), 1)[0]
    assert row["degraded"] == row["intervened"] == [None, None, None, 0.5]


def test_answers_that_are_as_good_stand_side_by_side() -> None:
    items = text([7, 5, 9], [2], [12], also=np.array([[15, 0]]))
    assert described(sweep(items, "tokens"))[0]["tokens"][-1] == "t12/t15"


def test_an_answer_that_is_not_the_next_token_stands_in_its_place_behind_an_arrow() -> None:
    items = text([1, 2, 3, 4], [0, 2], [2, 9])
    example = described(sweep(items, "tokens"))[0]
    assert example["tokens"] == ["t1", "t2", "t3", "→t9"]
    assert example["scored"] == [False, True, False, True]


def test_of_a_long_text_the_scored_part_is_shown() -> None:
    items = text(list(range(60)), [39, 44], [40, 45])
    example = described(sweep(items, "tokens"))[0]
    assert example["tokens"] == [f"t{token}" for token in range(38, 60)]
    assert [token for token, scored in zip(example["tokens"], example["scored"], strict=True) if scored] == [
        "t40",
        "t45",
    ]


def image(features: list[float], **changes: Any) -> Items:
    inputs = np.array([features, [0.0] * len(features)], dtype=np.float32)
    zero = np.zeros((2, 1), dtype=int)
    return Items(inputs, zero, zero + 1, zero == 0, inputs, **changes)


def test_an_image_is_told_in_shades_from_the_least_to_the_greatest() -> None:
    example = described(sweep(image([0, 4, 8, 16, -1, 3]), "image"))[0]
    assert (example["side"], example["pixels"], example["more"]) == (2, [0, 0.25, 0.5, 1], [0, 1])
    assert (example["classes"], example["answers"]) == (["t0", "t1", "t2"], [1])
    blank = described(sweep(image([0.0] * 4), "image"))[0]
    assert blank["pixels"] == [0] * 4


def test_probabilities_are_those_of_the_admissible_classes() -> None:
    losses = said(2, 1, 3, [0.0], [0.25, 0.75, 0.0])
    items = image([0.0] * 4, among=(1, 2))
    assert described(sweep(items, "image"))[0]["classes"] == ["t1", "t2"]
    assert described(sweep(items, "image"))[0]["answers"] == [0]
    assert measured(sweep(items, "image", losses=losses), 0)[0]["degraded"] == [0.75, 0.0]


def test_of_many_classes_the_right_one_alone_is_told() -> None:
    asked = sweep(image([0.0] * 4), "image", SHOWN_CLASSES + 1, said(2, 1, 0, [np.log(2)], []))
    assert (described(asked)[0]["classes"], described(asked)[0]["answers"]) == (["t1"], [0])
    assert measured(asked, 0)[0]["degraded"] == [0.5]


def test_nothing_is_said_of_a_strength_that_is_not_measured() -> None:
    assert measured(sweep(image([0.0] * 4), "image"), 0) == []


def test_sets_take_turns() -> None:
    images, texts = described(sweep(image([0.0] * 4), "image")), described(sweep(text([1, 2], [0], [2]), "tokens"))
    assert [example["kind"] for example in images] == ["behaviour", "performance"] * 2
    assert [example["title"] for example in texts] == ["of behaviour", "other"]


PAIRS = [
    pytest.param(network, behaviour(), id=f"{network.title} {name}")
    for kind in discovery.find("models").values()
    for network in kind.every()
    for name, behaviour in discovery.find("behaviours").items()
    if behaviour.is_compatible(network)
]


@pytest.mark.parametrize(("network", "behaviour"), PAIRS)
def test_items_of_every_behaviour_can_be_shown(network: Model, behaviour: Behaviour) -> None:
    asked = SimpleNamespace(behaviour=behaviour, model=network, card=network.card())
    data = behaviour.data(network, 2 * EXAMPLES)
    examples = described(SimpleNamespace(experiment=asked, data=data))  # type: ignore[arg-type]
    assert len(examples) == 2 * EXAMPLES
    for example in examples:
        assert example["title"]
        if behaviour.view == "tokens":
            assert len(example["tokens"]) == len(example["scored"]) <= SHOWN
            assert any(example["scored"])
        else:
            assert len(example["pixels"]) == example["side"] ** 2 > 1
            assert all(0 <= shade <= 1 for shade in example["pixels"] + example["more"])
            assert len(set(example["classes"])) == len(example["classes"]) > max(example["answers"])
