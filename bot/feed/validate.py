"""Refuse what an exchange should never have said, before it becomes a market event.

ccxt passes NaN, negative, crossed and empty books through without raising, and its answers may hold any type at all.
Everything that leaves this module is integer ticks and lots that were checked; everything else is `BadMarketData`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np

from bot.errors import BadMarketData
from bot.market.ladder import LARGEST, ROUNDING, TOLERANCE, read_book
from bot.types import NS_PER_MS, Floats, Instrument, Int64s, Side

# 2100-01-01 in milliseconds: a later stamp is seconds mistaken for another unit, or garbage.
_LATEST_MS: Final = 4_102_444_800_000
_LARGEST_ID: Final = 2**63 - 1
# An exchange that restarts numbers its books anew; so many older but advancing answers in a row are a new book.
_RESTART_AFTER: Final = 10
_NUMBERS: Final = frozenset({float, int})
_LISTS: Final = frozenset({list})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A checked order book: both sides best first, never empty, crossed or locked.

    `nonce` and `exchange_ns` are 0 when the exchange gave none. `restarted` says that the exchange began to number its
    books anew, so nothing known before holds.
    """

    symbol: str
    nonce: int
    exchange_ns: int
    local_ns: int
    bid_ticks: Int64s
    bid_lots: Int64s
    ask_ticks: Int64s
    ask_lots: Int64s
    restarted: bool = False


@dataclass(frozen=True, slots=True)
class Print:
    """A checked public trade; `side` is the aggressor's, `numbered` says that `id` is the exchange's own number."""

    id: int
    numbered: bool
    exchange_ns: int
    side: Side
    ticks: int
    lots: int


