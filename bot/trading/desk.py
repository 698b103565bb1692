"""One instrument as the engine sees it: its market, the state of its feed, and what a decision finds there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.market.market import Market
from bot.types import Floats


@dataclass(slots=True)
class Desk:
    """What all lanes share in one instrument.

    `decisions` counts the times they were asked, `quality` (0 to 1) is that of the signals at the last of them.
    """

    market: Market
    next_decision_ns: int = 0
    healthy: bool = True
    skew_ns: int = 0
    decisions: int = 0
    quality: float = 0.0


@dataclass(frozen=True, slots=True)
class Moment:
    """One decision time in one instrument, the same for every lane.

    `cold` are the strategy's signals without a value; `quality` is 0 to 1, 0 when it has no value; `volatility` is in
    bps per square-root second. `bid_ticks` and `ask_ticks` are 0 when that side is empty.
    """

    now_ns: int
    seq: int
    row: Floats
    signals: Mapping[str, float]
    cold: tuple[str, ...]
    quality: float
    volatility: float
    bid_ticks: int
    ask_ticks: int
    has_book: bool
    book_age_ns: int
    healthy: bool
    skew_ns: int
