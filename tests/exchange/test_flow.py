"""The parts of the synthetic flow do what they say, and accounts that trade in it find an honest book."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.exchange.books.matching import FLOW, Rule
from bot.exchange.markets.catalogue import quotations
from bot.exchange.markets.factors import reverted
from bot.exchange.markets.flow import FlowSettings, round_step
from bot.exchange.markets.intensity import Intensity, poisson
from bot.exchange.markets.synthetic import SyntheticMarket
from bot.exchange.markets.takers import Takers


def test_arrivals_keep_their_mean_rate_and_cluster() -> None:
    rng, events = random.Random(3), Intensity(7.0, 0.05)
    counts = np.array([events.arrivals(rng) for _ in range(60_000)])
    seconds = counts.reshape(-1, 20).sum(axis=1)

    assert 6.0 < seconds.mean() < 8.0
    assert seconds.var() / seconds.mean() > 2.5


def test_poisson_counts_have_their_mean_and_variance() -> None:
    rng = random.Random(5)
    counts = np.array([poisson(0.8, rng) for _ in range(20_000)])

    assert counts.mean() == pytest.approx(0.8, abs=0.03)
    assert counts.var() == pytest.approx(0.8, abs=0.05)


def test_a_reverting_process_keeps_its_variance_and_forgets_with_its_life() -> None:
    rng, values = random.Random(7), [0.0]
    for _ in range(40_000):
        values.append(reverted(values[-1], 0.1, rng))
    path = np.array(values)

    assert path.var() == pytest.approx(1.0, abs=0.12)
    # exp(-0.1 * 10) of it is left after one life.
    assert np.corrcoef(path[:-10], path[10:])[0, 1] == pytest.approx(0.368, abs=0.06)


def test_what_trades_teach_does_not_add_up_to_a_forecast() -> None:
    takers = Takers(7.0, 0.05, "seed")
    drawn = [takers.next_order(1.5, 0.3) for _ in range(60_000)]
    signs = np.array([sign for sign, _, _ in drawn])
    surprises = np.array([surprise for *_, surprise in drawn])

    # A strong lean and a split order make signs foreseeable; the surprise has no mean and no memory.
    assert signs.mean() > 0.3
    assert np.corrcoef(signs[:-1], signs[1:])[0, 1] > 0.1
    assert abs(surprises.mean()) < 3 * surprises.std() / len(surprises) ** 0.5
    assert abs(np.corrcoef(np.sign(surprises[:-1]), surprises[1:])[0, 1]) < 0.02


def test_round_prices_are_fives_and_tens() -> None:
    assert [round_step(least) for least in (1, 5, 6, 11, 60, 300)] == [5, 5, 10, 50, 100, 500]


ORDERS = st.lists(
    st.tuples(
        st.integers(1, 30),
        st.sampled_from([1, -1]),
        st.integers(-30, 30),
        st.integers(1, 20_000),
        st.sampled_from(Rule),
    ),
    max_size=15,
)


@settings(max_examples=15, deadline=None)
@given(orders=ORDERS)
def test_books_are_never_empty_or_crossed_and_lots_balance_whatever_an_account_does(
    orders: list[tuple[int, int, int, int, Rule]],
) -> None:
    market = SyntheticMarket(quotations(("XRP/USDT:USDT",)), 7, FlowSettings())
    book = market.listings["XRPUSDT"].book
    market.step()
    held = 0
    for steps, sign, away, lots, rule in orders:
        fair = round(market.fair_ticks("XRPUSDT"))
        book.place(1, sign, fair + away, lots, rule)
        for _ in range(steps):
            market.step()
            bid, ask = book.touch()
            assert bid is not None
            assert ask is not None
            assert bid < ask
        for trade in book.drain():
            for owner, direction in ((trade.taker_owner, trade.sign), (trade.maker_owner, -trade.sign)):
                held += direction * trade.lots if owner == 1 else 0

    assert sum(book.positions.values()) == 0
    assert book.positions.get(1, 0) == held
    assert set(book.positions) <= {FLOW, 1}


def test_an_order_that_the_fair_price_has_passed_is_filled() -> None:
    market = SyntheticMarket(quotations(("XRP/USDT:USDT",)), 7, FlowSettings(alpha=0.0))
    book = market.listings["XRPUSDT"].book
    for _ in range(20):
        market.step()
    bid, _ = book.touch()
    assert bid is not None
    order = book.place(1, 1, bid - 2, 100)
    for _ in range(60_000):
        market.step()
        if market.fair_ticks("XRPUSDT") < order.price - 3:
            break
    market.step()

    assert order.left == 0


def test_prices_stay_near_their_anchor_for_hours() -> None:
    market = SyntheticMarket(quotations(("ATOM/USDT:USDT",)), 11, FlowSettings(step_s=0.5))
    listing = market.listings["ATOMUSDT"]
    anchor = market.fair_ticks("ATOMUSDT")
    for _ in range(4 * 3600 * 2):
        market.step()
        listing.book.drain()

        assert 0.9 < market.fair_ticks("ATOMUSDT") / anchor < 1.1


def test_a_new_market_opens_with_whole_books() -> None:
    market = SyntheticMarket(quotations(24), 3, FlowSettings())
    market.step()

    for listing in market.listings.values():
        bids, asks = listing.book.depth(100)
        assert min(len(bids), len(asks)) >= 20