class BookValidator:
    """Turn one instrument's order book answers into snapshots, remembering what was newest."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._grid = Grid(instrument)
        self._newest = (0, 0)
        self._older_first = self._older_last = (0, 0)
        self._older_count = 0

    def check(self, answer: object, local_ns: int) -> Snapshot:
        """Return the answer as a snapshot received at `local_ns`.

        Raises:
            BadMarketData: the answer isn't a book to trade on; `kind` says why. Nothing else is ever raised.
        """
        if not isinstance(answer, dict):
            raise BadMarketData("wrong_shape", f"order book should be a mapping, was {type(answer).__name__}")
        _check_symbol(answer.get("symbol"), self._instrument.symbol)
        bids, asks = _two_sides(answer)
        cut = len(bids)
        ticks, lots = self._grid.sides(_flat(bids + asks), cut)
        nonce, stamp = whole_number(answer.get("nonce"), "nonce", _LARGEST_ID), exchange_ms(answer.get("timestamp"))
        return Snapshot(
            symbol=self._instrument.symbol,
            nonce=nonce,
            exchange_ns=stamp * NS_PER_MS,
            local_ns=local_ns,
            bid_ticks=ticks[:cut],
            bid_lots=lots[:cut],
            ask_ticks=ticks[cut:],
            ask_lots=lots[cut:],
            restarted=self._advance(nonce, stamp),
        )

    def _advance(self, nonce: int, stamp_ms: int) -> bool:
        """Move the watermark on, or refuse; True when the exchange has evidently restarted its numbering."""
        stamp, newest = (nonce, stamp_ms), self._newest
        if not _goes_back(stamp, newest):
            # A book without a stamp doesn't erase the newest one seen.
            self._newest = (nonce or newest[0], max(stamp_ms, newest[1]))
            self._older_count = 0
            return False
        if self._older_count == 0 or _goes_back(stamp, self._older_last):
            self._older_first, self._older_count = stamp, 0
        self._older_last = stamp
        self._older_count += 1
        if self._older_count >= _RESTART_AFTER and stamp != self._older_first:
            self._newest, self._older_count = stamp, 0
            return True
        raise BadMarketData("stale", f"order book should be at least {newest} (nonce, ms), was {stamp}")


def check_trades(answer: object, grid: Grid) -> list[Print]:
    """Return a ccxt trades answer as checked prints, in the order answered.

    Raises:
        BadMarketData: something in the answer isn't a trade of this instrument. Nothing else is ever raised.
    """
    if not isinstance(answer, list):
        raise BadMarketData("wrong_shape", f"trades should be a list, were {type(answer).__name__}")
    if not answer:
        return []
    symbol = grid.symbol
    flat: list[object] = []
    for row in answer:
        if not isinstance(row, dict):
            raise BadMarketData("wrong_shape", f"trade should be a mapping, was {type(row).__name__}")
        _check_symbol(row.get("symbol"), symbol)
        flat += (row.get("price"), row.get("amount"))
    ticks, lots = grid.steps(flat)
    return [_print(row, int(tick), int(lot)) for row, tick, lot in zip(answer, ticks, lots, strict=True)]


def _print(row: dict[object, object], ticks: int, lots: int) -> Print:
    side = row.get("side")
    if not isinstance(side, str) or side not in ("buy", "sell"):
        raise BadMarketData("wrong_shape", f"side of a trade should be buy or sell, was {_shown(side)}")
    stamp = exchange_ms(row.get("timestamp"))
    if stamp == 0:
        raise BadMarketData("wrong_shape", "trade should carry its time, had none")
    number, numbered = _trade_id(row.get("id"))
    return Print(number, numbered, stamp * NS_PER_MS, Side(side), ticks, lots)


class Grid:
    """The grid of one instrument as floats, for arrays of levels."""

    def __init__(self, instrument: Instrument) -> None:
        self.symbol = instrument.symbol
        self._units = np.array([float(instrument.tick_size), float(instrument.lot_size)])
        self._largest = float(self._units.max()) * LARGEST

    def sides(self, flat: Sequence[object], bids: int) -> tuple[Int64s, Int64s]:
        """Return ticks and lots of price, size, price, size, ... of a book: `bids` levels, then those of the asks.

        Raises:
            BadMarketData: as for `steps`, a side doesn't go away from the touch, or the sides meet.
        """
        exact = _numbers(flat)
        steps = np.empty((2, len(exact) // 2), dtype=np.int64)
        if read_book(exact, bids, self._units, self._largest, steps):
            return steps[0], steps[1]
        # Something is wrong: the slow way says what.
        ticks, lots = self._rounded(exact)
        _check_ladder(ticks[:bids], -1, "bids")
        _check_ladder(ticks[bids:], 1, "asks")
        _check_touch(int(ticks[0]), int(ticks[bids]))
        return ticks, lots

    def steps(self, flat: Sequence[object]) -> tuple[Int64s, Int64s]:
        """Return ticks and lots of price, size, price, size, ...; all > 0 and on the grid.

        Raises:
            BadMarketData: a value is no number, not finite, not positive, off the grid or too large.
        """
        return self._rounded(_numbers(flat))

    def _rounded(self, flat: Floats) -> tuple[Int64s, Int64s]:
        exact = flat.reshape(-1, 2)
        # Written so that NaN fails: every comparison with it is false. The bound keeps the division from overflowing.
        if not (exact.min() > 0 and exact.max() < self._largest):
            raise _bad_number(exact, self.symbol)
        steps = exact / self._units
        whole = np.rint(steps)
        most = steps.max(axis=0)
        if most.max() >= LARGEST:
            raise _bad_number(exact, self.symbol)
        if bool((np.abs(steps - whole).max(axis=0) > TOLERANCE + ROUNDING * most).any()) or whole.min() < 1:
            raise BadMarketData("off_grid", f"prices and sizes of {self.symbol} should be multiples of {self._units}")
        columns = whole.T.astype(np.int64)
        return columns[0], columns[1]


def _numbers(flat: Sequence[object]) -> Floats:
    if not _NUMBERS.issuperset(map(type, flat)):
        odd = next(value for value in flat if type(value) not in _NUMBERS)
        kind = "not_a_number" if odd is None else "wrong_shape"
        raise BadMarketData(kind, f"price or size should be a number, was {_shown(odd)}")
    try:
        return np.array(flat, dtype=np.float64)
    except OverflowError:
        raise BadMarketData("too_large", "price or size should fit a float, was an integer beyond it") from None


def whole_number(value: object, noun: str, largest: int) -> int:
    """Return a whole number in [0, largest], 0 for None.

    Raises:
        BadMarketData: it is of another type, negative or too large.
    """
    if value is None:
        return 0
    if type(value) is not int:
        raise BadMarketData("wrong_shape", f"{noun} should be a whole number, was {_shown(value)}")
    if value < 0:
        raise BadMarketData("negative", f"{noun} should be at least 0, was {_shown(value)}")
    if value > largest:
        raise BadMarketData("too_large", f"{noun} should be at most {largest}, was {_shown(value)}")
    return value


def exchange_ms(value: object) -> int:
    """Return an exchange stamp in milliseconds, 0 for None.

    Raises:
        BadMarketData: it is no whole number, or not a time between 1970 and 2100.
    """
    return whole_number(value, "timestamp", _LATEST_MS)


def _trade_id(value: object) -> tuple[int, bool]:
    text = str(value) if type(value) is int and 0 <= value <= _LARGEST_ID else value
    if not isinstance(text, str) or not text or len(text) > 200:
        raise BadMarketData("wrong_shape", f"trade should carry an id, was {_shown(value)}")
    if text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= _LARGEST_ID:
        return int(text), True
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1, False


def _check_symbol(seen: object, symbol: str) -> None:
    if not isinstance(seen, str) or seen != symbol:
        raise BadMarketData("wrong_symbol", f"answer should be of {symbol}, was of {_shown(seen)}")


def _two_sides(answer: dict[str, object]) -> tuple[list[list[object]], list[list[object]]]:
    bids, asks = _level_rows(answer.get("bids"), "bids"), _level_rows(answer.get("asks"), "asks")
    if not bids and not asks:
        raise BadMarketData("empty", "order book should have levels, had none")
    if not bids or not asks:
        raise BadMarketData("one_sided", f"order book should have two sides, had no {'asks' if bids else 'bids'}")
    return bids, asks


def _level_rows(rows: object, noun: str) -> list[list[object]]:
    if not isinstance(rows, list):
        raise BadMarketData("wrong_shape", f"{noun} should be a list, were {type(rows).__name__}")
    if rows and not (_LISTS.issuperset(map(type, rows)) and min(map(len, rows)) >= 2):
        odd = next(row for row in rows if type(row) is not list or len(row) < 2)
        raise BadMarketData("wrong_shape", f"level of {noun} should be [price, size], was {_shown(odd)}")
    return rows


def _flat(rows: list[list[object]]) -> list[object]:
    """Return price, size, price, size, ...; what some exchanges put behind them (a count, an id) is left out."""
    flat = list(chain.from_iterable(rows))
    return flat if len(flat) == 2 * len(rows) else [value for row in rows for value in row[:2]]


def _check_ladder(ticks: Int64s, direction: int, noun: str) -> None:
    steps = (ticks[1:] - ticks[:-1]) * direction
    if steps.size and steps.min() <= 0:
        kind = "duplicate_level" if bool((steps == 0).any()) else "unsorted"
        raise BadMarketData(kind, f"{noun} should go away from the touch, each price once; were {kind}")


def _check_touch(bid: int, ask: int) -> None:
    if bid > ask:
        raise BadMarketData("crossed", f"best bid should be below best ask, was {bid} over {ask} ticks")
    if bid == ask:
        raise BadMarketData("locked", f"best bid should be below best ask, both were {bid} ticks")


def _goes_back(stamp: tuple[int, int], newest: tuple[int, int]) -> bool:
    # An exchange's machines disagree by milliseconds; its numbers don't.
    if stamp[0] > newest[0] > 0:
        return False
    return 0 < stamp[0] < newest[0] or 0 < stamp[1] < newest[1]


def _bad_number(exact: Floats, symbol: str) -> BadMarketData:
    if bool(np.isnan(exact).any()):
        return BadMarketData("not_a_number", f"price or size of {symbol} should be a number, was NaN")
    if exact.min() < 0:
        return BadMarketData("negative", f"price and size of {symbol} should be positive, was {exact.min()}")
    if exact[:, 0].min() == 0:
        return BadMarketData("zero_price", f"price of {symbol} should be positive, was 0")
    if exact[:, 1].min() == 0:
        return BadMarketData("zero_size", f"size of {symbol} should be positive, was 0")
    return BadMarketData("too_large", f"price and size of {symbol} should be below 2**50 steps, was {exact.max()}")


def _shown(value: object) -> str:
    try:
        text = repr(value) if isinstance(value, (str, float, type(None), bool)) else type(value).__name__
    except ValueError:  # an integer too long to print
        text = "a huge integer"
    return text if len(text) <= 60 else text[:57] + "..."
