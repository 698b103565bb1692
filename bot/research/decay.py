"""How fast a signal goes stale: its rank IC when the trader comes later and later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from bot.research.labels import MidPath, independent_rows, moves_bps
from bot.research.ranking import rank_correlation
from bot.types import NS_PER_MS, NS_PER_S, Floats, Int64s

_STEPS: Final = (1, 2, 5)
_LEAST_NS: Final = 50 * NS_PER_MS
_MOST_NS: Final = 60 * NS_PER_S
_FEWEST: Final = 30  # windows below which a rank IC is noise


@dataclass(frozen=True, slots=True)
class Decay:
    """Rank IC with the moves over `horizon_ns` that begin `latencies_ns` after the signal was known.

    `half_life_ns` is the latency that leaves half of the first IC. It is NaN when that one is not told from 0, and when
    more than half is left at the last latency: then it `outlives` what was looked at.
    """

    horizon_ns: int
    latencies_ns: tuple[int, ...]
    rank_ics: tuple[float, ...]
    half_life_ns: float
    outlives: bool


def ladder(horizon_ns: int, span_ns: int) -> tuple[int, ...]:
    """Return the latencies a decay is drawn over: 0, then 50 ms, 100 ms, 200 ms, ... up to ten horizons, 10 s to 60 s.

    None is above a tenth of the tape's span, which leaves windows to look at.
    """
    most = min(max(10 * horizon_ns, 10 * NS_PER_S), _MOST_NS, span_ns // 10)
    rungs = [0]
    scale = _LEAST_NS // 5
    while scale <= most:
        rungs += [step * scale for step in _STEPS if _LEAST_NS <= step * scale <= most]
        scale *= 10
    return tuple(rungs)


def rank_ics(
    values: Floats, time_ns: Int64s, path: MidPath, horizon_ns: int, every_ns: int, latencies_ns: Sequence[int]
) -> tuple[float, ...]:
    """Return the rank IC at each latency over windows that do not overlap, NaN below 30 of them."""
    with_value = np.flatnonzero(np.isfinite(values))
    if not len(with_value):
        return tuple(float("nan") for _ in latencies_ns)
    rows = independent_rows(int(with_value[0]), len(values), every_ns, horizon_ns)
    x = values[rows]
    found = []
    for latency_ns in latencies_ns:
        y = moves_bps(path, time_ns[rows] + latency_ns, horizon_ns)
        known = np.isfinite(x) & np.isfinite(y)
        found.append(rank_correlation(x[known], y[known]) if known.sum() >= _FEWEST else float("nan"))
    return tuple(found)


def half_life(latencies_ns: Sequence[int], ics: Sequence[float]) -> float:
    """Return the latency in ns at which the IC first falls to half of what it was at the first, along straight lines.

    Infinite when it never does; NaN when the first IC has no value or is 0.
    """
    start = ics[0] if len(ics) else float("nan")
    if not np.isfinite(start) or start == 0:
        return float("nan")
    left = [(latency, ic / start) for latency, ic in zip(latencies_ns, ics, strict=True) if np.isfinite(ic)]
    for (earlier, before), (later, after) in pairwise(left):
        if after <= 0.5 < before:
            return float(earlier + (later - earlier) * (before - 0.5) / (before - after))
    return float("inf")
