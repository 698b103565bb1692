"""Keeps the exchange over restarts: a snapshot replaced atomically, and three journals that only grow.

`snapshot.json` holds the books, ids, open orders, cash and what mark prices and funding depend on; `fills.jsonl`,
`orders.jsonl` and `income.jsonl` hold what is over, and the snapshot says how many of their lines belong to it. A save
writes the journals first, so a kill between the two leaves lines that the next start cuts off. What survives a kill of
the process is not forced to the disk on every save: losing power can cost the last seconds of a practice market.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson

from bot.errors import StorageError, UserError
from bot.exchange.accounts import saved_rows
from bot.exchange.accounts.account import Account
from bot.exchange.accounts.saved_rows import Row
from bot.exchange.exchange import Exchange
from bot.exchange.markets.synthetic import SyntheticMarket

_FORMAT: Final = 2
_ASIDE: Final = "before"
_SNAPSHOT: Final = "snapshot.json"
_LOCK: Final = "lock"
_LOCKED_AT_MOST_S: Final = 2.0  # an exchange whose parent died ends within a tenth of a second or so


class StateFolder:
    """The folder of one exchange, locked while this object is open.

    Raises:
        UserError: it can't be made or written to; or another exchange has it, and does not end within a few seconds.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._journals = _journals(folder)
        self._absent: dict[str, Any] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / _LOCK).open("wb")
        except OSError as error:
            raise UserError(
                f"the state folder {folder} should be one to write to ({error.strerror}): name another"
            ) from error
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

        A market of the first version can't go on as it was. It is moved aside if nobody owns anything in it.

        Raises:
            StorageError: the folder is damaged or of another version; nothing in it was changed.
        """
        saved = self._read()
        if not saved:
            return False
        try:
            if saved["format"] == 1 and not _is_owned(saved):
                self._move_aside()
                return False
            if saved["format"] != _FORMAT:
                raise ValueError(f"format should be {_FORMAT}, was {saved['format']}")
            self._refuse_lost(exchange, saved)
            market.restore(saved["market"], clean=bool(saved["clean"]))
            for account in exchange.accounts.values():
                if account.key in saved["accounts"]:
                    saved_rows.restore_account(account, saved["accounts"][account.key], exchange.listings)
            self._restore_rest(exchange, saved)
            for journal in self._journals:
                journal.load(exchange.accounts, int(saved[journal.name]))
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise self._damaged(error) from error
        return True

    def save(self, exchange: Exchange, market: SyntheticMarket, time_ms: int, *, clean: bool) -> None:
        """Write everything; `clean` says that no id will be given out after this save.

        Raises:
            OSError: the disk refuses.
        """
        for journal in self._journals:
            journal.append(exchange.accounts)
        snapshot = {
            "format": _FORMAT,
            "time_ms": time_ms,
            "clean": clean,
            "market": market.snapshot(),
            "accounts": {key: saved_rows.account_row(account) for key, account in exchange.accounts.items()},
            "house": saved_rows.house_row(exchange.settlement.house),
            "listings": self._absent
            | {name: saved_rows.listing_row(listing) for name, listing in exchange.listings.items()},
        } | {journal.name: journal.count for journal in self._journals}
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
            if (number := exchange.accounts[key].owner) != account["owner"]:
                raise StorageError(
                    f"key {key} should be number {account['owner']} of the keys, as in {self._folder}, was {number}; "
                    "keep the keys in their order and add new ones at the end"
                )
            held = {symbol_id for symbol_id, (lots, *_) in account["positions"].items() if lots}
            lost = (held | {row[1] for row in account["open"]}) - set(exchange.listings)
            if lost:
                raise StorageError(
                    f"the account of key {key} in {self._folder} has orders or a position in {min(lost)}, "
                    "which is not listed now; list it, or move the folder away to start anew"
                )

    def _move_aside(self) -> None:
        aside = self._folder / _ASIDE
        aside.mkdir(exist_ok=True)
        for path in self._folder.glob("*.json*"):
            path.replace(aside / path.name)
        sys.stderr.write(f"exchange: a new market begins; the one of the version before is in {aside}\n")

    def _restore_rest(self, exchange: Exchange, saved: Mapping[str, Any]) -> None:
        saved_rows.restore_house(exchange.settlement.house, saved["house"])
        for name, row in saved["listings"].items():
            if name in exchange.listings:
                saved_rows.restore_listing(exchange.listings[name], row)
            else:
                self._absent[name] = row

    def _damaged(self, error: Exception) -> StorageError:
        return StorageError(
            f"the exchange's state in {self._folder / _SNAPSHOT} can't be used ({type(error).__name__}: {error}); "
            "move the folder away to start a new market"
        )


def _is_owned(saved: Mapping[str, Any]) -> bool:
    """True when some account has an order or a position."""
    accounts = saved["accounts"].values()
    return any(account["open"] or any(lots for lots, *_ in account["positions"].values()) for account in accounts)


class _Journal:
    """One file of rows that only grows: those of every account, in the order they came to be."""

    def __init__(
        self,
        path: Path,
        rows: Callable[[Account, int], list[Row]],
        add: Callable[[Account, Row], None],
    ) -> None:
        self.name = path.stem
        self._path = path
        self._rows = rows
        self._add = add
        self._written: dict[str, int] = {}
        self._length = 0

    @property
    def count(self) -> int:
        """Rows written so far, those of accounts that are gone included."""
        return sum(self._written.values())

    def append(self, accounts: Mapping[str, Account]) -> None:
        """Write what came since the last call, after the lines that are known to be whole.

        A full disk may have torn the last attempt.
        """
        rows = {key: self._rows(account, self._written.get(key, 0)) for key, account in accounts.items()}
        text = b"".join(orjson.dumps(row) + b"\n" for fresh in rows.values() for row in fresh)
        if not text:
            return
        with self._path.open("ab") as file:
            file.truncate(self._length)
            file.write(text)
        self._length += len(text)
        for key, fresh in rows.items():
            self._written[key] = self._written.get(key, 0) + len(fresh)

    def load(self, accounts: Mapping[str, Account], count: int) -> None:
        """Give the first `count` rows back to their accounts; the file then ends there.

        Raises:
            ValueError: there are fewer.
        """
        if not self._path.exists():
            if count:
                raise ValueError(f"{self._path.name} is missing")
            return
        lines = self._path.read_bytes().split(b"\n")[:-1]
        if len(lines) < count:
            raise ValueError(f"{self._path.name} should have {count} lines, has {len(lines)}")
        self._length = sum(len(line) + 1 for line in lines[:count])
        os.truncate(self._path, self._length)
        for line in lines[:count]:
            row = orjson.loads(line)
            self._written[row[0]] = self._written.get(row[0], 0) + 1
            if row[0] in accounts:
                self._add(accounts[row[0]], row)


def _journals(folder: Path) -> tuple[_Journal, ...]:
    def fills(account: Account, known: int) -> list[Row]:
        return [saved_rows.fill_row(account.key, own) for own in account.fills[known:]]

    def orders(account: Account, known: int) -> list[Row]:
        count = max(0, account.forgotten + len(account.closed) - known)
        fresh = islice(reversed(account.closed.values()), count)
        return [saved_rows.order_row(account.key, own) for own in fresh][::-1]

    def income(account: Account, known: int) -> list[Row]:
        return [saved_rows.income_row(account.key, own) for own in account.income[known:]]

    return (
        _Journal(folder / "fills.jsonl", fills, saved_rows.add_fill),
        _Journal(folder / "orders.jsonl", orders, saved_rows.track),
        _Journal(folder / "income.jsonl", income, saved_rows.add_income),
    )
