"""The engine's benchmarks still run, in settings that measure nothing; no time is judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import engine, memory, shapes
from benchmarks.tables import PAGE, Table, from_json, markdown, marks, to_json, write

TABLE = Table("Speed", ("what", "times"), (("this", "2"),))


@pytest.mark.parametrize("part", [part for part in engine.PARTS if part != "memory:memory"])
def test_every_part_fills_its_table(part: str) -> None:
    (table,) = engine.run(part, shapes.TINY)
    assert table.rows
    for row in table.rows:
        assert len(row) == len(table.columns)
        assert "nan" not in " ".join(row)
    if "means differ by" in table.columns:
        apart = [float(row[table.columns.index("means differ by")]) for row in table.rows]
        assert max(apart) < 2e-6


def test_memory_is_measured_in_either_way() -> None:
    weights, undegraded, whole = memory.engine_takes(lambda: shapes.large(shapes.SMALL))
    assert weights == 4 * sum(w.numel() for w in shapes.random_network(shapes.SMALL).weights.values())
    assert 0 <= undegraded <= whole
    assert memory.loop_takes(lambda: shapes.large(shapes.SMALL))[0] >= 0


def test_tables_of_one_title_become_one() -> None:
    more = Table("Speed", TABLE.columns, (("that", "3"),))
    assert from_json(to_json([TABLE, more])) == [TABLE, more]
    assert markdown([TABLE, more]).splitlines()[2:] == [
        "| what | times |",
        "| --- | --- |",
        "| this | 2 |",
        "| that | 3 |",
    ]


@pytest.mark.parametrize("part", ["dashboard", "engine"])
def test_the_page_keeps_what_stands_around_the_marks(part: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    begin, end = marks(part)
    page.write_text(f"before\n\n{begin}\nold\n{end}\n\nafter\n")
    write(page, part, "new")
    write(page, part, "newer")
    assert page.read_text() == f"before\n\n{begin}\n\nnewer\n\n{end}\n\nafter\n"
    assert PAGE.read_text().count(begin) == PAGE.read_text().count(end) == 1
