"""What the mid did after our fills: the one measure that tells being right from being picked off."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np

from bot.research.bootstrap import Estimate, mean_estimate
from bot.research.performance.prices import FillColumns, Prices, fill_columns, moves_bps
from bot.research.performance.sightings import Behind
from bot.research.ranking import Bools
from bot.types import NS_PER_MS, NS_PER_S, Fill, Floats, Int64s, Liquidity, Side

HORIZONS_NS: Final = (100 * NS_PER_MS, NS_PER_S, 5 * NS_PER_S, 30 * NS_PER_S, 300 * NS_PER_S)
TENTHS_NS: Final = 5 * NS_PER_S
TENTHS: Final = 10

_SEED: Final = 20_161_101  # of the draws for intervals, so that the same run twice is the same report


@dataclass(frozen=True, slots=True)
class Markout:
    """Mean move of the mid in the direction of the fill, in bps, each fill counting the same.

    `fills` are those whose horizon lies on the recording. The interval is of 95 %, from blocks of neighbouring fills,
    at least as many as fall within one horizon: they share that move of the mid. There is none below three blocks.
    """

    lane: str
    liquidity: Liquidity
    horizon_ns: int
    fills: int
    move_bps: Estimate


@dataclass(frozen=True, slots=True)
class Tenth:
    """Fills whose orders were sent while a signal was in one tenth of its values behind all fills.

    `low` and `high` bound the tenth in the signal's own unit. Moves are over `TENTHS_NS`, in the fill's direction.
    """

    signal: str
    number: int
    low: float
    high: float
    buys: int
    buy_move_bps: Estimate
    sells: int
    sell_move_bps: Estimate


def markouts(lane: str, fills: Sequence[FillColumns], prices: Prices) -> list[Markout]:
    """Return the markouts of a lane, makers first, by horizon; none for a liquidity without fills."""
    found = []
    for liquidity in Liquidity:
        wanted = int(liquidity is Liquidity.MAKER)
        if any((own.is_maker == wanted).any() for own in fills):
            for horizon_ns in HORIZONS_NS:
                moves = np.concatenate([moves_bps(own, prices, horizon_ns)[own.is_maker == wanted] for own in fills])
                times = np.concatenate([own.time_ns[own.is_maker == wanted] for own in fills])
                known = ~np.isnan(moves)
                mean = _mean(moves[known], times[known], horizon_ns)
                found.append(Markout(lane, liquidity, horizon_ns, int(known.sum()), mean))
    return found


def _mean(moves: Floats, times_ns: Int64s, horizon_ns: int) -> Estimate:
    """The mean of moves of fills at these times; those of several symbols, which move together, are mixed by time."""
    order = np.argsort(times_ns, kind="stable")
    times = times_ns[order]
    # How many fills each has within its horizon, itself among them: they share a part of their moves.
    within = np.searchsorted(times, times + horizon_ns) - np.searchsorted(times, times)
    together = math.ceil(within.mean()) if len(within) else 1
    return mean_estimate(moves[order], np.random.default_rng(_SEED), together)


def tenths(fills: Sequence[Fill], prices: Prices, behind: Mapping[tuple[str, str], Behind]) -> list[Tenth]:
    """Return for each signal the markouts by tenth of its value at the decision that sent the order.

    The tenths are of these very values: they describe what was, and are no test. Fills of orders whose decision is not
    known, and signals that never had a value, are left out.
    """
    known = [fill for fill in fills if (fill.lane, fill.client_id) in behind and prices.knows(fill.symbol)]
    seen = [behind[fill.lane, fill.client_id].signals for fill in known]
    names = list(dict.fromkeys(name for row in seen for name in row))
    moves = _moves_in_order(known, prices)
    times = np.array([fill.local_ns for fill in known], np.int64)
    buys = np.array([fill.side is Side.BUY for fill in known], bool)
    found: list[Tenth] = []
    for name in names:
        values = np.array([row.get(name, np.nan) for row in seen], np.float64)
        usable = np.isfinite(values) & np.isfinite(moves)
        if usable.any():
            found += _tenths_of(name, values[usable], moves[usable], times[usable], buys[usable])
    return found


def _tenths_of(name: str, values: Floats, moves: Floats, times_ns: Int64s, buys: Bools) -> Iterator[Tenth]:
    edges = np.quantile(values, np.arange(1, TENTHS) / TENTHS)
    groups = np.searchsorted(edges, values, side="left")
    for number in range(TENTHS):
        inside = groups == number
        if inside.any():
            sides = inside & buys, inside & ~buys
            low, high = float(values[inside].min()), float(values[inside].max())
            bought, sold = (_mean(moves[side], times_ns[side], TENTHS_NS) for side in sides)
            yield Tenth(name, number + 1, low, high, int(sides[0].sum()), bought, int(sides[1].sum()), sold)


def _moves_in_order(fills: Sequence[Fill], prices: Prices) -> Floats:
    """Moves over `TENTHS_NS` of fills of several symbols, in their order."""
    moves = np.full(len(fills), np.nan)
    places = sorted(range(len(fills)), key=lambda place: fills[place].symbol)
    for _, group in groupby(places, key=lambda place: fills[place].symbol):
        own = list(group)
        (columns,) = fill_columns([fills[place] for place in own], prices)
        moves[own] = moves_bps(columns, prices, TENTHS_NS)
    return moves
