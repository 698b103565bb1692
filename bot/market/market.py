"""Show one instrument's market to the rest of the bot: apply batches, sample signals, look at the book.

The same object serves backtest, paper and live. Its state depends on the rows and the decision times alone, not on how
the rows were cut into batches.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np

from bot.market.book import (
    ASK_SIDE,
    BID_SIDE,
    FAR_LEVELS,
    NO_LEVEL,
    WINDOW_LEVELS,
    Book,
    empty_book,
    grown,
)
from bot.market.columns import Columns, columns_of, read_only, refusal
from bot.market.custom import Making
from bot.market.doors import apply_rows_door, level_size_door, walk_door
from bot.market.flow import Flow, empty_flow
from bot.market.jit import entry_point
from bot.market.plan import Plan
from bot.market.plugged import Failed, Plugged
from bot.market.rows import CROWDED, DONE, NO_ROOM, REFUSED
from bot.market.sampler import Sampler
from bot.market.signals.forecast import Forecast, ForecastSpec
from bot.market.signals.naming import SignalSpec
from bot.market.signals.sight import Sight
from bot.market.tallies import BOOK_LOCAL_NS, BOOK_MESSAGES, EXCHANGE_NS, EXCHANGE_SEEN_LOCAL_NS, LOCAL_NS
from bot.market.windows import ENTRIES, Ring
from bot.types import Batch, Batches, Fact, FeedReport, Floats, Instrument, Int64s, Side

_FOREVER: Final = 2**62
_NOTHING_OWN: Final[Mapping[str, Making]] = MappingProxyType({})


class Market:
    """The book, the flow and the chosen signals of one instrument, in integer ticks and lots.

    `names` are the chosen signals, in the order given and as they were written. `book_local_ns` is the local time of
    the newest book message, `exchange_ns` the newest exchange stamp of anything and `exchange_seen_local_ns` the local
    time of the row that carried it; all are 0 before there was one.
    """

    __slots__ = (
        "_apply_rows",
        "_batch",
        "_book",
        "_columns",
        "_flow",
        "_instrument",
        "_plugged",
        "_row",
        "_sampler",
        "_sight",
        "names",
    )

    def __init__(
        self,
        instrument: Instrument,
        signals: Sequence[str],
        forecast: ForecastSpec | None = None,
        own: Mapping[str, Making] = _NOTHING_OWN,
        *,
        window_levels: int = WINDOW_LEVELS,
        far_levels: int = FAR_LEVELS,
        entries: int = ENTRIES,
        everyday: bool = True,
    ) -> None:
        """Choose the signals by name; `forecast` is needed when one of them is a forecast.

        `own` makes the signals of the user's own, by their names. The keyword arguments are sizes to start with and
        change no result but those made of the ages of levels that come up outside the window; without `everyday` they
        are for the kernels of all signals, whatever is asked for.

        Raises:
            ConfigError: a name is not that of a signal, or a forecast has no matching `ForecastSpec`.
        """
        self.names = tuple(signals)
        self._instrument = instrument
        has_model = forecast is not None and forecast.model is not None
        is_plugged = has_model or any(name in own for name in self.names)
        self._plugged = Plugged(instrument, self.names, forecast, own) if is_plugged else None
        compiled = self.names if self._plugged is None else self._plugged.wanted
        self._sampler = Sampler(instrument, compiled, None if has_model else forecast, entries, everyday=everyday)
        self._row = self._sampler.row if self._plugged is None else np.full(len(self.names), math.nan)
        self._apply_rows = apply_rows_door  # until it is known for what arguments
        self._book = empty_book(window_levels, far_levels, ages=self._sampler.ages)
        self._flow = empty_flow(self._sampler.watches)
        self._sight = self._sampler.sight(self._flow)
        self._batch: Batch | None = None
        self._columns: Columns | None = None

    def advance(self, batch: Batch, start: int, until_ns: int) -> int:
        """Apply the messages from row `start` on that begin (local time) before `until_ns`; return the next row.

        Raises:
            ValueError: a row is not valid (time going back, negative size, unknown kind), and the rows before it are
                applied; the batch is another symbol's, or `start` is negative.
        """
        return self._apply(batch, start, until_ns, _FOREVER)

    def step(self, batch: Batch, start: int) -> int:
        """Apply exactly one message, the one that begins at row `start`; return the next row.

        Raises:
            ValueError: as for `advance`, or there is no row `start`.
        """
        if not 0 <= start < len(batch):
            raise ValueError(f"row to step from should be 0 to {len(batch) - 1}, was {start}")
        return self._apply(batch, start, _FOREVER, 1)

    def sample(self, now_ns: int, said: Floats | None = None) -> Floats:
        """Take the decision at `now_ns`: return a fresh array of the signals in the order of `names`, NaN for no value.

        `said` (guests,) is what other markets said, in the order of `guests`; None leaves guests without a value.
        Call it once a decision: windows, volatility and the forecast move on with it.

        Raises:
            ValueError: `now_ns` lies before the last decision or before a message that was applied.
        """
        self._sampler.seat(said)
        row = self._sampler.take(now_ns, self._sight, self._book, self._flow)
        if self._plugged is not None:
            self._row[:] = row = self._plugged.complete(now_ns, row, self)
        return row

    def scan(
        self, batch: Batch, start: int, times_ns: Int64s, said: Floats | None = None
    ) -> tuple[int, Int64s, Floats]:
        """Take many decisions in one call, each after all messages from row `start` on that begin at or before it.

        `times_ns` ascend. Return the next row; the touch at each decision, (decisions, 4) of bid ticks, bid lots, ask
        ticks and ask lots, 0 for a side without a level; and the signals, (decisions, names). It is what `advance` to
        just after each time and `sample` at it would do, bit for bit. `said` (decisions, guests) is what other markets
        said by each of them.

        Raises:
            ValueError: as for `advance` and `sample`, or `said` is of another shape.
        """
        columns = self._columns_of(batch, start)
        times = read_only(times_ns, np.dtype(np.int64))
        if (times[1:] < times[:-1]).any():
            at = int(np.argmax(times[1:] < times[:-1])) + 1
            raise ValueError(f"decision times should ascend, was {times[at]} after {times[at - 1]}")
        touches = np.zeros((len(times), 4), dtype=np.int64)
        rows = np.full((len(times), self._sampler.width), math.nan)
        if said is None:
            said = np.full((len(times), len(self.guests)), math.nan)
        guests = np.array(said, dtype=np.float64, order="C")
        if guests.shape != (len(times), len(self.guests)):
            raise ValueError(f"said should be of shape {(len(times), len(self.guests))}, was {guests.shape}")
        if self._plugged is not None:
            return self._scan_each(batch, start, times, guests)
        row, decision, why = start, 0, NO_ROOM
        while why == NO_ROOM:
            row, decision, why = self._sampler.take_all(
                columns, row, times, decision, self._sight, self._book, self._flow, guests, touches, rows
            )
            self._heed(why, batch, row)
        return row, touches, rows[:, : len(self.names)]

    def hold_more(self) -> None:
        """Make room for more levels far from the touch."""
        self._book = grown(self._book)

    def remember_more(self) -> None:
        """Make room for more decisions."""
        self._sampler.remember_more()

    def cold_signals(self) -> tuple[str, ...]:
        """Return the names of the chosen signals without a value in the last sample."""
        return self._sampler.cold() if self._plugged is None else self._plugged.cold()

    @property
    def failures(self) -> Mapping[str, str]:
        """What went wrong in plug-ins at the last decision, by name; each of them had no value there."""
        return {} if self._plugged is None else self._plugged.failures

    @property
    def failed(self) -> Mapping[str, Failed]:
        """How often each plug-in failed since the start, and how the first time."""
        return {} if self._plugged is None else self._plugged.failed

    def report(self, report: FeedReport) -> None:
        """Take in the state of the feed, which the `quality` signal is made of."""
        self._sampler.judge(report, self._flow.tallies.item(BOOK_MESSAGES))

    def tell(self, fact: Fact) -> None:
        """Take in a fact about the instrument, such as its funding rate; a name that no signal knows changes nothing.

        It counts from the next decision on, whatever its time: tell facts in the order in which they were received.
        """
        mid = 0.5 * (self.bid_ticks + self.ask_ticks) if self.has_book else math.nan
        self._sampler.tell(fact, mid * float(self._instrument.tick_size))

    def size_at(self, side: Side, ticks: int) -> int:
        """Return the lots shown at a price, 0 when there are none; BUY is the bid side."""
        key, index = (ticks, BID_SIDE) if side is Side.BUY else (-ticks, ASK_SIDE)
        return int(level_size_door(self._book, index, key))

    def levels(self, side: Side, count: int) -> tuple[Int64s, Int64s]:
        """Return ticks and lots of the best `count` levels of a side (BUY is the bid side), best first, or fewer."""
        index = BID_SIDE if side is Side.BUY else ASK_SIDE
        found = np.zeros((2, count), dtype=np.int64)
        there = walk_door(self._book, index, count, found)
        return side.sign * found[0, :there], found[1, :there]

    @property
    def signals(self) -> Floats:
        """The signals of the newest decision, in the order of `names`: a fresh array."""
        return self._row[: len(self.names)].copy()

    @property
    def book(self) -> Book:
        """The arrays of the book as it stands, for the matching kernel; not to be written to."""
        return self._book

    @property
    def flow(self) -> Flow:
        """The arrays of the flow as it stands, for the matching kernel; not to be written to."""
        return self._flow

    @property
    def arrays(self) -> tuple[Sight, Book, Flow, Plan, Plan | None, Ring, Forecast | None, Floats]:
        """All that a kernel needs that applies rows and samples signals by itself; others once room was made."""
        return self._sight, self._book, self._flow, *self._sampler.arrays, self._row

    @property
    def symbol(self) -> str:
        """The instrument's symbol."""
        return self._instrument.symbol

    @property
    def guests(self) -> tuple[SignalSpec, ...]:
        """The signals that other markets have to answer, a forecast's features among them."""
        return self._sampler.guests

    @property
    def bid_ticks(self) -> int:
        """Price of the best bid; 0 when there is none, as `bid_lots` then is."""
        key = self._flow.tops.item(BID_SIDE, 0, 0)
        return key if key > NO_LEVEL else 0

    @property
    def bid_lots(self) -> int:
        """Size of the best bid, 0 when there is none."""
        return self._flow.tops.item(BID_SIDE, 1, 0)

    @property
    def ask_ticks(self) -> int:
        """Price of the best ask; 0 when there is none, as `ask_lots` then is."""
        key = self._flow.tops.item(ASK_SIDE, 0, 0)
        return -key if key > NO_LEVEL else 0

    @property
    def ask_lots(self) -> int:
        """Size of the best ask, 0 when there is none."""
        return self._flow.tops.item(ASK_SIDE, 1, 0)

    @property
    def has_book(self) -> bool:
        """True when both sides have a level and they do not cross."""
        return self.bid_lots > 0 and self.ask_lots > 0 and self.bid_ticks < self.ask_ticks

    @property
    def book_local_ns(self) -> int:
        """Local time of the newest message with a book row."""
        return self._flow.tallies.item(BOOK_LOCAL_NS)

    @property
    def exchange_ns(self) -> int:
        """Newest exchange stamp; of depth rows that follow each other in a message, the last one's counts."""
        return self._flow.tallies.item(EXCHANGE_NS)

    @property
    def exchange_seen_local_ns(self) -> int:
        """Local time of the row that carried `exchange_ns`."""
        return self._flow.tallies.item(EXCHANGE_SEEN_LOCAL_NS)

    def refusal(self, batch: Batch | Batches, row: int) -> str:
        """Say in one line why a row could not be applied."""
        return refusal(batch, self._instrument.symbol, row, self._flow.tallies.item(LOCAL_NS))

    def _apply(self, batch: Batch, start: int, until_ns: int, messages: int) -> int:
        columns = self._columns_of(batch, start)
        row, why = start, NO_ROOM
        while why == NO_ROOM:
            given = (columns, row, until_ns, messages, self._book, self._flow, self._sampler.told)
            if self._apply_rows is apply_rows_door:
                self._apply_rows = entry_point(apply_rows_door, *given)
            row, why = self._apply_rows(*given)
            if why != DONE:
                self._heed(why, batch, row)
        return row

    def _scan_each(self, batch: Batch, start: int, times: Int64s, said: Floats) -> tuple[int, Int64s, Floats]:
        """Scan a decision at a time: what is plugged in is Python."""
        touches = np.zeros((len(times), 4), dtype=np.int64)
        rows = np.full((len(times), len(self.names)), math.nan)
        row = start
        for decision, now_ns in enumerate(times.tolist()):
            row = self._apply(batch, row, now_ns + 1, _FOREVER)
            rows[decision] = self.sample(now_ns, said[decision])
            touches[decision] = self.bid_ticks, self.bid_lots, self.ask_ticks, self.ask_lots
        return row, touches, rows

    def _columns_of(self, batch: Batch, start: int) -> Columns:
        if start < 0:
            raise ValueError(f"row to start from should be >= 0, was {start}")
        if self._columns is None or batch is not self._batch:
            self._columns = columns_of(batch, self._instrument.symbol)
            self._batch = batch
        return self._columns

    def _heed(self, why: int, batch: Batch, row: int) -> None:
        if why in (NO_ROOM, CROWDED):
            self.hold_more()
        elif why == REFUSED:
            raise ValueError(self.refusal(batch, row))
