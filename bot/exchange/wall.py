"""Wall time: the turns of a market that lives by itself.

A turn that comes late is made up for, so that the market makes 20 a second however busy the machine is. Of a stall
longer than a second (a suspended machine) the market sleeps through all but the last one: its clock jumps and its
prices do not, as if trading had been halted.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

from bot.exchange.clock import Clock
from bot.exchange.floor import STEP_MS, Floor
from bot.exchange.refusal import Code, Refusal

_STEP_S: Final = STEP_MS / 1000
_MADE_UP_S: Final = 1.0


class Metronome:
    """Makes a floor's turns as they fall due; `after` is called after each."""

    def __init__(self, floor: Floor, clock: Clock, after: Callable[[], None]) -> None:
        self._floor = floor
        self._clock = clock
        self._after = after

    async def live(self, stop: asyncio.Event) -> None:
        """Go on until `stop` is set."""
        due_s = time.monotonic() + _STEP_S
        while True:
            now_s = time.monotonic()
            due_s = max(due_s, now_s - _MADE_UP_S)
            # Late or not, whoever asked something meanwhile gets an answer between two turns.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), max(0.0, due_s - now_s))
            if stop.is_set():
                return
            self._floor.turn(self._clock.now_ms())
            self._after()
            due_s += _STEP_S

    def advance(self, elapsed_ms: int) -> int:
        """Refuse.

        Raises:
            Refusal: INVALID_PARAMETER, always: this market moves by itself.
        """
        raise Refusal(Code.INVALID_PARAMETER, "The market moves by itself; start the exchange with --virtual.")

    def digest(self) -> dict[str, str]:
        """Hashes of what happened so far: `tape` and `accounts`."""
        return self._floor.digests()
