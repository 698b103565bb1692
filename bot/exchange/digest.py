"""Hashes over what happened on an exchange: two runs that should be the same one are compared by two short texts.

The tape's hash goes on with every public trade; the accounts' hash is made when it is asked for, over all they own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final

import orjson

from bot.exchange.accounts.account import Account, OwnFill, OwnOrder
from bot.exchange.exchange import Exchange
from bot.exchange.listing import PublicTrade

_SEPARATOR: Final = b"\n"


class TradeHash:
    """A rolling SHA-256 over the trades of one symbol: id, price, lots, sign and time, in their order."""

    __slots__ = ("_sum", "count")

    def __init__(self, symbol_id: str) -> None:
        self._sum = hashlib.sha256(symbol_id.encode())
        self.count = 0

    def add(self, trade: PublicTrade) -> None:
        """Go on with the next trade."""
        self._sum.update(b"%d %d %d %d %d\n" % (trade.trade_id, trade.price, trade.lots, trade.sign, trade.time_ms))
        self.count += 1

    def hexdigest(self) -> str:
        """Hash of all trades so far, in 64 hexadecimal digits."""
        return self._sum.hexdigest()


class Digest:
    """Listens to the trades of every listing of an exchange from now on, and reads its accounts when asked."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._trades = {symbol_id: TradeHash(symbol_id) for symbol_id in sorted(exchange.listings)}
        for symbol_id, trades in self._trades.items():
            exchange.listings[symbol_id].log.witness = trades.add

    @property
    def trade_count(self) -> int:
        """How many public trades the tape's hash covers."""
        return sum(trades.count for trades in self._trades.values())

    def tape(self) -> str:
        """Hash of every public trade of every symbol since the start, in 64 hexadecimal digits."""
        return _hash([symbol_id, trades.hexdigest()] for symbol_id, trades in self._trades.items())

    def accounts(self) -> str:
        """Hash of all that accounts own: cash, leverage, positions, orders, fills and income, by key and then by id.

        Client order ids are part of it: a client that makes them up anew in every run has to be given them.
        """
        accounts = self._exchange.accounts
        return _hash(row for key in sorted(accounts) for row in _rows(accounts[key]))


def _hash(rows: Iterable[list[Any]]) -> str:
    total = hashlib.sha256()
    for row in rows:
        total.update(orjson.dumps(row, default=str))
        total.update(_SEPARATOR)
    return total.hexdigest()


def _rows(account: Account) -> Iterable[list[Any]]:
    yield ["account", account.owner, account.key, account.cash, account.is_revoked]
    yield ["leverage", *sorted(account.leverage.items())]
    yield ["countdowns", *sorted(account.countdowns.items())]
    for symbol_id, position in sorted(account.positions.items()):
        # One that is flat is nothing owned, and a restart forgets it.
        if position.lots:
            yield ["position", symbol_id, position.lots, position.cost, position.updated_ms]
    for _, own in sorted((account.open | account.closed).items()):
        yield _order(own)
    for fill in account.fills:
        yield _fill(fill)
    for income in account.income:
        yield ["income", income.number, income.kind, income.symbol_id, income.amount, income.time_ms, income.trade_id]


def _order(own: OwnOrder) -> list[Any]:
    order = own.order
    asked = [own.symbol_id, order.order_id, own.client_id, own.order_type, own.rule, order.sign, order.price]
    became = [order.lots, order.left, order.reduce_only, order.status, own.quote, own.time_ms, own.updated_ms]
    return ["order", *asked, *became]


def _fill(fill: OwnFill) -> list[Any]:
    ids = [fill.symbol_id, fill.trade_id, fill.order_id]
    return [
        "fill",
        *ids,
        fill.sign,
        fill.price,
        fill.lots,
        fill.quote,
        fill.realised,
        fill.fee,
        fill.maker,
        fill.time_ms,
    ]
