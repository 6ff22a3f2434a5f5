"""The store: what was put comes back or is a miss, whatever happened to the disk, and nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import pickle
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.store import DATABASE, MAGIC, SCHEMA, Store, decode, default_folder, encode, key_of

SMALL = {"a": np.arange(3.0), "b": np.array([[np.nan, -np.inf], [0.0, 1e-300]])}
LARGE = {"a": np.arange(20_000.0)}
"""Above the size from which diskcache keeps a value in a file of its own."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def opened(folder: Path) -> Iterator[Callable[..., Store]]:
    """Opens stores on the folder, and closes them after the test."""
    stores: list[Store] = []

    def open_one(at: Path = folder, **options: int) -> Store:
        stores.append(Store(at, **options))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


def same(found: dict[str, np.ndarray] | None, expected: dict[str, np.ndarray]) -> bool:
    return (
        found is not None
        and found.keys() == expected.keys()
        and all(
            np.array_equal(found[name], each, equal_nan=each.dtype.kind == "f") and found[name].dtype == each.dtype
            for name, each in expected.items()
        )
    )


def warned(caplog: pytest.LogCaptureFixture, words: str) -> bool:
    return any(words in record.getMessage() for record in caplog.records if record.levelno == logging.WARNING)


def rows(folder: Path, statement: str, *values: bytes) -> list[tuple[object, ...]]:
    """Does something to the database behind the store's back."""
    with sqlite3.connect(folder / DATABASE) as connection:
        found = connection.execute(statement, values).fetchall()
    connection.close()
    return found


# ---- keys and entries ------------------------------------------------------------------------------------------------


def test_a_key_is_the_hash_of_the_canonical_question() -> None:
    text = b'{"draw":1,"schema":%d,"strength":0.5}' % SCHEMA
    assert key_of({"strength": 0.5, "draw": 1}) == hashlib.sha256(text).hexdigest()
    assert key_of({"draw": 1, "strength": 0.5}) == key_of({"strength": 0.5, "draw": 1})


