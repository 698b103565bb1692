"""Markouts and spreads of trades: worked by hand, the mid strictly before the trade, and what is told of late."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bot.market.market import Market
from bot.types import BPS, NS_PER_MS, NS_PER_S, Floats, Instrument, Kind
from tests.market.reference import Row, batch_of
from tests.market.sessions import RECORDED, recorded_tape

MS = NS_PER_MS


def quote(local_ns: int, bid: int, ask: int, exchange_ns: int = 0) -> list[Row]:
    """A best-quote message."""
    return [
        Row(Kind.BEST_BID, bid, 5, local_ns=local_ns, exchange_ns=exchange_ns, last=False),
        Row(Kind.BEST_ASK, ask, 5, local_ns=local_ns, exchange_ns=exchange_ns),
    ]


def trade(local_ns: int, side: int, ticks: int, lots: int, exchange_ns: int = 0) -> list[Row]:
    """A fill of an aggressive order, +1 for a buy."""
    return [Row(Kind.BUY if side > 0 else Kind.SELL, ticks, lots, local_ns=local_ns, exchange_ns=exchange_ns)]


def scanned(grid: Instrument, names: tuple[str, ...], rows: list[Row], times_ms: list[int]) -> Floats:
    """The signals at decisions."""
    return Market(grid, names).scan(batch_of(rows), 0, np.array(times_ms, dtype=np.int64) * MS)[2]


NAMES = ("effective_spread(1s)", "realised_spread(100ms, 1s)", "price_impact(100ms, 1s)", "markout(100ms, 1s)")


def test_a_buy_and_a_sell_worked_by_hand(grid: Instrument) -> None:
    rows = [
        *quote(0, 100, 102),  # mid 101
        *trade(10 * MS, 1, 102, 3),  # pays 1 above it
        *quote(50 * MS, 103, 105),  # mid 104
        *trade(60 * MS, -1, 102, 2),  # 2 below it
        *quote(155 * MS, 101, 105),  # mid 103 when the second trade's horizon passes, 104 when the first one's does
    ]
    found = scanned(grid, NAMES, rows, [0, 500, 1000])
    weights = 3 * 101 + 2 * 104
    assert np.isnan(found[:2]).all()
    effective = BPS * 2 * (3 * (102 - 101) + 2 * (104 - 102)) / weights
    realised = BPS * 2 * (3 * (102 - 104) + 2 * (103 - 102)) / weights
    impact = BPS * 2 * (3 * (104 - 101) + 2 * (104 - 103)) / weights
    assert found[2].tolist() == pytest.approx([effective, realised, impact, impact / 2], rel=1e-15)
    assert effective == pytest.approx(realised + impact)


def test_mid_before_a_trade_is_the_last_one_stamped_strictly_before_it(grid: Instrument) -> None:
    rows = [
        *quote(1 * MS, 100, 102, exchange_ns=1_000),
        *quote(2 * MS, 102, 104, exchange_ns=2_000),  # what the buy at 102 did to the book, told before it
        *quote(3 * MS, 104, 106, exchange_ns=2_001),
        *trade(4 * MS, 1, 102, 1, exchange_ns=2_000),
    ]
    found = scanned(grid, ("effective_spread(1s)",), rows, [0, 1000])
    assert found[1, 0] == pytest.approx(BPS * 2 * (102 - 101) / 101)
    last_received = BPS * 2 * (102 - 105) / 105
    assert found[1, 0] != pytest.approx(last_received)


def test_quote_without_a_stamp_counts_as_stamped_with_the_newest_one_received(grid: Instrument) -> None:
    rows = [
        *quote(1 * MS, 100, 102),
        *trade(2 * MS, 1, 102, 1, exchange_ns=2_000),
        *quote(3 * MS, 102, 104),
        *trade(4 * MS, 1, 102, 1, exchange_ns=2_000),  # the same order, so the same mid
        *trade(5 * MS, 1, 104, 1, exchange_ns=2_001),
    ]
    found = scanned(grid, ("effective_spread(1s)",), rows, [0, 1000])
    assert found[1, 0] == pytest.approx(BPS * 2 * (1 + 1 + 1) / (101 + 101 + 103))


def test_without_any_stamps_a_trade_meets_the_last_mid_received(grid: Instrument) -> None:
    rows = [*quote(1 * MS, 100, 102), *quote(2 * MS, 102, 104), *trade(3 * MS, 1, 104, 1)]
    assert scanned(grid, NAMES[:1], rows, [0, 1000])[1, 0] == pytest.approx(BPS * 2 / 103)


def test_fills_of_one_order_share_the_mid_and_the_horizon_of_the_first(grid: Instrument) -> None:
    rows = [
        *quote(1 * MS, 100, 102, exchange_ns=1),
        *trade(10 * MS, 1, 102, 1, exchange_ns=5),
        *quote(11 * MS, 102, 104, exchange_ns=5),
        *trade(15 * MS, 1, 103, 1, exchange_ns=5),  # told later, of the same order
        *quote(112 * MS, 200, 202, exchange_ns=9),  # after the horizon of the first, before that of the second
    ]
    found = scanned(grid, ("markout(100ms, 1s)",), rows, [0, 1000])
    assert found[1, 0] == pytest.approx(BPS * (103 - 101) / 101)


def test_without_stamps_fills_received_at_one_time_are_one_order(grid: Instrument) -> None:
    rows = [*quote(0, 100, 102), *trade(MS, 1, 102, 1), *quote(MS, 102, 104), *trade(MS, 1, 103, 1)]
    found = scanned(grid, ("effective_spread(1s)",), rows, [0, 1000])
    assert found[1, 0] == pytest.approx(BPS * 2 * ((102 - 101) + (103 - 101)) / (2 * 101))


def test_trade_enters_at_the_decision_by_which_its_horizon_has_passed(grid: Instrument) -> None:
    rows = [*quote(0, 100, 102), *trade(1000 * MS, 1, 102, 1), *quote(1100 * MS, 101, 103), *quote(1101 * MS, 150, 152)]
    found = scanned(grid, ("markout(100ms, 1s)",), rows, [0, 1000, 1099, 1100, 2000, 2100, 2101])[:, 0]
    assert np.isnan(found[:3]).all()
    assert (
        found[3:5].tolist() == [pytest.approx(BPS * 1 / 101)] * 2
    )  # the mid at 1100 ms is in force then, not the one after
    assert np.isnan(found[5:]).all()  # it entered at 1100 ms and has left the window


def test_trade_without_a_mid_before_or_after_is_not_counted(grid: Instrument) -> None:
    rows = [
        *trade(0, 1, 102, 1),  # no book yet
        *quote(10 * MS, 100, 102),
        *trade(20 * MS, 1, 102, 1),
        Row(Kind.CLEAR, local_ns=50 * MS),  # no book when the horizon of that one passes
        *quote(130 * MS, 100, 102),
    ]
    found = scanned(grid, NAMES, rows, [0, 1000])[1]
    assert found[0] == pytest.approx(BPS * 2 / 101)
    assert np.isnan(found[1:]).all()


def test_mid_further_back_than_the_ring_leaves_a_trade_out(grid: Instrument) -> None:
    rows = [row for step in range(40) for row in quote(step * MS, 100 + step, 102 + step, exchange_ns=1_000 + step)]
    for stamp, is_counted in ((1_007, False), (1_009, True)):
        late = trade(50 * MS, 1, 102, 1, exchange_ns=stamp)
        assert math.isnan(scanned(grid, NAMES[:1], rows + late, [0, 1000])[1, 0]) is not is_counted


def test_more_trades_than_there_is_room_for_are_still_all_counted(grid: Instrument) -> None:
    rows = quote(0, 100, 102)
    for step in range(2_000):
        rows += trade(1 + step, 1 if step % 3 else -1, 101, 1 + step % 5)
    rows += quote(5 * MS, 101, 103)
    found = scanned(grid, ("markout(100ms, 1s)",), rows, [0, 1000])
    flow = sum((1 if step % 3 else -1) * (1 + step % 5) for step in range(2_000))
    assert found[1, 0] == pytest.approx(BPS * flow / (101 * sum(1 + step % 5 for step in range(2_000))))


def test_window_after_a_year_of_heavy_trading_is_as_exact_as_the_first(grid: Instrument) -> None:
    market = Market(grid, ("effective_spread(1s)",))
    market.advance(batch_of([*quote(0, 10**7, 10**7 + 2), *trade(1, 1, 10**7 + 900, 10**15)]), 0, MS)
    market.sample(MS)
    market.advance(batch_of(trade(2 * MS, 1, 10**7 + 2, 3)), 0, 3 * MS)
    market.sample(500 * MS)
    assert market.sample(1001 * MS)[0] == BPS * 2 / (10**7 + 1)
    assert math.isnan(market.sample(2000 * MS)[0])


@pytest.mark.skipif(not RECORDED.exists(), reason="recorded streams are absent")
def test_effective_spread_is_realised_spread_and_impact_of_the_same_trades(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    tape = recorded_tape("usdm BTCUSDT 2024-07", tmp_path_factory.mktemp("tape"), 6_000)
    market = Market(
        tape.header.instruments[0], ("effective_spread(1s)", "realised_spread(1s, 1s)", "price_impact(1s, 1s)")
    )
    (batch, *_) = tape.batches()
    times = np.arange(batch.local_ns[0], batch.local_ns[-1], NS_PER_S // 10)
    effective, realised, impact = market.scan(batch, 0, times)[2].T
    known = ~np.isnan(realised[20:])
    assert known.sum() > 50
    np.testing.assert_allclose(effective[10:-10][known], (realised + impact)[20:][known], rtol=1e-9, atol=1e-12)
