"""The paper venue: fills our orders against the market's own events, and never touches an order endpoint.

It works in local time with one round-trip latency: a request sent at t meets the market as it is known locally at
t + latency, and its answer is known at the same moment. Resting orders fill by the matching kernel under one fill
assumption. What it can't show: our own impact on others, and cancels ahead of us that the feed did not show.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from bot.market.market import Market
from bot.types import (
    BPS,
    Batch,
    Execution,
    FillAssumption,
    Instrument,
    Intent,
    Liquidity,
    OrderEvent,
    OrderStatus,
    Side,
    TimeInForce,
)
from bot.venue.resting import Resting, RestingOrders

NEVER_NS = (1 << 63) - 1
_LEVELS_A_WALK = 64


@dataclass(frozen=True, slots=True)
class PaperTerms:
    """What trading on paper costs and how long it takes. Fees in basis points; negative = rebate."""

    maker_bps: Decimal
    taker_bps: Decimal
    latency_ns: int
    assumption: FillAssumption


@dataclass(slots=True)
class _Request:
    due_ns: int
    intent: Intent | None
    cancel_id: str


@dataclass(slots=True)
class _Taken:
    """Liquidity we took from one level, as long as the level still shows what it showed then."""

    shown: int
    lots: int


@dataclass(slots=True)
class PaperVenue:
    """Paper orders of one lane in one instrument."""

    lane: str
    instrument: Instrument
    terms: PaperTerms
    position_lots: int = 0
    _requests: list[_Request] = field(default_factory=list)
    _resting: RestingOrders = field(init=False)
    _taken: dict[tuple[Side, int], _Taken] = field(default_factory=dict)
    _fill_count: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._resting = RestingOrders(self.terms.assumption)

    def submit(self, intent: Intent) -> None:
        """Send an order; it arrives one latency after the intent's stamp."""
        self._requests.append(_Request(intent.local_ns + self.terms.latency_ns, intent, ""))

    def cancel(self, client_id: str, local_ns: int) -> None:
        """Send a cancel; it arrives one latency later. Too late is no error: the order's own end stands."""
        self._requests.append(_Request(local_ns + self.terms.latency_ns, None, client_id))

    @property
    def next_due_ns(self) -> int:
        """Local time at which the next request arrives; `NEVER_NS` when none is under way."""
        return self._requests[0].due_ns if self._requests else NEVER_NS

    def arrive(self, until_ns: int, seq: int, market: Market) -> Iterator[OrderEvent | Execution]:
        """Let every request due by `until_ns` meet the book as it stands; yield what came of each."""
        while self._requests and self._requests[0].due_ns <= until_ns:
            request = self._requests.pop(0)
            if request.intent is None:
                yield from self._cancel(request.cancel_id, request.due_ns, seq)
            else:
                yield from self._place(request.intent, request.due_ns, seq, market)

    def match(self, batch: Batch, start: int, stop: int) -> Iterator[OrderEvent | Execution]:
        """Run the events `start` to `stop` of `batch` against the resting orders; yield their fills in order."""
        for order, lots, event in self._resting.match(batch, start, stop):
            yield from self._passive_fill(order, lots, batch, event)

    def _place(self, intent: Intent, now_ns: int, seq: int, market: Market) -> Iterator[OrderEvent | Execution]:
        lots, refusal = self._acceptable(intent, market)
        if refusal:
            yield self._event(intent, now_ns, seq, OrderStatus.REJECTED, 0, refusal)
            return
        filled = 0
        for price, took in self._walk(intent, lots, market):
            filled += took
            yield self._execution(intent, now_ns, seq, price, took, Liquidity.TAKER)
        if filled >= intent.lots:
            yield self._event(intent, now_ns, seq, OrderStatus.FILLED, filled, "")
        elif intent.time_in_force is TimeInForce.IOC:
            left = "what was left of an IOC order" if filled < lots else "nothing more to reduce"
            yield self._event(intent, now_ns, seq, OrderStatus.EXPIRED, filled, left)
        else:
            self._resting.rest(Resting(intent, filled), lots - filled, now_ns, market)
            yield self._event(intent, now_ns, seq, OrderStatus.OPEN, filled, "")

    def _acceptable(self, intent: Intent, market: Market) -> tuple[int, str]:
        """Lots that may trade, and why not when the exchange would refuse."""
        if intent.reduce_only:
            if intent.time_in_force is not TimeInForce.IOC:
                return 0, "reduce-only orders are simulated as immediate-or-cancel alone"
            lots = min(intent.lots, max(-self.position_lots * intent.side.sign, 0))
            return lots, "" if lots else "reduce-only order has nothing to reduce"
        notional = self.instrument.notional(intent.price_ticks, intent.lots)
        if notional < self.instrument.min_notional:
            return 0, f"notional {notional} is below the minimum of {self.instrument.min_notional}"
        if intent.post_only and (_crosses(intent, market) or self._resting.meets(intent)):
            return 0, "post-only order would have taken"
        return intent.lots, ""

    def _walk(self, intent: Intent, lots: int, market: Market) -> Iterator[tuple[int, int]]:
        """Take up to `lots` from the opposite side, best level first, no further than the limit."""
        if not _crosses(intent, market):
            return
        other = Side.SELL if intent.side is Side.BUY else Side.BUY
        self._taken = {key: taken for key, taken in self._taken.items() if market.size_at(*key) == taken.shown}
        ticks, sizes = market.levels(other, _LEVELS_A_WALK)
        for price, shown in zip(ticks.tolist(), sizes.tolist(), strict=True):
            if lots <= 0 or (price - intent.price_ticks) * intent.side.sign > 0:
                return
            taken = self._taken.setdefault((other, price), _Taken(shown, 0))
            took = min(lots, shown - taken.lots)
            if took > 0:
                taken.lots += took
                lots -= took
                yield price, took
            if intent.time_in_force is TimeInForce.GTC:
                self._resting.note_taken(other, price, taken.lots)

    def _passive_fill(self, order: Resting, lots: int, batch: Batch, event: int) -> Iterator[OrderEvent | Execution]:
        order.filled += lots
        now_ns, seq = int(batch.local_ns[event]), int(batch.seq[event])
        yield self._execution(order.intent, now_ns, seq, order.intent.price_ticks, lots, Liquidity.MAKER)
        status = OrderStatus.FILLED if order.is_done else OrderStatus.PARTIALLY_FILLED
        yield self._event(order.intent, now_ns, seq, status, order.filled, "")

    def _cancel(self, client_id: str, now_ns: int, seq: int) -> Iterator[OrderEvent]:
        order = self._resting.cancel(client_id)
        if order is not None:
            yield self._event(order.intent, now_ns, seq, OrderStatus.CANCELED, order.filled, "")

    def _execution(
        self, intent: Intent, now_ns: int, seq: int, price_ticks: int, lots: int, liquidity: Liquidity
    ) -> Execution:
        self.position_lots += intent.side.sign * lots
        count = self._fill_count[intent.client_id] = self._fill_count.get(intent.client_id, 0) + 1
        bps = self.terms.maker_bps if liquidity is Liquidity.MAKER else self.terms.taker_bps
        return Execution(
            symbol=intent.symbol,
            client_id=intent.client_id,
            fill_id=f"{intent.client_id}-{count}",
            seq=seq,
            local_ns=now_ns,
            side=intent.side,
            price_ticks=price_ticks,
            lots=lots,
            fee=self.instrument.notional(price_ticks, lots) * bps / BPS,
            fee_asset=self.instrument.quote,
            liquidity=liquidity,
        )

    def _event(
        self, intent: Intent, now_ns: int, seq: int, status: OrderStatus, filled_lots: int, reason: str
    ) -> OrderEvent:
        if status.is_closed:
            self._fill_count.pop(intent.client_id, None)
        return OrderEvent(self.lane, intent.symbol, intent.client_id, seq, now_ns, status, filled_lots, reason)


def _crosses(intent: Intent, market: Market) -> bool:
    if intent.side is Side.BUY:
        return market.ask_lots > 0 and intent.price_ticks >= market.ask_ticks
    return market.bid_lots > 0 and intent.price_ticks <= market.bid_ticks
