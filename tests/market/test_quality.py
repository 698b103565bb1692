"""Signals that say how well the market is seen, from reports and events made up by hand."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest

from bot.market.market import Market
from bot.types import NS_PER_MS, NS_PER_S, Fact, FeedReport, Instrument, Kind
from tests.market.reference import SYMBOL, Row, batch_of

BOOK = [Row(Kind.BID, 100, 5, local_ns=1), Row(Kind.ASK, 102, 5, local_ns=2)]


def report(missed: int, jitter_ns: int) -> FeedReport:
    return FeedReport(0, 0, SYMBOL, True, 0, missed, 0, jitter_ns, 0)


def test_losses_count_for_each_book_message_since_the_report_before(grid: Instrument) -> None:
    market = Market(grid, ["missed_updates", "poll_jitter"])
    assert np.isnan(market.sample(0)).all()
    market.advance(batch_of(BOOK), 0, NS_PER_S)
    market.report(report(3, 20 * NS_PER_MS))
    assert market.sample(NS_PER_S).tolist() == [3 / 2, 0.02]
    market.report(report(3, 0))
    assert market.sample(NS_PER_S).tolist() == [0, 0]
    market.report(report(5, 0))  # no book message came since
    assert market.sample(NS_PER_S).tolist() == [2, 0]


def test_trades_are_counted_for_each_look_at_the_book(grid: Instrument) -> None:
    market = Market(grid, ["trades_between_polls(1s)"])
    market.advance(batch_of(BOOK), 0, NS_PER_S)
    assert math.isnan(market.sample(NS_PER_S)[0])
    trades = [Row(Kind.BUY, 102, 1, local_ns=NS_PER_S + index) for index in range(3)]
    books = [Row(Kind.BID, 100, size, local_ns=NS_PER_S + 10) for size in (6, 7)]
    market.advance(batch_of([*trades, *books]), 0, 2 * NS_PER_S)
    assert market.sample(2 * NS_PER_S)[0] == 3 / 2
    market.advance(batch_of([Row(Kind.SELL, 100, 1, local_ns=2 * NS_PER_S)]), 0, 3 * NS_PER_S)
    assert math.isnan(market.sample(3 * NS_PER_S)[0])  # the book was not looked at


@pytest.mark.parametrize("told", [0, 1])
def test_sampling_is_what_was_told(grid: Instrument, told: int) -> None:
    market = Market(grid, ["sampling"])
    assert math.isnan(market.sample(0)[0])
    market.tell(Fact(0, 0, SYMBOL, "sampling", Decimal(told)))
    assert market.sample(0)[0] == told
