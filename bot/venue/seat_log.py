"""Reads the matching kernel's log of one lane in one instrument: orders get their names and fills their fees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from bot.market.matching import layout
from bot.types import BPS, Execution, Instrument, InstrumentKind, Intent, Liquidity, OrderEvent, OrderStatus
from bot.venue.fees import FeeRates

_BECAME: Final[Mapping[int, tuple[OrderStatus, str]]] = MappingProxyType(
    {
        layout.OPENED: (OrderStatus.OPEN, ""),
        layout.PARTIALLY_FILLED: (OrderStatus.PARTIALLY_FILLED, ""),
        layout.ALL_FILLED: (OrderStatus.FILLED, ""),
        layout.CANCELED: (OrderStatus.CANCELED, ""),
        layout.AMENDED: (OrderStatus.CANCELED, "changed to a size that was filled already"),
        layout.LEFT_OF_IOC: (OrderStatus.EXPIRED, "what was left of an IOC order"),
        layout.NO_MORE_TO_REDUCE: (OrderStatus.EXPIRED, "nothing more to reduce"),
        layout.NOT_WHOLE: (OrderStatus.EXPIRED, "fill-or-kill order could not fill whole"),
        layout.OUT_OF_TIME: (OrderStatus.EXPIRED, "good-till-date order is out of time"),
        layout.NOTHING_TO_REDUCE: (OrderStatus.REJECTED, "reduce-only order has nothing to reduce"),
        layout.TOO_SMALL: (OrderStatus.REJECTED, "notional is below the minimum"),
        layout.WOULD_TAKE: (OrderStatus.REJECTED, "post-only order would have taken"),
        layout.MEETS_OWN: (OrderStatus.EXPIRED, "order would have traded with one of our own"),
        layout.NOT_HELD: (OrderStatus.REJECTED, "more than is held and not already for sale"),
        layout.NO_MARGIN: (OrderStatus.REJECTED, "margin is insufficient"),
    }
)


def became(word: int, instrument: Instrument) -> tuple[OrderStatus, str]:
    """Return what a word of the kernel on an order of this instrument says, and why."""
    if word == layout.NO_MARGIN and instrument.kind is InstrumentKind.SPOT:
        return OrderStatus.REJECTED, "cash is insufficient"
    return _BECAME[word]


@dataclass(slots=True)
class SeatLog:
    """The orders that may still be told of, by the kernel's numbers, and what their fills cost.

    `forced` are those that the exchange placed itself, at `forced_bps` beyond its fee.
    """

    lane: str
    instrument: Instrument
    fees: FeeRates
    forced_bps: Decimal = Decimal(0)
    forced: set[int] = field(default_factory=set)
    _intents: dict[int, Intent] = field(default_factory=dict)

    def add(self, number: int, intent: Intent) -> None:
        """Take up an order that is sent under this number."""
        self._intents[number] = intent

    def read(self, entry: list[int], seq: int) -> OrderEvent | Execution:
        """Return what a row of the log tells, as caused by the event `seq`; an order that is closed is forgotten."""
        number = entry[layout.OF]
        intent = self._intents[number]
        if entry[layout.WHAT] == layout.FILL:
            return self._execution(intent, entry, seq)
        status, reason = became(entry[layout.BECAME], self.instrument)
        if entry[layout.BECAME] == layout.TOO_SMALL:
            notional = self.instrument.notional(entry[layout.OF_PRICE], entry[layout.OF_LEFT])
            reason = f"notional {notional} is below the minimum of {self.instrument.min_notional}"
        if status is OrderStatus.REJECTED and entry[layout.OF_FLAGS] & layout.CHANGED:
            # It was accepted once and may have filled: an exchange cancels it when it can't be changed.
            status, reason = OrderStatus.CANCELED, f"could not be changed: {reason}"
        if status.is_closed:
            del self._intents[number]
            self.forced.discard(number)
        total, at_ns = entry[layout.TOTAL], entry[layout.AT_NS]
        return OrderEvent(self.lane, intent.symbol, intent.client_id, seq, at_ns, status, total, reason)

    def _execution(self, intent: Intent, entry: list[int], seq: int) -> Execution:
        liquidity = Liquidity.MAKER if entry[layout.IS_MAKER] == 1 else Liquidity.TAKER
        bps = self.fees.bps(liquidity, entry[layout.AT_NS])
        if entry[layout.OF] in self.forced:
            bps += self.forced_bps
        price_ticks, lots = entry[layout.FILL_PRICE], entry[layout.FILL_LOTS]
        return Execution(
            symbol=intent.symbol,
            client_id=intent.client_id,
            fill_id=f"{intent.client_id}-{entry[layout.NTH]}",
            seq=seq,
            local_ns=entry[layout.AT_NS],
            side=intent.side,
            price_ticks=price_ticks,
            lots=lots,
            fee=self.instrument.notional(price_ticks, lots) * bps / BPS,
            fee_asset=self.instrument.quote,
            liquidity=liquidity,
        )
