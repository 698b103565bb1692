"""Random streams of market events for properties that hold for every signal, and the table a market makes of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import strategies as st

from bot.market.market import Market
from bot.types import NS_PER_MS, Instrument, Kind
from tests.market.reference import Row, batch_of

MIRRORED = {
    Kind.BID: Kind.ASK,
    Kind.ASK: Kind.BID,
    Kind.BEST_BID: Kind.BEST_ASK,
    Kind.BEST_ASK: Kind.BEST_BID,
    Kind.BUY: Kind.SELL,
    Kind.SELL: Kind.BUY,
}
BID_SIDE_KINDS = (Kind.BID, Kind.BEST_BID, Kind.SELL)
EVERY_NS = 5 * NS_PER_MS
CENTRE = 1000  # ticks


@st.composite
def streams(draw: st.DrawFn, least: int = 20, most: int = 120) -> list[Row]:
    """Draw messages of one or a few rows around a fixed price, about one a millisecond; some trades share a stamp."""
    rows = [Row(Kind.BID, CENTRE - 1, 5), Row(Kind.ASK, CENTRE + 1, 5)]
    now = exchange = 1
    for _ in range(draw(st.integers(least, most))):
        now += draw(st.integers(0, 3 * NS_PER_MS))
        exchange += draw(st.sampled_from((0, 0, NS_PER_MS)))
        kind = draw(st.sampled_from(tuple(MIRRORED)))
        away = draw(st.integers(1, 14 if kind in (Kind.BID, Kind.ASK) else 2))
        price = CENTRE - away if kind in BID_SIDE_KINDS else CENTRE + away
        stamp = exchange if draw(st.booleans()) else 0
        last = draw(st.sampled_from((True, True, False)))
        rows.append(Row(kind, price, draw(st.integers(0, 9)), 0, now, last, stamp))
    rows.append(Row(Kind.CLOCK, local_ns=now))
    return rows


def swapped(rows: Sequence[Row]) -> list[Row]:
    """Return the stream with the sides exchanged: prices mirrored at the centre."""
    return [
        Row(MIRRORED.get(r.kind, r.kind), 2 * CENTRE - r.price, r.size, 0, r.local_ns, r.last, r.exchange_ns)
        for r in rows
    ]


def with_future(rows: Sequence[Row], keep: int) -> tuple[list[Row], int]:
    """Return the stream with all after about `keep` rows made wild, and how many decisions can't know of it."""
    cut = min(keep, len(rows) - 1)
    while cut > 0 and not rows[cut - 1].last:
        cut -= 1
    wild = [Row(kind, CENTRE - 1, 10**6, 0, row.local_ns) for row in rows[cut:] for kind in (Kind.BID, Kind.SELL)]
    # A decision at the time of a message takes it in.
    known = sum(now < rows[cut].local_ns for now in range(0, rows[-1].local_ns + 1, EVERY_NS))
    return [*rows[:cut], *wild, Row(Kind.CLOCK, local_ns=rows[-1].local_ns)], known


def table(grid: Instrument, names: Sequence[str], rows: Sequence[Row], pieces: int = 0) -> list[list[float]]:
    """Return the signals at decisions 5 ms apart, the rows cut into batches of `pieces` messages, 0 for one batch."""
    market = Market(grid, names, window_levels=128, far_levels=1, entries=2)
    ends = [index + 1 for index, row in enumerate(rows) if row.last]
    cuts = [0, *ends[pieces - 1 : -1 : pieces], len(rows)] if pieces else [0, len(rows)]
    batches = [batch_of(rows[start:end]) for start, end in itertools.pairwise(cuts) if start < end]
    samples, current, row = [], 0, 0
    for now in range(0, rows[-1].local_ns + EVERY_NS, EVERY_NS):
        while current < len(batches):
            row = market.advance(batches[current], row, now + 1)
            if row < len(batches[current]):
                break
            current, row = current + 1, 0
        samples.append(market.sample(now).tolist())
    return samples
