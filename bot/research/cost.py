"""What a round trip costs, in basis points of the mid: the yardstick every forecast is held against."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """Going in and out once. `spread_bps` is half the spread at the way in and half at the way out, together.

    Fees are of one side, in bps of the notional, negative when the exchange pays. Sizes beyond the touch cost more, and
    a maker's fills are not to be had at will: both are left out.
    """

    spread_bps: float
    taker_fee_bps: float
    maker_fee_bps: float

    @property
    def taker_bps(self) -> float:
        """Cost of crossing the spread both ways."""
        return self.spread_bps + 2 * self.taker_fee_bps

    @property
    def maker_bps(self) -> float:
        """Cost of being met at the touch both ways: the spread is earned; below 0 it is an income."""
        return 2 * self.maker_fee_bps - self.spread_bps

    def break_even_fee_bps(self, gain_bps: float) -> float:
        """Return the taker fee of one side at which a gain before costs is eaten up; below 0 none is low enough."""
        return (gain_bps - self.spread_bps) / 2
