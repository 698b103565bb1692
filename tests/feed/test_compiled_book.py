"""What the feed does in compiled code equals the same rules in plain Python, and is refused in the same words.

A book that the kernel takes is one that the slow way takes, with the same ticks and lots; any other is refused.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import chain, count, pairwise
from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.errors import BadMarketData
from bot.feed.snapshot import SnapshotDiffer
from bot.feed.symbol import SymbolFeed
from bot.feed.validate import Grid, Snapshot
from bot.market.columns import columns_of
from bot.market.ladder import LARGEST
from bot.types import Instrument, InstrumentKind, Int64s
from tests.feed.plain_differ import PlainDiffer

BTC = Instrument("BTC/USDT:USDT", InstrumentKind.LINEAR, "BTC", "USDT", Decimal("0.1"), Decimal("0.001"))
ODD = Instrument("A/B", InstrumentKind.SPOT, "A", "B", Decimal("0.00003"), Decimal(25))

Shift = tuple[int, int, int, bool]


def levels(random: np.random.Generator, touch: int, away: int, depth: int) -> tuple[Int64s, Int64s]:
    """Ticks and lots of up to `depth` levels from the touch on."""
    steps = np.cumsum(random.integers(1, 4, random.integers(max(1, depth - 1), depth + 1)))
    return touch - away * steps, random.integers(1, 4, len(steps))


def walk(depth: int, shifts: list[Shift]) -> list[Snapshot]:
    """Views of a market that jumps: by ticks, seen anew with a seed, `depth` and a change of it, after a restart."""
    seen, mid = [], 10**6
    for number, (jump, seed, more, restarted) in enumerate(shifts):
        mid += jump
        random, shown = np.random.default_rng(seed), max(1, depth + more)
        bids, asks = levels(random, mid, 1, shown), levels(random, mid, -1, shown)
        seen.append(Snapshot("A/B", number, number, number, *bids, *asks, restarted))
    return seen


SEEDS = st.integers(0, 3)
NEAR = st.tuples(st.integers(-3, 3), SEEDS, st.integers(-1, 1), st.just(False))
ANY = st.tuples(st.integers(-900, 900), SEEDS, st.integers(-3, 60), st.booleans())


@given(st.sampled_from([1, 2, 5, 20, 130]), st.lists(NEAR | ANY, min_size=1, max_size=25))
@example(130, [(400 * number, number, 0, False) for number in range(8)])
@example(130, [(-400 * number, number, 0, False) for number in range(8)])
@settings(max_examples=200, deadline=None)
def test_changes_are_those_of_the_plain_rules_in_their_order(depth: int, shifts: list[Shift]) -> None:
    compiled, plain = SnapshotDiffer(), PlainDiffer()
    for now in walk(depth, shifts):
        assert plain.rows(now) == compiled.rows(now)


def outcome(grid: Grid, flat: list[Any], bids: int) -> object:
    """What becomes of a book: its ticks and lots, or why it is refused."""
    try:
        ticks, lots = grid.sides(flat, bids)
    except BadMarketData as refusal:
        return refusal.kind, str(refusal)
    return ticks.tolist(), lots.tolist()


def plain_outcome(grid: Grid, flat: list[Any], bids: int) -> object:
    """The same, one look at a time."""
    try:
        steps = grid.steps(flat)
    except BadMarketData as refusal:
        return refusal.kind, str(refusal)
    ticks, lots = steps[0].tolist(), steps[1].tolist()
    for away, side, noun in ((-1, ticks[:bids], "bids"), (1, ticks[bids:], "asks")):
        apart = [(after - before) * away for before, after in pairwise(side)]
        if min(apart, default=1) <= 0:
            kind = "duplicate_level" if 0 in apart else "unsorted"
            return kind, f"{noun} should go away from the touch, each price once; were {kind}"
    bid, ask = ticks[0], ticks[bids]
    if bid > ask:
        return "crossed", f"best bid should be below best ask, was {bid} over {ask} ticks"
    if bid == ask:
        return "locked", f"best bid should be below best ask, both were {bid} ticks"
    return ticks, lots


@st.composite
def books(draw: st.DrawFn) -> tuple[Grid, list[Any], int]:
    """A book on the grid, most often with something wrong in it, down to the last digit."""
    instrument = draw(st.sampled_from([BTC, ODD]))
    tick, lot = float(instrument.tick_size), float(instrument.lot_size)
    mid = draw(st.sampled_from([10, 1_000, 10**9, LARGEST - 20]))
    bids, asks = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    ticks = [*range(mid, mid - bids, -1), *range(mid + 1, mid + 1 + asks)]
    sizes = draw(st.lists(st.integers(1, 10**6), min_size=len(ticks), max_size=len(ticks)))
    good = list(chain.from_iterable((price * tick, size * lot) for price, size in zip(ticks, sizes, strict=True)))
    flat: list[Any] = [*good]
    off = st.sampled_from([0.0, -1.0, 1.0, 0.5, 0.999e-4, 1.001e-4, 1e-4, -1e-4, 2e-4, 1e15])
    junk = st.sampled_from([float("nan"), float("inf"), 0, 0.0, -1.0, 7, 1e300, 10**400, None, "1", True])
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(flat) - 1))
        unit = lot if place % 2 else tick
        flat[place] = draw(junk) if draw(st.booleans()) else good[place] + draw(off) * unit
        if draw(st.booleans()):
            other = draw(st.integers(0, len(flat) // 2 - 1)) * 2
            flat[place - place % 2] = flat[other]
    return Grid(instrument), flat, bids


@given(books())
@settings(max_examples=600, deadline=None)
def test_a_book_is_taken_or_refused_as_one_look_at_a_time_would(found: tuple[Grid, list[Any], int]) -> None:
    assert plain_outcome(*found) == outcome(*found)


def test_a_market_takes_the_columns_of_a_feed_as_they_are() -> None:
    numbers = count(1)
    feed = SymbolFeed(BTC, 500, lambda taken: next(numbers) * taken)
    levels_told = {"bids": [[100.0, 1.0], [99.9, 2.0]], "asks": [[100.1, 1.5, 3]]}
    batch = feed.book({"symbol": BTC.symbol, "nonce": 7, "timestamp": 1_700_000_000_000, **levels_told}, 5)

    columns = columns_of(batch, BTC.symbol)

    assert all(getattr(batch, name) is column for name, column in columns._asdict().items())
    assert not any(column.flags.writeable for column in columns)


def test_what_a_batch_says_outlives_the_next_book() -> None:
    numbers = count(1)
    feed = SymbolFeed(BTC, 500, lambda taken: next(numbers) * taken)
    told = {"symbol": BTC.symbol, "nonce": 7, "timestamp": 1_700_000_000_000}
    first = feed.book({**told, "bids": [[100.0, 1.0]], "asks": [[100.1, 1.5]]}, 5)
    feed.book({**told, "bids": [[90.0, 1.0]], "asks": [[90.1, 1.5]]}, 6)

    assert first.price.tolist() == [0, 1000, 1001]
    assert first.size.tolist() == [0, 1000, 1500]
