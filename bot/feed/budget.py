"""Work out before the start whether the polling fits the exchange's rate limit, and what would.

What a request costs is asked of ccxt itself, by letting it prepare the request and stopping it there: no table of ours
can grow old. Only the limits of Binance are known here, since ccxt paces its futures at half of what is allowed.
"""

from __future__ import annotations

import math
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import ccxt.async_support as ccxt

from bot.errors import ConfigError
from bot.feed.faults import shown
from bot.types import NS_PER_S

# What stays free for orders, reconnections and everything else that shares the address.
_SHARE: Final = 0.8
_MS_PER_MINUTE: Final = 60_000
_NS_PER_MINUTE: Final = 60 * NS_PER_S
FACTS_EVERY_NS: Final = 60 * NS_PER_S
"""How often rare facts (funding, open interest) are asked for."""
# ccxt's endpoint family at Binance: (weight a minute allowed, weight of one unit of ccxt's cost).
_BINANCE: Final[Mapping[str, tuple[float, float]]] = {
    "fapiPublic": (2400.0, 1.0),
    "dapiPublic": (2400.0, 1.0),
    "public": (6000.0, 5.0),
}
# The other way to ask Binance for trades: single ones instead of aggregated ones.
_OPTION: Final = "fetchTradesMethod"
_OTHER_TRADES: Final[Mapping[str, str]] = {"fapiPublic": "fapiPublicGetTrades", "dapiPublic": "dapiPublicGetTrades"}


@dataclass(frozen=True, slots=True)
class Costs:
    """What one request weighs, and how much weight a minute the exchange allows (infinite: no limit).

    `other_trades` is the weight of the trades request when ccxt's option `fetchTradesMethod` is `other_method`; both
    are None where there is no cheaper one. `facts` is the weight of asking once for all rare facts of a symbol.
    """

    exchange: str
    book: float
    trades: float
    per_minute: float
    other_trades: float | None = None
    other_method: str | None = None
    facts: float = 0.0


@dataclass(frozen=True, slots=True)
class Budget:
    """Whether the polling fits, in the exchange's weight a minute, and what would.

    `usable_per_minute` is the share of the limit left to polling. `fastest_book_every_ns` keeps the wanted ratio of
    book to trades requests; `symbols_that_fit` keeps the wanted cadence. `cheaper_trades` names the value of ccxt's
    option `fetchTradesMethod` that would save weight, None when there is none or trades aren't polled.
    """

    fits: bool
    used_per_minute: float
    usable_per_minute: float
    limit_per_minute: float
    fastest_book_every_ns: int
    symbols_that_fit: int
    cheaper_trades: str | None
    sentence: str


async def costs_of(client: Any, exchange: str, symbol: str, depth: int, trades_page: int) -> Costs:
    """Return what polling `symbol` costs on `exchange`; the `local` one has no limit.

    Nothing is sent: a second client of the same class prepares the requests from the markets that `client` has loaded.

    Raises:
        ConfigError: the exchange has no such request, or not with this depth or page.
    """
    if exchange == "local":
        return Costs(exchange, 0.0, 0.0, math.inf)
    probe = type(client)({"options": dict(client.options), "enableRateLimit": False})
    probe.set_markets(client.markets)
    family, book = await _cost(probe, probe.fetch_order_book(symbol, depth))
    _, trades = await _cost(probe, probe.fetch_trades(symbol, None, trades_page))
    paced = _MS_PER_MINUTE / client.rateLimit
    allowed, unit = _BINANCE.get(family, (paced, 1.0)) if exchange.startswith("binance") else (paced, 1.0)
    # A client that paces itself more slowly than allowed is the limit.
    per_minute = min(allowed, paced * unit)
    facts = await _facts_cost(probe, symbol)
    method = _OTHER_TRADES.get(family)
    if method is not None:
        _, other = await _cost(probe, probe.fetch_trades(symbol, None, trades_page, {_OPTION: method}))
        if other < trades:
            return Costs(exchange, book * unit, trades * unit, per_minute, other * unit, method, facts * unit)
    return Costs(exchange, book * unit, trades * unit, per_minute, facts=facts * unit)


