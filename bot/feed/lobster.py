"""Import of LOBSTER's pairs of message and orderbook files: Nasdaq's book as far down as it was ordered, and trades.

A book of N levels can't be replayed from its own messages, since orders deeper than that have none: levels come from
the orderbook file, as the difference of each row from the one before, and trades from the message file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from bot.errors import UserError
from bot.feed.csv_columns import TimeUnit, read_csv, read_header
from bot.feed.events import Account, Events
from bot.feed.import_report import ImportReport, Meter, Progress
from bot.feed.importing import Recording, import_recordings, refuse_existing
from bot.feed.instrument_names import InstrumentName, Naming, named
from bot.feed.lobster_rows import LobsterDay
from bot.feed.text_files import bad_line
from bot.types import NS_PER_S, Int64s

SOURCE: Final = "lobster"

_NAME: Final = re.compile(r"(?P<ticker>[^_]+)_(?P<date>\d{4}-\d\d-\d\d)_.*message.*")
_NEW_YORK: Final = ZoneInfo("America/New_York")
_MESSAGE: Final = {
    "time": pa.string(),
    "type": pa.int64(),
    "order": pa.int64(),
    "size": pa.int64(),
    "price": pa.int64(),
    "direction": pa.int64(),
}
# Price and size of an ask and of a bid, a level.
_LEVEL_COLUMNS: Final = 4


@dataclass(frozen=True, slots=True)
class _Day:
    """One day of one ticker; `ticker` is empty where the file name does not say it."""

    messages: Path
    books: Path
    ticker: str
    date: date


def import_lobster(
    files: Sequence[Path], out: Path, naming: Naming, day: date | None = None, progress: Progress | None = None
) -> ImportReport:
    """Import days of one or several tickers, plain, gzip or Zstandard, into a new tape at `out`.

    Each message file stands for its pair. Ticker and date are in the file names; `day` and the symbol are for names
    without them. The one clock there is becomes both stamps. Executions inside the spread (hidden orders) are rounded
    to the aggressor's side of the tick, unless the tick size that was given is fine enough.

    Raises:
        UserError: a file lacks its pair, or a line of it is not as it should be.
        TapeError: `out` exists already.
    """
    refuse_existing(out)
    days = sorted({_day(path, day) for path in files}, key=lambda one: (one.ticker, one.date))
    tickers = list(dict.fromkeys(one.ticker for one in days))
    if len(tickers) > 1 and naming.symbol is not None:
        raise UserError(f"--symbol is for one instrument, the files hold {', '.join(tickers)}: leave it out")
    paths = [path for one in days for path in (one.messages, one.books)]
    meter = Meter(paths, progress)
    recordings = [_recording([one for one in days if one.ticker == ticker], naming, meter) for ticker in tickers]
    return import_recordings(recordings, out, SOURCE, [one.messages for one in days])


def _day(path: Path, day: date | None) -> _Day:
    messages = path.with_name(path.name.replace("orderbook", "message"))
    books = path.with_name(messages.name.replace("message", "orderbook"))
    if messages.name == books.name:
        raise UserError(f"{path.name} should be such as AAPL_2012-06-21_..._message_10.csv: rename the pair of files")
    if not path.is_file():
        raise UserError(f"{path} was not found")
    for needed in (messages, books):
        if not needed.is_file():
            raise UserError(
                f"{path.name} should lie beside {needed.name}, but that is missing: LOBSTER's files go in pairs"
            )
    match = _NAME.fullmatch(messages.name)
    try:
        found = date.fromisoformat(match["date"]) if match else None
    except ValueError:
        raise UserError(f"{messages.name} should have a date such as 2012-06-21 in its name: rename the pair") from None
    chosen = found or day
    if chosen is None:
        raise UserError(f"{messages.name} has no date in its name, and times are seconds after midnight: give --date")
    if day not in (None, chosen):
        raise UserError(f"{messages.name} is of {found}, --date says {day}: leave --date out")
    return _Day(messages, books, match["ticker"] if match else "", chosen)


def _recording(days: Sequence[_Day], naming: Naming, meter: Meter) -> Recording:
    account = Account(has_snapshot=True)
    stream = (events for one in days for events in _events(one, account, meter))
    name = _name(days[0], naming)
    return Recording(name, (stream,), account, naming.tick_size, naming.lot_size, rounds_trades=True)


def _name(day: _Day, naming: Naming) -> InstrumentName:
    if naming.symbol is None and day.ticker:
        return named(f"{day.ticker}/USD", naming.kind, naming.contract_size)
    return naming.name()


def _events(day: _Day, account: Account, meter: Meter) -> Iterator[Events]:
    midnight_ns = _midnight_ns(day.date)
    rows = LobsterDay(account)
    books = _BookRows(day.books, meter)
    newest_ns = 0
    for stretch in read_csv(day.messages, meter.of(day.messages), list(_MESSAGE), _MESSAGE, header=False):
        after_ns = stretch.stamps_ns("time", TimeUnit.S)
        back = np.flatnonzero(np.diff(after_ns, prepend=newest_ns) < 0)
        if back.size:
            row = int(back[0])
            raise stretch.error(row, f"time should go forward, but went back to {stretch.text('time', row)}")
        newest_ns = int(after_ns[-1])
        account.lines += len(stretch)
        yield rows.events(stretch, midnight_ns + after_ns, books.take(len(stretch)))
    if len(books.take(1)):
        raise UserError(f"{day.books.name} should have as many lines as {day.messages.name}, but has more: fetch both")


class _BookRows:
    """Rows of an orderbook file, as many at a time as are asked for."""

    def __init__(self, path: Path, meter: Meter) -> None:
        self.path = path
        columns = len(read_header(path, must_differ=False))
        if columns == 0 or columns % _LEVEL_COLUMNS:
            raise bad_line(path, 1, f"four columns a level were expected, were {columns}: is it an orderbook file?")
        names = [f"column {number + 1}" for number in range(columns)]
        wanted = dict.fromkeys(names, pa.int64())
        self._stretches = read_csv(path, meter.of(path), names, wanted, header=False)
        self._waiting = np.empty((0, columns), np.int64)

    def take(self, count: int) -> Int64s:
        """Take the next `count` rows, fewer at the end of the file."""
        parts = [self._waiting]
        there = len(self._waiting)
        while there < count:
            stretch = next(self._stretches, None)
            if stretch is None:
                break
            parts.append(np.stack([stretch.integers(name) for name in stretch.columns], axis=1))
            there += len(stretch)
        rows = np.concatenate(parts)
        self._waiting = rows[count:]
        return rows[:count]


def _midnight_ns(day: date) -> int:
    # Counted back from noon, by when any change of the clocks that day is over: trading never spans one.
    return (int(datetime.combine(day, time(12), _NEW_YORK).timestamp()) - 12 * 3_600) * NS_PER_S
