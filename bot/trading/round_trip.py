"""How long requests take where that is measured: what the feed told of it, as the core takes it."""

from __future__ import annotations

from typing import Final

from bot.types import NS_PER_MS, Fact

ROUND_TRIP: Final = "round_trip_ms"

_LONGEST_MS: Final = 3_600_000  # as for a table of round trips


def round_trip_ns(fact: Fact) -> int:
    """Return the round trip that a fact tells, in whole ns; 0 for other facts, and for what no request can take."""
    if fact.name != ROUND_TRIP or not fact.value.is_finite() or not 0 < fact.value <= _LONGEST_MS:
        return 0
    return int(fact.value * NS_PER_MS)
