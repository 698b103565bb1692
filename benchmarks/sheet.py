"""A table of figures that can be printed, kept as JSON, or put into a page."""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.table import Table

Cell = str | int | float

_MARKS: Final = ("<!-- figures -->", "<!-- /figures -->")


@dataclass(slots=True)
class Sheet:
    """Rows under headings; `notes` are whole sentences that belong below."""

    title: str
    headings: tuple[str, ...]
    rows: list[tuple[Cell, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_table(self) -> Table:
        """Return it for the terminal."""
        table = Table(title=self.title, title_justify="left", caption="\n".join(self.notes), caption_justify="left")
        for number, heading in enumerate(self.headings):
            table.add_column(heading, justify="right" if self._is_number(number) else "left")
        for row in self.rows:
            table.add_row(*map(_shown, row))
        return table

    def as_json(self) -> dict[str, Any]:
        """Return it with figures unrounded; one that could not be measured is null."""
        rows = [dict(zip(self.headings, map(_plain, row), strict=True)) for row in self.rows]
        return {"title": self.title, "rows": rows, "notes": self.notes}

    def as_markdown(self) -> str:
        """Return it for a page."""
        rule = ["---:" if self._is_number(number) else "---" for number in range(len(self.headings))]
        lines = [self.headings, rule, *(map(_shown, row) for row in self.rows)]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        notes = "".join(f"- {note}\n" for note in self.notes)
        return f"### {self.title}\n\n{table}\n\n{notes}"

    def _is_number(self, column: int) -> bool:
        return any(not isinstance(row[column], str) for row in self.rows)


def put_into(sheets: Sequence[Sheet], page: Path) -> None:
    """Put the sheets between the marks of a Markdown page, or write a new page.

    Raises:
        ValueError: there is a page without the marks; it is left as it is.
    """
    text = page.read_text(encoding="utf-8") if page.exists() else "\n".join(_MARKS) + "\n"
    before, found, rest = text.partition(_MARKS[0])
    _, ended, after = rest.partition(_MARKS[1])
    if not found or not ended:
        raise ValueError(f"{page} should have the marks {' and '.join(_MARKS)}, had not: nothing was written")
    machine = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}."
    body = "\n".join([machine, "", *(sheet.as_markdown() for sheet in sheets)])
    page.write_text(f"{before}{_MARKS[0]}\n{body}{_MARKS[1]}{after}", encoding="utf-8")


def _shown(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int):
        return f"{cell:,}"
    if math.isnan(cell):
        return ""
    return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.3g}" if abs(cell) < 1 else f"{cell:.1f}"


def _plain(cell: Cell) -> Cell | None:
    return None if isinstance(cell, float) and math.isnan(cell) else cell
