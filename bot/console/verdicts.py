"""What a run came to, as a terminal shows it: the interval first, then the report's tables."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from bot.console.figures import printable
from bot.console.ledgers import listing
from bot.research.performance.limits import UNSEEN
from bot.research.performance.performance import Performance
from bot.research.performance.tables import Table, about, headline, main_tables, tenths_table


def summary(found: Performance, *, whole: bool) -> RenderableType:
    """Return the report in words and tables; `whole` adds the tenths of the signals and the notes."""
    first, *others = headline(found)
    parts: list[RenderableType] = [Text(first, style="bold"), *(Text(line) for line in others)]
    parts.append(Text(printable(about(found)), style="dim"))
    for table in main_tables(found):
        parts += [Text(""), _drawn(table)]
        if table.note and whole:
            parts.append(Text(table.note, style="dim"))
    if whole:
        for name in dict.fromkeys(each.signal for each in found.tenths):
            parts += [Text(""), _drawn(tenths_table([each for each in found.tenths if each.signal == name]))]
        parts += [Text(""), Text("What this simulation cannot show", style="bold")]
        parts += [Text(f"- {each.what}: {each.effect} {each.look}") for each in UNSEEN]
    return Group(*parts)


def _drawn(table: Table) -> RenderableType:
    marks = ("~" if number in table.words else ">" for number in range(len(table.headings)))
    headings = [f"{mark}{heading}" for mark, heading in zip(marks, table.headings, strict=True)]
    drawn = listing(table.title, *headings)
    for row in table.rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    return drawn
