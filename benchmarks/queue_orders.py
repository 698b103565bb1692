"""Passive orders of the study of queues against truth: in which market, where they were placed, what became of them."""

from __future__ import annotations

from typing import Final, NamedTuple

from bot.exchange.floor import STEP_MS
from bot.types import NS_PER_MS, Side

TURN_NS: Final = STEP_MS * NS_PER_MS
HORIZONS_MS: Final = (1_000, 5_000, 30_000)
REST_MS: Final = HORIZONS_MS[-1]
"""An order rests so long and is cancelled then; what a shorter horizon says is what had become of it by then."""
MARKOUTS_MS: Final = (1_000, 5_000)
CHECKS_MS: Final = (0, 1_000, 5_000)
"""Times since placement at which an order that still rests is asked how many lots are ahead of it."""
PLACES: Final = (0, 1, 2, 5)
INSIDE: Final = -1
"""Ticks behind the own side's best price; one better is inside the spread."""


class Regime(NamedTuple):
    """One kind of market: `symbol` is a ccxt name, `alpha` the strength of the planted drift."""

    name: str
    symbol: str
    alpha: float


REGIMES: Final = (
    Regime("busy, fine tick (BTC)", "BTC/USDT:USDT", 1.0),
    Regime("busy, coarse tick (XRP)", "XRP/USDT:USDT", 1.0),
    Regime("the same, alpha 0 (XRP)", "XRP/USDT:USDT", 0.0),
    Regime("quiet, coarse tick (ATOM)", "ATOM/USDT:USDT", 1.0),
)


class Placement(NamedTuple):
    """One order: placed right after turn `turn` of the market, `away` ticks behind its side's best price.

    `away` is `INSIDE` for a tick better than the best. Orders of one `moment` share the market's state.
    """

    moment: int
    turn: int
    side: Side
    price: int
    lots: int
    away: int


class Fate(NamedTuple):
    """What became of an order: its fills as (ms since placement, lots), and lots ahead at each of `CHECKS_MS`.

    Lots ahead are NaN where the order did not rest any more.
    """

    fills: tuple[tuple[int, int], ...]
    ahead: tuple[float, ...]
    rejected: bool = False

    def lots_by(self, horizon_ms: int) -> int:
        """Lots filled up to and with `horizon_ms` after placement."""
        return sum(lots for ms, lots in self.fills if ms <= horizon_ms)

    def done_ms(self, lots: int) -> float:
        """Time from placement to the fill that made `lots` whole, infinite when it never came."""
        total = 0
        for ms, part in self.fills:
            total += part
            if total >= lots:
                return ms
        return float("inf")
