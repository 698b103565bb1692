"""One instrument as the engine sees it: its market, the state of its feed, and when the next decision is due."""

from __future__ import annotations

from dataclasses import dataclass

from bot.market.market import Market


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
