"""Order-flow imbalance as it is often got wrong: each mistake gives other numbers than the kernels, and is caught.

Every version below sees the same books, one after each message, and differs from the right one in one rule. That it
gives other sums somewhere is what makes the comparison with the slow reference worth something.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise

import pytest

from bot.market.market import Market
from bot.types import Instrument, InstrumentKind, Kind
from tests.market.reference import RANKS, SYMBOL, Level, ReferenceMarket, Row, batch_of, event_flow, rows_of
from tests.market.sessions import RECORDED, recorded_tape

EVERY_NS = 10**9
TICK = Decimal("0.1")  # 3 * 0.1 is not 0.3 in floating point
GRID = Instrument(SYMBOL, InstrumentKind.SPOT, "X", "Y", TICK, Decimal(1))

Sides = tuple[Level, Level]
Flow = Callable[[Sides, Sides], float]


@dataclass(frozen=True, slots=True)
class Seen:
    """The book after a message at `time_ns`, its levels by rank, or those so many ticks from the best.

    `fresh` says that the book began anew there, so it can't be compared with the one before.
    """

    time_ns: int
    ranks: Sequence[Sides]
    offsets: Sequence[Sides]
    fresh: bool


def books(rows: Sequence[Row]) -> list[Seen]:
    """The book after each message that may have changed it."""
    market, seen = ReferenceMarket(), list[Seen]()
    begins_ns, begins, fresh, touched = 0, True, True, False
    for row in rows:
        begins_ns = row.local_ns if begins else begins_ns
        market.apply(row)
        fresh |= row.kind is Kind.CLEAR
        touched |= row.kind not in (Kind.BUY, Kind.SELL, Kind.CLOCK)
        begins = row.last
        if row.last and touched:
            seen.append(Seen(begins_ns, by_rank(market), by_offset(market), fresh))
            fresh, touched = market.before is None, False
    return seen


def by_rank(market: ReferenceMarket) -> list[Sides]:
    """The populated levels, best first; one that is not there lies infinitely far away and has size 0."""
    bids: list[Level] = [*market.ladder(0, RANKS)]
    asks: list[Level] = [*market.ladder(1, RANKS)]
    bids += [(-math.inf, 0)] * (RANKS - len(bids))
    asks += [(math.inf, 0)] * (RANKS - len(asks))
    return list(zip(bids, asks, strict=True))


def by_offset(market: ReferenceMarket) -> list[Sides]:
    """The prices 0, 1, 2, ... ticks from the best, populated or not."""
    best_bid, best_ask = by_rank(market)[0]
    bids = [best_bid[0] - ticks for ticks in range(RANKS)]
    asks = [best_ask[0] + ticks for ticks in range(RANKS)]
    sizes = [{float(price): size for price, size in market.ladder(side, RANKS)} for side in (0, 1)]
    return [((bid, sizes[0].get(bid, 0)), (ask, sizes[1].get(ask, 0))) for bid, ask in zip(bids, asks, strict=True)]


def right(before: Sides, now: Sides) -> float:
    return event_flow(*before, *now)


def new_size_when_the_price_retreats(before: Sides, now: Sides) -> float:
    (bid_was, _), (ask_was, _) = before
    (bid, bid_lots), (ask, ask_lots) = now
    lost = bid_lots if bid < bid_was else before[0][1] if bid == bid_was else 0
    gained = ask_lots if ask > ask_was else before[1][1] if ask == ask_was else 0
    return (bid_lots if bid >= bid_was else 0) - lost - (ask_lots if ask <= ask_was else 0) + gained


def size_difference_only(before: Sides, now: Sides) -> float:
    return (now[0][1] - before[0][1]) - (now[1][1] - before[1][1])


def ask_sign_flipped(before: Sides, now: Sides) -> float:
    nobody: Level = (math.inf, 0)
    bid_part = event_flow(before[0], nobody, now[0], nobody)
    return bid_part - (right(before, now) - bid_part)


def bid_rule_copied_to_the_ask(before: Sides, now: Sides) -> float:
    (ask_was, lots_was), (ask, lots) = before[1], now[1]
    copied = (lots if ask >= ask_was else 0) - (lots_was if ask <= ask_was else 0)
    nobody: Level = (math.inf, 0)
    return event_flow(before[0], nobody, now[0], nobody) - copied


def float_prices_compared(before: Sides, now: Sides) -> float:
    """What was kept is ticks times the tick size, what arrives is the text of the exchange as a float."""
    tick = float(TICK)
    kept = tuple((price * tick, lots) for price, lots in before)
    told = tuple((float(Decimal(price) * TICK), lots) for price, lots in now)
    return event_flow(kept[0], kept[1], told[0], told[1])


def missing_level_as_price_0(before: Sides, now: Sides) -> float:
    zeroed = [tuple((0, 0) if math.isinf(price) else (price, lots) for price, lots in sides) for sides in (before, now)]
    return event_flow(*zeroed[0], *zeroed[1])


@dataclass(frozen=True, slots=True)
class Version:
    """One way to compute the flows. What is not said is right."""

    flow: Flow = right
    by_offset: bool = False
    first_is_event: bool = False
    both_ends: bool = False

    def sums(self, seen: Sequence[Seen], edges: Sequence[int]) -> list[list[float]]:
        """The sums of e_1 to e_10 in each bin between two edges."""
        flows = [self._flows(before, now) for before, now in zip([None, *seen], seen, strict=False)]
        times = [now.time_ns for now in seen]
        return [
            [sum(column) for column in zip(*([0.0] * RANKS, *inside), strict=True)]
            for begin, end in pairwise(edges)
            for inside in [[f for f, t in zip(flows, times, strict=True) if self._is_in(begin, t, end)]]
        ]

    def _flows(self, before: Seen | None, now: Seen) -> list[float]:
        if before is None or now.fresh:
            nothing: Sides = ((-math.inf, 0), (math.inf, 0))
            return [self.flow(nothing, sides) if self.first_is_event else 0.0 for sides in now.ranks]
        pairs = (
            zip(before.offsets, now.offsets, strict=True)
            if self.by_offset
            else zip(before.ranks, now.ranks, strict=True)
        )
        return [self.flow(*pair) for pair in pairs]

    def _is_in(self, begin: int, time_ns: int, end: int) -> bool:
        return begin < time_ns <= end or (self.both_ends and time_ns == begin)


MISTAKES: Mapping[str, Version] = {
    "new size instead of old where the price retreats": Version(new_size_when_the_price_retreats),
    "difference of sizes only": Version(size_difference_only),
    "sign of the ask flipped": Version(ask_sign_flipped),
    "rule of the bid copied to the ask": Version(bid_rule_copied_to_the_ask),
    "prices compared as floats": Version(float_prices_compared),
    "a missing level as price 0": Version(missing_level_as_price_0),
    "the first row as an event": Version(first_is_event=True),
    "the quote between two bins counted in both": Version(both_ends=True),
    "levels by offset instead of by rank": Version(by_offset=True),
}
# On a stream of quotes these happen to show only where the book is thin or a message comes exactly between two bins.
RARE = ("a missing level as price 0", "the quote between two bins counted in both")


def by_hand() -> list[Row]:
    """Some seconds in which each rule of the formula decides at least once."""
    s = EVERY_NS
    return [
        Row(Kind.BID, 3, 5, local_ns=s // 2, last=False),
        Row(Kind.BID, 1, 8, local_ns=s // 2, last=False),
        Row(Kind.ASK, 7, 4, local_ns=s // 2),
        Row(Kind.BID, 3, 9, local_ns=s + 1),  # the best bid grows
        Row(Kind.BID, 4, 2, local_ns=s + 2),  # a better one
        Row(Kind.BID, 4, 0, local_ns=s + 3),  # it retreats
        Row(Kind.ASK, 6, 3, local_ns=2 * s),  # a better ask, exactly between two bins
        Row(Kind.ASK, 6, 0, local_ns=2 * s + 1),  # it retreats
        Row(Kind.ASK, 9, 6, local_ns=2 * s + 2),  # the second ask appears
        Row(Kind.BUY, 7, 1, local_ns=2 * s + 3),
        Row(Kind.ASK, 7, 3, local_ns=3 * s + 1),  # the best ask shrinks
        Row(Kind.BID, 1, 2, local_ns=3 * s + 2),  # the second bid, two ticks below the first
    ]


def kernel_sums(rows: Sequence[Row], grid: Instrument, edges: Sequence[int]) -> list[list[float]]:
    """The same by the kernels, in lots."""
    names = [f"mlofi({rank + 1},1s)" for rank in range(RANKS)]
    market, batch, row = Market(replace(grid, lot_size=Decimal(1)), names), batch_of(rows, grid.symbol), 0
    sums = []
    for edge in edges:
        row = market.advance(batch, row, edge + 1)
        sums.append(market.sample(edge).tolist())
    return sums[1:]


def edges_of(rows: Sequence[Row]) -> list[int]:
    """Whole seconds from the last before the first row to the first after the last."""
    first, last = rows[0].local_ns // EVERY_NS, -(-rows[-1].local_ns // EVERY_NS)
    return [second * EVERY_NS for second in range(first, last + 1)]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Row], Instrument]:
    if not RECORDED.exists():
        pytest.skip("recorded streams are absent")
    tape = recorded_tape("usdm BTCUSDT 2024-07", tmp_path_factory.mktemp("recorded"), 2_000)
    return list(rows_of(tape.batches())), tape.header.instruments[0]


def test_the_kernels_sum_to_what_was_worked_out_by_hand() -> None:
    rows = by_hand()
    sums = kernel_sums(rows, GRID, edges_of(rows))

    # Rank 1, bin by bin: nothing; +4 +2 -2 -3; +3 (the ask retreats); +1.
    assert [bin_[0] for bin_ in sums] == [0, 1, 3, 1]
    # Rank 2: nothing; +9 -9 as 3 becomes the second bid and the best again, -4 as 7 becomes the second ask;
    # +4 as it is the best again, -6 as 9 appears; -6.
    assert [bin_[1] for bin_ in sums] == [0, -4, -2, -6]


def test_the_right_version_gives_what_the_kernels_give(recorded: tuple[list[Row], Instrument]) -> None:
    for rows, grid in ((by_hand(), GRID), recorded):
        edges = edges_of(rows)
        assert Version().sums(books(rows), edges) == kernel_sums(rows, grid, edges)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gives_other_sums_by_hand(mistake: str) -> None:
    rows = by_hand()

    assert MISTAKES[mistake].sums(books(rows), edges_of(rows)) != kernel_sums(rows, GRID, edges_of(rows))


@pytest.mark.parametrize("mistake", [name for name in MISTAKES if name not in RARE])
def test_a_mistake_gives_other_sums_on_a_recorded_market(mistake: str, recorded: tuple[list[Row], Instrument]) -> None:
    rows, grid = recorded

    assert MISTAKES[mistake].sums(books(rows), edges_of(rows)) != kernel_sums(rows, grid, edges_of(rows))
