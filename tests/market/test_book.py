"""The array book shows what a dictionary would, wherever its window lies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.market.market import Market
from bot.types import Instrument, Kind, Side
from tests.market.reference import ReferenceMarket, Row, batch_of

BOOK_KINDS = (Kind.BID, Kind.ASK, Kind.BEST_BID, Kind.BEST_ASK)


@st.composite
def events(draw: st.DrawFn) -> list[Row]:
    """Draw a stream of any events around a price that jumps now and then by more than the small window."""
    rows: list[Row] = []
    centre, now, update = 10_000, 1, 100
    for _ in range(draw(st.integers(1, 60))):
        kind = draw(st.sampled_from((*BOOK_KINDS, Kind.BID, Kind.ASK, Kind.BUY, Kind.SELL, Kind.CLOCK, Kind.CLEAR)))
        jump = draw(st.sampled_from((0, 0, 0, 0, 0, 40, -40, 700)))
        centre, now, update = centre + jump, now + draw(st.integers(0, 2)), update + draw(st.integers(0, 2))
        lag = draw(st.sampled_from((0, 0, 0, 1, 3)))
        rows.append(
            Row(
                kind=kind,
                price=centre + draw(st.sampled_from((-400, -70, -5, -3, -2, -1, 0, 1, 2, 3, 5, 70, 400))),
                size=draw(st.integers(0, 3)),
                id=draw(st.sampled_from((0, update - lag))),
                local_ns=now,
                last=draw(st.booleans()),
            )
        )
    rows.append(Row(Kind.CLOCK, local_ns=now))
    return rows


def small_market(grid: Instrument) -> Market:
    signals = [f"mlofi({rank}, 10ms)" for rank in range(1, 11)] + ["trade_flow(10ms)", "trade_count(10ms)", "cvd"]
    market = Market(grid, signals, window_levels=128, far_levels=1, entries=2)
    market.sample(0)
    return market


def assert_same_book(market: Market, expected: ReferenceMarket) -> None:
    for side, index in ((Side.BUY, 0), (Side.SELL, 1)):
        ticks, lots = market.levels(side, 70)
        assert list(zip(ticks.tolist(), lots.tolist(), strict=True)) == expected.ladder(index)[:70]
        for price, size in expected.sides[index].items():
            assert market.size_at(side, price) == size
    bid, ask = (expected.ladder(index)[:1] or [(0, 0)] for index in (0, 1))
    assert ((market.bid_ticks, market.bid_lots), (market.ask_ticks, market.ask_lots)) == (bid[0], ask[0])
    assert market.has_book == (bid[0][1] > 0 and ask[0][1] > 0 and bid[0][0] < ask[0][0])


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=events())
def test_book_and_flow_equal_the_reference_exactly(grid: Instrument, rows: list[Row]) -> None:
    market, expected = small_market(grid), ReferenceMarket()
    batch, row = batch_of(rows), 0
    while row < len(rows):
        end = market.step(batch, row)
        for event in rows[row:end]:
            expected.apply(event)
        row = end
        assert_same_book(market, expected)
    values = market.sample(10**9)
    has_book_rows = any(event.kind not in (Kind.BUY, Kind.SELL, Kind.CLOCK) for event in rows)
    ofi = [float(flow) if has_book_rows else math.nan for flow in expected.ofi]
    flows = [*ofi, expected.bought - expected.sold, 4 * expected.trades, expected.bought - expected.sold]
    np.testing.assert_array_equal(values * 4, flows)


def test_levels_far_from_the_touch_are_kept_and_found_again(grid: Instrument) -> None:
    market = Market(grid, (), window_levels=128, far_levels=1)
    rows = [Row(Kind.BID, 1_000 - 100 * i, i + 1, last=False) for i in range(9)]
    rows += [Row(Kind.ASK, 1_001 + 100 * i, i + 1, last=i == 8) for i in range(9)]
    market.step(batch_of(rows), 0)
    assert market.levels(Side.BUY, 20)[0].tolist() == [1_000 - 100 * i for i in range(9)]
    assert market.levels(Side.SELL, 20)[0].tolist() == [1_001 + 100 * i for i in range(9)]
    assert market.size_at(Side.BUY, 200) == 9
    assert market.size_at(Side.BUY, 201) == 0


def test_best_quote_removes_what_was_better_and_sets_its_size(grid: Instrument) -> None:
    market = Market(grid, ())
    rows = [Row(Kind.BID, 10, 5), Row(Kind.BID, 11, 6), Row(Kind.BID, 12, 7), Row(Kind.BEST_BID, 11, 9)]
    market.advance(batch_of(rows), 0, 1)
    assert (market.bid_ticks, market.bid_lots) == (11, 9)
    assert market.size_at(Side.BUY, 12) == 0
    assert market.size_at(Side.BUY, 10) == 5


@pytest.mark.parametrize(("price", "id_", "size"), [(11, 7, 9), (12, 7, 0), (11, 8, 4), (11, 0, 4), (10, 7, 4)])
def test_older_depth_does_not_change_the_newest_best_quote(grid: Instrument, price: int, id_: int, size: int) -> None:
    market = Market(grid, ())
    rows = [Row(Kind.BID, 10, 5, id=5), Row(Kind.BEST_BID, 11, 9, id=8), Row(Kind.BID, price, 4, id=id_)]
    market.advance(batch_of(rows), 0, 1)
    assert market.size_at(Side.BUY, price) == size


def test_older_best_quote_is_passed_over(grid: Instrument) -> None:
    market = Market(grid, ())
    rows = [Row(Kind.BID, 12, 5, id=9), Row(Kind.BEST_BID, 11, 9, id=8)]
    market.advance(batch_of(rows), 0, 1)
    assert (market.bid_ticks, market.bid_lots) == (12, 5)


@pytest.mark.parametrize(("id_", "ask"), [(10, 14), (9, 12)])
def test_best_bid_removes_asks_it_crosses_only_when_it_is_newer(grid: Instrument, id_: int, ask: int) -> None:
    market = Market(grid, ())
    rows = [Row(Kind.ASK, 12, 1, id=9), Row(Kind.ASK, 14, 2, id=9), Row(Kind.BEST_BID, 13, 9, id=id_)]
    market.advance(batch_of(rows), 0, 1)
    assert market.ask_ticks == ask
    assert market.has_book == (id_ == 10)


def test_best_bid_that_crosses_a_newer_best_ask_yields(grid: Instrument) -> None:
    market = Market(grid, ())
    rows = [Row(Kind.BEST_BID, 10, 1, id=5), Row(Kind.BEST_ASK, 12, 1, id=9), Row(Kind.BEST_BID, 13, 9, id=8)]
    market.advance(batch_of(rows), 0, 1)
    assert (market.bid_ticks, market.ask_ticks) == (10, 12)


def test_clear_forgets_levels_and_quotes(grid: Instrument) -> None:
    market = Market(grid, ())
    rows = [Row(Kind.BEST_BID, 10, 1, id=50), Row(Kind.CLEAR), Row(Kind.BID, 10, 3, id=2)]
    market.advance(batch_of(rows), 0, 1)
    assert market.levels(Side.BUY, 5)[1].tolist() == [3]
    assert market.ask_lots == 0
    assert not market.has_book


@pytest.mark.parametrize(
    "bad", [Row(Kind.BID, 1, -1, local_ns=5), Row(Kind.BID, 1, 1, local_ns=4)], ids=["negative size", "time going back"]
)
def test_invalid_row_is_refused_with_its_values(grid: Instrument, bad: Row) -> None:
    market = Market(grid, ())
    with pytest.raises(ValueError, match=r"row 1 of X/Y should have local_ns >= 5"):
        market.advance(batch_of([Row(Kind.BID, 1, 1, local_ns=5), bad]), 0, 100)
    assert market.bid_lots == 1


def test_unknown_kind_is_refused(grid: Instrument) -> None:
    batch = batch_of([Row(Kind.BID, 1, 1)])
    batch.kind[0] = 9
    with pytest.raises(ValueError, match="kind 9"):
        Market(grid, ()).step(batch, 0)


def test_batch_of_another_layout_or_read_only_gives_the_same_book(grid: Instrument) -> None:
    rows = [Row(Kind.BID, 10 + i, 1 + i) for i in range(4)]
    plain = batch_of(rows)
    every_second = np.repeat(plain.price, 2)[::2]
    market = Market(grid, ())
    columns = {name: getattr(plain, name) for name in ("seq", "exchange_ns", "local_ns", "id", "size", "kind", "last")}
    plain.size.flags.writeable = False
    market.advance(type(plain)(symbol=plain.symbol, price=every_second, **columns), 0, 1)
    assert market.levels(Side.BUY, 9)[0].tolist() == [13, 12, 11, 10]


def test_depth_behind_a_quote_of_its_own_message_may_be_best_where_the_quote_took_levels_away(grid: Instrument) -> None:
    market = Market(grid, ())
    quoted = [Row(Kind.BEST_ASK, 96, 1, local_ns=2, last=False), Row(Kind.ASK, 95, 1, local_ns=2)]
    market.advance(batch_of([Row(Kind.ASK, 1, 1, local_ns=1), *quoted]), 0, 10)

    ticks, lots = market.levels(Side.SELL, 5)
    assert list(zip(ticks.tolist(), lots.tolist(), strict=True)) == [(95, 1), (96, 1)]
    assert (market.ask_ticks, market.ask_lots) == (95, 1)
