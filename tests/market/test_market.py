"""The facade: whole messages, refusals with values, stamps, and everything compiled by one call."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bot.market.market import Market
from bot.market.warming import Kernels, warm_up
from bot.types import Instrument, Kind
from tests.market.reference import Row, batch_of


def test_advance_applies_the_messages_that_begin_before_the_time(grid: Instrument) -> None:
    rows = [
        Row(Kind.BID, 10, 1, local_ns=1, last=False),
        Row(Kind.ASK, 12, 1, local_ns=9),
        Row(Kind.BID, 11, 1, local_ns=9),
    ]
    market, batch = Market(grid, ("mid",)), batch_of(rows)
    assert market.advance(batch, 0, 1) == 0
    assert market.advance(batch, 0, 9) == 2
    assert market.bid_ticks == 10
    assert market.sample(8).tolist() == [5.5]  # the message is dated by its first row
    assert market.advance(batch, 2, 10) == 3


def test_step_applies_one_message(grid: Instrument) -> None:
    batch = batch_of([Row(Kind.BID, 10, 1, last=False), Row(Kind.ASK, 12, 1), Row(Kind.CLOCK)])
    market = Market(grid, ())
    assert market.step(batch, 0) == 2
    assert market.step(batch, 2) == 3
    with pytest.raises(ValueError, match="should be 0 to 2, was 3"):
        market.step(batch, 3)


def test_stamps_are_those_of_the_newest_book_and_the_newest_exchange_time(grid: Instrument) -> None:
    rows = [
        Row(Kind.BID, 10, 1, local_ns=5, exchange_ns=900),
        Row(Kind.BUY, 10, 1, local_ns=6, exchange_ns=800),
        Row(Kind.CLOCK, local_ns=7),
    ]
    market = Market(grid, ())
    assert (market.book_local_ns, market.exchange_ns, market.exchange_seen_local_ns) == (0, 0, 0)
    market.advance(batch_of(rows), 0, 100)
    assert (market.book_local_ns, market.exchange_ns, market.exchange_seen_local_ns) == (5, 900, 5)


def test_decision_before_the_newest_message_is_refused(grid: Instrument) -> None:
    market = Market(grid, ())
    market.step(batch_of([Row(Kind.CLOCK, local_ns=7)]), 0)
    with pytest.raises(ValueError, match=r"should be >= 7 .* was 6"):
        market.sample(6)
    market.sample(9)
    with pytest.raises(ValueError, match=r"should be >= 9 .* was 8"):
        market.sample(8)


@pytest.mark.parametrize("rows", [[], [Row(Kind.CLOCK, last=False)]], ids=["empty", "half a message"])
def test_batch_without_a_whole_message_at_its_end_is_refused(grid: Instrument, rows: list[Row]) -> None:
    with pytest.raises(ValueError, match="should have rows and end with a message"):
        Market(grid, ()).advance(batch_of(rows), 0, 1)


def test_sample_is_the_callers_own_array(grid: Instrument) -> None:
    market = Market(grid, ("cvd",))
    first = market.sample(0)
    first[0] = 99.0
    assert market.sample(0).tolist() == [0.0]
    assert not market.cold_signals()


def test_warm_up_runs() -> None:
    warm_up(Kernels.WHOLE_TABLES)


def test_a_batch_of_another_symbol_or_with_half_a_message_is_refused_whole(grid: Instrument) -> None:
    market, batch = Market(grid, ()), batch_of([Row(Kind.BID, 99, 5), Row(Kind.ASK, 101, 5)])
    other, half = replace(batch, symbol="ELSE/USDT"), replace(batch, last=np.zeros(2, np.uint8))

    with pytest.raises(ValueError, match=f"batch should be of {grid.symbol}, was of ELSE/USDT"):
        market.advance(other, 0, 10)
    with pytest.raises(ValueError, match="end with a message, had 2 rows"):
        market.advance(half, 0, 10)
    assert not market.has_book
