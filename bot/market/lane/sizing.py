"""How many lots full size is. `risk.sizing` says it in words and exactly; tests hold the two together."""

from __future__ import annotations

import math
from typing import Final

from bot.market.jit import inlined_kernel
from bot.market.lane.desk import FIXED, FRACTION, FULL, MAX_FRACTION, METHOD, OF_EQUITY, TARGET_BPS, UNIT, Rules

_SECONDS_A_DAY: Final = 86_400.0
_QUALITY_STEPS: Final = 4
_TIE: Final = 1.0 + 1e-13  # what floating point may lose of a size that is a whole number of lots in decimals


@inlined_kernel
def full_lots(rules: Rules, bid: int, ask: int, equity: float, volatility: float, quality: float) -> int:
    """Return the lots of full exposure, shrunk by the signals' quality in steps of a quarter.

    `volatility` is in bps per square-root second; NaN means no size where it is asked for.
    """
    method = rules.counts[METHOD]
    if method == FIXED:
        lots = rules.counts[FULL] // (bid + ask)
    else:
        fraction = rules.reals[FRACTION]
        if method != OF_EQUITY:
            fraction = by_volatility(rules, volatility)
        lots = math.floor(2.0 * max(equity * fraction, 0.0) / ((bid + ask) * rules.reals[UNIT]) * _TIE)
    share = math.floor((quality if quality == quality else 0.0) * _QUALITY_STEPS + 0.5) / _QUALITY_STEPS
    return int(lots * share)


@inlined_kernel
def by_volatility(rules: Rules, volatility: float) -> float:
    """Return the fraction of equity that swings by the target: constant-volatility scaling, at most the largest."""
    most = rules.reals[MAX_FRACTION]
    if math.isnan(volatility):
        return 0.0
    daily_bps = volatility * math.sqrt(_SECONDS_A_DAY)
    return float(most if daily_bps <= 0.0 else min(most, rules.reals[TARGET_BPS] / daily_bps))
