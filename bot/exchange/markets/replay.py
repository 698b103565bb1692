"""The replay market: a tape's books and trades, served as if they happened now."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Final

import numpy as np

from bot.errors import UserError
from bot.exchange.books.taped_book import TapedBook
from bot.exchange.listing import Listing, PublicTrade, TradeLog
from bot.exchange.mark import PRICE_STEP
from bot.exchange.markets.reel import Reel
from bot.types import NS_PER_MS, NS_PER_S, Fact, Instrument, InstrumentKind, Kind
from storage.tape import FACT_ROW, Rows, Stretch, Tape

# One turn of the service applies about so many rows, so that a fast replay still answers requests; the market's
# clock then waits for its events.
_ROWS_A_TURN: Final = 20_000


class ReplayMarket:
    """A tape played at `speed` times its pace. Accounts trade against its visible book and leave no trace in it.

    Market time is the tape's: the exchange's stamp of the first event (the recorder's if there is none) plus the
    recorder's time since then. Only `advance` moves it: the same calls and orders give the same trades and books.
    """

    def __init__(self, folder: Path, speed: float) -> None:
        if not 0 < speed <= 10_000:
            raise UserError(f"the speed of a replay should be above 0 and at most 10,000, was {speed}")
        tape = Tape.open(folder)
        self._speed = speed
        self._books: dict[str, TapedBook] = {}
        self._of_symbol: dict[str, Listing] = {}
        for instrument in tape.header.instruments:
            self._list(instrument)
        self.listings = {listing.symbol_id: listing for listing in self._of_symbol.values()}
        self._symbols = tape.symbols
        self._facts: dict[tuple[str, str], Decimal] = {}
        self._zero_ns, self._start_ns = _first_stamps(tape)
        self._reel = Reel(tape)
        self._reached_ns = 0
        self.ended = False

    def time_ms(self, wall_ms: int) -> int:
        """Market time in ms since 1970."""
        return (self._zero_ns + self._reached_ns) // NS_PER_MS

    def mark_price(self, symbol_id: str) -> Decimal | None:
        """Newest mark price on the tape so far, in quote currency; None when it has told none."""
        return self._facts.get((symbol_id, "mark_price"))

    def index_price(self, symbol_id: str) -> Decimal | None:
        """Newest index price on the tape so far, in quote currency; None when it has told none."""
        return self._facts.get((symbol_id, "index_price"))

    def funding_rate(self, symbol_id: str) -> Decimal | None:
        """Newest funding rate on the tape so far, per funding interval; None when it has told none."""
        return self._facts.get((symbol_id, "funding_rate"))

    def advance(self, elapsed_s: float) -> int:
        """Play on for `elapsed_s` of wall time; how many rows were played comes back."""
        target_ns = self._reached_ns + round(elapsed_s * self._speed * NS_PER_S)
        played = 0
        while played < _ROWS_A_TURN:
            stretch = self._reel.take(self._start_ns + target_ns, _ROWS_A_TURN - played)
            if not len(stretch.rows):
                break
            self._play(stretch)
            played += len(stretch.rows)
        if self._reel.next_ns is not None:
            # Out of turn with events still due: the market's clock stands where they do.
            target_ns = min(target_ns, max(self._reached_ns, self._reel.next_ns - self._start_ns))
        self._reached_ns = target_ns
        self.ended = self._reel.next_ns is None
        for symbol_id, listing in self.listings.items():
            self._refer(symbol_id, listing)
        return played

    def _refer(self, symbol_id: str, listing: Listing) -> None:
        """Let index, mark, funding rate and open interest be the newest on the tape, as far as it has told them."""
        index = self.index_price(symbol_id)
        listing.index = None if index is None else float(index / listing.instrument.tick_size)
        listing.taped_mark = _on_grid(self.mark_price(symbol_id))
        listing.taped_interest = self._facts.get((symbol_id, "open_interest"))
        listing.funding.taped = _on_grid(self.funding_rate(symbol_id))

    def _play(self, stretch: Stretch) -> None:
        for fact in stretch.facts:
            if isinstance(fact, Fact) and fact.symbol in self._of_symbol:
                self._facts[self._of_symbol[fact.symbol].symbol_id, fact.name] = fact.value
        rows = stretch.rows
        # Books do not hear of each other, so a turn plays one after the other.
        indices = np.unique(rows.instrument).tolist()
        for index in indices:
            if index != FACT_ROW:
                mine = rows if len(indices) == 1 else rows.take(np.flatnonzero(rows.instrument == index))
                symbol = self._symbols[index]
                columns = (mine.exchange_ns, mine.id, mine.price, mine.size, mine.kind, mine.last)
                # One at a time, Python's numbers are several times faster to handle than NumPy's.
                self._books[symbol].play(zip(*(column.tolist() for column in columns), strict=True))
                _log(self._of_symbol[symbol].log, mine)

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


def _on_grid(told: Decimal | None) -> Decimal | None:
    """A mark or a rate on the grid that makes its products exact; None for what is neither."""
    if told is None or not told.is_finite():
        return None
    return told.quantize(PRICE_STEP, ROUND_HALF_EVEN)


def _log(log: TradeLog, rows: Rows) -> None:
    """Make the recorded trades among rows public."""
    mine = rows.take((rows.kind == Kind.BUY) | (rows.kind == Kind.SELL))
    stamps = np.where(mine.exchange_ns == 0, mine.local_ns, mine.exchange_ns) // NS_PER_MS
    columns = (mine.id, mine.price, mine.size, mine.kind, stamps)
    for event_id, price, lots, kind, time_ms in zip(*(column.tolist() for column in columns), strict=True):
        # A recording may come without ids; those of its trades then count up from 1.
        trade_id = event_id or log.next_id
        log.next_id = max(log.next_id, trade_id) + 1
        trade = PublicTrade(trade_id, price, lots, 1 if kind == Kind.BUY else -1, trade_id, trade_id, time_ms)
        log.aggregates.append(trade)
        log.add(trade)


def _first_stamps(tape: Tape) -> tuple[int, int]:
    """The exchange's time of a tape's first event (the recorder's where it has none), and the recorder's, in ns."""
    for rows in tape.chunks():
        exchange_ns, local_ns = int(rows.exchange_ns[0]), int(rows.local_ns[0])
        return exchange_ns or local_ns, local_ns
    raise UserError(f"a tape to replay should hold events, {tape.folder} holds none")