def plan(costs: Costs, symbols: int, book_every_ns: int, trades_every_ns: int) -> Budget:
    """Return whether `symbols` (>= 1) can be polled so often; `trades_every_ns` 0 is never.

    Weight a minute = symbols x (book weight x books a minute + trades weight x trades requests a minute + facts weight
    x facts a minute). Rare facts are asked for as often as ever, however fast the rest.
    """
    books, trades = _NS_PER_MINUTE / book_every_ns, _NS_PER_MINUTE / trades_every_ns if trades_every_ns else 0.0
    facts = costs.facts * _NS_PER_MINUTE / FACTS_EVERY_NS
    one = costs.book * books + costs.trades * trades + facts
    used, usable = one * symbols, costs.per_minute * _SHARE
    # Where facts alone would use it up, a hundredth is shared among all books rather than nothing.
    left = max(usable - facts * symbols, usable / 100)
    saves = trades > 0 and costs.other_method is not None
    budget = Budget(
        fits=used <= usable,
        used_per_minute=used,
        usable_per_minute=usable,
        limit_per_minute=costs.per_minute,
        fastest_book_every_ns=0 if math.isinf(usable) else math.ceil(book_every_ns * (used - facts * symbols) / left),
        symbols_that_fit=symbols if math.isinf(usable) or one == 0 else int(usable / one),
        cheaper_trades=costs.other_method if saves else None,
        sentence="",
    )
    return replace(budget, sentence=_sentence(budget, costs, symbols, books, trades, facts))


async def _facts_cost(probe: Any, symbol: str) -> float:
    """What asking for funding and open interest takes, in ccxt's units; nothing where they are not asked for."""
    cost = 0.0
    if not probe.market(symbol)["spot"]:
        for method, ask in (("fetchFundingRate", "fetch_funding_rate"), ("fetchOpenInterest", "fetch_open_interest")):
            if probe.has.get(method) is True:
                cost += (await _cost(probe, getattr(probe, ask)(symbol)))[1]
    return cost


class _Prepared(Exception):
    """Ends a request of the probe before it is sent, with what it would have cost."""

    def __init__(self, family: str, cost: float) -> None:
        self.family = family
        self.cost = cost


async def _cost(probe: Any, call: Coroutine[Any, Any, object]) -> tuple[str, float]:
    async def stop(path: str, api: Any = "public", method: str = "GET", params: Any = None, config: Any = None) -> None:
        cost = probe.calculate_rate_limiter_cost(api, method, path, params or {}, config or {})
        raise _Prepared(api if isinstance(api, str) else str(api[0]), float(cost))

    probe.fetch2 = stop
    try:
        await call
    except _Prepared as prepared:
        return prepared.family, prepared.cost
    except ccxt.BaseError as fault:
        raise ConfigError(f"{probe.id} can't be asked like this; {shown(str(fault))}") from fault
    raise AssertionError(f"a call of {probe.id} should make a request, made none")


def _sentence(budget: Budget, costs: Costs, symbols: int, books: float, trades: float, facts: float) -> str:
    if math.isinf(costs.per_minute):
        return f"{costs.exchange} has no rate limit."
    name = "symbol" if symbols == 1 else "symbols"
    used = (
        f"polling {symbols} {name} on {costs.exchange} takes {budget.used_per_minute:,.0f} of the "
        f"{budget.usable_per_minute:,.0f} weight a minute that polling may use"
    )
    if budget.fits:
        return f"{used}: it fits."
    ways = [f"one book every {budget.fastest_book_every_ns / NS_PER_S:.2f} s (and trades as much slower)"]
    if budget.symbols_that_fit:
        ways.append(f"{budget.symbols_that_fit} of the symbols")
    if budget.cheaper_trades and costs.other_trades is not None:
        saved = symbols * (costs.book * books + costs.other_trades * trades + facts)
        ways.append(f"asking for single trades ({saved:,.0f} a minute{', fits' * (saved <= budget.usable_per_minute)})")
    return f"{used}: too much; what helps: {'; '.join(ways)}."
