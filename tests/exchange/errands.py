"""The same seeded orders, run on an exchange in this process or by the stock ccxt client on one in another process."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import ccxt as errors

from bot.exchange.books.matching import Rule
from bot.exchange.control_client import ExchangeControl
from bot.exchange.exchange import Ticket
from bot.exchange.listing import Listing
from bot.exchange.process import ExchangeProcess, ExchangeSettings
from bot.exchange.refusal import Refusal
from bot.exchange.virtual import VirtualExchange
from tests.exchange.practice import client

_LEVERAGE: Final = 125


@dataclass(frozen=True, slots=True)
class Errand:
    """Wait, cancel the order of an earlier errand if it is still open, and buy (`sign` +1) or sell (-1) `lots`.

    `ticks` is how far outside the touch the limit lies (negative: across it), None for a market order. One that
    `is_daring` sets the highest leverage first.
    """

    number: int
    wait_ms: int
    key: str
    symbol: str
    sign: int
    lots: int
    ticks: int | None
    cancels: int | None
    is_daring: bool = False

    @property
    def client_id(self) -> str:
        """Name of its order."""
        return f"errand-{self.number}"

    @property
    def cancelled_id(self) -> str:
        """Name of the order that it cancels, if there is one of this key and symbol."""
        return f"errand-{self.cancels}"


def errands(count: int, symbols: Sequence[str], keys: Sequence[str], seed: int = 1) -> list[Errand]:
    """Make up so many errands; the same seed gives the same."""
    rng = random.Random(seed)
    made: list[Errand] = []
    for number in range(count):
        key, symbol, wait_ms = rng.choice(keys), rng.choice(symbols), rng.choice((0, 30, 50, 400, 1_000))
        earlier = [one.number for one in made if (one.key, one.symbol) == (key, symbol)]
        cancels = rng.choice(earlier) if earlier and rng.random() < 0.4 else None
        sign, lots, ticks = rng.choice((1, -1)), rng.randrange(20, 60), rng.choice((None, 0, 3, 20, -2))
        made.append(Errand(number, wait_ms, key, symbol, sign, lots, ticks, cancels))
    return made


def run_here(settings: ExchangeSettings, work: Sequence[Errand], rest_ms: int = 1_000) -> VirtualExchange:
    """Run errands on an exchange in this process, which has rested for so long when it comes back."""
    exchange = VirtualExchange(settings)
    for errand in work:
        exchange.advance(errand.wait_ms)
        if errand.is_daring:
            exchange.account(errand.key).leverage[_listing(exchange, errand).symbol_id] = _LEVERAGE
        named = exchange.account(errand.key).by_client_id.get(
            (_listing(exchange, errand).symbol_id, errand.cancelled_id)
        )
        if named is not None and not named.order.status.is_closed:
            exchange.cancel(named, errand.key)
        try:
            exchange.place(_ticket(exchange, errand), errand.key)
        except Refusal:
            continue
    exchange.advance(rest_ms)
    return exchange


def _listing(exchange: VirtualExchange, errand: Errand) -> Listing:
    return next(one for one in exchange.exchange.listings.values() if one.instrument.symbol == errand.symbol)


def _ticket(exchange: VirtualExchange, errand: Errand) -> Ticket:
    listing = _listing(exchange, errand)
    instrument = listing.instrument
    price = None
    if errand.ticks is not None:
        touch = listing.book.touch()[0 if errand.sign > 0 else 1]
        assert touch is not None
        price = instrument.price(touch - errand.sign * errand.ticks)
    size = instrument.size(errand.lots)
    return Ticket(listing.symbol_id, errand.sign, size, price, Rule.GTC, reduce_only=False, client_id=errand.client_id)


async def run_there(settings: ExchangeSettings, work: Sequence[Errand], rest_ms: int = 1_000) -> dict[str, str]:
    """Run errands on an exchange of its own process, as a client would; the hashes at the end come back."""
    process = await asyncio.to_thread(ExchangeProcess.start, settings)
    clients = {one.key: client(process.url, apiKey=one.key, secret=one.secret) for one in settings.keys}
    control = ExchangeControl(process.url, settings.control_token)
    try:
        for errand in work:
            await asyncio.to_thread(control.advance, errand.wait_ms)
            await _run(clients[errand.key], errand)
        await asyncio.to_thread(control.advance, rest_ms)
        return await asyncio.to_thread(control.digest)
    finally:
        for one in clients.values():
            await one.close()
        await asyncio.to_thread(process.stop)


async def _run(exchange: Any, errand: Errand) -> None:
    if errand.is_daring:
        await exchange.set_leverage(_LEVERAGE, errand.symbol)
    if errand.cancels is not None:
        with contextlib.suppress(errors.ExchangeError):  # its symbol or its key was another, or it is over
            await exchange.cancel_order(None, errand.symbol, {"clientOrderId": errand.cancelled_id})
    await exchange.load_markets()
    market, price = exchange.market(errand.symbol), None
    if errand.ticks is not None:
        book = await exchange.fetch_order_book(errand.symbol, 5)
        touch = book["bids" if errand.sign > 0 else "asks"][0][0]
        price = touch - errand.sign * errand.ticks * market["precision"]["price"]
    side = "buy" if errand.sign > 0 else "sell"
    kind = "market" if price is None else "limit"
    size = errand.lots * market["precision"]["amount"]
    with contextlib.suppress(errors.ExchangeError):  # refused, as it is where there is no server
        await exchange.create_order(errand.symbol, kind, side, size, price, {"clientOrderId": errand.client_id})
