"""Keeps the exchange over restarts: a snapshot replaced atomically, and two journals that only grow.

`snapshot.json` holds the books, ids, open orders and cash; `fills.jsonl` and `orders.jsonl` hold what is over, and the
snapshot says how many of their lines belong to it. A save writes the journals first, so a kill between the two leaves
lines that the next start cuts off. What survives a kill of the process is not forced to the disk on every save: losing
power can cost the last seconds of a practice market.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import orjson

from bot.errors import StorageError, UserError
from bot.exchange.account import Account, OwnFill, OwnOrder, Position
from bot.exchange.exchange import Exchange
from bot.exchange.matching import Order, Rule
from bot.exchange.synthetic import SyntheticMarket
from bot.types import OrderStatus

_FORMAT: Final = 1
_SNAPSHOT: Final = "snapshot.json"
_FILLS: Final = "fills.jsonl"
_ORDERS: Final = "orders.jsonl"
_LOCK: Final = "lock"
_LOCKED_AT_MOST_S: Final = 2.0  # an exchange whose parent died ends within a tenth of a second or so


class StateFolder:
    """The folder of one exchange, locked while this object is open.

    Raises:
        UserError: another exchange has it, and does not end within a few seconds.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fills_written: dict[str, int] = {}
        self._orders_written: dict[str, int] = {}
        self._lengths = {_FILLS: 0, _ORDERS: 0}
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = (folder / _LOCK).open("wb")
        self._wait_for_lock()

    def close(self) -> None:
        """Let another process have the folder."""
        self._lock.close()

    def time_ms(self) -> int:
        """Market time of the snapshot in ms since 1970, 0 when there is none.

        Raises:
            StorageError: the snapshot is damaged.
        """
        return int(self._read().get("time_ms", 0))

    def load(self, exchange: Exchange, market: SyntheticMarket) -> bool:
        """Bring the exchange back to where the folder left it; False when the folder is new.

        Raises:
            StorageError: the folder is damaged or of another version; nothing in it was changed.
        """
        saved = self._read()
        if not saved:
            return False
        try:
            if saved["format"] != _FORMAT:
                raise ValueError(f"format should be {_FORMAT}, was {saved['format']}")
            self._refuse_lost(exchange, saved)
            market.restore(saved["market"], clean=bool(saved["clean"]))
            for account in exchange.accounts.values():
                if account.key in saved["accounts"]:
                    _restore_account(account, saved["accounts"][account.key], exchange)
            self._load_journals(exchange, saved)
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise self._damaged(error) from error
        return True

    def save(self, exchange: Exchange, market: SyntheticMarket, time_ms: int, *, clean: bool) -> None:
        """Write everything; `clean` says that no id will be given out after this save.

        Raises:
            OSError: the disk refuses.
        """
        self._append(exchange)
        accounts = exchange.accounts.values()
        snapshot = {
            "format": _FORMAT,
            "time_ms": time_ms,
            "clean": clean,
            "market": market.snapshot(),
            "accounts": {account.key: _account_row(account) for account in accounts},
            "fills": sum(len(account.fills) for account in accounts),
            "orders": sum(len(account.closed) for account in accounts),
        }
        path = self._folder / _SNAPSHOT
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(orjson.dumps(snapshot))
            if clean:
                file.flush()
                os.fsync(file.fileno())
        fresh.replace(path)
        exchange.dirty = False

    def _wait_for_lock(self) -> None:
        # The exchange of a bot that was just killed may still be writing its last save.
        deadline = time.monotonic() + _LOCKED_AT_MOST_S
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    self._lock.close()
                    raise UserError(
                        f"another exchange is running on {self._folder}; stop it or choose another folder"
                    ) from None
                time.sleep(0.02)

    def _read(self) -> dict[str, Any]:
        path = self._folder / _SNAPSHOT
        if not path.exists():
            return {}
        try:
            saved = orjson.loads(path.read_bytes())
        except ValueError as error:
            raise self._damaged(error) from error
        if not isinstance(saved, dict):
            raise self._damaged(ValueError("not an object"))
        return saved

    def _refuse_lost(self, exchange: Exchange, saved: Mapping[str, Any]) -> None:
        """Refuse to start without a key or a symbol that something is owned in: a save would forget it."""
        for key, account in saved["accounts"].items():
            if key not in exchange.accounts:
                raise StorageError(f"{self._folder} holds an account of key {key}, which is not among the keys now")
            held = {symbol_id for symbol_id, (lots, *_) in account["positions"].items() if lots}
            lost = (held | {row[1] for row in account["open"]}) - set(exchange.listings)
            if lost:
                raise StorageError(
                    f"the account of key {key} in {self._folder} has orders or a position in {min(lost)}, "
                    "which is not listed now; list it, or move the folder away to start anew"
                )

    def _damaged(self, error: Exception) -> StorageError:
        return StorageError(
            f"the exchange's state in {self._folder / _SNAPSHOT} can't be used ({type(error).__name__}: {error}); "
            "move the folder away to start a new market"
        )

    def _append(self, exchange: Exchange) -> None:
        fills: list[bytes] = []
        orders: list[bytes] = []
        for key, account in exchange.accounts.items():
            fills += [orjson.dumps(_fill_row(key, own)) for own in account.fills[self._fills_written.get(key, 0) :]]
            known = self._orders_written.get(key, 0)
            if len(account.closed) > known:
                orders += [orjson.dumps(_order_row(key, own)) for own in list(account.closed.values())[known:]]
        self._lengths[_FILLS] += self._extend(_FILLS, fills)
        self._fills_written = {key: len(account.fills) for key, account in exchange.accounts.items()}
        self._lengths[_ORDERS] += self._extend(_ORDERS, orders)
        self._orders_written = {key: len(account.closed) for key, account in exchange.accounts.items()}

    def _extend(self, name: str, lines: list[bytes]) -> int:
        """Write lines after those that are known to be whole: a full disk may have torn the last attempt."""
        if not lines:
            return 0
        text = b"".join(line + b"\n" for line in lines)
        with (self._folder / name).open("ab") as file:
            file.truncate(self._lengths[name])
            file.write(text)
        return len(text)

    def _load_journals(self, exchange: Exchange, saved: Mapping[str, Any]) -> None:
        for row in self._cut(_FILLS, int(saved["fills"])):
            account = exchange.accounts.get(row[0])
            if account is not None:
                account.fills.append(_fill(row))
        for row in self._cut(_ORDERS, int(saved["orders"])):
            account = exchange.accounts.get(row[0])
            if account is not None:
                _track(account, row, None)
        for key, account in exchange.accounts.items():
            self._fills_written[key] = len(account.fills)
            self._orders_written[key] = len(account.closed)

    def _cut(self, name: str, count: int) -> list[list[Any]]:
        """The first `count` rows of a journal, which then ends there."""
        path = self._folder / name
        if not path.exists():
            if count:
                raise ValueError(f"{name} is missing")
            return []
        lines = path.read_bytes().split(b"\n")[:-1]
        if len(lines) < count:
            raise ValueError(f"{name} should have {count} lines, has {len(lines)}")
        self._lengths[name] = sum(len(line) + 1 for line in lines[:count])
        os.truncate(path, self._lengths[name])
        return [orjson.loads(line) for line in lines[:count]]


