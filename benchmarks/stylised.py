"""Stylised facts of a market: each a number with a one-line definition, computed alike for every session.

Nothing looks ahead: a signal at time t uses what had arrived by t, and what it should foretell starts at t. Windows of
forecasts overlap, so the numbers are estimates without error bars.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.sessions import GRID_NS, LEVELS, Session
from bot.types import NS_PER_S, Floats

_STEP_S: Final = GRID_NS / NS_PER_S
HORIZONS_S: Final = (0.1, 0.5, 1.0, 5.0, 10.0)
WINDOWS_S: Final = (0.1, 1.0, 10.0)

DEFINITIONS: Final[Mapping[str, str]] = {
    "spread, mean ticks": "best ask less best bid, weighted by how long it stood",
    "spread at one tick": "share of time with the least spread",
    "depth at level 1": "size of the best level over the mean of the best 20, both sides, mean over tenths of a second",
    "depth at level 5": "the same for the fifth level",
    "depth at level 10": "the same for the tenth level",
    "depth at level 20": "the same for the twentieth level",
    "best quotes / s": "changes of the best prices or their sizes a second",
    "level changes / s": "price levels told to have changed in depth updates, a second",
    "taker orders / s": "runs of trades of one side with the same exchange time",
    "mid moves / s": "changes of the mid price a second",
    "Fano factor, 0.1 s": "variance over mean of the number of taker orders in windows of this length",
    "Fano factor, 1 s": "the same",
    "Fano factor, 10 s": "the same",
    "taker size, p99 / median": "quantiles of the size of taker orders",
    "taker size, Hill index": "Hill (1975) tail index over the largest 5 % (smaller is heavier)",
    "trade sign autocorrelation, lag 1": "correlation of a taker order's sign with that of the next",
    "trade sign autocorrelation, lag 10": "the same for the tenth next",
    "trade sign autocorrelation, lag 100": "the same for the hundredth next",
    "OFI R², 0.1 s": "R² of the mid's change on the event OFI (Cont, Kukanov, Stoikov 2014) of the same window",
    "OFI R², 1 s": "the same",
    "OFI R², 10 s": "the same",
    "trade flow R², 1 s": "R² of the mid's change on signed traded size of the same second",
    "queue imbalance AUC": "how well (bid − ask)/(bid + ask) at the touch tells the direction of the next mid move",
    **{
        f"rank IC of {signal}, {horizon:g} s": f"Spearman correlation of {meaning} with the mid's move that follows"
        for signal, meaning in (
            ("queue imbalance", "queue imbalance"),
            ("depth imbalance(5)", "the imbalance of the best five levels"),
            ("OFI(1 s)", "the event OFI of the last second"),
        )
        for horizon in HORIZONS_S
    },
    **{
        f"variance ratio, {window:g} s": "variance of mid changes over this window a second, over the same at 10 s"
        for window in (0.1, 1.0, 60.0)
    },
    "volatility, bps/√s": "square root of the variance a second of mid changes over 10 s",
}


def facts(session: Session) -> dict[str, float]:
    """Return every fact of `DEFINITIONS`; NaN where the session is too short or too quiet to tell."""
    found = {**_spread(session), **_depth(session), **_rates(session), **_orders(session)}
    found |= _flow(session) | _forecasts(session) | _variance(session)
    return {name: found[name] for name in DEFINITIONS}


def _spread(session: Session) -> dict[str, float]:
    quotes = session.quotes
    spread, stood = (quotes[:, 3] - quotes[:, 1])[:-1], np.diff(quotes[:, 0])
    one = float(np.min(spread))
    return {
        "spread, mean ticks": float(np.average(spread, weights=stood)),
        "spread at one tick": float(np.average(spread == one, weights=stood)),
    }


def _depth(session: Session) -> dict[str, float]:
    ladders = session.ladders[:, :LEVELS], session.ladders[:, LEVELS:]
    sides = np.vstack([side / np.nanmean(side, axis=1, keepdims=True) for side in ladders if len(side)])
    whole = sides[~np.isnan(sides).any(axis=1)]
    return {f"depth at level {level}": _mean(whole[:, level - 1]) for level in (1, 5, 10, 20)}


def _rates(session: Session) -> dict[str, float]:
    quotes = session.quotes
    return {
        "best quotes / s": float(np.any(np.diff(quotes[:, 1:], axis=0) != 0, axis=1).sum() / session.seconds),
        "level changes / s": session.level_changes / session.seconds,
        "taker orders / s": len(session.orders) / session.seconds,
        "mid moves / s": float((np.diff(quotes[:, 1] + quotes[:, 3]) != 0).sum() / session.seconds),
    }


def _orders(session: Session) -> dict[str, float]:
    seconds, lots, signs = session.orders.T
    found: dict[str, float] = {}
    for window in WINDOWS_S:
        counts = np.bincount((seconds / window).astype(int), minlength=int(session.seconds / window))
        counts = counts[: int(session.seconds / window)]
        found[f"Fano factor, {window:g} s"] = float(counts.var() / counts.mean())
    tail = np.sort(lots)[-max(10, len(lots) // 20) :]
    found["taker size, p99 / median"] = float(np.quantile(lots, 0.99) / np.median(lots))
    heavy = np.mean(np.log(tail[1:] / tail[0]))
    found["taker size, Hill index"] = float(1 / heavy) if heavy else float("nan")
    for lag in (1, 10, 100):
        found[f"trade sign autocorrelation, lag {lag}"] = _correlation(signs[:-lag], signs[lag:])
    return found


def event_ofi(quotes: Floats) -> Floats:
    """Order flow imbalance of every best quote against the one before (Cont, Kukanov, Stoikov 2014, eq. 4), in lots.

    Shape (n,), 0 for the first.
    """
    bid, bid_lots, ask, ask_lots = quotes[:, 1], quotes[:, 2], quotes[:, 3], quotes[:, 4]
    flow: Floats = np.zeros(len(quotes))
    flow[1:] = (bid[1:] >= bid[:-1]) * bid_lots[1:] - (bid[1:] <= bid[:-1]) * bid_lots[:-1]
    flow[1:] -= (ask[1:] <= ask[:-1]) * ask_lots[1:] - (ask[1:] >= ask[:-1]) * ask_lots[:-1]
    return flow


def _at(session: Session, step_s: float) -> tuple[Floats, Floats]:
    """Mid ticks and running OFI at multiples of `step_s`, as known then."""
    quotes = session.quotes
    times = np.arange(0.0, session.seconds, step_s)
    rows = np.searchsorted(quotes[:, 0], times, side="right") - 1
    return ((quotes[:, 1] + quotes[:, 3]) / 2)[rows], np.cumsum(event_ofi(quotes))[rows]


def _flow(session: Session) -> dict[str, float]:
    found = {}
    for window in WINDOWS_S:
        mid, ofi = _at(session, window)
        found[f"OFI R², {window:g} s"] = _correlation(np.diff(ofi), np.diff(mid)) ** 2
    mid, _ = _at(session, 1.0)
    seconds, lots, signs = session.orders.T
    signed = np.bincount(seconds.astype(int), weights=lots * signs, minlength=len(mid))[: len(mid) - 1]
    found["trade flow R², 1 s"] = _correlation(signed, np.diff(mid)) ** 2
    return found


def _forecasts(session: Session) -> dict[str, float]:
    quotes = session.quotes
    mid, ofi = _at(session, _STEP_S)
    rows = np.searchsorted(quotes[:, 0], np.arange(0.0, session.seconds, _STEP_S), side="right") - 1
    queue = (quotes[rows, 2] - quotes[rows, 4]) / (quotes[rows, 2] + quotes[rows, 4])
    second = round(1 / _STEP_S)
    recent = np.concatenate([np.full(second, np.nan), ofi[second:] - ofi[:-second]])
    found = {"queue imbalance AUC": _auc(queue, _next_move(mid))}
    signals = {"queue imbalance": queue, "depth imbalance(5)": _imbalance(session, len(mid)), "OFI(1 s)": recent}
    for name, signal in signals.items():
        for horizon in HORIZONS_S:
            ahead = round(horizon / _STEP_S)
            found[f"rank IC of {name}, {horizon:g} s"] = _rank_ic(signal[:-ahead], mid[ahead:] - mid[:-ahead])
    return found


def _imbalance(session: Session, length: int) -> Floats:
    bids = np.nansum(session.ladders[:, :5], axis=1)
    asks = np.nansum(session.ladders[:, LEVELS : LEVELS + 5], axis=1)
    known: Floats = np.full(length, np.nan)
    count = min(length, len(bids))
    with np.errstate(invalid="ignore"):
        known[:count] = ((bids - asks) / (bids + asks))[:count]
    return known


def _next_move(mid: Floats) -> Floats:
    """Sign of the first change of the mid after each grid time, NaN when none comes."""
    change = np.sign(np.diff(mid))
    following: Floats = np.full(len(mid), np.nan)
    at = np.flatnonzero(change)
    if len(at):
        rows = np.searchsorted(at, np.arange(len(mid)))
        some = rows < len(at)
        following[some] = change[at[rows[some]]]
    return following


def _auc(signal: Floats, up: Floats) -> float:
    """Chance that the signal before a rise is above that before a fall (Mann and Whitney 1947)."""
    known = ~np.isnan(signal) & ~np.isnan(up)
    ranks, rises = _ranks(signal[known]), up[known] > 0
    count, rest = int(rises.sum()), int((~rises).sum())
    if not count or not rest:
        return float("nan")
    return float((ranks[rises].sum() - count * (count + 1) / 2) / (count * rest))


def _variance(session: Session) -> dict[str, float]:
    rates = {}
    for window in (0.1, 1.0, 10.0, 60.0):
        mid, _ = _at(session, window)
        rates[window] = float(np.mean(np.diff(mid) ** 2)) / window if len(mid) > 1 else float("nan")
    mid, _ = _at(session, 10.0)
    found = {f"variance ratio, {window:g} s": rates[window] / rates[10.0] for window in (0.1, 1.0, 60.0)}
    return found | {"volatility, bps/√s": float(np.sqrt(rates[10.0]) / mid.mean() * 1e4)}


def _rank_ic(signal: Floats, move: Floats) -> float:
    known = ~np.isnan(signal)
    return _correlation(_ranks(signal[known]), _ranks(move[known]))


def _ranks(values: Floats) -> Floats:
    """Ranks from 1, ties sharing their mean."""
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2)[where]
    return ranks


def _correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    if len(one) < 3 or one.std() == 0 or other.std() == 0:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
