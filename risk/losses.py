"""Limits on losses, in equity: they refuse new exposure, and tell the engine when to halt by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol, runtime_checkable

from bot.types import Intent
from risk.limits import Breach, Limit, money
from risk.standing import Standing


@runtime_checkable
class LossLimit(Protocol):
    """A limit that is breached by how things stand, with or without an intent."""

    def breached(self, standing: Standing) -> Breach | None:
        """Return the breach when too much was lost, or None."""
        ...


def loss_limits(limits: Sequence[Limit]) -> tuple[LossLimit, ...]:
    """Return those of `limits` that are breached by how things stand; ask once, the check of a protocol is slow."""
    return tuple(limit for limit in limits if isinstance(limit, LossLimit))


def first_breached(limits: Sequence[LossLimit], standing: Standing) -> Breach | None:
    """Return the breach of the first loss limit that is reached: the engine's cue to halt or flatten."""
    for limit in limits:
        breach = limit.breached(standing)
        if breach is not None:
            return breach
    return None


@dataclass(frozen=True, slots=True)
class DailyLoss:
    """Stop when equity fell by `max_fraction` (above 0, up to 1) of what it was at the start of the UTC day."""

    max_fraction: Decimal
    name: str = field(default="max_daily_loss", init=False)

    def check(self, intent: Intent, standing: Standing) -> Breach | None:
        """Return a breach when the day's loss is reached and the intent could grow the position."""
        return None if standing.shrinks(intent.side, intent.lots) else self.breached(standing)

    def breached(self, standing: Standing) -> Breach | None:
        """Return the breach when the day's loss is reached, or equity is unknown."""
        return _fall(self.name, self.max_fraction, standing.day_equity, standing, "daily loss limit is reached")


@dataclass(frozen=True, slots=True)
class Drawdown:
    """Stop when equity fell by `max_fraction` (above 0, up to 1) of its highest value so far."""

    max_fraction: Decimal
    name: str = field(default="max_drawdown", init=False)

    def check(self, intent: Intent, standing: Standing) -> Breach | None:
        """Return a breach when the drawdown is reached and the intent could grow the position."""
        return None if standing.shrinks(intent.side, intent.lots) else self.breached(standing)

    def breached(self, standing: Standing) -> Breach | None:
        """Return the breach when the drawdown is reached, or equity is unknown."""
        return _fall(self.name, self.max_fraction, standing.peak_equity, standing, "drawdown limit is reached")


def _fall(name: str, max_fraction: Decimal, opening: Decimal, standing: Standing, reason: str) -> Breach | None:
    if not (opening.is_finite() and standing.equity.is_finite()) or opening <= 0:
        value = f"{standing.equity} of {opening} {standing.instrument.quote}"
        return Breach(name, _percent(max_fraction), value, "equity is unknown or gone")
    lost = opening - standing.equity
    if lost < max_fraction * opening:
        return None
    quote = standing.instrument.quote
    value = f"{lost / opening * 100:.2f} % ({money(lost, quote)} of {money(opening, quote)})"
    return Breach(name, _percent(max_fraction), value, reason)


def _percent(fraction: Decimal) -> str:
    return f"{(fraction * 100).normalize():f} %"