def test_different_questions_have_different_keys() -> None:
    questions = [
        {},
        {"a": 1},
        {"a": 2},
        {"b": 1},
        {"a": "1"},
        {"a": None},
        {"a": [1]},
        {"a": {"b": 1}},
        {"a": 0.1 + 0.2},
    ]
    assert len({key_of(question) for question in [*questions, {"a": 0.3}]}) == len(questions) + 1


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_question_has_no_key_without_a_number(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        key_of({"strength": number})


@pytest.mark.parametrize(
    "arrays",
    [
        SMALL,
        LARGE,
        {},
        {"empty": np.zeros((0, 3), dtype=np.float32)},
        {"scalar": np.float64(0.1) * np.ones(())},
        {
            "f32": np.array([1, np.nan], dtype=np.float32),
            "i8": np.arange(4, dtype=np.int8),
            "bool": np.array([True]),
            "text": np.array(["é"]),
        },
        {"strided": np.arange(12.0).reshape(3, 4)[:, ::2], "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3))},
    ],
)
def test_what_is_put_comes_back_bit_by_bit(opened: Callable[..., Store], arrays: dict[str, np.ndarray]) -> None:
    store = opened()
    store.put("key", arrays)
    assert same(store.get("key"), arrays)
    assert same(opened().get("key"), arrays), "opened again"
    assert store.get("other") is None
    assert not store.notice


def test_an_object_array_is_not_pickled() -> None:
    with pytest.raises(ValueError, match="pickle"):
        encode({"objects": np.array([{}], dtype=object)})


def test_an_entry_with_any_byte_changed_is_refused() -> None:
    whole = encode({"a": np.arange(2.0)})
    for place in range(len(whole)):
        for bit in (0x01, 0x80):
            damaged = bytearray(whole)
            damaged[place] ^= bit
            with pytest.raises(ValueError):  # noqa: PT011 - which of its reasons does not matter
                decode(bytes(damaged))
    for end in range(len(whole)):
        with pytest.raises(ValueError):  # noqa: PT011
            decode(whole[:end])


def _entry(payload: bytes, schema: int | None = SCHEMA) -> bytes:
    """An entry whose checksum is right, whatever it holds."""
    header = {"schema": schema, "sha256": hashlib.sha256(payload).hexdigest()}
    return MAGIC + json.dumps(header).encode() + b"\n" + payload


PAYLOAD = encode(SMALL).removeprefix(MAGIC).partition(b"\n")[2]
NPY = io.BytesIO()
np.save(NPY, np.arange(3.0))


def test_an_entry_is_a_header_and_a_payload() -> None:
    assert _entry(PAYLOAD) == encode(SMALL)


@pytest.mark.parametrize(
    "blob",
    [
        pytest.param(None, id="nothing"),
        pytest.param(3, id="a number"),
        pytest.param("text", id="text"),
        pytest.param(b"", id="no bytes"),
        pytest.param(PAYLOAD, id="no header"),
        pytest.param(MAGIC, id="no more than magic"),
        pytest.param(MAGIC + b"[]\n" + PAYLOAD, id="a list for a header"),
        pytest.param(MAGIC + b"[" * 100_000 + b"\n", id="a deep header"),
        pytest.param(_entry(b""), id="an empty payload"),
        pytest.param(_entry(b"not a zip file"), id="no zip file"),
        pytest.param(_entry(b"PK\x03\x04 half a zip file"), id="half a zip file"),
        pytest.param(_entry(pickle.dumps({"a": 1})), id="a pickle"),
        pytest.param(_entry(NPY.getvalue()), id="a bare array"),
        pytest.param(_entry(PAYLOAD, schema=SCHEMA + 1), id="the next schema"),
        pytest.param(_entry(PAYLOAD, schema=None), id="no schema"),
    ],
)
def test_what_is_no_entry_is_refused(blob: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        decode(blob)


# ---- damage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arrays", [SMALL, LARGE], ids=["in a row", "in a file"])
def test_a_damaged_entry_is_a_miss_that_says_so_and_can_be_put_again(
    folder: Path, opened: Callable[..., Store], caplog: pytest.LogCaptureFixture, arrays: dict[str, np.ndarray]
) -> None:
    store = opened()
    store.put("key", arrays)
    ((value, filename),) = rows(folder, "SELECT value, filename FROM Cache WHERE key = 'key'")
    assert (filename is None) == (arrays is SMALL)
    whole = (folder / str(filename)).read_bytes() if filename else value
    assert isinstance(whole, bytes)
    damaged = whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:]
    if filename:
        (folder / str(filename)).write_bytes(damaged)
    else:
        rows(folder, "UPDATE Cache SET value = ? WHERE key = 'key'", damaged)
    assert store.get("key") is None
    assert warned(caplog, "is damaged")
    store.put("key", arrays)
    assert same(store.get("key"), arrays)
    assert not store.notice


def test_an_entry_whose_file_is_gone_is_a_miss(folder: Path, opened: Callable[..., Store]) -> None:
    store = opened()
    store.put("key", LARGE)
    ((filename,),) = rows(folder, "SELECT filename FROM Cache WHERE key = 'key'")
    (folder / str(filename)).unlink()
    assert store.get("key") is None
    store.put("key", LARGE)
    assert same(store.get("key"), LARGE)


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("planted_as", ["value", "file", "key"])
def test_a_planted_pickle_is_never_unpickled(
    folder: Path, tmp_path: Path, opened: Callable[..., Store], caplog: pytest.LogCaptureFixture, planted_as: str
) -> None:
    sprung = tmp_path / "sprung"
    trap = pickle.dumps(Trap(sprung))
    store = opened()
    store.put("key", SMALL if planted_as == "value" else LARGE)
    if planted_as == "value":  # 4 is diskcache's mode for a pickle
        rows(folder, "UPDATE Cache SET mode = 4, value = ? WHERE key = 'key'", trap)
    elif planted_as == "file":
        ((filename,),) = rows(folder, "SELECT filename FROM Cache WHERE key = 'key'")
        (folder / str(filename)).write_bytes(trap)
        rows(folder, "UPDATE Cache SET mode = 4 WHERE key = 'key'")
    else:
        rows(folder, "UPDATE Cache SET key = ?, raw = 0 WHERE key = 'key'", trap)
    for each in (store, opened()):
        assert each.get("key") is None
        assert each.volume() > 0
    assert warned(caplog, "can't be read") or planted_as == "key"
    store.put("key", SMALL)
    assert same(store.get("key"), SMALL)
    assert not sprung.exists()
    pickle.loads(trap)
    assert sprung.exists(), "the trap was sharp"


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_damaged_database_is_set_aside_and_begun_anew(
    folder: Path, opened: Callable[..., Store], caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    first = opened()
    first.put("old", SMALL)
    first.close()
    (folder / DATABASE).write_bytes(content)
    store = opened()
    assert store.get("old") is None
    store.put("new", SMALL)
    assert same(opened().get("new"), SMALL)
    assert not store.notice
    aside = [path for path in folder.iterdir() if path.name.startswith(f"{DATABASE}.damaged-")]
    if content:  # an empty file is an empty database
        assert warned(caplog, "set aside")
        assert [path.read_bytes() for path in aside] == [content]


def test_a_database_that_is_damaged_after_a_crash_is_begun_anew(folder: Path, opened: Callable[..., Store]) -> None:
    """A process that is killed leaves a write-ahead log, which must not be played into the new database."""
    code = (
        "import os, sys, numpy as np; from pathlib import Path; from engine.store import Store\n"
        "store = Store(Path(sys.argv[1]))\n"
        "for i in range(50): store.put(f'old{i}', {'a': np.arange(100.0)})\n"
        f"os.kill(os.getpid(), {int(signal.SIGKILL)})"
    )
    assert subprocess.run([sys.executable, "-c", code, str(folder)]).returncode == -signal.SIGKILL
    assert (folder / f"{DATABASE}-wal").stat().st_size > 0
    (folder / DATABASE).write_bytes(b"garbage" * 1000)
    store = opened()
    for i in range(50):
        assert store.get(f"old{i}") is None or same(store.get(f"old{i}"), {"a": np.arange(100.0)})
        store.put(f"new{i}", SMALL)
    again = opened()
    assert all(same(again.get(f"new{i}"), SMALL) for i in range(50))
    assert rows(folder, "PRAGMA integrity_check") == [("ok",)]


def test_a_process_that_is_killed_leaves_what_it_had_put(folder: Path, opened: Callable[..., Store]) -> None:
    code = (
        "import os, sys, numpy as np; from pathlib import Path; from engine.store import Store\n"
        "Store(Path(sys.argv[1])).put('key', {'a': np.arange(3.0)})\n"
        f"os.kill(os.getpid(), {int(signal.SIGKILL)})"
    )
    assert subprocess.run([sys.executable, "-c", code, str(folder)]).returncode == -signal.SIGKILL
    assert same(opened().get("key"), {"a": np.arange(3.0)})


def test_a_database_that_is_damaged_under_way_costs_results_but_no_error(
    folder: Path, opened: Callable[..., Store], caplog: pytest.LogCaptureFixture
) -> None:
    store = opened()
    store.put("key", SMALL)
    for path in folder.glob(f"{DATABASE}*"):
        path.write_bytes(b"garbage" * 5000)

    def use() -> None:  # in a thread, which opens a connection of its own
        assert store.get("key") is None or same(store.get("key"), SMALL)
        store.put("other", SMALL)
        assert same(store.get("other"), SMALL), "in memory"
        assert store.volume() >= 0

    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            use()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    thread.join()
    assert not errors, errors
    assert "not kept" in store.notice
    assert warned(caplog, "not kept")


# ---- no room ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("below", [".", "deeper/still"])
def test_a_folder_that_cannot_be_made_means_memory_and_a_notice(
    tmp_path: Path, opened: Callable[..., Store], caplog: pytest.LogCaptureFixture, below: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    store = opened(tmp_path / "file" / below)
    assert "not kept" in store.notice
    assert "REGIMESCOPE_CACHE" in store.notice
    assert "\n" not in store.notice
    assert warned(caplog, store.notice)
    store.put("key", SMALL)
    assert same(store.get("key"), SMALL)
    assert store.volume() == 0
    assert opened(tmp_path / "file" / below).get("key") is None


def test_a_full_store_keeps_what_it_has_and_says_that_it_keeps_no_more(
    opened: Callable[..., Store], caplog: pytest.LogCaptureFixture
) -> None:
    room = opened()
    for i in range(20):
        room.put(f"old{i}", LARGE)
    full = opened(limit=room.volume())
    assert not full.notice
    full.put("new", LARGE)
    assert "is full" in full.notice
    assert warned(caplog, full.notice)
    assert same(full.get("new"), LARGE), "for as long as the process lives"
    for store in (full, opened()):
        assert all(same(store.get(f"old{i}"), LARGE) for i in range(20)), "nothing was evicted"
    assert opened().get("new") is None


def test_the_volume_is_what_the_disk_holds(folder: Path, opened: Callable[..., Store]) -> None:
    store = opened()
    before = store.volume()
    for i in range(10):
        store.put(f"key{i}", LARGE)
    assert store.volume() - before == pytest.approx(10 * len(encode(LARGE)), rel=0.1)


def test_the_folder_may_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGIMESCOPE_CACHE", str(tmp_path / "mine"))
    assert default_folder() == tmp_path / "mine"
    monkeypatch.setenv("REGIMESCOPE_CACHE", "")
    assert default_folder().name == "regimescope"


# ---- many at once ----------------------------------------------------------------------------------------------------


def test_two_processes_share_one_folder(folder: Path, opened: Callable[..., Store]) -> None:
    code = (
        "import sys, numpy as np; from pathlib import Path; from engine.store import Store\n"
        "store = Store(Path(sys.argv[1]))\n"
        "print('open', flush=True); sys.stdin.readline()\n"
        "for i in range(100):\n"
        "    store.put(f'theirs{i}', {'a': np.full(3, i)}); store.put('both', {'a': np.arange(3.0)})\n"
        "print(store.notice or 'done', flush=True); sys.stdin.readline()\n"
        "print(sum(store.get(f'ours{i}') is not None for i in range(100)))\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdin is not None
    assert other.stdout is not None
    with other:
        store = opened()
        assert other.stdout.readline() == "open\n"
        other.stdin.write("go\n")
        other.stdin.flush()
        for i in range(100):
            store.put(f"ours{i}", {"a": np.full(3, -i)})
            store.put("both", {"a": np.arange(3.0)})
        assert other.stdout.readline() == "done\n"
        assert all(same(store.get(f"theirs{i}"), {"a": np.full(3, i)}) for i in range(100))
        assert same(store.get("both"), {"a": np.arange(3.0)})
        told, _ = other.communicate("go\n")
        assert told == "100\n"
    assert not store.notice


def test_random_operations_agree_with_a_dictionary(opened: Callable[..., Store]) -> None:
    rng = random.Random(3)
    stores = [opened(), opened()]
    expected: dict[str, dict[str, np.ndarray]] = {}
    for step in range(400):
        place, key = rng.randrange(2), f"key{rng.randrange(20)}"
        action = rng.choice(["put", "put", "get", "get", "get", "reopen"])
        if action == "put":
            expected[key] = {"a": np.full(rng.choice([1, 10, 6000]), float(step))}
            stores[place].put(key, expected[key])
        elif action == "get":
            found = stores[place].get(key)
            assert same(found, expected[key]) if key in expected else found is None
        elif step % 10 == 0:
            stores[place].close()
            stores[place] = opened()
    assert not any(store.notice for store in stores)


def test_threads_share_one_store(opened: Callable[..., Store]) -> None:
    store = opened()
    wrong: list[int] = []

    def work(number: int) -> None:
        for i in range(30):
            store.put(f"{number}.{i}", {"a": np.full(2, number + i)})
            if not same(store.get(f"{number}.{i}"), {"a": np.full(2, number + i)}):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert all(store.get(f"{number}.{i}") is not None for number in range(4) for i in range(30))
