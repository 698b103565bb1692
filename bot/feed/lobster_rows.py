"""From rows of LOBSTER's two files to events: trades of the one, changes of levels of the other, as one message."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np

from bot.feed.csv_columns import Stretch
from bot.feed.decimals import Bools, scaled_decimals
from bot.feed.events import Account, End, Events
from bot.feed.visible_levels import VisibleSide
from bot.types import NS_PER_S, Int64s, Kind

_PRICE_PLACES: Final = 4  # prices are in dollars times 10,000
_NO_LEVEL: Final = 9_999_999_999  # price of a level that is not there, negative for bids
_ASK_PRICE, _ASK_SIZE, _BID_PRICE, _BID_SIZE = range(4)


class MessageType(IntEnum):
    """What a line of the message file tells."""

    SUBMISSION = 1
    CANCELLATION = 2
    DELETION = 3
    EXECUTION = 4
    HIDDEN_EXECUTION = 5
    CROSS = 6
    HALT = 7


_EXECUTIONS: Final = (MessageType.EXECUTION, MessageType.HIDDEN_EXECUTION)
_HALT_WORDS: Final = {-1: "trading halted", 0: "quoting resumed", 1: "trading resumed"}


class LobsterDay:
    """The lines of one day in their order; the first one tells the whole book.

    A message's id is its line number, by which its row of the orderbook file is found again.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._before: Int64s | None = None
        self._sides: dict[Kind, VisibleSide] = {}

    def events(self, stretch: Stretch, stamps_ns: Int64s, books: Int64s) -> Events:
        """Return the events of the next lines; `books` are their rows of the orderbook file.

        Raises:
            UserError: a line is not as LOBSTER writes it, or the orderbook file has fewer lines.
        """
        if len(books) < len(stretch):
            raise stretch.error(
                len(books), "a row of the orderbook file was expected, that file ends before: fetch both"
            )
        types = self._checked(stretch)
        _refuse_bad_books(stretch, books)
        told = self._told(stretch, types, books)
        self._account.messages.update(
            {kind.name.lower().replace("_", " "): int((types == kind).sum()) for kind in MessageType}
        )
        self._note_halts(stretch, types, stamps_ns)
        columns = np.array(told, np.int64).reshape(-1, 4)
        rows = columns[:, 0]
        return Events(
            exchange_ns=stamps_ns[rows],
            local_ns=stamps_ns[rows],
            id=stretch.lines[rows],
            price=scaled_decimals(columns[:, 2], _PRICE_PLACES),
            size=scaled_decimals(columns[:, 3], 0),
            kind=columns[:, 1].astype(np.uint8),
            ends=np.where(np.diff(rows, append=-1) != 0, End.HERE, End.NOT_YET).astype(np.uint8),
            place=self._account.place(stretch.path, stretch.lines[rows]),
        )

    def _checked(self, stretch: Stretch) -> Int64s:
        types, sizes, prices = (stretch.integers(name) for name in ("type", "size", "price"))
        _refuse(stretch, (types < 1) | (types > MessageType.HALT), "type", "1 to 7")
        orders = types <= MessageType.HIDDEN_EXECUTION
        _refuse(stretch, orders & (np.abs(stretch.integers("direction")) != 1), "direction", "1 or -1")
        _refuse(stretch, orders & (sizes <= 0), "size", "above 0")
        _refuse(stretch, orders & ((prices <= 0) | (prices >= _NO_LEVEL)), "price", "above 0 (dollars times 10,000)")
        _refuse(stretch, (types == MessageType.HALT) & (np.abs(prices) > 1), "price", "-1, 0 or 1 at a halt")
        return types

    def _told(self, stretch: Stretch, types: Int64s, books: Int64s) -> list[tuple[int, int, int, int]]:
        """Row, kind, price and size of each event."""
        executed = np.isin(types, _EXECUTIONS)
        first = books[:1] if self._before is None else self._before
        changed = (books != np.concatenate([first, books[:-1]])).any(axis=1)
        told: list[tuple[int, int, int, int]] = []
        columns = [stretch.integers(name) for name in ("price", "size", "direction")]
        if self._before is None:
            self._sides = {
                Kind.BID: VisibleSide(1, books.shape[1] // 4),
                Kind.ASK: VisibleSide(-1, books.shape[1] // 4),
            }
            told.append((0, Kind.CLEAR, 0, 0))
            changed[0] = True
        self._before = books[-1:]
        for row in np.flatnonzero(executed | changed).tolist():
            if executed[row]:
                price, size, direction = (int(column[row]) for column in columns)
                # The direction is that of the resting order, so the aggressor is on the other side.
                told.append((row, Kind.SELL if direction == 1 else Kind.BUY, price, size))
            if changed[row]:
                told += self._level_changes(row, books[row])
        return told

    def _level_changes(self, row: int, book: Int64s) -> list[tuple[int, int, int, int]]:
        told: list[tuple[int, int, int, int]] = []
        for kind, price_column, size_column in ((Kind.BID, _BID_PRICE, _BID_SIZE), (Kind.ASK, _ASK_PRICE, _ASK_SIZE)):
            prices, sizes = book[price_column::4].tolist(), book[size_column::4].tolist()
            there = len(prices) - sizes.count(0)
            changes = self._sides[kind].changes(prices[:there], sizes[:there])
            told += [(row, kind, price, size) for price, size in changes]
        # What is gone goes first: the book is not crossed on the way either.
        told.sort(key=lambda one: one[3] != 0)
        return told

    def _note_halts(self, stretch: Stretch, types: Int64s, stamps_ns: Int64s) -> None:
        prices = stretch.integers("price")
        for row in np.flatnonzero(types == MessageType.HALT).tolist():
            moment = np.datetime64(int(stamps_ns[row]) // NS_PER_S, "s")
            self._account.notes.append(f"{_HALT_WORDS[int(prices[row])]} at {moment}Z")


def _refuse_bad_books(stretch: Stretch, books: Int64s) -> None:
    for name, price_column, size_column, away in (
        ("ask", _ASK_PRICE, _ASK_SIZE, 1),
        ("bid", _BID_PRICE, _BID_SIZE, -1),
    ):
        prices, sizes = books[:, price_column::4], books[:, size_column::4]
        missing = (prices == away * _NO_LEVEL) & (sizes == 0)
        bad = ~missing & ((prices <= 0) | (prices >= _NO_LEVEL) | (sizes <= 0))
        # Dummy prices lie beyond all others, so levels are in order with them too, but for one another.
        steps = np.diff(prices, axis=1) * away
        bad[:, 1:] |= (steps <= 0) & ~missing[:, 1:]
        bad[:, 1:] |= missing[:, :-1] & ~missing[:, 1:]
        if bad.any():
            row, level = (int(number) for number in np.argwhere(bad)[0])
            raise stretch.error(
                row,
                f"{name} level {level + 1} of the orderbook file's line should be a price and a size above 0 beyond "
                f"the level before, was {int(prices[row, level])} and {int(sizes[row, level])}",
            )


def _refuse(stretch: Stretch, bad: Bools, name: str, expected: str) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        raise stretch.error(row, f"{name} should be {expected}, was {stretch.text(name, row)}")
