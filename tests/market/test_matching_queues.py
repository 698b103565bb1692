"""Queue models, worked by hand: who cancelled when a level shrinks by more than what traded there."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.market.matching import layout
from bot.market.matching.layout import LOGARITHMIC, POWER, QUEUE, RISK_AVERSE, UNIFORM
from bot.types import Kind
from tests.market.pits import BUY, MODELS, Pit, Row, Terms

PART = 1 / layout.PARTS


def queued(model: int, exponent: float, ahead: int, behind: int) -> Pit:
    """A pit in which order 1 rests with so many lots ahead of it and behind it."""
    pit = Pit(Terms(QUEUE, model, exponent))
    pit.see((Kind.BID, 100, ahead), (Kind.BID, 99, 1), (Kind.ASK, 103, 5))
    pit.send(1, BUY, 100, 1000)
    pit.wait()
    pit.see((Kind.BID, 100, ahead + behind))
    return pit


def front(pit: Pit) -> float:
    """Lots ahead of order 1, by the model."""
    return float(pit.seats.orders[0, 0, layout.GUESSED] * PART)


@pytest.mark.parametrize(
    ("model", "exponent", "left_ahead", "filled"),
    [
        # Twenty with ten ahead; four trade: six ahead, ten behind. Then eight are shown: eight have cancelled.
        (UNIFORM, 1.0, 3.0, 4),  # 10 / 16 of them behind us: three were ahead
        (POWER, 1.0, 3.0, 4),  # the same
        (POWER, 3.0, 6 - 8 * 216 / 1216, 2),  # 10^3 / (10^3 + 6^3) behind us
        (LOGARITHMIC, 1.0, 6 - 8 * math.log(7) / (math.log(7) + math.log(11)), 4),
        (RISK_AVERSE, 1.0, None, 1),  # all of them were behind us
    ],
)
def test_each_model_shares_out_what_was_cancelled(
    model: int, exponent: float, left_ahead: float | None, filled: int
) -> None:
    pit = queued(model, exponent, 10, 10)
    pit.see((Kind.SELL, 100, 4))
    pit.see((Kind.BID, 100, 8))
    if left_ahead is not None:
        assert left_ahead <= front(pit) <= left_ahead + PART

    pit.see((Kind.SELL, 100, 7))

    assert pit.fills == [(1, 100, filled)]  # a lot that is ahead of us in part is ahead of us


def test_what_the_lots_behind_us_cannot_have_cancelled_was_ahead() -> None:
    pit = queued(POWER, 3.0, 2, 6)

    pit.see((Kind.BID, 100, 1))  # seven gone: 216 / 224 of them would be 6.75 behind us, where six were

    assert front(pit) == 1.0


def test_when_nobody_is_behind_us_all_that_cancelled_were_ahead() -> None:
    for model, exponent in MODELS[1:]:
        pit = queued(model, exponent, 10, 0)
        pit.see((Kind.BID, 100, 4))
        assert front(pit) == 4.0


@pytest.mark.parametrize(("model", "exponent"), MODELS)
def test_a_level_that_grows_or_shrinks_by_trades_alone_moves_nobody_else(model: int, exponent: float) -> None:
    pit = queued(model, exponent, 10, 10)
    pit.see((Kind.SELL, 100, 4))
    pit.see((Kind.BID, 100, 16))
    pit.see((Kind.BID, 100, 50))
    pit.see((Kind.SELL, 100, 6))
    assert pit.fills == []

    pit.see((Kind.SELL, 100, 2))
    assert pit.fills == [(1, 100, 2)]


def test_a_trade_told_after_the_level_that_shows_it_was_no_cancel_behind_us() -> None:
    pit = queued(UNIFORM, 1.0, 10, 10)
    pit.see(Row(Kind.BID, 100, 14, exchange_ns=50))  # six gone, taken for cancels: seven ahead of us, seven behind
    pit.see(Row(Kind.SELL, 100, 6, exchange_ns=49))  # they traded, so all six were ahead
    assert front(pit) == 4.0

    pit.see(Row(Kind.BID, 100, 7, exchange_ns=51))  # seven of fourteen cancel

    assert front(pit) == 2.0


def test_a_trade_without_a_stamp_is_taken_to_be_newer_than_the_level() -> None:
    pit = queued(UNIFORM, 1.0, 10, 10)
    pit.see(Row(Kind.SELL, 100, 4, exchange_ns=0))
    pit.see((Kind.BID, 100, 16))  # the trade alone: nobody cancelled

    assert front(pit) == 6.0
    assert pit.seats.orders[0, 0, layout.TRADED] == 6


@pytest.mark.parametrize(("model", "exponent"), MODELS)
def test_a_trade_told_late_counts_when_no_showing_after_it_proved_anything(model: int, exponent: float) -> None:
    pit = Pit(Terms(QUEUE, model, exponent))
    pit.see((Kind.BID, 100, 100), (Kind.BID, 99, 1), (Kind.ASK, 103, 5))
    pit.send(1, BUY, 100, 2)
    pit.wait()
    pit.see(Row(Kind.BID, 100, 60, exchange_ns=250))  # forty cancelled, nobody is behind us: sixty are ahead
    pit.see(Row(Kind.BID, 100, 160, exchange_ns=500))  # a hundred join behind us
    pit.see(Row(Kind.BID, 100, 110, exchange_ns=750))  # fifty of the sixty traded, which is told after this
    pit.see(Row(Kind.SELL, 100, 50, exchange_ns=600))  # so ten are ahead

    pit.see(Row(Kind.SELL, 100, 12, exchange_ns=1400))

    assert pit.fills == [(1, 100, 2)]


@pytest.mark.parametrize(("model", "exponent"), MODELS)
def test_a_level_of_unknown_size_has_no_cancels_until_it_was_shown(model: int, exponent: float) -> None:
    pit = Pit(Terms(QUEUE, model, exponent))
    pit.see((Kind.BID, 100, 5), (Kind.ASK, 103, 5))
    pit.send(1, BUY, 90, 10)
    pit.wait()
    pit.see((Kind.BID, 90, 8))
    pit.see((Kind.SELL, 90, 9))

    assert pit.fills == [(1, 90, 1)]


def test_a_level_of_unknown_size_has_us_at_its_end_when_it_is_first_shown() -> None:
    pit = Pit(Terms(QUEUE, UNIFORM))
    pit.see((Kind.BID, 100, 5), (Kind.ASK, 103, 5))
    pit.send(1, BUY, 90, 10)
    pit.wait()
    for size in (8, 16, 8):  # eight ahead, eight more behind, then half of each gone
        pit.see((Kind.BID, 90, size))

    assert front(pit) == 4.0


@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 800), st.sampled_from(MODELS[1:]))
def test_the_models_are_those_of_hftbacktest(ahead: int, behind: int, gone: int, model: tuple[int, float]) -> None:
    gone = min(gone, ahead + behind)
    pit = queued(*model, ahead, behind)

    pit.see((Kind.BID, 100, ahead + behind - gone))

    weights: dict[int, Callable[[float], float]] = {
        UNIFORM: lambda lots: lots,
        LOGARITHMIC: math.log1p,
        POWER: lambda lots: lots ** model[1],
    }
    weight = weights[model[0]]
    whole = weight(behind) + weight(ahead)
    p = weight(behind) / whole if whole > 0 else 1.0
    expected = min(ahead - (1 - p) * gone + min(behind - p * gone, 0), ahead + behind - gone)
    expected = max(expected, 0)  # theirs may fall below: nobody is less than nobody
    assert expected - 1e-9 <= front(pit) <= expected + PART + 1e-9
