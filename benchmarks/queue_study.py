"""Orders placed at random times on one synthetic market: what truly became of each, and what each simulation says."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, NamedTuple

from benchmarks import queue_paper
from benchmarks.queue_feed import EventStream, Polls
from benchmarks.queue_market import Original, Struck, Truth, best_of, mid_of, mids_with, truth
from benchmarks.queue_orders import HORIZONS_MS, INSIDE, MARKOUTS_MS, PLACES, REST_MS, Fate, Placement, Regime
from bot.exchange.floor import STEP_MS
from bot.types import BPS, Instrument, Side

TRUE: Final = "truth"
POLLED: Final = "polled "
"""What the names of a simulation on the polled feed begin with."""

_WARM_UP_TURNS: Final = 60_000 // STEP_MS
_EVERY_TURNS: Final = 20_000 // STEP_MS
_JITTER_TURNS: Final = 10_000 // STEP_MS
_INSIDE_EVERY_TURNS: Final = 10_000 // STEP_MS
_TAIL_TURNS: Final = (REST_MS + MARKOUTS_MS[-1]) // STEP_MS + 10
_TWIN_EVERY: Final = 4  # moments: the comparison of the market with itself needs fewer orders
_ABOVE_LEAST: Final = Decimal("1.1")  # of the least notional, so that the price may fall a little


class Sample(NamedTuple):
    """One order: its `fates` by truth and by each simulation, and its markouts in bps by the same names.

    `twin` is the truth of an order twice the size, where there is one; `aparts` are the mid in ticks with the order
    less that without, and how far the mid had moved without, at each horizon.
    """

    regime: str
    placement: Placement
    fates: Mapping[str, Fate]
    markouts: Mapping[str, tuple[float, ...]]
    struck: Sequence[Struck]
    twin: Fate | None
    aparts: Sequence[tuple[float, float]]


@dataclass(slots=True)
class _Run:
    original: Original
    truths: list[Truth] = field(default_factory=list)
    twins: dict[int, Fate] = field(default_factory=dict)
    disturbed: dict[int, list[float]] = field(default_factory=dict)
    mids: list[float] = field(default_factory=lambda: [math.nan])  # by turn, from 1


def run(regime: Regime, seed: int, moments: int) -> list[Sample]:
    """Live through one market with `moments` > 0 times of placement, and about as many inside its spread."""
    live = _Run(Original(regime, seed))
    for _ in range(_WARM_UP_TURNS):
        live.original.turn()
        live.mids.append(mid_of(live.original.listing))
    stream, polls = EventStream(live.original.listing, live.original.turns), Polls(live.original.listing)
    schedule = _schedule(live.original, random.Random(f"{regime.name}:{seed}"), moments)
    last = _WARM_UP_TURNS + moments * _EVERY_TURNS + _TAIL_TURNS
    while live.original.turns < last:
        trades = live.original.turn()
        live.mids.append(mid_of(live.original.listing))
        stream.see(live.original.turns, trades)
        polls.see(live.original.turns, trades)
        if live.original.turns < last - _TAIL_TURNS:
            _place(live, list(next(schedule)))
    placements = [each.placement for each in live.truths]
    instrument = live.original.listing.instrument
    told = queue_paper.fates(stream.batch(), instrument, placements)
    polled = queue_paper.fates(polls.batch(), instrument, placements)
    return [_sample(regime, live, number, told[number], polled[number]) for number in range(len(placements))]


def _schedule(original: Original, rng: random.Random, moments: int) -> Iterator[list[Placement]]:
    """What is placed after each turn, at the touch and behind it on both sides, or inside a spread that is wide."""
    due = {_WARM_UP_TURNS + number * _EVERY_TURNS + rng.randrange(_JITTER_TURNS) + 1 for number in range(moments)}
    listing, turn, inside_from = original.listing, 0, 0
    while True:
        turn, found = original.turns, []
        bid, ask = best_of(listing, Side.BUY), best_of(listing, Side.SELL)
        lots = least_lots(listing.instrument, bid)
        if turn in due:
            found = [
                Placement(turn, turn, side, best - side.sign * away, lots, away)
                for away in PLACES
                for side, best in ((Side.BUY, bid), (Side.SELL, ask))
            ]
        elif ask - bid > 1 and turn >= inside_from:
            inside_from = turn + _INSIDE_EVERY_TURNS
            side = rng.choice((Side.BUY, Side.SELL))
            found = [Placement(turn, turn, side, bid + 1 if side is Side.BUY else ask - 1, lots, INSIDE)]
        yield found


def least_lots(instrument: Instrument, price_ticks: int) -> int:
    """Return the smallest order that is surely worth enough, in lots."""
    return math.ceil(instrument.min_notional * _ABOVE_LEAST / instrument.notional(price_ticks, 1))


def _place(live: _Run, placements: Sequence[Placement]) -> None:
    if not placements:
        return
    saved = live.original.saved()
    twins = placements[0].moment // _EVERY_TURNS % _TWIN_EVERY == 0
    for placement in placements:
        if twins and placement.away == 0:
            double = placement._replace(lots=2 * placement.lots)
            live.twins[len(live.truths)] = truth(saved, double).fate
            live.disturbed[len(live.truths)] = mids_with(saved, placement, HORIZONS_MS)
        live.truths.append(truth(saved, placement))


def _sample(regime: Regime, live: _Run, number: int, told: Mapping[str, Fate], polled: Mapping[str, Fate]) -> Sample:
    found = live.truths[number]
    placement = found.placement
    simulated = {**told, **{POLLED + name: fate for name, fate in polled.items()}}
    markouts = {TRUE: _markouts(placement, found.mids)}
    for name, fate in simulated.items():
        done_ms = fate.done_ms(placement.lots)
        after = [done_ms + later_ms for later_ms in MARKOUTS_MS] if math.isfinite(done_ms) else []
        markouts[name] = _markouts(placement, [live.mids[placement.turn + round(ms) // STEP_MS] for ms in after])
    start = live.mids[placement.turn]
    without = [live.mids[placement.turn + ms // STEP_MS] for ms in HORIZONS_MS]
    aparts = [(mid - other, other - start) for mid, other in zip(live.disturbed.get(number, ()), without, strict=False)]
    fates = {TRUE: found.fate, **simulated}
    return Sample(regime.name, placement, fates, markouts, found.struck, live.twins.get(number), aparts)


def _markouts(placement: Placement, mids: Sequence[float]) -> tuple[float, ...]:
    """Gain in bps of the order's price against the mids after its fill; NaN when it was not filled whole."""
    if not mids:
        return (math.nan,) * len(MARKOUTS_MS)
    return tuple(placement.side.sign * (mid / placement.price - 1) * BPS for mid in mids)
