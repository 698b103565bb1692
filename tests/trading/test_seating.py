"""Desks of one run that hear each other: what a signal such as `mid@B` says at a decision, and of which moment."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from bot.errors import ConfigError
from bot.market.signals.cross import STALE_NS
from bot.market.signals.forecast import ForecastSpec
from bot.trading.decision import ENGINE_SIGNALS, DecisionRules
from bot.trading.desk import Desk
from bot.trading.guard import NoDeadline
from bot.trading.seating import seated_desks
from bot.types import NS_PER_S, Instrument, Kind
from tests.market.reference import Row, batch_of
from tests.trading.scenes import BTC

ETH = replace(BTC, symbol="ETH/USDT:USDT", base="ETH", tick_size=Decimal("0.01"))
NAMES = ("mid", f"mid@{ETH.symbol}", *ENGINE_SIGNALS)


def quote(desk: Desk, instrument: Instrument, now_ns: int, bid: int) -> None:
    """Let the desk's market see a touch, two ticks wide."""
    rows = [Row(Kind.BEST_BID, bid, 5, local_ns=now_ns, last=False), Row(Kind.BEST_ASK, bid + 2, 5, local_ns=now_ns)]
    desk.market.advance(batch_of(rows, instrument.symbol), 0, now_ns + 1)


def rules(names: tuple[str, ...] = NAMES) -> DecisionRules:
    """Rules under which a strategy sees `names`."""
    indexes = {name: place for place, name in enumerate(names)}
    return DecisionRules(0, names, NoDeadline(), 0.1, 10.0, NS_PER_S, "halt", "halt", indexes)


def test_a_desk_hears_the_last_decision_of_another_and_not_what_it_saw_since() -> None:
    desks = seated_desks([BTC, ETH], NAMES, None)
    btc, eth = desks[BTC.symbol], desks[ETH.symbol]
    quote(btc, BTC, 1, 1000)
    assert math.isnan(rules().moment(btc, 2, 0).signals[f"mid@{ETH.symbol}"])

    quote(eth, ETH, 3, 2000)
    heard = rules().moment(eth, 4, 0).signals
    assert heard["mid"] == heard[f"mid@{ETH.symbol}"] == 20.01
    quote(eth, ETH, 5, 3000)  # not decided on yet

    moment = rules().moment(btc, 6, 0)
    assert moment.signals[f"mid@{ETH.symbol}"] == 20.01
    assert moment.signals["mid"] == pytest.approx(100.1)
    assert not moment.cold or f"mid@{ETH.symbol}" not in moment.cold


def test_a_desk_that_has_not_been_heard_of_for_long_says_nothing() -> None:
    desks = seated_desks([BTC, ETH], NAMES, None)
    btc, eth = desks[BTC.symbol], desks[ETH.symbol]
    quote(eth, ETH, 1, 2000)
    eth.sample(5)

    assert btc.sample(1 + STALE_NS)[1] == 20.01
    assert math.isnan(btc.sample(2 + STALE_NS)[1])
    eth.sample(3 + STALE_NS)  # a new decision on the old book is no news
    assert math.isnan(btc.sample(4 + STALE_NS)[1])


def test_the_rows_of_all_desks_begin_with_the_same_signals() -> None:
    desks = seated_desks([BTC, ETH], NAMES, None)

    assert desks[BTC.symbol].market.names == NAMES
    assert desks[ETH.symbol].market.names == (*NAMES, "book_age")  # mid is asked for already


def test_features_of_a_forecast_may_be_guests() -> None:
    spec = ForecastSpec(NS_PER_S, (f"queue_imbalance@{ETH.symbol}",))
    desks = seated_desks([BTC, ETH], ("forecast(1s)",), spec)

    assert [guest.place for guest in desks[BTC.symbol].guests] == [1]
    assert desks[ETH.symbol].guests == ()
    assert desks[ETH.symbol].market.names == ("forecast(1s)", "queue_imbalance", "book_age")


def test_a_guest_of_an_instrument_that_is_not_followed_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"exchange.symbols.*'ETH/USDT' is none; did you mean ETH/USDT:USDT"):
        seated_desks([BTC, ETH], ("mid@ETH/USDT",), None)


def test_nobody_can_change_what_others_hear() -> None:
    desks = seated_desks([BTC, ETH], NAMES, None)
    row = desks[ETH.symbol].sample(1)

    with pytest.raises(ValueError, match="read-only"):
        row[0] = 1.0
    assert np.isnan(desks[BTC.symbol].sample(2)[:2]).all()
