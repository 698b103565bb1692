"""Say which markets are asked for what on behalf of others, and when an answer is too old to count.

A guest `ofi(1s)@B` in the row of A is what B's market said at B's last decision at or before A's, in the order of
receipt. So it is the same live, in replay and in research, and never knows more than A could have known.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from bot.market.signals.cross import STALE_NS
from bot.market.signals.naming import SignalSpec, parse_signal
from bot.types import NS_PER_S, Floats, Int64s

AGE: Final = "book_age"
"""The signal that says whether a guest can still be believed."""


def guests_in(names: Iterable[str], symbol: str) -> tuple[SignalSpec, ...]:
    """Return those of the names that another instrument than `symbol` has to answer, each once, in their order.

    Raises:
        ConfigError: a name is not that of a signal.
    """
    specs = (parse_signal(name) for name in dict.fromkeys(names))
    return tuple(spec for spec in specs if spec.symbol and spec.symbol != symbol)


def asked_of(symbol: str, guests: Iterable[SignalSpec]) -> tuple[str, ...]:
    """Return what the market of `symbol` has to answer for others: their signals and its `AGE`, or nothing."""
    said = tuple(dict.fromkeys(spec.said for spec in guests if spec.symbol == symbol))
    return tuple(dict.fromkeys((*said, AGE))) if said else ()


def fresh(values: Floats, age_s: Floats, waited_ns: Int64s) -> Floats:
    """Return `values` (n,), NaN where the book behind them is too old.

    `age_s` (n,) is how old it was when they were said, `waited_ns` (n,) how long ago that is.
    """
    return np.where(age_s + waited_ns / NS_PER_S <= STALE_NS / NS_PER_S, values, np.nan)
