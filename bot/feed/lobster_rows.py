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


# Row, kind, price and size of an event.
_Told = tuple[int, int, int, int]

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

    def _told(self, stretch: Stretch, types: Int64s, books: Int64s) -> list[_Told]:
        executed = np.isin(types, _EXECUTIONS)
        told: list[_Told] = []
        before = self._before
        if before is None:
            before = np.zeros_like(books[:1])  # unlike any row, so that the first one tells all its levels
            self._sides = {
                Kind.BID: VisibleSide(1, books.shape[1] // 4),
                Kind.ASK: VisibleSide(-1, books.shape[1] // 4),
            }
            told.append((0, Kind.CLEAR, 0, 0))
        self._before = books[-1:]
        changed = books != np.concatenate([before, books[:-1]])
        changes = self._changes(Kind.BID, books, changed) + self._changes(Kind.ASK, books, changed)
        # What is gone goes first: the book is not crossed on the way either.
        changes.sort(key=lambda one: (one[0], one[3] != 0))
        trades = _trades(stretch, np.flatnonzero(executed))
        return sorted([*told, *trades, *changes], key=lambda one: one[0])

    def _changes(self, kind: Kind, books: Int64s, changed: Bools) -> list[_Told]:
        first = _BID_PRICE if kind is Kind.BID else _ASK_PRICE
        rows = np.flatnonzero(changed[:, first::4].any(axis=1) | changed[:, first + 1 :: 4].any(axis=1))
        side, told = self._sides[kind], []
        views = zip(rows.tolist(), books[rows, first::4].tolist(), books[rows, first + 1 :: 4].tolist(), strict=True)
        for row, prices, sizes in views:
            there = len(prices) - sizes.count(0)
            told += [(row, int(kind), price, size) for price, size in side.changes(prices[:there], sizes[:there])]
        return told

    def _note_halts(self, stretch: Stretch, types: Int64s, stamps_ns: Int64s) -> None:
        prices = stretch.integers("price")
        for row in np.flatnonzero(types == MessageType.HALT).tolist():
            moment = np.datetime64(int(stamps_ns[row]) // NS_PER_S, "s")
            self._account.notes.append(f"{_HALT_WORDS[int(prices[row])]} at {moment}Z")


def _trades(stretch: Stretch, rows: Int64s) -> list[_Told]:
    prices, sizes, directions = (stretch.integers(name)[rows].tolist() for name in ("price", "size", "direction"))
    # The direction is that of the resting order, so the aggressor is on the other side.
    return [
        (row, int(Kind.SELL if direction == 1 else Kind.BUY), price, size)
        for row, price, size, direction in zip(rows.tolist(), prices, sizes, directions, strict=True)
    ]


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
