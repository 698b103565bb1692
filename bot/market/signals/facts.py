"""Keep what was told of an instrument beside its events: rare facts, each with the newest value it had.

Facts come in the same run-wide order as events, live and from a tape, so what is made of them is the same in both.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from bot.types import Fact, Floats

MOST_RATES: Final = 100  # funding rates that are remembered

# Entries of `Sight.facts`, all NaN before they are told.
RATE: Final = 0  # funding, fraction per interval
INTERVAL_H: Final = 1
MARK: Final = 2
INDEX: Final = 3
INDEX_MID: Final = 4  # mid in quote currency when the index price was told
TERMS_NS: Final = 5  # local time of the newest rate, mark or index price
INTEREST: Final = 6
INTEREST_NS: Final = 7
SEES_EVENTS: Final = 8
CHANGES: Final = 9  # how often the rate was another one than before; 0 before the first
RATES: Final = 10  # the newest `MOST_RATES` of these, in a ring
FACTS: Final = RATES + MOST_RATES

_PLACES: Final = {
    "funding_rate": RATE,
    "funding_interval_h": INTERVAL_H,
    "mark_price": MARK,
    "index_price": INDEX,
    "open_interest": INTEREST,
    "sampling": SEES_EVENTS,
}
_TERMS: Final = ("funding_rate", "mark_price", "index_price")


def empty_facts(guests: int = 0) -> Floats:
    """Return the facts of a market that was told none, with room behind them for what `guests` other signals say."""
    facts: Floats = np.full(FACTS + guests, math.nan)
    facts[CHANGES] = 0.0
    return facts


def note_fact(facts: Floats, fact: Fact, mid: float) -> None:
    """Take in a fact, told while the mid was `mid` in quote currency (NaN without a book); pass over unknown ones."""
    place = _PLACES.get(fact.name)
    if place is None:
        return
    told = float(fact.value)
    if place == RATE and told != facts[RATE]:
        facts[RATES + int(facts[CHANGES]) % MOST_RATES] = told
        facts[CHANGES] += 1
    if place == INDEX:
        facts[INDEX_MID] = mid
    if place == INTEREST:
        facts[INTEREST_NS] = fact.local_ns
    if fact.name in _TERMS:
        facts[TERMS_NS] = fact.local_ns
    facts[place] = told