def _account_row(account: Account) -> dict[str, Any]:
    return {
        "owner": account.owner,
        "cash": str(account.cash),
        "leverage": account.leverage,
        "positions": {
            symbol_id: [held.lots, str(held.cost), held.updated_ms]
            for symbol_id, held in account.positions.items()
            if held.lots
        },
        "open": [_order_row(account.key, own) for own in account.open.values()],
    }


def _restore_account(account: Account, saved: Mapping[str, Any], exchange: Exchange) -> None:
    if account.owner != saved["owner"]:
        raise ValueError(f"key {account.key} should be account {account.owner}, was {saved['owner']}")
    account.cash = Decimal(saved["cash"])
    account.leverage = {name: int(value) for name, value in saved["leverage"].items()}
    for symbol_id, (lots, cost, updated_ms) in saved["positions"].items():
        account.positions[symbol_id] = Position(int(lots), Decimal(cost), int(updated_ms))
    for row in saved["open"]:
        _track(account, row, exchange.listings[row[1]].book.orders[row[2]])


def _order_row(key: str, own: OwnOrder) -> list[Any]:
    order = own.order
    return [
        key,
        own.symbol_id,
        order.order_id,
        own.client_id,
        own.order_type,
        own.rule.value,
        own.time_ms,
        own.updated_ms,
        str(own.quote),
        order.sign,
        order.price,
        order.lots,
        order.left,
        order.reduce_only,
        order.status.value,
    ]


def _track(account: Account, row: list[Any], order: Order | None) -> None:
    """Know an order again; a closed one (`order` None) has no order in the book any more."""
    _, symbol_id, order_id, client_id, order_type, rule, time_ms, updated_ms, quote = row[:9]
    if order is None:
        sign, price, lots, left, reduce_only, status = row[9:]
        order = Order(order_id, account.owner, sign, price, lots, left, reduce_only, OrderStatus(status))
    filled = order.lots - order.left
    account.track(
        OwnOrder(order, symbol_id, client_id, order_type, Rule(rule), time_ms, updated_ms, Decimal(quote), filled)
    )


def _fill_row(key: str, own: OwnFill) -> list[Any]:
    return [
        key,
        own.trade_id,
        own.order_id,
        own.symbol_id,
        own.sign,
        own.price,
        own.lots,
        str(own.quote),
        str(own.realised),
        str(own.fee),
        own.maker,
        own.time_ms,
    ]


def _fill(row: list[Any]) -> OwnFill:
    _, trade_id, order_id, symbol_id, sign, price, lots, quote, realised, fee, maker, time_ms = row
    return OwnFill(
        trade_id,
        order_id,
        symbol_id,
        sign,
        price,
        lots,
        Decimal(quote),
        Decimal(realised),
        Decimal(fee),
        maker,
        time_ms,
    )
