"""How many lots full size is. `risk.sizing` says it in words and exactly; tests hold the two together."""

from __future__ import annotations

import math
from typing import Final

from bot.market.jit import inlined_kernel
from bot.market.lane.desk import (
    BY_VOLATILITY,
    FIXED,
    FRACTION,
    MAX_FRACTION,
    METHOD,
    TARGET_BPS,
    UNIT,
    Basis,
    Moment,
    Rules,
)

_SECONDS_A_DAY: Final = 86_400.0
_QUALITY_STEPS: Final = 4
_TIE: Final = 1.0 + 1e-13  # what floating point may lose of a size that is a whole number of lots in decimals


@inlined_kernel
def full_lots(rules: Rules, moment: Moment, basis: Basis, equity: float) -> int:
    """Return a lane's lots of full exposure, shrunk by the signals' quality."""
    lots = basis.fixed_lots
    if rules.counts[METHOD] != FIXED:
        twice_mid = moment.bid + moment.ask
        lots = math.floor(2.0 * max(equity * basis.fraction, 0.0) / (twice_mid * rules.reals[UNIT]) * _TIE)
    return int(lots * basis.share)


@inlined_kernel
def fraction_of(rules: Rules, volatility: float) -> float:
    """Return the fraction of equity that full size is, where it is one.

    `volatility` is in bps per square-root second; NaN means no size where it is asked for.
    """
    return by_volatility(rules, volatility) if rules.counts[METHOD] == BY_VOLATILITY else float(rules.reals[FRACTION])


@inlined_kernel
def share_of(quality: float) -> float:
    """Return the share of its size that the signals' quality leaves, in steps of a quarter."""
    return math.floor((quality if quality == quality else 0.0) * _QUALITY_STEPS + 0.5) / _QUALITY_STEPS


@inlined_kernel
def by_volatility(rules: Rules, volatility: float) -> float:
    """Return the fraction of equity that swings by the target: constant-volatility scaling, at most the largest."""
    most = rules.reals[MAX_FRACTION]
    if math.isnan(volatility):
        return 0.0
    daily_bps = volatility * math.sqrt(_SECONDS_A_DAY)
    return float(most if daily_bps <= 0.0 else min(most, rules.reals[TARGET_BPS] / daily_bps))
