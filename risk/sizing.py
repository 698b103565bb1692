"""How large a position is meant: from a strategy's exposure, -1 to 1, to a signed target in lots."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol

from risk.standing import Standing

_SECONDS_PER_DAY: Final = 86_400  # markets of this kind never close


class Sizing(Protocol):
    """Turns an exposure into a target position."""

    def lots(self, exposure: float, standing: Standing) -> int:
        """Signed target position in lots, rounded towards flat.

        Raises:
            ValueError: `exposure` is NaN or outside -1 to 1, or the book has no mid.
        """
        ...


@dataclass(frozen=True, slots=True)
class FixedNotional:
    """Full size is always `notional` quote currency, at the mid."""

    notional: Decimal

    def __post_init__(self) -> None:
        _check_positive("notional", self.notional)

    def lots(self, exposure: float, standing: Standing) -> int:
        """Signed target position in lots; see `Sizing.lots`."""
        return _target(exposure, self.notional, standing)


@dataclass(frozen=True, slots=True)
class FractionOfEquity:
    """Full size is `fraction` of the lane's equity now, at the mid; above 1 it takes leverage. No equity, no size."""

    fraction: Decimal

    def __post_init__(self) -> None:
        _check_positive("fraction", self.fraction)

    def lots(self, exposure: float, standing: Standing) -> int:
        """Signed target position in lots; see `Sizing.lots`."""
        return _target(exposure, standing.equity * self.fraction, standing)


@dataclass(frozen=True, slots=True)
class VolatilityTarget:
    """Full size swings by `target_bps_per_day` of equity a day (one standard deviation), at most `max_fraction` of it.

    fraction = target / (volatility x sqrt(86,400)), with volatility in bps per square-root second: constant-volatility
    scaling (Moreira and Muir, Volatility-Managed Portfolios, 2017, with volatility in place of variance). Unknown
    volatility (NaN) means no size, never full size.
    """

    target_bps_per_day: Decimal
    max_fraction: Decimal

    def __post_init__(self) -> None:
        _check_positive("target_bps_per_day", self.target_bps_per_day)
        _check_positive("max_fraction", self.max_fraction)

    def lots(self, exposure: float, standing: Standing) -> int:
        """Signed target position in lots; see `Sizing.lots`."""
        return _target(exposure, standing.equity * self._fraction(standing.volatility_bps), standing)

    def _fraction(self, volatility_bps: float) -> Decimal:
        if math.isnan(volatility_bps):
            return Decimal(0)
        daily_bps = volatility_bps * math.sqrt(_SECONDS_PER_DAY)
        if daily_bps <= 0:  # a market that did not move: the cap is the only bound left
            return self.max_fraction
        return min(self.max_fraction, self.target_bps_per_day / Decimal(str(daily_bps)))


def _target(exposure: float, full_notional: Decimal, standing: Standing) -> int:
    if not -1 <= exposure <= 1:
        raise ValueError(f"exposure should be from -1 to 1, was {exposure}")
    if standing.bid_ticks <= 0 or standing.ask_ticks <= 0:
        raise ValueError(f"sizing {standing.instrument.symbol} needs a bid and an ask, the book had a side empty")
    if not full_notional > 0:
        return 0
    # Decimal(str()) so that 0.3 means three tenths and not the nearest binary fraction below it.
    share = Decimal(str(float(exposure)))
    lots = standing.instrument.lots_for(full_notional * abs(share), standing.mid_ticks)
    return lots if exposure > 0 else -lots


def _check_positive(name: str, number: Decimal) -> None:
    if not (number.is_finite() and number > 0):
        raise ValueError(f"{name} should be above 0, was {number}")
