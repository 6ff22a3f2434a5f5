"""Results on disk: one entry for each point and condition, keyed by the whole question, never a pickle.

An entry is bytes that this module encodes: a JSON header with a checksum, then the arrays as `.npz`. An entry that
can't be read is a miss and is computed again. Nothing is evicted: at the size limit new results are no longer kept, and
the store says so.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import math
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, cast

import diskcache
import numpy as np
from diskcache.core import MODE_PICKLE
from platformdirs import user_cache_dir

from engine.dials import InputError, shown

log = logging.getLogger(__name__)

SCHEMA: Final = 1
MAGIC: Final = b"regimescope\n"
DEFAULT_LIMIT: Final = 2 * 1024**3
LIMIT_VARIABLE: Final = "REGIMESCOPE_CACHE_LIMIT"

Arrays = Mapping[str, np.ndarray]


def key_of(question: Mapping[str, Any]) -> str:
    """sha256 of the canonical JSON of a question."""
    canonical = json.dumps({"schema": SCHEMA, **question}, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def default_folder() -> Path:
    """Where results are kept: $REGIMESCOPE_CACHE, or the user's cache folder."""
    return Path(os.environ.get("REGIMESCOPE_CACHE") or user_cache_dir("regimescope", appauthor=False))


def default_limit() -> int:
    """Bytes that the store may take: $REGIMESCOPE_CACHE_LIMIT in MB, or `DEFAULT_LIMIT`.

    Raises:
        InputError: the variable is no number of megabytes.
    """
    asked = os.environ.get(LIMIT_VARIABLE)
    if not asked:
        return DEFAULT_LIMIT
    try:
        megabytes = float(asked)
    except ValueError:
        megabytes = math.nan
    if not 1 <= megabytes <= 1e9:
        raise InputError(
            f"{LIMIT_VARIABLE} must be a number of megabytes, 1 at least, got {shown(asked)}; set another."
        )
    return int(megabytes * 1e6)


class Store:
    """Arrays by key, on disk where the folder can be written and in memory where it can't.

    Attributes:
        notice: empty, or one sentence that says why results are not kept.
    """

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        """Opens or begins it; the limit is in bytes (default: `default_limit`)."""
        self.folder = folder
        self.limit = default_limit() if limit is None else limit
        self.notice = ""
        self._owner: str | None = None
        self._memory: dict[str, bytes] = {}
        self._disk = self._open()

    def get(self, key: str) -> dict[str, np.ndarray] | None:
        """The arrays of a key, or None if there are none or they are damaged."""
        blob = self._read(key)
        if blob is None:
            return None
        try:
            return decode(blob)
        except ValueError as error:
            log.warning("Entry %s… of the store is damaged (%s); it is computed again.", key[:12], error)
            return None

    def put(self, key: str, arrays: Arrays) -> None:
        """Keeps arrays under a key."""
        blob = encode(arrays)
        if self._disk is not None and not self.notice:
            if self.volume() + len(blob) > self.limit:
                self._give_up(f"the store in {self.folder} is full ({self.limit / 1e6:,.0f} MB)")
            else:
                try:
                    self._disk.set(key, blob, tag=self._owner)
                    return
                except diskcache.Timeout:
                    log.info("The store is busy: an entry is kept in memory alone.")
                except (OSError, sqlite3.Error) as error:
                    self._give_up(f"the store in {self.folder} can't be written ({error})")
        self._memory[key] = blob

    @contextmanager
    def owned_by(self, owner: str) -> Iterator[None]:
        """What is put within belongs to this question: `forget` removes it."""
        before, self._owner = self._owner, owner
        try:
            yield
        finally:
            self._owner = before

    def forget(self, owner: str) -> int:
        """Removes what was first measured for a question, and gives its room back; returns how many entries.

        Others that use an entry will measure it again.
        """
        if self._disk is None:
            return 0
        try:
            count = self._disk.evict(owner)
        except (OSError, sqlite3.Error, diskcache.Timeout) as error:
            log.warning("Entries of the store can't be removed (%s).", error)
            return 0
        with suppress(OSError, sqlite3.Error, diskcache.Timeout):  # somebody writes: the room is used again later
            self._disk._sql("VACUUM")  # diskcache has no public way to shrink the file
        return count

    def volume(self) -> int:
        """Bytes on disk; 0 if the disk can't tell."""
        try:
            return self._disk.volume() if self._disk is not None else 0
        except (OSError, sqlite3.Error, diskcache.Timeout):
            return 0

    def close(self) -> None:
        """Closes the database; the store can't be used after it."""
        if self._disk is not None:
            self._disk.close()

    def _read(self, key: str) -> bytes | None:
        if key in self._memory:
            return self._memory[key]
        if self._disk is None:
            return None
        try:
            return cast("bytes | None", self._disk.get(key))
        except (OSError, sqlite3.Error, diskcache.Timeout, ValueError) as error:
            log.warning("Entry %s… of the store can't be read (%s); it is computed again.", key[:12], error)
            return None

    def _open(self) -> diskcache.Cache | None:
        for _ in range(2):
            try:
                return _connect(self.folder)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError) or not (self.folder / DATABASE).is_file():
                    self._give_up(f"the store in {self.folder} can't be opened ({error})")
                    return None
                aside = self.folder / f"{DATABASE}.damaged-{time.time_ns()}"
                (self.folder / DATABASE).rename(aside)
                log.warning("The store is damaged (%s); it is set aside as %s and begun anew.", error, aside.name)
            except OSError as error:
                self._give_up(f"the store in {self.folder} can't be written ({error.strerror or error})")
                return None
        return None

    def _give_up(self, why: str) -> None:
        self.notice = f"Results are not kept: {why}; set REGIMESCOPE_CACHE to a folder with room that you may write."
        log.warning(self.notice)


