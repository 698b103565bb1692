"""The shipped strategies, asked about markets of every shape."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.trading import Costs, Hold, OpenOrder, Quotes, Target, View
from bot.trading.guard import NoDeadline, ask
from bot.types import Side
from strategies.book_imbalance import BookImbalance
from strategies.imbalance_maker import ImbalanceMaker
from tests.trading.scenes import BTC, SYMBOL

TICK = float(BTC.tick_size)


def view(signals: dict[str, float], bid: int = 600_000, ask_ticks: int = 600_010, **others: object) -> View:
    known: dict[str, object] = {"position_lots": 0, "exposure": 0.0, "open_orders": ()}
    known |= others
    return View(
        now_ns=1,
        instrument=BTC,
        names={name: index for index, name in enumerate(signals)},
        row=np.array(list(signals.values())),
        bid_ticks=bid,
        ask_ticks=ask_ticks,
        entry=0.0,
        fills=(),
        equity=Decimal(10_000),
        costs=Costs(2.0, 5.0),
        **known,  # type: ignore[arg-type] # a test names what it needs
    )


@given(
    spread=st.integers(1, 60),
    shares=st.floats(0, 1),
    lean=st.floats(-1, 1),
    exposure=st.floats(-2, 2),
    resting=st.lists(st.tuples(st.sampled_from(Side), st.integers(-80, 140)), max_size=4),
    half_spread=st.sampled_from([0.0, 0.1, 0.5, 5.0]),
    requote=st.sampled_from([0.0, 0.3, 10.0]),
)
def test_the_maker_always_answers_with_quotes_that_do_not_cross(
    spread: int,
    shares: float,
    lean: float,
    exposure: float,
    resting: list[tuple[Side, int]],
    half_spread: float,
    requote: float,
) -> None:
    bid, ask_ticks = 600_000, 600_000 + spread
    orders = tuple(OpenOrder(str(n), side, (bid + away) * TICK, 0.004) for n, (side, away) in enumerate(resting))
    signals = {
        "weighted_mid": (bid + shares * spread) * TICK,
        "depth_imbalance(5)": lean,
        "ofi(1s)": 0.0,
        "spread": spread * TICK / 60_000 * 10_000,
    }
    see = view(signals, bid, ask_ticks, exposure=exposure, open_orders=orders)

    answer = ask(ImbalanceMaker(half_spread_bps=half_spread, requote_bps=requote), see, NoDeadline(), ("", SYMBOL, 1))

    assert isinstance(answer, Quotes)
    assert (answer.bid is None) == (exposure + 0.25 > 1)
    assert (answer.ask is None) == (exposure - 0.25 < -1)


def leaning(lean: float, expected_bps: float, error_bps: float = 1.0, position_lots: int = 0) -> View:
    signals = {
        "depth_imbalance(5)": lean,
        "ofi(1s)": 0.0,
        "forecast(5s)": expected_bps,
        "forecast_error(5s)": error_bps,
    }
    return view(signals, position_lots=position_lots, exposure=0.5 if position_lots > 0 else 0.0)


@pytest.mark.parametrize(
    ("lean", "expected_bps", "reason"),
    [
        (0.1, 30.0, "the book does not lean far enough"),
        (0.5, -30.0, "book and forecast disagree"),
        # 10.17 bps of round trip: two taker fees of 5 and a spread of 0.17.
        (0.5, 11.1, "the expected move does not pay for the round trip"),
    ],
)
def test_without_an_edge_it_holds_and_says_what_was_missing(lean: float, expected_bps: float, reason: str) -> None:
    answer = BookImbalance().decide(leaning(lean, expected_bps))

    assert isinstance(answer, Hold)
    assert answer.reason == reason


@pytest.mark.parametrize(("lean", "expected_bps", "exposure"), [(0.5, 11.3, 1.0), (-0.5, -11.3, -1.0)])
def test_an_edge_beyond_cost_and_error_is_taken(lean: float, expected_bps: float, exposure: float) -> None:
    answer = BookImbalance().decide(leaning(lean, expected_bps))

    assert isinstance(answer, Target)
    assert answer.exposure == exposure


def test_a_position_is_kept_while_the_forecast_is_on_its_side_and_closed_when_it_turns() -> None:
    kept = BookImbalance().decide(leaning(-0.9, 0.2, position_lots=10))
    closed = BookImbalance().decide(leaning(0.9, -0.6, position_lots=10))

    assert isinstance(kept, Hold)
    assert isinstance(closed, Target)
    assert closed.exposure == 0.0
