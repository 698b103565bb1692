"""What every importer says about its work, whatever format it read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from bot.types import Instrument

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Grid:
    """Steps of price (quote currency) and size (base currency, contracts for INVERSE) of an instrument, both > 0."""

    tick_size: Decimal
    lot_size: Decimal


@dataclass(frozen=True, slots=True)
class Gap:
    """Depth updates were lost: the one at `local_ns` should have followed `last_id`, but begins at `first_id`."""

    symbol: str
    local_ns: int
    last_id: int
    first_id: int


@dataclass(frozen=True, slots=True)
class SymbolReport:
    """What the import found of one instrument.

    `messages` counts messages read by kind, `dropped` depth messages that became no rows by reason, `rounded` numbers
    between two steps, `backwards` lines whose local time went back. `clock_difference_ns` is local clock minus exchange
    clock, median: the two are not in step, so it is no latency; None when the exchange gave no times. `book_known`
    tells the state at the end. `crossed` counts messages that left the book crossed, None where nobody looked.
    """

    instrument: Instrument
    messages: Mapping[str, int]
    dropped: Mapping[str, int]
    gaps: tuple[Gap, ...]
    book_known: bool
    rounded: int
    backwards: int
    clock_difference_ns: int | None
    crossed: int | None = None


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import read and wrote; `refused` and `skipped` count lines by reason, `span_ns` is in local time."""

    folder: Path
    lines: int
    rows: int
    span_ns: tuple[int, int]
    symbols: tuple[SymbolReport, ...]
    refused: Mapping[str, int]
    skipped: Mapping[str, int]
    warnings: tuple[str, ...]


class Meter:
    """Adds up how far each file was read, for whoever shows the progress in bytes."""

    def __init__(self, files: Sequence[Path], progress: Progress | None) -> None:
        self._progress = progress
        self._done: dict[Path, int] = {}
        self._total = sum(path.stat().st_size for path in files if path.exists())

    def of(self, path: Path) -> Callable[[int], None]:
        """Return what is to be told how many bytes of a file were read so far."""

        def tell(done: int) -> None:
            self._done[path] = done
            if self._progress is not None:
                self._progress(sum(self._done.values()), self._total)

        return tell
