"""Rows and tables of tapes and imports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from bot.console.figures import NO_VALUE, day_and_clock, elapsed, exact, printable, size_of
from bot.console.ledgers import listing, one_line
from bot.errors import TapeError
from bot.feed.book_check import BookCheck
from bot.feed.import_report import ImportReport, SymbolReport
from bot.types import NS_PER_MS, NS_PER_S
from storage.tape import SymbolSummary, Tape
from storage.tape_header import HEADER_NAME

# Of a book that holds together nearly every best quote is met again; the rest are quotes that ran ahead of depth.
SOUND_SHARE: Final = 0.99


def tapes_in(folder: Path) -> list[Tape]:
    """Open every tape below a folder, oldest first; what cannot be read is left out."""
    tapes = []
    for header in sorted(folder.rglob(HEADER_NAME)) if folder.is_dir() else ():
        try:
            tapes.append(Tape.open(header.parent))
        except TapeError:
            continue
    return sorted(tapes, key=lambda tape: tape.header.created_ns)


def tape_row(tape: Tape) -> dict[str, Any]:
    """Return a tape as one flat row."""
    first_ns, last_ns = tape.span_ns
    header = tape.header
    return {
        "tape": tape.folder,
        "name": header.name,
        "source": header.source,
        "sampling": header.sampling,
        "created_ns": header.created_ns,
        "instruments": list(dict.fromkeys(tape.symbols)),
        "rows": tape.rows,
        "first_ns": first_ns,
        "last_ns": last_ns,
        "bytes": sum(segment.path.stat().st_size for segment in tape.segments),
    }


def tapes_table(tapes: Sequence[Tape], folder: Path) -> RenderableType:
    """Tapes, oldest first."""
    if not tapes:
        return Text(f"No tape in {folder}: `imbalance record` or `imbalance paper` makes one.")
    table = listing(f"Tapes in {folder}", "tape", "source", "…symbols", "from UTC", ">length", ">events", ">size")
    for tape in tapes:
        row = tape_row(tape)
        first_ns, last_ns = tape.span_ns
        span = (day_and_clock(first_ns), elapsed((last_ns - first_ns) / NS_PER_S)) if tape.rows else (NO_VALUE, "")
        table.add_row(
            Text(printable(str(tape.folder.relative_to(folder)))),
            printable(row["source"]),
            one_line(" ".join(row["instruments"])),
            *span,
            f"{tape.rows:,}",
            size_of(row["bytes"]),
        )
    return table


def info_table(tape: Tape, summary: Sequence[SymbolSummary]) -> RenderableType:
    """What a tape holds of each symbol."""
    header = tape.header
    first = f"{printable(header.name)}: from {printable(header.source)}, {header.sampling}s, {tape.rows:,} events"
    first += f", from {day_and_clock(tape.span_ns[0])} UTC" if tape.rows else ""
    headings = ("symbol", ">length", ">events", ">messages", ">trades", ">quotes", ">gaps", ">tick", ">lot")
    table = listing(first, *headings)
    grids = {instrument.symbol: instrument for instrument in header.instruments}
    for line in summary:
        length = elapsed((line.last_ns - line.first_ns) / NS_PER_S)
        counts = (f"{count:,}" for count in (line.rows, line.messages, line.trades, line.best_quotes, line.gaps))
        grid = grids[line.symbol]
        table.add_row(printable(line.symbol), length, *counts, exact(grid.tick_size), exact(grid.lot_size))
    notes = [Text(printable(note), style="dim") for note in header.notes]
    return Group(table, *notes, *_warnings(tape.warnings))


def is_sound(check: BookCheck) -> bool:
    """Whether a book holds together: never crossed, and equal to the best quotes wherever there are any."""
    return not check.crossed and (not check.compared or check.equal_share >= SOUND_SHARE)


def check_row(check: BookCheck) -> dict[str, Any]:
    """Return a verdict as one flat row."""
    return {**asdict(check), "equal_share": check.equal_share}


def check_table(checks: Sequence[BookCheck], tape: Tape) -> RenderableType:
    """The book's verdict on each symbol."""
    headings = ("symbol", ">depth", ">crossed", ">compared", ">equal", "verdict")
    table = listing(f"Book of {printable(tape.header.name)}", *headings)
    for check in checks:
        share = f"{check.equal_share:.2%}" if check.compared else NO_VALUE
        counts = (f"{count:,}" for count in (check.messages, check.crossed, check.compared))
        if not check.messages:
            verdict = Text("no depth on this tape")
        elif not is_sound(check):
            verdict = Text("does not hold together", style="red")
        else:
            verdict = Text("OK" if check.compared else "OK, no best quotes to compare with", style="green")
        table.add_row(printable(check.symbol), *counts, share, verdict)
    return Group(table, *_warnings(tape.warnings))


def import_table(report: ImportReport) -> RenderableType:
    """What an import read, wrote and left out."""
    first_ns, last_ns = report.span_ns
    length = elapsed((last_ns - first_ns) / NS_PER_S)
    title = f"Imported {report.lines:,} lines as {report.rows:,} events over {length} to {report.folder}"
    headings = ("symbol", "~messages", "~dropped", ">gaps", ">backwards", "~book at the end", ">local - exchange clock")
    table = listing(title, *headings)
    for line in report.symbols:
        skew = f"{line.clock_difference_ns / NS_PER_MS:,.1f} ms" if line.clock_difference_ns is not None else NO_VALUE
        counts = (_counted(line.messages), _counted(line.dropped), str(len(line.gaps)), str(line.backwards))
        table.add_row(printable(line.instrument.symbol), *counts, _book_at_end(line), skew)
    refused = [Text(f"Lines refused: {_counted(report.refused)}", style="yellow")] if report.refused else []
    skipped = [Text(f"Lines skipped: {_counted(report.skipped)}")] if report.skipped else []
    return Group(table, *refused, *skipped, *_warnings(report.warnings))


def _book_at_end(line: SymbolReport) -> Text:
    if not line.messages.get("depth"):
        return Text("no depth")
    return Text("known", style="green") if line.book_known else Text("lost", style="red")


def _counted(counts: Mapping[str, int]) -> str:
    return printable(", ".join(f"{name} {count:,}" for name, count in counts.items() if count)) or NO_VALUE


def _warnings(lines: Sequence[str]) -> list[Text]:
    return [Text(f"! {printable(line)}", style="yellow") for line in lines]
