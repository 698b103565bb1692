"""Several venues as one: worked by hand for a linear and an inverse market, and against the sum of the parts."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import ConfigError
from bot.market.consolidated import Consolidated, Rate, Venue, asked_of_venues
from bot.market.consolidated_entries import CONSOLIDATED
from bot.market.market import Market
from bot.types import NS_PER_S, Floats, Instrument, InstrumentKind, Kind, Side
from tests.market.random_markets import streams
from tests.market.reference import Row, batch_of

SPOT = Instrument("X/USD", InstrumentKind.SPOT, "X", "USD", Decimal("0.5"), Decimal("0.25"))
SWAP = Instrument(
    "X/USD:USD", InstrumentKind.LINEAR, "X", "USD", Decimal("0.5"), Decimal(1), contract_size=Decimal("0.5")
)
COIN = Instrument("X/USD:X", InstrumentKind.INVERSE, "X", "USD", Decimal("0.5"), Decimal(1), contract_size=Decimal(100))
NAMES = (
    "consolidated_mid",
    "consolidated_imbalance(2)",
    "consolidated_depth(200)",
    "consolidated_ofi(1s)",
    "consolidated_trade_flow(1s)",
    "venue_gap",
    "venue_gap_coins",
    "stale_venues",
)
STALE_NS = 3 * NS_PER_S
Levels = Sequence[tuple[float, int]]  # price, lots


@dataclass(slots=True)
class Seen:
    """One venue with a book laid out by hand, and its row of signals."""

    venue: Venue
    row: Floats


def seen(
    instrument: Instrument, bids: Levels, asks: Levels, fee: float = 0.0, at_ns: int = 1, rate: float | Rate = 1.0
) -> Seen:
    """Return a venue that shows these levels since `at_ns`."""
    market = Market(instrument, asked_of_venues(NAMES))
    tick = float(instrument.tick_size)
    rows = [Row(Kind.BID, int(price / tick), lots, local_ns=at_ns, last=False) for price, lots in bids]
    rows += [Row(Kind.ASK, int(price / tick), lots, local_ns=at_ns, last=False) for price, lots in asks]
    market.advance(batch_of([*rows, Row(Kind.CLOCK, local_ns=at_ns)], instrument.symbol), 0, at_ns + 1)
    return Seen(Venue(instrument, market, fee, rate), market.sample(at_ns))


def told(venues: Sequence[Seen], names: Sequence[str] = NAMES, now_ns: int = 2) -> dict[str, float]:
    """What they say together."""
    together = Consolidated([each.venue for each in venues], names, STALE_NS)
    return dict(zip(names, together.sample(now_ns, [each.row for each in venues]).tolist(), strict=True))


def test_a_linear_and_an_inverse_book_worked_by_hand() -> None:
    # Spot: lots of a quarter coin. Inverse: contracts of 100 dollars, so 5 of them at 100 are 5 coins, at 125 are 4.
    spot = seen(SPOT, [(99, 8), (98, 4)], [(102, 4), (103, 4)])
    coin = seen(COIN, [(100, 5)], [(101, 101), (125, 5)])
    found = told([spot, coin])

    assert found["consolidated_mid"] == 100.5
    # Two best bids: 5 coins at 100 and 2 at 99; two best asks: 100 at 101 and 1 at 102.
    assert found["consolidated_imbalance(2)"] == pytest.approx((7 - 101) / (7 + 101))
    # Within 2 % of 100.5: 98.49 to 102.51.
    assert found["consolidated_depth(200)"] == pytest.approx(5 + 2 + 100 + 1)
    assert found["venue_gap"] == pytest.approx(1e4 * (100 / 102 - 1))  # the other pair is 99 / 101, which is worse
    assert found["venue_gap_coins"] == 0
    assert found["stale_venues"] == 0


def test_two_venues_crossed_before_fees_and_not_after() -> None:
    bids, asks = [(101.0, 8), (100.0, 4)], [(102.0, 4)]
    raw = told([seen(SPOT, bids, asks), seen(SWAP, [(99, 2)], [(100, 2), (101, 5)])])
    net = told([seen(SPOT, bids, asks, fee=60), seen(SWAP, [(99, 2)], [(100, 2), (101, 5)], fee=60)])

    assert raw["venue_gap"] == pytest.approx(100)
    # Sell 2 coins at 101; buy 1 at 100 and the second at 101, which gains nothing and loses nothing.
    assert raw["venue_gap_coins"] == 2.0
    assert raw["consolidated_mid"] == 100.5
    assert net["venue_gap"] == pytest.approx(1e4 * (101 * 0.994 / (100 * 1.006) - 1))
    assert net["venue_gap"] < 0
    assert net["venue_gap_coins"] == 0


def test_the_capacity_stops_where_the_next_coin_loses() -> None:
    spot = seen(SPOT, [(103, 4), (102, 4), (100, 40)], [(104, 4)])
    swap = seen(SWAP, [(99, 2)], [(101, 3), (102.5, 100)])

    # Bids of 1 coin at 103 and 1 at 102 against 1.5 coins at 101; the rest of the second is below the 102.5 after it.
    assert told([spot, swap])["venue_gap_coins"] == 1.5


def test_prices_are_converted_by_the_mid_of_another_market() -> None:
    pair = Instrument("EUR/USD", InstrumentKind.SPOT, "EUR", "USD", Decimal("0.25"), Decimal(1))
    rate = seen(pair, [(1.0, 1)], [(1.5, 1)])
    euro = replace(SPOT, symbol="X/EUR", quote="EUR")
    venues = [
        seen(SPOT, [(100, 4)], [(101, 4)]),
        seen(euro, [(80, 4)], [(80.5, 4)], rate=Rate(pair, rate.venue.market)),
    ]

    assert told(venues)["venue_gap"] == pytest.approx(1e4 * (100 / (80.5 * 1.25) - 1))
    assert told(venues, ["stale_venues"], now_ns=2 + STALE_NS)["stale_venues"] == 2


def test_a_venue_without_a_fresh_rate_is_left_out() -> None:
    pair = Instrument("EUR/USD", InstrumentKind.SPOT, "EUR", "USD", Decimal("0.25"), Decimal(1))
    silent = Market(pair, ())
    venues = [seen(SPOT, [(100, 4)], [(101, 4)]), seen(COIN, [(90, 4)], [(91, 4)], rate=Rate(pair, silent))]

    found = told(venues)
    assert found["stale_venues"] == 1
    assert found["consolidated_mid"] == 100.5


def test_a_stale_venue_is_left_out_and_counted() -> None:
    old = seen(SWAP, [(120, 2)], [(121, 2)], at_ns=1)
    new = seen(SPOT, [(100, 4)], [(101, 4)], at_ns=2 + STALE_NS)
    found = told([old, new], now_ns=2 + STALE_NS)

    assert found["stale_venues"] == 1
    assert found["consolidated_mid"] == 100.5
    assert math.isnan(found["venue_gap"])
    assert math.isnan(found["venue_gap_coins"])
    assert told([old, new], now_ns=1 + STALE_NS)["stale_venues"] == 0


def test_without_a_fresh_venue_there_is_nothing_but_the_count() -> None:
    found = told([seen(SPOT, [], [(101, 4)])])

    assert found.pop("stale_venues") == 1
    assert all(math.isnan(value) for value in found.values())


def test_flows_are_added_in_coins_with_contracts_at_the_mid() -> None:
    found = []
    for instrument in (SPOT, SWAP, COIN):
        market = Market(instrument, asked_of_venues(NAMES))
        rows = [
            Row(Kind.BID, 199, 8, local_ns=1, last=False),
            Row(Kind.ASK, 201, 8, local_ns=1),
            Row(Kind.BUY, 201, 8, local_ns=NS_PER_S),
            Row(Kind.SELL, 199, 4, local_ns=NS_PER_S),
            Row(Kind.BID, 199, 10, local_ns=NS_PER_S),
        ]
        batch = batch_of(rows, instrument.symbol)
        row = market.advance(batch, 0, 2)
        market.sample(2)
        market.advance(batch, row, 2 * NS_PER_S)
        found.append(Seen(Venue(instrument, market), market.sample(NS_PER_S + 2)))

    # 4 lots bought net: 1 coin of spot, 2 of the swap (half a coin a contract), 4 of 100 dollars at 100.
    assert told(found, now_ns=NS_PER_S + 2)["consolidated_trade_flow(1s)"] == 1 + 2 + 4
    assert told(found, now_ns=NS_PER_S + 2)["consolidated_ofi(1s)"] == 0.5 + 1 + 2


@pytest.mark.parametrize(
    ("venues", "says"),
    [
        ([], "was none"),
        ([SPOT, SPOT], "each once"),
        ([SPOT, replace(COIN, base="Z")], "trade one coin"),
    ],
)
def test_venues_that_do_not_fit_together_are_refused(venues: list[Instrument], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Consolidated([Venue(each, Market(each, asked_of_venues(NAMES))) for each in venues], NAMES)


def test_fees_rates_names_and_signals_are_checked() -> None:
    market = Market(SPOT, ())
    with pytest.raises(ConfigError, match="taker_bps of X/USD should be 0 to below 10000, was -1"):
        Venue(SPOT, market, -1)
    with pytest.raises(ConfigError, match="rate of X/USD should be above 0"):
        Venue(SPOT, market, 0, 0.0)
    with pytest.raises(ConfigError, match=r"market of X/USD should have ofi\(1s\)"):
        Consolidated([Venue(SPOT, market)], ["consolidated_ofi(1s)"])
    with pytest.raises(ConfigError, match=r"no signal is called 'ofi\(1s\)'; there are consolidated_depth"):
        Consolidated([Venue(SPOT, market)], ["ofi(1s)"])


def test_every_entry_is_made_and_within_its_range() -> None:
    assert {name.partition("(")[0] for name in NAMES} == set(CONSOLIDATED)


SIDES = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 50)), min_size=1, max_size=6, unique_by=lambda it: it[0])


@st.composite
def books(draw: st.DrawFn) -> list[Seen]:
    """Two or three venues whose books overlap, with or without fees."""
    found = []
    for instrument in draw(st.permutations((SPOT, SWAP, COIN)))[: draw(st.integers(2, 3))]:
        centre = draw(st.integers(196, 204)) / 2
        bids = [(centre - away / 2, lots) for away, lots in draw(SIDES)]
        asks = [(centre + away / 2, lots) for away, lots in draw(SIDES)]
        found.append(seen(instrument, bids, asks, draw(st.sampled_from((0.0, 5.0, 120.0)))))
    return found


@settings(max_examples=60, deadline=None)
@given(books())
def test_the_order_of_venues_changes_no_bit(venues: list[Seen]) -> None:
    tables = [list(told(list(order)).values()) for order in itertools.permutations(venues)]

    assert all(np.array_equal(table, tables[0], equal_nan=True) for table in tables)


@settings(max_examples=60, deadline=None)
@given(books())
def test_values_lie_in_their_ranges_and_depth_is_the_sum_of_its_parts(venues: list[Seen]) -> None:
    found = told(venues)
    for name, value in found.items():
        entry = CONSOLIDATED[name.partition("(")[0]]
        assert math.isnan(value) or entry.low <= value <= entry.high
    assert (found["venue_gap_coins"] > 0) == (found["venue_gap"] >= 0)

    mid, parts = found["consolidated_mid"], 0.0
    for each in venues:
        for sign in (1, -1):
            parts += sum(
                coins for price, coins in _ladder(each, sign) if sign * (price - mid * (1 - sign * 0.02)) >= -1e-9
            )
    assert found["consolidated_depth(200)"] == pytest.approx(parts)


def _ladder(each: Seen, sign: int) -> list[tuple[float, float]]:
    """Net prices and coins of one side, in plain Python."""
    venue, instrument = each.venue, each.venue.instrument
    ticks, lots = venue.market.levels(Side.BUY if sign > 0 else Side.SELL, 50)
    found = []
    for tick, lot in zip(ticks.tolist(), lots.tolist(), strict=True):
        price = float(instrument.price(tick))
        size = float(instrument.size(lot) * instrument.contract_size)
        coins = size / price if instrument.kind is InstrumentKind.INVERSE else size
        found.append((price * (1 - sign * venue.taker_bps / 1e4), coins))
    return found


@settings(max_examples=25, deadline=None)
@given(streams(), st.integers(1, 4))
def test_one_venue_without_a_fee_says_exactly_what_its_own_market_does(rows: list[Row], pieces: int) -> None:
    """Ticks and lots are powers of two here, so equal means equal to the last bit; and batches play no part."""
    own = ("mid", "depth_imbalance(3)", "ofi(20ms)", "trade_flow(20ms)")
    names = ("consolidated_mid", "consolidated_imbalance(3)", "consolidated_ofi(20ms)", "consolidated_trade_flow(20ms)")
    market = Market(SPOT, own)
    together = Consolidated([Venue(SPOT, market)], names)
    ends = [index + 1 for index, row in enumerate(rows) if row.last]
    cuts = [0, *ends[pieces - 1 : -1 : pieces], len(rows)]
    batches = [batch_of(rows[start:end], SPOT.symbol) for start, end in itertools.pairwise(cuts) if start < end]
    for batch in batches:
        market.advance(batch, 0, 2**62)
        now_ns = int(batch.local_ns[-1])
        plain = market.sample(now_ns)
        expected = plain if market.has_book else np.full(4, math.nan)
        assert np.array_equal(together.sample(now_ns, [plain]), expected, equal_nan=True)
