"""A small exchange by hand: two symbols, a few accounts, a crowd that quotes what a test says, books to check."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from decimal import Decimal

from bot.exchange.accounts.account import OPENING_CASH, Account, OwnOrder, Position
from bot.exchange.accounts.house import FUND
from bot.exchange.books.matching import MatchingEngine
from bot.exchange.books.order import FLOW, Rule, SelfTrade
from bot.exchange.exchange import Exchange, Ticket
from bot.exchange.keys import ApiKey
from bot.exchange.listing import Listing, TradeLog
from bot.types import Instrument, InstrumentKind

BTC = Instrument("BTC/USDT:USDT", InstrumentKind.LINEAR, "BTC", "USDT", Decimal("0.1"), Decimal("0.001"), Decimal(5))
ETH = Instrument("ETH/USDT:USDT", InstrumentKind.LINEAR, "ETH", "USDT", Decimal("0.01"), Decimal("0.01"), Decimal(5))


class Venue:
    """An exchange with one price per symbol: `quote` sets it; `tick` lets a second and more pass."""

    def __init__(self, owners: int = 1, funding_every_s: float = 8 * 3_600.0) -> None:
        self.engines = {"BTCUSDT": MatchingEngine(), "ETHUSDT": MatchingEngine()}
        listings = {
            "BTCUSDT": Listing(BTC, self.engines["BTCUSDT"], TradeLog(), Decimal(1_000)),
            "ETHUSDT": Listing(ETH, self.engines["ETHUSDT"], TradeLog(), Decimal(100)),
        }
        self.accounts = [Account.of(n, ApiKey(f"key{n}", "secret")) for n in range(1, owners + 1)]
        self.exchange = Exchange(listings, {one.key: one for one in self.accounts}, funding_every_s)
        self.now_ms = 0
        self._numbers: Iterator[int] = itertools.count(1)

    def quote(self, symbol_id: str, bid: str, ask: str, size: str = "1000") -> None:
        """Take the crowd's orders out and let it quote one level a side instead."""
        engine, instrument = self.engines[symbol_id], self.exchange.listings[symbol_id].instrument
        for order in list(engine.orders.values()):
            if order.owner == FLOW:
                engine.cancel(order.order_id)
        engine.place(FLOW, 1, instrument.ticks(Decimal(bid)), instrument.lots(Decimal(size)))
        engine.place(FLOW, -1, instrument.ticks(Decimal(ask)), instrument.lots(Decimal(size)))
        self.exchange.settle(self.exchange.listings[symbol_id], self.now_ms)

    def tick(self, seconds: float = 1) -> None:
        """Let time pass and the exchange do what is due."""
        self.now_ms += round(seconds * 1_000)
        self.exchange.tend(self.now_ms)

    def order(
        self,
        sign: int,
        size: str,
        price: str | None = None,
        rule: Rule = Rule.GTC,
        *,
        symbol_id: str = "BTCUSDT",
        who: int = 0,
        reduce_only: bool = False,
        self_trade: SelfTrade = SelfTrade.NONE,
    ) -> OwnOrder:
        """Place an order of an account, at market without a price."""
        limit = Decimal(price) if price is not None else None
        client_id = f"order-{next(self._numbers)}"
        ticket = Ticket(symbol_id, sign, Decimal(size), limit, rule, reduce_only, client_id, self_trade)
        return self.exchange.place(self.accounts[who], ticket, self.now_ms)

    def hold(self, lots: int, entry: str, *, symbol_id: str = "BTCUSDT", who: int = 0) -> Position:
        """Give an account a position it has always had, and the crowd the other side of it."""
        instrument = self.exchange.listings[symbol_id].instrument
        cost = instrument.size(lots) * Decimal(entry)
        self.accounts[who].positions[symbol_id] = Position(lots, cost)
        self.exchange.settlement.house.flow.positions[symbol_id] = Position(-lots, -cost)
        self.engines[symbol_id].positions |= {self.accounts[who].owner: lots, FLOW: -lots}
        return self.accounts[who].positions[symbol_id]

    def assert_books_balance(self) -> None:
        """Fail unless lots add up to zero, and cash less cost with the pots to what accounts opened with, exactly."""
        house = self.exchange.settlement.house
        owners = {one.owner: one for one in self.accounts} | {FLOW: house.flow, FUND: house.fund}
        total = house.fees + house.rounding
        for owner in owners.values():
            total += owner.cash - sum((held.cost for held in owner.positions.values()), Decimal(0))
        assert total == sum((one.rights.cash for one in self.accounts), Decimal(0))
        for symbol_id, engine in self.engines.items():
            lots = {number: one.positions.get(symbol_id, Position()).lots for number, one in owners.items()}
            assert sum(lots.values()) == 0
            assert lots == {number: engine.positions.get(number, 0) for number in owners}
        for account in self.accounts:
            earned = sum((row.amount for row in account.earned()), Decimal(0))
            assert account.cash == account.rights.cash + earned
            assert account.rights.cash == OPENING_CASH
