"""Import of Tardis.dev's CSV files: incremental_book_L2, trades, and quotes or book_ticker, to one tape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum, unique
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bot.errors import UserError
from bot.feed.binance_symbols import Market
from bot.feed.csv_columns import Stretch, TimeUnit, read_csv, read_header
from bot.feed.decimals import Bools, Decimals
from bot.feed.events import Account, End, Events, join_events, with_clears
from bot.feed.import_report import ImportReport, Meter, Progress
from bot.feed.importing import Recording, import_recordings, refuse_existing
from bot.feed.instrument_names import InstrumentName, Naming, named_by_binance
from bot.types import Int64s, Kind

SOURCE: Final = "tardis"

_HEAD: Final = ("exchange", "symbol", "timestamp", "local_timestamp")
_MARKETS: Final = {"binance": Market.SPOT, "binance-futures": Market.USDM, "binance-delivery": Market.CM}


@unique
class TardisType(StrEnum):
    """What a file holds, in the order in which events of one time are told: a trade before what it left of the book."""

    TRADES = "trades"
    BOOK = "incremental_book_L2"
    QUOTES = "quotes"


_COLUMNS: Final[Mapping[TardisType, tuple[str, ...]]] = {
    TardisType.TRADES: ("id", "side", "price", "amount"),
    TardisType.BOOK: ("is_snapshot", "side", "price", "amount"),
    TardisType.QUOTES: ("ask_amount", "ask_price", "bid_price", "bid_amount"),
}


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    type: TardisType
    header: tuple[str, ...]
    exchange: str
    symbol: str
    first_ns: int


def import_tardis(files: Sequence[Path], out: Path, naming: Naming, progress: Progress | None = None) -> ImportReport:
    """Import files of one or several instruments, plain, gzip or Zstandard, into a new tape at `out`.

    The type of a file is seen from its columns. Files of one type and instrument follow each other by their first local
    time. A symbol and steps can be given for a single instrument only; Binance's symbols need not be given.

    Raises:
        UserError: a file is of another type, or a line of it is not as it should be.
        TapeError: `out` exists already.
    """
    refuse_existing(out)
    found: dict[tuple[str, str], list[_File]] = {}
    for path in files:
        file = _look_at(path)
        found.setdefault((file.exchange, file.symbol), []).append(file)
    if len(found) > 1 and not naming.says_nothing:
        listed = ", ".join(f"{exchange} {symbol}" for exchange, symbol in found)
        raise UserError(f"--symbol, --tick and --lot are for one instrument, the files hold {listed}: leave them out")
    meter = Meter(files, progress)
    recordings = [_recording(group, naming, meter) for group in found.values()]
    return import_recordings(recordings, out, SOURCE, files)


def _look_at(path: Path) -> _File:
    header = read_header(path)
    kinds = [kind for kind, own in _COLUMNS.items() if set(header) >= {*_HEAD, *own}]
    if not kinds:
        raise UserError(
            f"{path.name} should be incremental_book_L2, trades, quotes or book_ticker of Tardis, but has the columns "
            f"{', '.join(header[:9])}: other types can't be imported"
        )
    for stretch in read_csv(path, lambda done: None, header, dict.fromkeys(_HEAD, pa.string()), header=True):
        first_ns = int(stretch.stamps_ns("local_timestamp", TimeUnit.US)[0])
        return _File(path, kinds[0], tuple(header), stretch.text("exchange", 0), stretch.text("symbol", 0), first_ns)
    raise UserError(f"{path.name} should hold market data, but has no line beside its header: leave it out")


def _recording(group: Sequence[_File], naming: Naming, meter: Meter) -> Recording:
    account = Account()
    streams = []
    for kind in TardisType:
        chain = sorted((file for file in group if file.type is kind), key=lambda file: file.first_ns)
        if chain:
            streams.append(_events(chain, account, meter))
    return Recording(_name(group[0], naming), streams, account, naming.tick_size, naming.lot_size)


def _name(file: _File, naming: Naming) -> InstrumentName:
    if naming.symbol is not None:
        return naming.name()
    market = _MARKETS.get(file.exchange)
    if market is None:
        raise UserError(
            f"{file.path.name}: {file.symbol} of {file.exchange} has no known unified symbol: give one, for example "
            "--symbol BTC/USD:BTC"
        )
    return named_by_binance(file.symbol, market)


def _events(chain: Sequence[_File], account: Account, meter: Meter) -> Iterator[Events]:
    for file in chain:
        wanted = dict.fromkeys((*_HEAD, *_COLUMNS[file.type]), pa.string())
        read: Callable[[Stretch, Account], Events] = {
            TardisType.TRADES: _trades,
            TardisType.BOOK: _Book().levels,
            TardisType.QUOTES: _quotes,
        }[file.type]
        for stretch in read_csv(file.path, meter.of(file.path), file.header, wanted, header=True):
            _refuse_another(stretch, file)
            account.lines += len(stretch)
            yield read(stretch, account)


def _refuse_another(stretch: Stretch, file: _File) -> None:
    same = stretch.is_text("exchange", file.exchange) & stretch.is_text("symbol", file.symbol)
    if not same.all():
        row = int(np.argmin(same))
        was = f"{stretch.text('exchange', row)} {stretch.text('symbol', row)}"
        raise stretch.error(row, f"one instrument a file was expected, {file.symbol} is followed by {was}: split it")


def _trades(stretch: Stretch, account: Account) -> Events:
    bought, sold = stretch.is_text("side", "buy"), stretch.is_text("side", "sell")
    unknown = stretch.is_text("side", "unknown", "")
    _refuse_side(stretch, bought | sold | unknown, "buy, sell or unknown")
    account.skipped["trade without a side"] += int(unknown.sum())
    price, size = stretch.decimals("price"), stretch.decimals("amount")
    _refuse_zero(stretch, price, "price")
    _refuse_zero(stretch, size, "amount")
    events = _events_of(stretch, account, price, size, np.where(bought, Kind.BUY, Kind.SELL), _ids(stretch))
    return events.take(~unknown)


class _Book:
    """Levels of one file. A snapshot may reach from one stretch into the next, so what came last is remembered."""

    def __init__(self) -> None:
        self._in_snapshot = False

    def levels(self, stretch: Stretch, account: Account) -> Events:
        bids = stretch.is_text("side", "bid", "buy")
        _refuse_side(stretch, bids | stretch.is_text("side", "ask", "sell"), "bid or ask")
        whole = stretch.is_text("is_snapshot", "true", "True", "1")
        if not (whole | stretch.is_text("is_snapshot", "false", "False", "0")).all():
            row = int(np.argmin(whole | stretch.is_text("is_snapshot", "false", "False", "0")))
            raise stretch.error(row, f"is_snapshot should be true or false, was {stretch.text('is_snapshot', row)!r}")
        price, size = stretch.decimals("price"), stretch.decimals("amount")
        _refuse_zero(stretch, price, "price")
        starts = whole & ~np.concatenate([[self._in_snapshot], whole[:-1]])
        self._in_snapshot = bool(whole[-1])
        account.has_snapshot |= bool(starts.any())
        events = _events_of(
            stretch, account, price, size, np.where(bids, Kind.BID, Kind.ASK), np.zeros(len(bids), np.int64)
        )
        return with_clears(events, np.flatnonzero(starts))


def _quotes(stretch: Stretch, account: Account) -> Events:
    names = ("bid_price", "bid_amount", "ask_price", "ask_amount")
    whole = ~np.any([stretch.is_text(name, "") for name in names], axis=0)
    account.skipped["quote without a bid or an ask"] += int((~whole).sum())
    stretch = stretch.keep(whole)
    bid, bid_size, ask, ask_size = (stretch.decimals(name) for name in names)
    for name, numbers in zip(names, (bid, bid_size, ask, ask_size), strict=True):
        _refuse_zero(stretch, numbers, name)
    crossed = _is_crossed(bid, ask)
    account.skipped["best quote crossed"] += int(crossed.sum())
    count = len(stretch)
    both = np.zeros(count, np.int64)
    bids = _events_of(stretch, account, bid, bid_size, both + Kind.BEST_BID, both)
    asks = _events_of(stretch, account, ask, ask_size, both + Kind.BEST_ASK, both)
    # A bid and its ask next to each other.
    pairs = np.arange(2 * count).reshape(2, count).T[~crossed].ravel()
    return join_events([bids, asks]).take(pairs)


def _is_crossed(bid: Decimals, ask: Decimals) -> Bools:
    finest = Decimal(1).scaleb(-max(bid.finest_places(), ask.finest_places()))
    crossed: Bools = bid.steps(finest).counts >= ask.steps(finest).counts
    return crossed


def _events_of(
    stretch: Stretch, account: Account, price: Decimals, size: Decimals, kinds: Int64s, ids: Int64s
) -> Events:
    return Events(
        exchange_ns=stretch.stamps_ns("timestamp", TimeUnit.US),
        local_ns=stretch.stamps_ns("local_timestamp", TimeUnit.US),
        id=ids,
        price=price,
        size=size,
        kind=kinds.astype(np.uint8),
        ends=np.full(len(stretch), End.UNSAID, np.uint8),
        place=account.place(stretch.path, stretch.lines),
    )


def _ids(stretch: Stretch) -> Int64s:
    # Some exchanges number their trades, others give them letters: those have no id here.
    column = stretch.columns["id"]
    numbers = pc.if_else(pc.match_substring_regex(column, "^[0-9]{1,18}$"), column, "0")
    return np.array(numbers.cast(pa.int64()), np.int64)


def _refuse_side(stretch: Stretch, known: Bools, expected: str) -> None:
    if not known.all():
        row = int(np.argmin(known))
        raise stretch.error(row, f"side should be {expected}, was {stretch.text('side', row)!r}")


def _refuse_zero(stretch: Stretch, numbers: Decimals, name: str) -> None:
    if (numbers.digits == 0).any():
        row = int(np.argmax(numbers.digits == 0))
        raise stretch.error(row, f"{name} should be above 0, was {stretch.text(name, row)!r}")
