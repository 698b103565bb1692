"""What a market makes of calls and streams that no sane exchange or caller sends."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bot.market.market import Market
from bot.market.tallies import DEEP_LOTS, RANKS
from bot.types import NS_PER_MS, NS_PER_S, Instrument, Kind
from tests.market.reference import Row, batch_of

BOOK = [Row(Kind.BID, 1000, 5, local_ns=1), Row(Kind.ASK, 1001, 5, local_ns=1)]


def test_a_scan_takes_every_decision_when_the_last_message_finds_no_room_to_move_a_window(grid: Instrument) -> None:
    deep = [Row(Kind.BID, 960, 5, local_ns=1), Row(Kind.BID, 959, 5, local_ns=1)]
    batch = batch_of([*BOOK, *deep, Row(Kind.BID, 1000, 0, local_ns=2)])  # a message a row; the best bid falls by 40

    market = Market(grid, ("mid",), window_levels=128, far_levels=1)
    row, touches, signals = market.scan(batch, 0, np.array([3, 4]))

    assert row == len(batch)
    assert touches.tolist() == [[960, 5, 1001, 5]] * 2
    assert signals.tolist() == [[0.5 * 980.5]] * 2


def test_decision_times_that_go_back_are_refused(grid: Instrument) -> None:
    market = Market(grid, ("mid",))

    with pytest.raises(ValueError, match="decision times should ascend, was 4 after 5"):
        market.scan(batch_of(BOOK), 0, np.array([2, 5, 4]))


def test_rows_before_the_first_are_refused(grid: Instrument) -> None:
    market = Market(grid, ("mid",))

    with pytest.raises(ValueError, match="row to start from should be >= 0, was -1"):
        market.advance(batch_of(BOOK), -1, 10)
    with pytest.raises(ValueError, match="row to start from should be >= 0, was -1"):
        market.scan(batch_of(BOOK), -1, np.array([2]))


def test_what_guests_said_has_a_row_a_decision(grid: Instrument) -> None:
    market = Market(grid, ("mid@Y/Z",))

    with pytest.raises(ValueError, match=r"said should be of shape \(2, 1\), was \(1, 1\)"):
        market.scan(batch_of(BOOK), 0, np.array([2, 3]), np.zeros((1, 1)))


def test_a_refused_message_does_not_move_the_clock(grid: Instrument) -> None:
    market = Market(grid, ("mid",))
    market.advance(batch_of(BOOK), 0, 10)

    with pytest.raises(ValueError, match="size >= 0"):
        market.advance(batch_of([Row(Kind.BID, 1000, -1, local_ns=NS_PER_S)]), 0, 2 * NS_PER_S)

    assert market.sample(5).tolist() == [0.5 * 1000.5]


def test_a_level_that_a_best_quote_brings_to_an_empty_side_is_young(grid: Instrument) -> None:
    """The first level of a side moves its window, and with it the place where its age is kept."""
    restarted = 1000 * NS_PER_S
    rows = [
        *BOOK,
        Row(Kind.CLEAR, local_ns=restarted),
        Row(Kind.BEST_BID, 2000, 5, local_ns=restarted),
        Row(Kind.ASK, 2001, 5, local_ns=restarted),
    ]

    market = Market(grid, ("persistent_imbalance(1, 10s)",))
    market.advance(batch_of(rows), 0, restarted + 1)

    assert market.sample(restarted + NS_PER_S).tolist() == [0.0]


def test_all_rows_of_a_message_count_from_the_time_of_its_first(grid: Instrument) -> None:
    rows = [Row(Kind.BID, 1000, 5, local_ns=1, last=False), Row(Kind.ASK, 1001, 5, local_ns=NS_PER_S)]

    market = Market(grid, ("persistent_imbalance(1, 1s)",))
    market.advance(batch_of(rows), 0, 2)

    assert market.sample(NS_PER_MS).tolist() == [0.0]


def test_trades_at_a_price_of_0_have_no_spread_in_bps(grid: Instrument) -> None:
    trades = [Row(Kind.BUY, price, 1, local_ns=NS_PER_S + at) for at, price in enumerate((0, 3, 0, 3, 0, 3, 0))]

    market = Market(grid, ("roll(1s)",))
    _, _, signals = market.scan(batch_of([*BOOK, *trades]), 0, np.array([5, 2 * NS_PER_S]))

    assert math.isnan(signals[-1, 0])


def test_sums_that_run_over_the_end_of_int64_change_no_signal(grid: Instrument) -> None:
    """Sizes of 1e12 lots, as of the cheapest coins, take the sum of all sizes there within a day."""
    lots = 10**12
    ladder = [Row(kind, 1000, 5 * lots, local_ns=1, last=False) for kind in (Kind.BID, Kind.ASK)]
    rows = [
        Row(row.kind, 1000 - rank if row.kind is Kind.BID else 1001 + rank, row.size, local_ns=1)
        for rank in range(RANKS)
        for row in ladder
    ]
    for step in range(1, 400):
        rows.append(Row(Kind.BID, 1000 - step % 7, (1 + step * step % 9) * lots, local_ns=step * 10 * NS_PER_MS))
    times = np.arange(0, 4 * NS_PER_S, 10 * NS_PER_MS)
    names = ("integrated_ofi(1s)", "normalised_mlofi(1, 1s)", "mlofi(2, 1s)")
    tables = []
    for start in (0, 2**63 - 1 - 2 * 10**16):
        market = Market(grid, names)
        market._flow.tallies[DEEP_LOTS] = start
        tables.append(market.scan(batch_of(rows), 0, times)[2])

    assert not np.isnan(tables[0][-1]).any()
    np.testing.assert_array_equal(tables[0][101:], tables[1][101:])
