"""Models of who cancels, worked by hand: a hundred lots ahead of a bid at 50, sixty behind it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.queue_models import MODELS, QueuedOrder
from bot.types import Kind

PRICE = 50
MODELLED = sorted(MODELS)


def _order(name: str, lots: int = 10) -> QueuedOrder:
    """A hundred lots were there at its placement at 1 ns, and sixty joined."""
    order = QueuedOrder(MODELS[name], 1, PRICE, lots, 100, 1, 0)
    assert order.hear(Kind.BID, PRICE, 160, 2) == 0
    return order


@pytest.mark.parametrize(
    ("name", "ahead"),
    [
        ("risk_averse", 100.0),
        ("uniform", 75.0),  # 100 - 40 * 100 / 160
        ("log", 100 - 40 * 4.61512 / (4.61512 + 4.11087)),  # ln 101 and ln 61
        ("power(2)", 100 - 40 * 10_000 / 13_600),
        ("power(3)", 100 - 40 * 1_000_000 / 1_216_000),
    ],
)
def test_forty_cancelled_lots_are_shared_as_the_model_says(name: str, ahead: float) -> None:
    order = _order(name)

    order.hear(Kind.BID, PRICE, 120, 3)

    assert order.ahead == pytest.approx(ahead, abs=1e-3)


@pytest.mark.parametrize(("name", "fill"), [("risk_averse", 0), ("uniform", 5), ("power(2)", 9)])
def test_a_trade_goes_through_the_estimate_and_then_fills(name: str, fill: int) -> None:
    order = _order(name)
    order.hear(Kind.BID, PRICE, 120, 3)

    # 100, 75 and 70.6 lots are thought to be ahead.
    assert order.hear(Kind.SELL, PRICE, 80, 4) == fill
    assert order.left == 10 - fill


@pytest.mark.parametrize("name", MODELLED)
def test_more_cancelled_lots_than_stood_behind_were_ahead(name: str) -> None:
    order = _order(name)

    order.hear(Kind.BID, PRICE, 30, 3)  # 130 went, of whom 60 at most were behind

    assert order.ahead <= 30
    assert name != "risk_averse" or order.ahead == 30


@pytest.mark.parametrize("name", MODELLED)
def test_what_traded_is_not_taken_for_cancelled(name: str) -> None:
    order = _order(name)

    order.hear(Kind.SELL, PRICE, 40, 3)
    order.hear(Kind.BID, PRICE, 120, 3)

    assert order.ahead == 60


@pytest.mark.parametrize("name", MODELLED)
def test_a_trade_that_is_reported_after_the_level_shrank_counts_as_if_it_had_come_first(name: str) -> None:
    late, timely = _order(name), _order(name)

    late.hear(Kind.BID, PRICE, 90, 30)  # a poll at 30 ns; 40 lots had traded at 20
    late.hear(Kind.SELL, PRICE, 40, 20)
    timely.hear(Kind.SELL, PRICE, 40, 20)
    timely.hear(Kind.BID, PRICE, 90, 30)

    assert late.ahead == pytest.approx(timely.ahead)
    assert late.ahead < 60 or name == "risk_averse"


@pytest.mark.parametrize("name", MODELLED)
def test_trades_reported_far_too_late_still_prove_that_those_lots_went(name: str) -> None:
    order = _order(name)
    order.hear(Kind.BID, PRICE, 159, 10)
    order.hear(Kind.BID, PRICE, 158, 20)

    assert order.hear(Kind.SELL, PRICE, 30, 5) == 0
    assert order.ahead <= 70
    assert order.hear(Kind.SELL, PRICE, 75, 6) == 5


@pytest.mark.parametrize("name", MODELLED)
def test_a_trade_before_the_placement_says_nothing_of_the_queue(name: str) -> None:
    order = _order(name)

    assert order.hear(Kind.SELL, PRICE - 1, 500, 1) == 0
    assert order.ahead == 100


@pytest.mark.parametrize("name", MODELLED)
def test_a_trade_beyond_and_an_opposite_level_fill_whatever_is_ahead(name: str) -> None:
    through, met = _order(name), _order(name)

    assert through.hear(Kind.SELL, PRICE - 1, 4, 5) == 4
    assert through.hear(Kind.SELL, PRICE, 3, 6) == 3  # whatever was ahead is gone with it
    assert met.hear(Kind.ASK, PRICE, 7, 5) == 7
    assert met.hear(Kind.ASK, PRICE, 7, 6) == 0  # what we took stays taken
    assert met.hear(Kind.ASK, PRICE, 0, 7) == 0
    assert met.hear(Kind.ASK, PRICE, 7, 8) == 3


@given(
    name=st.sampled_from(MODELLED),
    events=st.lists(st.tuples(st.booleans(), st.integers(0, 200), st.booleans()), max_size=30),
)
def test_an_estimate_never_exceeds_what_the_level_shows_and_fills_never_exceed_the_order(
    name: str, events: list[tuple[bool, int, bool]]
) -> None:
    order, filled = _order(name), 0
    for number, (is_trade, size, is_late) in enumerate(events):
        stamp = 10 * number + (3 if is_late else 10)
        filled += order.hear(Kind.SELL if is_trade else Kind.BID, PRICE, size + is_trade, stamp)
        assert 0 <= order.ahead <= 100
        assert is_trade or order.ahead <= size
        assert filled + order.left == 10
