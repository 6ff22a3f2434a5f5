"""Tables: what the parts of a benchmark hand on to be printed, the engine's as JSON on the way; and where they go."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

MET: Final = {True: "yes", False: "**no**"}
PAGE: Final = Path(__file__).parents[1] / "docs" / "performance.md"


@dataclass(frozen=True)
class Table:
    """Some rows under a title. Tables with one title are one table."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def to_json(tables: Iterable[Table]) -> str:
    """The tables on one line."""
    return json.dumps([asdict(table) for table in tables])


def from_json(line: str) -> list[Table]:
    """The tables that `to_json` wrote."""
    return [
        Table(each["title"], tuple(each["columns"]), tuple(tuple(row) for row in each["rows"]))
        for each in json.loads(line)
    ]


def markdown(tables: Iterable[Table]) -> str:
    """The tables in Markdown, each with its title as a heading."""
    rows: dict[str, list[tuple[str, ...]]] = {}
    columns: dict[str, tuple[str, ...]] = {}
    for table in tables:
        columns[table.title] = table.columns
        rows.setdefault(table.title, []).extend(table.rows)
    parts = []
    for title, names in columns.items():
        lines = [names, ("---",) * len(names), *rows[title]]
        parts.append("\n".join([f"### {title}", "", *(f"| {' | '.join(line)} |" for line in lines)]))
    return "\n\n".join(parts)


def marks(part: str) -> tuple[str, str]:
    """Between what on a page the tables of "dashboard" or "engine" stand."""
    return f"<!-- {part}: written by `make bench ARGS='{part} --write'` -->", f"<!-- {part}: end -->"


def write(page: Path, part: str, text: str) -> None:
    """Puts the text between the marks of a part on a page."""
    begin, end = marks(part)
    before, rest = page.read_text().split(begin)
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{rest.split(end)[1]}")


def against(target: float, reached: float, *, most: bool = False) -> tuple[str, str]:
    """A target for a ratio, and whether it is met; a target is the least ratio, or the most."""
    return f"{'≤' if most else '≥'} {target:g}", MET[reached <= target if most else reached >= target]
