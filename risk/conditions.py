"""Limits on the market's condition: no order on a price we should not believe, nor far from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from bot.types import BPS, NS_PER_MS, Intent, Side
from risk.limits import Breach
from risk.standing import Standing


@dataclass(frozen=True, slots=True)
class FeedHealth:
    """No orders while the feed's watchdog calls the feed unhealthy."""

    name: str = field(default="feed_health", init=False)

    def check(self, intent: Intent, standing: Standing) -> Breach | None:
        """Return a breach when the feed is not healthy."""
        if standing.feed_healthy:
            return None
        return Breach(self.name, "healthy", "unhealthy", "market feed is down or not to be trusted")


@dataclass(frozen=True, slots=True)
class StaleData:
    """No orders on a book that was last confirmed more than `max_age_ns` ago."""

    max_age_ns: int
    name: str = field(default="max_book_age", init=False)

    def check(self, intent: Intent, standing: Standing) -> Breach | None:
        """Return a breach when the book is too old."""
        if standing.book_age_ns <= self.max_age_ns:
            return None
        return Breach(self.name, _ms(self.max_age_ns), _ms(standing.book_age_ns), "book is too old")


@dataclass(frozen=True, slots=True)
class ClockSkew:
    """No new exposure while the exchange's clock and ours differ by more than `max_skew_ns`, either way.

    A clock that is off may stay so for hours, so what shrinks the position passes.
    """

    max_skew_ns: int
    name: str = field(default="max_skew", init=False)

    def check(self, intent: Intent, standing: Standing) -> Breach | None:
        """Return a breach when the clocks are too far apart."""
        if abs(standing.skew_ns) <= self.max_skew_ns or standing.shrinks(intent.side, intent.lots):
            return None
        return Breach(self.name, _ms(self.max_skew_ns), _ms(standing.skew_ns), "clocks are too far apart")


@dataclass(frozen=True, slots=True)
class SpreadGate:
    """No new exposure while the spread is wider than `max_bps` of the mid; what shrinks the position passes."""

    max_bps: Decimal
    name: str = field(default="max_spread", init=False)

    def check(self, intent: Intent, standing: Standing) -> Breach | None:
        """Return a breach when the spread is too wide for this intent."""
        spread_bps = standing.spread_bps
        if spread_bps <= self.max_bps or intent.reduce_only or standing.shrinks(intent.side, intent.lots):
            return None
        return Breach(self.name, _bps(self.max_bps), _bps(spread_bps), "spread is too wide")


@dataclass(frozen=True, slots=True)
class PriceCollar:
    """No order priced further than `max_bps` from the mid, on either side of it.

    What shrinks the position is measured from the nearer of the mid and the price it would trade at: else a spread
    wider than twice the limit would keep it from being closed.
    """

    max_bps: Decimal
    name: str = field(default="price_collar", init=False)

    def check(self, intent: Intent, standing: Standing) -> Breach | None:
        """Return a breach when the price is too far from the mid."""
        twice_mid = standing.bid_ticks + standing.ask_ticks
        away = abs(2 * intent.price_ticks - twice_mid)
        if standing.shrinks(intent.side, intent.lots):
            opposite = standing.ask_ticks if intent.side is Side.BUY else standing.bid_ticks
            away = min(away, 2 * abs(intent.price_ticks - opposite))
        away_bps = Decimal(BPS * away) / twice_mid
        if away_bps <= self.max_bps:
            return None
        return Breach(self.name, _bps(self.max_bps), _bps(away_bps), "price is too far from the mid")


def _ms(duration_ns: int) -> str:
    return f"{duration_ns / NS_PER_MS:g} ms"


def _bps(distance: Decimal) -> str:
    return f"{distance:.2f}".rstrip("0").rstrip(".") + " bps"
