"""Signals that are prices, told as their distance from the mid: a price as such wanders and says nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from bot.research.mids import mid_prices
from bot.research.performance.prices import Prices
from bot.research.performance.sightings import Behind, SignalCurve
from bot.types import BPS, Int64s


def curves_against_mid(
    curves: Mapping[str, SignalCurve], prices: Prices, names: Collection[str]
) -> dict[str, SignalCurve]:
    """Return the curves with the signals `names` (in quote currency) as bps above the mid; NaN without a mid."""
    return {symbol: _curve(curve, symbol, prices, names) for symbol, curve in curves.items()}


def behind_against_mid(
    behind: Mapping[tuple[str, str], Behind], prices: Prices, names: Collection[str]
) -> dict[tuple[str, str], Behind]:
    """Return what stood behind orders with the signals `names` (in quote currency) as bps above the mid."""
    mids = {
        symbol: _mids_at({each.seq for each in behind.values() if each.symbol == symbol}, symbol, prices)
        for symbol in {each.symbol for each in behind.values()} & prices.mids.keys()
    }
    return {
        key: _behind(each, mids[each.symbol][each.seq], names) if each.symbol in mids else each
        for key, each in behind.items()
    }


def _curve(curve: SignalCurve, symbol: str, prices: Prices, names: Collection[str]) -> SignalCurve:
    values = curve.values.copy()
    mids = mid_prices(prices.mids[symbol].at(curve.time_ns), prices.instruments[symbol])
    for place, name in enumerate(curve.names):
        if name in names:
            values[:, place] = (values[:, place] / mids - 1) * BPS
    return replace(curve, names=tuple(map(_told, curve.names, [names] * len(curve.names))), values=values)


def _mids_at(seqs: Collection[int], symbol: str, prices: Prices) -> dict[int, float]:
    """Return the mid as decisions at these numbers saw it, the message of that number included; NaN without one."""
    at: Int64s = np.array(sorted(seqs), np.int64)
    mids = mid_prices(prices.mids[symbol].before(at + 1), prices.instruments[symbol])
    return dict(zip(at.tolist(), mids.tolist(), strict=True))


def _behind(behind: Behind, mid: float, names: Collection[str]) -> Behind:
    told = {
        _told(name, names): (value / mid - 1) * BPS if name in names else value
        for name, value in behind.signals.items()
    }
    return replace(behind, signals=told)


def _told(name: str, names: Collection[str]) -> str:
    return f"{name} - mid, bps" if name in names else name
