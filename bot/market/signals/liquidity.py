"""Say how much can be traded and how fast it comes back."""

from __future__ import annotations

import math
from typing import Final

from bot.market.book import Book
from bot.market.jit import lean_kernel
from bot.market.signals.entry import Signal
from bot.market.signals.sight import Sight
from bot.types import Floats, Int64s


@lean_kernel
def note_trade(
    code: int,
    own: Floats,
    args: Floats,
    now_ns: int,
    exchange_ns: int,
    sign: int,
    ticks: int,
    lots: int,
    tops: Int64s,
) -> None:
    """Take in one trade; `sign` is +1 for an aggressive buy."""


@lean_kernel
def note_message(code: int, own: Floats, args: Floats, now_ns: int, exchange_ns: int, tops: Int64s) -> None:
    """Take in a change of the watched levels."""


@lean_kernel
def value(
    code: int,
    own: Floats,
    args: Floats,
    now_ns: int,
    seconds: float,
    sight: Sight,
    book: Book,
    then: Int64s,
    kept: Floats,
) -> float:
    """Return the signal."""
    return math.nan


ENTRIES: Final[tuple[Signal, ...]] = ()
