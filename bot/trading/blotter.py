"""The orders of one lane in one instrument that may still fill, each counted at full size until it is closed."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.trading.contract import OpenOrder
from bot.types import Execution, Instrument, Intent, OrderEvent, OrderStatus, Side


@dataclass(slots=True)
class WorkingOrder:
    """An order sent and not known to be closed; `cancelling` once a cancel was sent.

    `remaining` are the lots that may still fill. A venue tells fills twice, as lots `executed` one by one and as the
    total `told` with the order's state, in any order: neither may be added to the other.
    """

    intent: Intent
    remaining: int
    status: OrderStatus = OrderStatus.IN_FLIGHT
    executed: int = 0
    told: int = 0
    cancelling: bool = False
    _shown: OpenOrder | None = None

    @property
    def filled(self) -> int:
        """Lots filled, as far as is known."""
        return max(self.executed, self.told)

    def learn(self, *, executed: int = 0, told: int = 0) -> None:
        """Take in lots of one more execution, or the total that the venue told."""
        self.executed += executed
        self.told = max(self.told, told)
        self.remaining = self.intent.lots - self.filled
        self._shown = None

    def shown(self, instrument: Instrument) -> OpenOrder:
        """Return the order as a strategy sees it; made anew only when it filled or its cancel was sent."""
        if self._shown is None or self._shown.cancelling != self.cancelling:
            own = self.intent
            price, size = float(instrument.price(own.price_ticks)), float(instrument.size(self.remaining))
            self._shown = OpenOrder(own.client_id, own.side, price, size, self.cancelling)
        return self._shown


@dataclass(slots=True)
class Blotter:
    """Working orders by client id, in the order they were sent."""

    orders: dict[str, WorkingOrder] = field(default_factory=dict)

    def add(self, intent: Intent) -> None:
        """Take up an order that is about to be sent."""
        self.orders[intent.client_id] = WorkingOrder(intent, intent.lots)

    def apply(self, event: OrderEvent) -> None:
        """Follow the venue's word on an order; a closed order leaves the blotter."""
        order = self.orders.get(event.client_id)
        if order is None:
            return
        order.status = event.status
        order.learn(told=event.filled_lots)
        if event.status.is_closed:
            del self.orders[event.client_id]

    def fill(self, execution: Execution) -> None:
        """Count one execution of a working order."""
        order = self.orders.get(execution.client_id)
        if order is not None:
            order.learn(executed=execution.lots)

    def on(self, side: Side) -> list[WorkingOrder]:
        """Return the working orders of one side, oldest first."""
        return [order for order in self.orders.values() if order.intent.side is side]

    def lots(self, side: Side) -> int:
        """Lots that may still fill on one side, all orders at full remaining size."""
        return sum([order.remaining for order in self.orders.values() if order.intent.side is side])

    def resting(self, side: Side) -> list[WorkingOrder]:
        """Return the orders of one side that the venue has: what it holds margin for."""
        return [order for order in self.on(side) if order.status is not OrderStatus.IN_FLIGHT]

    def __len__(self) -> int:
        return len(self.orders)
