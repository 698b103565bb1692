"""The planner says whether polling fits, with numbers that can be worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import ccxt.async_support as ccxt
import pytest

from bot.errors import ConfigError
from bot.feed.budget import Costs, costs_of, plan
from bot.feed.client import ClientSettings, build_client, open_client
from bot.types import NS_PER_S
from tests.feed.small_exchange import SmallExchange, serving

FUTURES = Costs("binanceusdm", book=2, trades=20, per_minute=2400, other_trades=5, other_method="fapiPublicGetTrades")


def test_books_alone_of_sixteen_symbols_just_fit() -> None:
    # 16 x 60 x 2 = 1920 = 0.8 x 2400
    budget = plan(FUTURES, 16, NS_PER_S, 0)

    assert budget.fits
    assert (budget.used_per_minute, budget.usable_per_minute, budget.limit_per_minute) == (1920, 1920, 2400)
    assert budget.symbols_that_fit == 16
    assert budget.cheaper_trades is None
    assert "it fits" in budget.sentence


def test_trades_once_a_second_of_twenty_symbols_are_far_too_many() -> None:
    # 20 x 60 x (2 + 20) = 26,400; 26,400 / 1920 = 13.75; with single trades 20 x 60 x (2 + 5) = 8,400
    budget = plan(FUTURES, 20, NS_PER_S, NS_PER_S)

    assert not budget.fits
    assert budget.used_per_minute == 26_400
    assert budget.fastest_book_every_ns == 13_750_000_000
    assert budget.symbols_that_fit == 1
    assert budget.cheaper_trades == "fapiPublicGetTrades"
    assert "26,400 of the 1,920" in budget.sentence
    assert "13.75 s" in budget.sentence
    assert "8,400" in budget.sentence


def test_rare_facts_of_every_symbol_count_once_a_minute() -> None:
    # 4 x (60 x 2 + 2) = 488; for 20 symbols 20 x 122 = 2,440, of which 40 stay whatever the cadence: 2,400 / 1,880 s
    costs = replace(FUTURES, facts=2)

    assert plan(costs, 4, NS_PER_S, 0).used_per_minute == 488
    assert plan(costs, 20, NS_PER_S, 0).fastest_book_every_ns == math.ceil(NS_PER_S * 2_400 / 1_880)
    assert plan(costs, 20, plan(costs, 20, NS_PER_S, 0).fastest_book_every_ns, 0).fits


def test_what_is_said_to_fit_fits() -> None:
    budget = plan(FUTURES, 20, NS_PER_S, 2 * NS_PER_S)
    slower = budget.fastest_book_every_ns

    assert plan(FUTURES, 20, slower, 2 * slower).fits
    assert plan(FUTURES, budget.symbols_that_fit, NS_PER_S, 2 * NS_PER_S).fits
    assert not plan(FUTURES, budget.symbols_that_fit + 1, NS_PER_S, 2 * NS_PER_S).fits


@pytest.mark.parametrize(("depth", "weight"), [(5, 2), (10, 2), (20, 2), (50, 2), (100, 5), (500, 10), (1000, 20)])
async def test_weights_of_binance_s_futures(depth: int, weight: int) -> None:
    async with serving(SmallExchange()) as exchange:
        client = await open_client(ClientSettings("local", exchange.url))
        await client.close()
        real = build_client(ClientSettings("binanceusdm"))
        real.set_markets(client.markets)
        asked = exchange.asked.total()
        costs = await costs_of(real, "binanceusdm", "C0/USDT:USDT", depth, 500)

        # Funding and open interest weigh 1 each.
        assert Costs("binanceusdm", weight, 20, 2400, 5, "fapiPublicGetTrades", facts=2) == costs
        assert exchange.asked.total() == asked


async def test_the_local_exchange_has_no_limit() -> None:
    client = build_client(ClientSettings("local", "http://127.0.0.1:9"))
    budget = plan(await costs_of(client, "local", "any", 20, 500), 500, 1_000_000, 1_000_000)

    assert budget.fits
    assert budget.symbols_that_fit == 500
    assert math.isinf(budget.limit_per_minute)
    assert budget.sentence == "local has no rate limit."


def spot(client: Any, name: str = "A/B") -> Any:
    """Give a client one spot market without asking anyone."""
    market = {"id": "AB", "symbol": name, "base": "A", "quote": "B", "spot": True, "type": "spot", "active": True}
    client.set_markets([{**market, "precision": {"price": 0.1, "amount": 0.1}, "limits": {}, "info": {}}])
    return client


async def test_weights_of_binance_s_spot_market() -> None:
    costs = await costs_of(spot(build_client(ClientSettings("binance"))), "binance", "A/B", 20, 500)

    # ccxt counts a fifth of Binance's weight: depth 1 and aggTrades 0.4.
    assert Costs("binance", 5, 2, 6000) == costs


@pytest.mark.parametrize("name", ["kraken", "okx", "bybit", "coinbase", "bitget"])
async def test_any_other_exchange_is_measured_in_ccxt_s_own_units(name: str) -> None:
    client = spot(build_client(ClientSettings(name)))
    costs = await costs_of(client, name, "A/B", 20, 100)

    assert costs.book > 0
    assert costs.trades > 0
    assert costs.per_minute == pytest.approx(60_000 / getattr(ccxt, name)().rateLimit)


async def test_a_depth_the_exchange_never_gives_is_said_at_once() -> None:
    with pytest.raises(ConfigError, match="kucoin can't be asked like this"):
        await costs_of(spot(build_client(ClientSettings("kucoin"))), "kucoin", "A/B", 7, 100)
