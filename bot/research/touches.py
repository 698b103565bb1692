"""The best bid and ask of a tape, message by message: where a move began, however the bins lie."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bot.market.market import Market
from bot.research.clocks import Clock, Events
from bot.types import Batch, Int64s
from storage.tape import Tape


@dataclass(frozen=True, slots=True)
class Touches:
    """The best bid and ask after each message that changed them, in ticks and lots; 0 and 0 where a side is missing."""

    time_ns: Int64s
    bid_ticks: Int64s
    bid_lots: Int64s
    ask_ticks: Int64s
    ask_lots: Int64s

    def __len__(self) -> int:
        return int(self.time_ns.shape[0])


def touches(tape: Tape, symbol: str, *, clock: Clock = Clock.LOCAL) -> Touches:
    """Return the touch after each message that changed it, stamped with the time of that message.

    Raises:
        TapeError: the tape is damaged or does not fit (see `Events`).
    """
    events = Events(tape, symbol, clock)
    market = Market(events.instrument, ())
    times = [np.empty(0, np.int64)]
    found = [np.zeros((1, 4), np.int64)]  # before the first message there is no touch
    messages = 0
    for received in events:
        if isinstance(received, Batch):
            starts = np.concatenate([[0], np.flatnonzero(received.last[:-1]) + 1])
            # Messages get their numbers for times, so that two of one time are told apart.
            numbers = messages + np.arange(1, len(starts) + 1)
            number_by_row = np.repeat(numbers, np.diff(np.concatenate([starts, [len(received)]])))
            _, touch, _ = market.scan(replace(received, local_ns=number_by_row), 0, numbers)
            changed = (touch != np.concatenate([found[-1][-1:], touch[:-1]])).any(axis=1)
            times.append(received.local_ns[starts[changed]])
            found += [touch[changed]] if changed.any() else []
            messages += len(starts)
    every = np.concatenate(found)[1:]
    return Touches(np.concatenate(times), *(every[:, column].copy() for column in range(4)))