DATABASE: Final = "cache.db"


class _BytesOnly(diskcache.Disk):
    """Refuses what diskcache would otherwise unpickle (CVE-2025-69872)."""

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> Any:
        if mode == MODE_PICKLE:
            raise ValueError("it holds a pickle")
        return super().fetch(mode, filename, value, read)

    def get(self, key: Any, raw: bool) -> Any:
        if not raw:
            raise ValueError("its key is a pickle")
        return super().get(key, raw)


def _connect(folder: Path) -> diskcache.Cache:
    folder.mkdir(parents=True, exist_ok=True)
    cache = diskcache.Cache(
        str(folder), timeout=5, disk=_BytesOnly, eviction_policy="none", cull_limit=0, tag_index=True
    )
    cache.set("probe", b"")  # a folder that can only be read shows itself here, not in the middle of a sweep
    return cache


def encode(arrays: Arrays) -> bytes:
    """Header with checksum, then the arrays."""
    body = io.BytesIO()
    np.savez(body, allow_pickle=False, **arrays)
    payload = body.getvalue()
    return _header(payload) + payload


def _header(payload: bytes) -> bytes:
    header = {"schema": SCHEMA, "sha256": hashlib.sha256(payload).hexdigest()}
    return MAGIC + json.dumps(header).encode() + b"\n"


def decode(blob: object) -> dict[str, np.ndarray]:
    """The arrays of an entry.

    Raises:
        ValueError: it is damaged, or not an entry of this schema.
    """
    if not isinstance(blob, bytes) or not blob.startswith(MAGIC):
        raise ValueError("not an entry")
    payload = blob.removeprefix(MAGIC).partition(b"\n")[2]
    if not blob.startswith(_header(payload)):
        raise ValueError("wrong checksum or schema")
    try:
        with np.load(io.BytesIO(payload), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:  # numpy has many ways to say that bytes with a right checksum are no arrays
        raise ValueError(f"no arrays: {error}") from error
