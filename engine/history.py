"""What the dashboard and the command line (`sweep`, `compare`, `map`) were asked before: one document for each
question, beside the measurements in the store's folder.

A document is written whole or not at all, so a program that is killed leaves the one before, and two programs may share
the folder. A question that was under way when its program ended is left behind as running, and told as interrupted.
"""

from __future__ import annotations

import logging
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from engine.dials import InputError
from engine.documents import Document
from engine.questions import Question

log = logging.getLogger(__name__)

FOLDER: Final = "history"
IMPORTED: Final = "-imported"
_NAME: Final = re.compile(rf"[0-9a-f]{{32}}({IMPORTED})?")


class Record(NamedTuple):
    """A document in the history.

    Attributes:
        name: of its file, without the ending: the question's key, and whether it was imported.
        document: what it says.
    """

    name: str
    document: Document

    @property
    def imported(self) -> bool:
        """Whether it was measured somewhere else, or at another time."""
        return self.name.endswith(IMPORTED)


class History:
    """The documents of one store; see the module."""

    def __init__(self, store: Path) -> None:
        """Begins or opens it.

        Args:
            store: the folder of the store.
        """
        self._folder = store / FOLDER
        self._read: dict[str, tuple[int, Document | None]] = {}

    def keep(self, document: Document) -> Document:
        """Writes down what is known of a question, and returns what stands there then; what can't be written is only
        told in the log.

        A finished answer is not replaced by a less finished one, which is on its way to it, nor by itself: it keeps the
        time at which it was measured.
        """
        name = document.question.key
        before = self.find(document.question)
        if before is not None and before.status == "done" and (document.status != "done" or before.says(document)):
            return before
        try:
            self._write(name, document)
        except OSError as error:
            log.info("The history in %s can't be written (%s).", self._folder, error.strerror)
        return document

    def bring(self, document: Document) -> str:
        """Takes in a document from elsewhere, beside what was measured here; returns its name.

        Raises:
            InputError: it can't be written.
        """
        name = document.question.key + IMPORTED
        try:
            self._write(name, document)
        except OSError as error:
            raise InputError(
                f"The history must be writable to import a result, got {self._folder} ({error.strerror}); set "
                "REGIMESCOPE_CACHE to a folder that you may write."
            ) from error
        return name

    def records(self) -> list[Record]:
        """All documents, newest first; files that are none are left alone and told in the log."""
        found = (Record(name, document) for name in self._names() if (document := self.document(name)) is not None)
        return sorted(found, key=lambda record: record.document.at, reverse=True)

    def find(self, question: Question) -> Document | None:
        """What is known of a question, of what was measured here."""
        return self.document(question.key)

    def document(self, name: str) -> Document | None:
        """A document by its name; none if there is no such document, or its file is damaged."""
        if not _NAME.fullmatch(name):
            return None
        path = self._path(name)
        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            return None
        if self._read.get(name, (None, None))[0] != changed:
            self._read[name] = changed, _document(path)
        return self._read[name][1]

    def remove(self, name: str) -> None:
        """Deletes a document; the measurements stay (see `Store.forget`).

        Raises:
            InputError: it can't be deleted.
        """
        try:
            self._path(name).unlink(missing_ok=True)
        except OSError as error:
            raise InputError(
                f"The history must be writable to delete a record, got {self._folder} ({error.strerror}); give it back "
                "the right to be written."
            ) from error
        self._read.pop(name, None)

    @property
    def state(self) -> tuple[tuple[str, int], ...]:
        """Something that is another whenever a document came, went or changed."""
        found = []
        for name in self._names():
            with suppress(FileNotFoundError):  # deleted just now
                found.append((name, self._path(name).stat().st_mtime_ns))
        return tuple(found)

    def _names(self) -> Iterator[str]:
        for path in sorted(self._folder.glob("*.json")):
            if _NAME.fullmatch(path.stem):
                yield path.stem

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _write(self, name: str, document: Document) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self._folder, suffix=".part")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(document.to_json())
            os.replace(temporary, self._path(name))
        except BaseException:
            os.unlink(temporary)
            raise


def _document(path: Path) -> Document | None:
    try:
        return Document.from_json(path.read_bytes())
    except (OSError, InputError) as error:
        log.warning("%s in the history is left out: %s", path.name, error)
        return None
