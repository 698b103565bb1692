"""The signal table: what a strategy would have seen at every decision of a tape, for research and for files.

It is made by the same `Market` that runs live, so a signal is worth in research what it was worth live, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.types import Floats, Instrument, Int64s


@dataclass(frozen=True, slots=True)
class SignalTable:
    """Decisions at the edges of equal bins: row k is the state as of `time_ns[k]`, made of what came up to then.

    The touch is in ticks and lots, 0 and 0 where that side is missing. `values` is (n, k) in the order of `names` and
    in the signals' own units; NaN means no value.
    """

    instrument: Instrument
    names: tuple[str, ...]
    time_ns: Int64s
    bid_ticks: Int64s
    bid_lots: Int64s
    ask_ticks: Int64s
    ask_lots: Int64s
    values: Floats

    def __len__(self) -> int:
        return int(self.time_ns.shape[0])


@dataclass(frozen=True, slots=True)
class Touches:
    """The best bid and ask after each book message that changed them, 0 and 0 where that side is missing."""

    time_ns: Int64s
    bid_ticks: Int64s
    bid_lots: Int64s
    ask_ticks: Int64s
    ask_lots: Int64s

    def __len__(self) -> int:
        return int(self.time_ns.shape[0])
