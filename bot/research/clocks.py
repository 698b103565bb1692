"""One symbol's events of a tape in the order of one of its two clocks.

A tape is in the order in which its events were received. By the exchange's clock they lie a little differently: streams
overtake each other on the way. They are put in order in bounded memory, message by message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum, unique
from typing import Final

import numpy as np

from bot.errors import TapeError
from bot.nearest import did_you_mean
from bot.types import NS_PER_S, Batch, Instrument, Int64s, Kind
from storage.tape import EMPTY, FACT_ROW, RareInput, Rows, Stretch, Tape, join_rows

HORIZON_NS: Final = 10 * NS_PER_S
"""How far exchange stamps may run back: some four times the most met in recordings of Binance's streams (2.3 s)."""

_BOOK_KINDS: Final = (Kind.BID, Kind.ASK, Kind.CLEAR)


@unique
class Clock(StrEnum):
    """Whose time orders events and stamps decisions: the receiver's, as a live bot sees it, or the exchange's."""

    LOCAL = "local"
    EXCHANGE = "exchange"


@dataclass(slots=True)
class Events:
    """The events of `symbol` by `clock`; `local_ns` of what comes out is the time on that clock.

    With the exchange's clock a message has the stamp of its first row, messages of one stamp keep their order, and
    messages of depth always keep theirs (one stamped before the depth message it was received after counts from that
    one's time). What has no stamp (feed reports, some snapshots and best quotes) counts from the newest stamp received
    before it, or else from the first there is; `unstamped` counts such messages once they were read.
    """

    tape: Tape
    symbol: str
    clock: Clock = Clock.LOCAL
    horizon_ns: int = HORIZON_NS
    unstamped: int = 0

    def __iter__(self) -> Iterator[Batch | RareInput]:
        """Read the events in order, `seq` counted anew from 0.

        Raises:
            TapeError: the symbol is not on the tape, its grid changes there, the tape is damaged, or exchange stamps
                are missing altogether or run back by more than `horizon_ns`.
        """
        stretches = self.tape.stretches([self.instrument.symbol])
        if self.clock is Clock.EXCHANGE:
            stretches = self._by_exchange(stretches)
        next_seq = 0
        for stretch in stretches:
            rows = replace(stretch.rows, seq=np.arange(next_seq, next_seq + len(stretch.rows)))
            next_seq += len(rows)
            yield from Stretch(rows, stretch.facts).inputs(self.tape.symbols)

    @property
    def instrument(self) -> Instrument:
        """The symbol's grid.

        Raises:
            TapeError: the symbol is not on the tape, or its grid changes there.
        """
        grids = [each for each in self.tape.header.instruments if each.symbol == self.symbol]
        if not grids:
            near = did_you_mean(self.symbol, self.tape.symbols)
            raise TapeError(f"symbol should be one that the tape holds, was {self.symbol!r}{near}")
        if len(grids) > 1:
            raise TapeError(
                f"{self.symbol} should have one tick and lot size on the tape, had {len(grids)}:"
                " ticks before and after a change can't be compared"
            )
        return grids[0]

    def _by_exchange(self, stretches: Iterator[Stretch]) -> Iterator[Stretch]:
        order = _ExchangeOrder(self.symbol, self.horizon_ns)
        for stretch in stretches:
            yield order.put(stretch)
        yield order.rest()
        self.unstamped = order.unstamped


@dataclass(slots=True)
class _ExchangeOrder:
    """Holds messages back until nothing that belongs before them can still come."""

    symbol: str
    horizon_ns: int
    unstamped: int = 0
    newest_ns: int = 0  # newest stamp received
    depth_ns: int = 0  # time of the newest depth message
    waiting: Stretch = field(default_factory=lambda: Stretch(EMPTY, ()))  # until there is a first stamp
    held: Rows = EMPTY
    facts: deque[RareInput] = field(default_factory=deque)

    def put(self, stretch: Stretch) -> Stretch:
        """Take the next received and return what is ready."""
        if len(self.waiting.rows):
            joined = join_rows([self.waiting.rows, stretch.rows])
            stretch = Stretch(joined, (*self.waiting.facts, *stretch.facts))
            self.waiting = Stretch(EMPTY, ())
        rows = stretch.rows
        if self.newest_ns == 0:
            stamped = rows.exchange_ns[rows.exchange_ns > 0]
            if not stamped.size:
                self.waiting = stretch
                return Stretch(EMPTY, ())
            self.newest_ns = int(stamped[0])
        self.facts.extend(stretch.facts)
        timed = self._timed(rows)
        joined = join_rows([self.held, timed])
        self.held = joined.take(np.argsort(joined.local_ns, kind="stable"))
        return self._release(self.newest_ns - self.horizon_ns)

    def rest(self) -> Stretch:
        """Return all that is held, at the end of the tape."""
        if len(self.waiting.rows):
            raise TapeError(f"no event of {self.symbol} has an exchange stamp: use the local clock")
        return self._release(self.newest_ns + 1)

    def _timed(self, rows: Rows) -> Rows:
        """Rows with the time of their message in `local_ns`."""
        ends = np.flatnonzero(rows.last) + 1
        starts = np.concatenate([[0], ends[ends < len(rows)]])
        stamps, kinds = rows.exchange_ns[starts], rows.kind[starts]
        is_fact = rows.instrument[starts] == FACT_ROW
        self.unstamped += int(((stamps == 0) & ~is_fact & (kinds != Kind.CLOCK)).sum())
        newest = np.maximum.accumulate(np.concatenate([[self.newest_ns], stamps]))[1:]
        times: Int64s = np.where(stamps == 0, newest, stamps)
        depth = np.isin(kinds, _BOOK_KINDS) & ~is_fact
        if depth.any():
            times[depth] = np.maximum.accumulate(np.concatenate([[self.depth_ns], times[depth]]))[1:]
            self.depth_ns = int(times[depth][-1])
        self.newest_ns = int(newest[-1])
        early = np.flatnonzero(newest - times > self.horizon_ns)
        if early.size:
            back_s = (int(newest[early[0]]) - int(times[early[0]])) / NS_PER_S
            raise TapeError(
                f"exchange stamps of {self.symbol} should run back by at most {self.horizon_ns / NS_PER_S:g} s, was"
                f" {back_s:.3f} s at seq {int(rows.seq[starts[early[0]]])}: use the local clock"
            )
        counts = np.diff(np.concatenate([starts, [len(rows)]]))
        return replace(rows, local_ns=np.repeat(times, counts))

    def _release(self, until_ns: int) -> Stretch:
        stop = int(np.searchsorted(self.held.local_ns, until_ns))
        out, self.held = self.held.take(slice(0, stop)), self.held.take(slice(stop, None))
        stamps = out.local_ns[out.instrument == FACT_ROW].tolist()
        facts = tuple(replace(self.facts.popleft(), local_ns=stamp) for stamp in stamps)
        return Stretch(out, facts)
