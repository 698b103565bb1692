"""Walls: large orders at round prices that rest for a while in full view."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from bot.exchange.books.matching import FLOW, MatchingEngine

_EVERY_S: Final = 40.0  # mean time between two on one book
_LIFE_S: Final = (20.0, 180.0)
_SIZE: Final = (3.0, 13.0)  # base sizes
_STEPS_AWAY: Final = 3  # at one of the nearest so many round prices


class Walls:
    """The large resting orders of one book. They are pulled when their time is over, or taken where the price goes."""

    __slots__ = ("_engine", "_lots", "_rng", "_round_ticks", "_standing", "_step_s", "_steps")

    def __init__(
        self, engine: MatchingEngine, lots: float, round_ticks: int, step_s: float, rng: random.Random
    ) -> None:
        self._engine = engine
        self._lots = lots
        self._round_ticks = round_ticks
        self._step_s = step_s
        self._rng = rng
        self._steps = 0
        self._standing: dict[int, int] = {}  # order id to the step it ends at

    def holds(self, order_id: int) -> bool:
        """True for an order of a wall."""
        return order_id in self._standing

    def step(self, bid: int, ask: int) -> None:
        """Pull what is over, and build a new one now and then beyond the quotes."""
        self._steps += 1
        if self._steps % 20 == 0 and self._standing:
            over = [
                order_id
                for order_id, due in self._standing.items()
                if due <= self._steps or order_id not in self._engine.orders
            ]
            for order_id in over:
                del self._standing[order_id]
                self._engine.cancel(order_id)
        rng = self._rng
        if rng.random() >= self._step_s / _EVERY_S:
            return
        sign = 1 if rng.random() < 0.5 else -1
        away = self._round_ticks * int(rng.random() * _STEPS_AWAY)
        price = bid // self._round_ticks * self._round_ticks - away if sign > 0 else self._above(ask) + away
        if price > 0:
            order = self._engine.place(FLOW, sign, price, max(1, int(self._lots * rng.uniform(*_SIZE))))
            self._standing[order.order_id] = self._steps + int(rng.uniform(*_LIFE_S) / self._step_s)

    def _above(self, ask: int) -> int:
        return -(-ask // self._round_ticks) * self._round_ticks

    def snapshot(self) -> list[list[int]]:
        """Steps made, then order ids with the steps they end at."""
        return [[self._steps, 0], *([order_id, due] for order_id, due in self._standing.items())]

    def restore(self, saved: Sequence[Sequence[int]]) -> None:
        """Continue from a snapshot.

        Raises:
            TypeError, ValueError, IndexError: the snapshot is not one.
        """
        self._steps = int(saved[0][0])
        self._standing = {int(order_id): int(due) for order_id, due in saved[1:]}
