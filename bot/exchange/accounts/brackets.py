"""Leverage tiers: the larger a position, the less leverage it may have and the more of its value has to be kept."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

# most value in quote currency, most leverage, maintenance rate: round numbers in the shape of Binance's
_TIERS: Final = (
    (50_000, 125, "0.004"),
    (500_000, 100, "0.005"),
    (2_000_000, 50, "0.01"),
    (10_000_000, 20, "0.025"),
    (50_000_000, 10, "0.05"),
    (100_000_000, 5, "0.1"),
    (200_000_000, 4, "0.125"),
    (500_000_000, 2, "0.25"),
    (1_000_000_000, 1, "0.5"),
)


@dataclass(frozen=True, slots=True)
class Bracket:
    """Positions worth more than `floor` and at most `cap` in quote currency; `cum` is the maintenance amount.

    cum(n) = cum(n-1) + floor(n) * (rate(n) - rate(n-1)), so that maintenance margin has no step between tiers (Binance,
    "Leverage and Margin of USDⓈ-M Futures").
    """

    number: int
    floor: Decimal
    cap: Decimal
    leverage: int
    rate: Decimal
    cum: Decimal


def _made() -> tuple[Bracket, ...]:
    brackets: list[Bracket] = []
    floor, rate, cum = Decimal(0), Decimal(0), Decimal(0)
    for number, (cap, leverage, text) in enumerate(_TIERS, start=1):
        cum += floor * (Decimal(text) - rate) if brackets else 0
        rate = Decimal(text)
        brackets.append(Bracket(number, floor, Decimal(cap), leverage, rate, cum))
        floor = Decimal(cap)
    return tuple(brackets)


BRACKETS: Final = _made()
MAX_LEVERAGE: Final = BRACKETS[0].leverage


def bracket_of(notional: Decimal) -> Bracket:
    """The tier of a position's value >= 0 in quote currency; the last one for any beyond it."""
    return next((bracket for bracket in BRACKETS if notional <= bracket.cap), BRACKETS[-1])


def maintenance(notional: Decimal) -> Decimal:
    """Maintenance margin of a position's value >= 0: notional * rate - cum, in quote currency."""
    bracket = bracket_of(notional)
    return notional * bracket.rate - bracket.cum


def most_notional(leverage: int) -> Decimal:
    """The most a position may be worth at a leverage of 1 to 125, in quote currency."""
    return max(bracket.cap for bracket in BRACKETS if bracket.leverage >= leverage)
