"""Funding of perpetuals: when it is due, at what rate and price, and what a position pays.

Times are multiples of the venue's interval in UTC, on the local clock. What counts is what was known before the time:
the position after everything earlier, the rate and the mark told last. Nothing is guessed: where no rate was told
within the interval before, or neither a mark nor a book is there to value a position, nobody pays and the time is
counted. So a gap between two recordings is not paid for at the rate that was told before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Final

from bot.types import NS_PER_S, Fact, Incident, Instrument

NEVER_NS: Final = (1 << 63) - 1
CENT: Final = Decimal("1E-8")
"""The step in which funding is booked, that of an exchange's statement of account."""

_HOUR_NS: Final = 3600 * NS_PER_S
DEFAULT_INTERVAL_NS: Final = 8 * _HOUR_NS
"""The interval before a venue tells its own, as for the signals made of funding rates."""

_DIGITS: Final = 80  # of the product before it is rounded: no price, size and rate have that many


def next_funding_ns(now_ns: int, interval_ns: int) -> int:
    """Return the first funding time after `now_ns`: (floor(now / interval) + 1) * interval, in ns since 1970 UTC."""
    return (now_ns // interval_ns + 1) * interval_ns


def funding_amount(instrument: Instrument, lots: int, price: Decimal, rate: Decimal) -> Decimal:
    """Return what a position of signed `lots` receives, in quote currency; below 0 when it pays.

    amount = -lots * lot size * contract size * price * rate, rounded half to even to 1e-8 as the account is kept: a
    long one pays while the rate is above 0. `price` is the mark in quote currency. Source: Binance, "Introduction to
    Funding Rates" (funding amount = nominal value of positions * funding rate).
    """
    with localcontext() as context:
        context.prec = _DIGITS
        exact = instrument.lot_size * lots * instrument.contract_size * price * rate
        return -exact.quantize(CENT, ROUND_HALF_EVEN)


@dataclass(slots=True)
class FundingClock:
    """When one instrument's funding is due next, and the newest terms of it.

    `due_ns` is 0 before the first event and `NEVER_NS` for what has no funding. `rate` (per interval) and `mark` (quote
    currency) are None before they were told; `rate_ns` is when the rate was. `unknown` counts the times at which
    positions should have paid and nobody knew how much.
    """

    due_ns: int = 0
    interval_ns: int = DEFAULT_INTERVAL_NS
    rate: Decimal | None = None
    rate_ns: int = 0
    mark: Decimal | None = None
    unknown: int = 0

    def begin(self, now_ns: int, *, is_perpetual: bool) -> None:
        """Look for the first time after the first event; spot has none."""
        self.due_ns = next_funding_ns(now_ns, self.interval_ns) if is_perpetual else NEVER_NS

    @property
    def due_rate(self) -> Decimal | None:
        """The rate of the funding that is due; None where none was told within the interval before it."""
        return self.rate if self.rate_ns >= self.due_ns - self.interval_ns else None

    def move_on(self) -> None:
        """Wait for the time after the one that was due."""
        self.due_ns = next_funding_ns(self.due_ns, self.interval_ns)

    def tell(self, fact: Fact) -> None:
        """Take in a fact, once all that was due by its time is charged; facts about other things change nothing."""
        if fact.name == "funding_rate":
            self.rate, self.rate_ns = fact.value, fact.local_ns
        elif fact.name == "mark_price" and fact.value > 0:
            self.mark = fact.value
        elif fact.name == "funding_interval_h" and fact.value > 0:
            self.interval_ns = int(fact.value * _HOUR_NS)
            if self.due_ns not in (0, NEVER_NS):
                self.due_ns = next_funding_ns(fact.local_ns, self.interval_ns)


def unknown_terms(clock: FundingClock, symbol: str, seq: int) -> Iterator[Incident]:
    """Count a time at which positions should pay and nobody knows how much, and tell of the first one."""
    clock.unknown += 1
    if clock.unknown == 1:
        what = "rate" if clock.due_rate is None else "price"
        when = datetime.fromtimestamp(clock.due_ns // NS_PER_S, UTC)
        text = f"funding of {when:%Y-%m-%d %H:%M} UTC: no {what} was told, nothing is paid; such times are counted"
        yield Incident("", symbol, seq, clock.due_ns, "funding_unknown", text)
