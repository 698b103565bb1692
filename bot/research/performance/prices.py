"""The market as far as a judgement of fills needs it: mids by number and time, and where recordings end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from bot.research.mids import NO_MID, Mids
from bot.types import Fill, Floats, Instrument, Int64s


@dataclass(frozen=True, slots=True)
class Prices:
    """Mids and instruments by symbol, and the stretches of local time [first, last] that were recorded."""

    mids: Mapping[str, Mids]
    instruments: Mapping[str, Instrument]
    spans_ns: tuple[tuple[int, int], ...]

    def knows(self, symbol: str) -> bool:
        """Return True when there is a mid of the symbol at all."""
        return symbol in self.mids and len(self.mids[symbol]) > 0

    def begins_ns(self, times_ns: Int64s) -> Int64s:
        """Return for each time when the recording it lies in began."""
        firsts = np.array([first for first, _ in self.spans_ns], np.int64)
        return firsts[np.maximum(np.searchsorted(firsts, times_ns, side="right") - 1, 0)]

    def ends_ns(self, times_ns: Int64s) -> Int64s:
        """Return for each time when the recording it lies in ends."""
        lasts = np.array([last for _, last in self.spans_ns], np.int64)
        return lasts[np.minimum(np.searchsorted(lasts, times_ns), len(lasts) - 1)]

    def recorded_ns(self, first_ns: int, last_ns: int) -> int:
        """Return how much of the time from first to last was recorded."""
        return sum(max(min(last, last_ns) - max(first, first_ns), 0) for first, last in self.spans_ns)

    def first_mid(self, symbol: str) -> Decimal | None:
        """Return the first mid in quote currency, None when there is none."""
        if not self.knows(symbol):
            return None
        return self.instruments[symbol].tick_size * int(self.mids[symbol].half_ticks[0]) / 2


@dataclass(frozen=True, slots=True)
class FillColumns:
    """Fills of one symbol as columns of equal length (n,); `sign` is +1 for a buy.

    `mid` is the one before the message that brought the fill, in half ticks; `NO_MID` where its recording had none yet:
    that of another recording, days before, says nothing about a fill.
    """

    instrument: Instrument
    seq: Int64s
    time_ns: Int64s
    sign: Int64s
    lots: Int64s
    price_ticks: Int64s
    is_maker: Int64s
    mid: Int64s

    def __len__(self) -> int:
        return int(self.seq.shape[0])

    def later_mid(self, prices: Prices, horizon_ns: int, *, clipped: bool) -> Int64s:
        """Return the mid `horizon_ns` after each fill, in half ticks.

        Where the recording ends sooner it is `NO_MID`, or with `clipped` the last there is.
        """
        ends, wanted = prices.ends_ns(self.time_ns), self.time_ns + horizon_ns
        found = prices.mids[self.instrument.symbol].at(np.minimum(wanted, ends))
        # Of two messages of one time the fill may be the later one's.
        found = np.where(found == NO_MID, self.mid, found)
        return found if clipped else np.where(wanted <= ends, found, NO_MID)


def fill_columns(fills: Sequence[Fill], prices: Prices) -> list[FillColumns]:
    """Return the fills, symbol by symbol; those of symbols without a mid are left out."""
    found = []
    for symbol in dict.fromkeys(fill.symbol for fill in fills):
        if prices.knows(symbol):
            own = [fill for fill in fills if fill.symbol == symbol]
            seq = np.array([fill.seq for fill in own], np.int64)
            time_ns = np.array([fill.local_ns for fill in own], np.int64)
            found.append(
                FillColumns(
                    instrument=prices.instruments[symbol],
                    seq=seq,
                    time_ns=time_ns,
                    sign=np.array([fill.side.sign for fill in own], np.int64),
                    lots=np.array([fill.lots for fill in own], np.int64),
                    price_ticks=np.array([fill.price_ticks for fill in own], np.int64),
                    is_maker=np.array([fill.liquidity == "maker" for fill in own], np.int64),
                    mid=prices.mids[symbol].before(seq, prices.begins_ns(time_ns)),
                )
            )
    return found


def moves_bps(fills: FillColumns, prices: Prices, horizon_ns: int) -> Floats:
    """Return by how much the mid moved in the direction of each fill within the horizon, in bps of the mid, (n,).

    Above 0 it moved in our favour: up after we bought. NaN where the recording ends sooner, or had no mid yet.
    """
    later = fills.later_mid(prices, horizon_ns, clipped=False)
    known = (later != NO_MID) & (fills.mid != NO_MID)
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = fills.sign * (later - fills.mid) / fills.mid * 10_000
    return np.where(known, moves, np.nan)
