"""Turn one symbol's checked answers and stream updates into batches; the part of the feed that does no waiting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final

import numpy as np

from bot.errors import BadMarketData
from bot.feed.snapshot import SnapshotDiffer
from bot.feed.trades import TradeTape
from bot.feed.validate import BookValidator, Grid, Print, Snapshot, check_trades
from bot.market import ladder
from bot.types import NS_PER_MS, Batch, Fact, Instrument, Int64s, Kind, Side, UInt8s

_LONGEST_INTERVAL_H: Final = 24 * 7
# Of a ccxt funding rate answer: key, name of the fact, and bounds that no value lies on or beyond.
_FUNDING_TERMS: Final = (
    ("fundingRate", "funding_rate", -1.0, 1.0),
    ("markPrice", "mark_price", 0.0, 1e15),
    ("indexPrice", "index_price", 0.0, 1e15),
)


class SymbolFeed:
    """One instrument's path from answers and streams to batches.

    Sequence numbers are taken the moment a batch is made, so a batch must be handed on before anything else is made.
    `shown` is the newest book that became a batch.
    """

    def __init__(self, instrument: Instrument, trades_page: int, take_seq: Callable[[int], int]) -> None:
        ladder.warm_up()  # here as well: a recording warms nothing else
        self.instrument = instrument
        self._take_seq = take_seq
        self._validator = BookValidator(instrument)
        # Answers that only prove a book are older than the newest update as often as not.
        self._witness = BookValidator(instrument)
        self.shown: Snapshot | None = None
        self._grid = Grid(instrument)
        self._differ = SnapshotDiffer()
        self._tape = TradeTape(trades_page)
        self._missed_books = 0
        self._exchange_ns = 0
        self._emitted = False

    @property
    def missed(self) -> int:
        """How often trades may have been missed between two polls, and updates of a streamed book."""
        return self._tape.missed + self._missed_books

    def count_missed(self) -> None:
        """Count updates of the book that were not seen."""
        self._missed_books += 1

    @property
    def trades_to_ask(self) -> int:
        """How many trades to ask for; more after an answer that didn't reach back to a known trade."""
        return self._tape.ask

    def book(self, answer: object, local_ns: int) -> Batch:
        """Return the changes since the last book.

        Raises:
            BadMarketData: the answer isn't a book to trade on.
        """
        snapshot = self._validator.check(answer, local_ns)
        if snapshot.restarted:
            self._exchange_ns = snapshot.exchange_ns
            self._tape.restart()
        self.shown = snapshot
        rows = self._differ.changes(snapshot)
        self._exchange_ns = max(self._exchange_ns, snapshot.exchange_ns)
        return self._batch(*self._columns(rows, snapshot.exchange_ns or self._exchange_ns, local_ns, snapshot.nonce))

    def trades(self, answer: object, local_ns: int) -> Batch | None:
        """Return the trades that are new; None when there are none, or when `trades_to_ask` was raised to see more.

        Raises:
            BadMarketData: something in the answer isn't a trade of this instrument.
        """
        return self._printed(self._tape.fresh(check_trades(answer, self._grid)), local_ns)

    def witness(self, answer: object, local_ns: int) -> Snapshot:
        """Return a book answer as a snapshot to compare with; nothing becomes of it.

        Raises:
            BadMarketData: the answer isn't a book.
        """
        return self._witness.check(answer, local_ns)

    def streamed_trades(self, updates: object, local_ns: int) -> Batch | None:
        """Return the trades of a stream that are new, None when there are none.

        Raises:
            BadMarketData: something isn't a trade of this instrument.
        """
        return self._printed(self._tape.streamed(check_trades(updates, self._grid)), local_ns)

    def repaired_trades(self, answer: object, local_ns: int) -> Batch | None:
        """Return the trades of an answer that a stream left out, None when there are none.

        Raises:
            BadMarketData: something in the answer isn't a trade of this instrument.
        """
        return self._printed(self._tape.repaired(check_trades(answer, self._grid)), local_ns)

    @property
    def has_trade_gap(self) -> bool:
        """True while the numbers of a stream's trades say that some were left out, and nobody has asked for them."""
        return self._tape.has_gap

    def _printed(self, fresh: Sequence[Print], local_ns: int) -> Batch | None:
        if not fresh:
            return None
        self._exchange_ns = max(self._exchange_ns, fresh[-1].exchange_ns)
        kinds = [Kind.BUY if one.side is Side.BUY else Kind.SELL for one in fresh]
        rows = np.array([kinds, [one.ticks for one in fresh], [one.lots for one in fresh]], np.int64)
        columns, marks = self._columns(rows, 0, local_ns, 0)
        columns[ladder.EXCHANGE_NS] = [one.exchange_ns for one in fresh]
        columns[ladder.ID] = [one.id for one in fresh]
        return self._batch(columns, marks)

    def clock(self, local_ns: int) -> Batch | None:
        """Return a CLOCK event; None when a batch was made since the last call."""
        quiet, self._emitted = not self._emitted, False
        if not quiet:
            return None
        rows = np.array([[Kind.CLOCK], [0], [0]], np.int64)
        batch = self._batch(*self._columns(rows, self._exchange_ns, local_ns, 0))
        self._emitted = False
        return batch

    def funding(self, answer: object, local_ns: int) -> list[Fact]:
        """Return the facts of a ccxt funding rate answer, those that are there: `funding_rate`, `mark_price`,
        `index_price` and `funding_interval_h`.

        Raises:
            BadMarketData: the answer is of another shape or symbol, or a value is out of its range.
        """
        told = self._of_this_symbol(answer, "funding rate")
        found = [
            (name, _number(told[key], name.replace("_", " "), low, high))
            for key, name, low, high in _FUNDING_TERMS
            if told.get(key) is not None
        ]
        interval_h = _hours(told.get("interval"))
        if interval_h is not None:
            found.append(("funding_interval_h", interval_h))
        return self._facts(found, local_ns)

    def funding_interval(self, answer: object, local_ns: int) -> list[Fact]:
        """Return the `funding_interval_h` of a ccxt funding intervals answer; none where the symbol is not listed.

        Raises:
            BadMarketData: the answer is of another shape.
        """
        if not isinstance(answer, Mapping):
            raise BadMarketData("wrong_shape", f"funding intervals should be a mapping, was {type(answer).__name__}")
        if self.instrument.symbol not in answer:
            return []
        told = self._of_this_symbol(answer[self.instrument.symbol], "funding interval")
        interval_h = _hours(told.get("interval"))
        return self._facts([] if interval_h is None else [("funding_interval_h", interval_h)], local_ns)

    def open_interest(self, answer: object, local_ns: int) -> list[Fact]:
        """Return the `open_interest` of a ccxt answer, as the exchange counts it; none when it told none.

        Raises:
            BadMarketData: the answer is of another shape or symbol, or the value is out of its range.
        """
        told = self._of_this_symbol(answer, "open interest").get("openInterestAmount")
        if told is None:
            return []
        return self._facts([("open_interest", _number(told, "open interest", -1e-12, 1e15))], local_ns)

    def round_trip(self, took_ns: int, local_ns: int) -> Fact:
        """Return the fact `round_trip_ms` of a request to the exchange that took `took_ns` > 0."""
        (fact,) = self._facts([("round_trip_ms", Decimal(took_ns) / NS_PER_MS)], local_ns)
        return fact

    def _of_this_symbol(self, answer: object, noun: str) -> Mapping[str, object]:
        if not isinstance(answer, Mapping) or answer.get("symbol") != self.instrument.symbol:
            raise BadMarketData("wrong_shape", f"{noun} should be of {self.instrument.symbol}, was of another")
        return answer

    def _facts(self, found: Sequence[tuple[str, Decimal]], local_ns: int) -> list[Fact]:
        return [Fact(self._take_seq(1), local_ns, self.instrument.symbol, name, value) for name, value in found]

    def _columns(self, rows: Int64s, exchange_ns: int, local_ns: int, id_: int) -> tuple[Int64s, UInt8s]:
        """Return the columns of a message of kinds, prices and sizes, (3, n), in the order of a batch's."""
        count = rows.shape[1]
        columns, marks = np.empty((ladder.WIDE, count), np.int64), np.empty((ladder.NARROW, count), np.uint8)
        ladder.write_message(rows, self._take_seq(count), exchange_ns, local_ns, id_, columns, marks)
        self._emitted = True
        return columns, marks

    def _batch(self, columns: Int64s, marks: UInt8s) -> Batch:
        """Make a batch that nothing can change any more, as those of a tape are: a market takes it as it is."""
        columns.setflags(write=False)
        marks.setflags(write=False)
        return Batch(self.instrument.symbol, *columns, *marks)


def _number(value: object, noun: str, low: float, high: float) -> Decimal:
    """Check a float of a rare fact: above `low` and below `high`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadMarketData("wrong_shape", f"{noun} should be a number, was {type(value).__name__}")
    if not low < value < high:
        raise BadMarketData("not_a_number", f"{noun} should be between {low} and {high}, was out of it")
    return Decimal(repr(value))


def _hours(value: object) -> Decimal | None:
    """Read ccxt's `8h`; None for anything else, as exchanges write what they like here."""
    if not isinstance(value, str) or not value.endswith("h"):
        return None
    try:
        hours = Decimal(value[:-1])
    except InvalidOperation:
        return None
    return hours if hours.is_finite() and 0 < hours <= _LONGEST_INTERVAL_H else None
