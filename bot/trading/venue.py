"""What a lane asks of the place where its orders go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from bot.market.market import Market
from bot.types import Batch, Execution, Intent, OrderEvent


class Venue(Protocol):
    """Where a lane's orders in one instrument go."""

    @property
    def next_due_ns(self) -> int:
        """Local time at which the next request of ours arrives; a huge number when none is under way."""
        ...

    def submit(self, intent: Intent) -> None:
        """Send an order that was written down."""

    def cancel(self, client_id: str, local_ns: int) -> None:
        """Ask for an order to be cancelled."""

    def tell_round_trip(self, took_ns: int) -> None:
        """Tell that a request to the exchange takes `took_ns` now."""

    def liquidate(self, intent: Intent | None, local_ns: int) -> None:
        """Let the exchange cancel every order and place its own `intent`, all of which arrives at once."""

    def arrive(
        self, until_ns: int, seq: int, market: Market, bounds: Callable[[], tuple[int, int]] | None = None
    ) -> Iterator[OrderEvent | Execution]:
        """Let requests due by `until_ns` arrive; yield what came of them. `bounds` is what `Lane.bounds` says."""

    def match(self, batch: Batch, start: int, stop: int) -> Iterator[OrderEvent | Execution]:
        """Follow the events `start` to `stop`; yield what they did to our orders."""
