"""The replay market: a tape's books and trades, served as if they happened now."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

from bot.errors import UserError
from bot.exchange.listing import Listing, PublicTrade, TradeLog
from bot.exchange.taped_book import TapedBook
from bot.types import NS_PER_MS, NS_PER_S, Batch, Instrument, InstrumentKind, Kind
from storage.tape import Tape

# One turn of the service applies at most so many rows, so that a fast replay still answers requests; the market's
# clock then waits for its events.
_ROWS_A_TURN: Final = 20_000

# exchange_ns, local_ns, id, price, size, kind, last
_Row = tuple[int, int, int, int, int, int, int]


class ReplayMarket:
    """A tape played at `speed` times its pace. Accounts trade against its visible book and leave no trace in it.

    Market time is the tape's: the exchange's stamp of the first event (the recorder's if there is none) plus the
    recorder's time since then.
    """

    def __init__(self, folder: Path, speed: float) -> None:
        if not 0 < speed <= 10_000:
            raise UserError(f"the speed of a replay should be above 0 and at most 10,000, was {speed}")
        tape = Tape.open(folder)
        self.ended = False
        self._speed = speed
        self._books: dict[str, TapedBook] = {}
        self._of_symbol: dict[str, Listing] = {}
        for instrument in tape.header.instruments:
            self._list(instrument)
        self.listings = {listing.symbol_id: listing for listing in self._of_symbol.values()}
        self._rows = _rows(tape.batches())
        self._next: tuple[str, _Row] | None = next(self._rows, None)
        if self._next is None:
            raise UserError(f"a tape to replay should hold events, {folder} holds none")
        exchange_ns, self._start_ns = self._next[1][:2]
        self._zero_ns = exchange_ns or self._start_ns
        self._reached_ns = 0

    def time_ms(self, wall_ms: int) -> int:
        """Market time in ms since 1970."""
        return (self._zero_ns + self._reached_ns) // NS_PER_MS

    def advance(self, elapsed_s: float) -> int:
        """Play on for `elapsed_s` of wall time; how many rows were played comes back."""
        target_ns = self._reached_ns + int(elapsed_s * self._speed * NS_PER_S)
        played, inside = 0, False
        while self._next is not None:
            symbol, row = self._next
            due_ns = row[1] - self._start_ns
            if not inside and (due_ns > target_ns or played >= _ROWS_A_TURN):
                # Out of turn with events still due: the market's clock stands where they do.
                target_ns = min(target_ns, max(self._reached_ns, due_ns))
                break
            self._play(symbol, row)
            inside = not row[6]
            played += 1
            self._next = next(self._rows, None)
        self.ended = self._next is None
        self._reached_ns = target_ns
        return played

    def _play(self, symbol: str, row: _Row) -> None:
        exchange_ns, local_ns, event_id, price, lots, kind, last = row
        book = self._books[symbol]
        book.apply(kind, event_id, price, lots)
        if kind in (Kind.BUY, Kind.SELL):
            sign = 1 if kind == Kind.BUY else -1
            log = self._of_symbol[symbol].log
            # A recording may come without ids; those of its trades then count up from 1.
            trade_id = event_id or log.next_id
            log.next_id = max(log.next_id, trade_id) + 1
            trade = PublicTrade(trade_id, price, lots, sign, trade_id, trade_id, (exchange_ns or local_ns) // NS_PER_MS)
            log.aggregates.append(trade)
            log.add(trade)
        elif last and kind != Kind.CLOCK:
            book.close_message(event_id)

    def _list(self, instrument: Instrument) -> None:
        if instrument.kind is InstrumentKind.INVERSE:
            raise UserError(f"the local exchange trades linear contracts, {instrument.symbol} on the tape is inverse")
        known = self._of_symbol.get(instrument.symbol)
        if known is not None:
            if (known.instrument.tick_size, known.instrument.lot_size) != (instrument.tick_size, instrument.lot_size):
                raise UserError(f"the tick or lot of {instrument.symbol} changes within the tape; replay its parts")
            return
        book = TapedBook()
        listing = Listing(instrument, book, TradeLog(), Decimal(0))
        twin = next((one for one in self._of_symbol.values() if one.symbol_id == listing.symbol_id), None)
        if twin is not None:
            raise UserError(f"{instrument.symbol} and {twin.instrument.symbol} would both be {listing.symbol_id}")
        self._of_symbol[instrument.symbol] = listing
        self._books[instrument.symbol] = book


def _rows(batches: Iterator[Batch]) -> Iterator[tuple[str, _Row]]:
    """Rows as plain numbers: one at a time, Python's are several times faster to handle than NumPy's."""
    for batch in batches:
        columns = (batch.exchange_ns, batch.local_ns, batch.id, batch.price, batch.size, batch.kind, batch.last)
        symbol = batch.symbol
        for row in zip(*(column.tolist() for column in columns), strict=True):
            yield symbol, row
