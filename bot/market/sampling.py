"""Work out a decision's row of signals in one compiled call: the book as it stands, windows, the forecast."""

from __future__ import annotations

import math
from typing import Final

from bot.market.book import ASK_SIDE, BID_SIDE, Book, walk
from bot.market.columns import Columns
from bot.market.flow import Flow
from bot.market.jit import inlined_kernel, lean_kernel
from bot.market.plan import CODE, COLUMN, CURSOR, KEPT, LENGTH_NS, MEMORY, ROOM, THEN, WINDOW, Plan
from bot.market.rows import DONE, apply_rows
from bot.market.signals import (
    book_imbalance,
    cross,
    fair_price,
    forecast,
    impact,
    liquidity,
    markout,
    order_flow,
    perpetual,
    quality,
    resilience,
    state,
    toxicity,
)
from bot.market.signals.facts import FACTS
from bot.market.signals.family import (
    BOOK_IMBALANCE,
    CROSS,
    FAIR_PRICE,
    FAMILY,
    IMPACT,
    LIQUIDITY,
    MARKOUT,
    ORDER_FLOW,
    PERPETUAL,
    QUALITY,
    RESILIENCE,
    STATE,
    TOXICITY,
)
from bot.market.signals.forecast import Forecast
from bot.market.signals.sight import BAND_BPS, COST_LOTS, LAST_MID, MID, Sight
from bot.market.tallies import SUMS
from bot.market.windows import HEAD, TAIL, Ring, drop_entries, entry_before
from bot.market.windows import MID as RING_MID
from bot.types import NS_PER_S, Floats, Int64s

FULL: Final = -1  # why `sample_rows` came back: the ring has no room for another decision


@inlined_kernel
def signal_value(
    code: int,
    own: Floats,
    args: Floats,
    now_ns: int,
    seconds: float,
    sight: Sight,
    book: Book,
    then: Int64s,
    kept: Floats,
    past: Forecast | None,
) -> float:
    """Return one signal but a forecast; `seconds` is the length of its window, NaN before it is warm.

    Where a condition on an argument that is None is known when it is compiled, Numba leaves out what hangs on it: with
    `past` None the kernel has the everyday families alone and is compiled in a fraction of the time.
    """
    family = code // FAMILY
    if family == BOOK_IMBALANCE:
        return book_imbalance.value(code, own, args, now_ns, seconds, sight, book, then, kept, past)
    if family == FAIR_PRICE:
        return fair_price.value(code, own, args, now_ns, seconds, sight, then, kept, past)
    if family == ORDER_FLOW:
        return order_flow.value(code, own, args, now_ns, seconds, sight, then, kept, past)
    if family == STATE:
        return state.value(code, own, args, now_ns, seconds, sight, then, kept)
    if family == QUALITY:
        return quality.value(code, own, args, now_ns, seconds, sight, then, kept)
    if past is not None:
        if family == TOXICITY:
            return toxicity.value(code, own, args, now_ns, seconds, sight, then, kept)
        if family == IMPACT:
            return impact.value(code, own, args, now_ns, seconds, sight, then, kept)
        if family == MARKOUT:
            return markout.value(code, own, args, now_ns, seconds, sight, then, kept)
        if family == LIQUIDITY:
            return liquidity.value(code, own, args, now_ns, seconds, sight, book, then, kept)
        if family == RESILIENCE:
            return resilience.value(code, own, args, now_ns, seconds, sight, book, then, kept)
        if family == PERPETUAL:
            return perpetual.value(code, own, args, now_ns, seconds, sight, then, kept)
        if family == CROSS:
            return cross.value(code, own, args, now_ns, seconds, sight, then, kept)
    return math.nan


@inlined_kernel
def look(sight: Sight, book: Book, tops: Int64s) -> None:
    """Read the levels that the signals need, and the mid in ticks: NaN without a book, or when it is crossed."""
    levels = sight.levels
    for side in range(2):
        sight.gauge[BAND_BPS + side] = math.nan
        sight.gauge[COST_LOTS + side] = math.nan
        if levels.shape[2] > 1:
            walk(book, side, levels.shape[2], levels[side])
        else:
            levels[side, 0, 0] = tops[side, 0, 0]
            levels[side, 1, 0] = tops[side, 1, 0]
    bid = tops[BID_SIDE, 0, 0]
    ask = -tops[ASK_SIDE, 0, 0]
    has_book = tops[BID_SIDE, 1, 0] > 0 and tops[ASK_SIDE, 1, 0] > 0 and bid < ask
    sight.gauge[MID] = 0.5 * (bid + ask) if has_book else math.nan


@inlined_kernel
def look_back(now_ns: int, plan: Plan, ring: Ring) -> None:
    """Find the decision at which each window begins."""
    windows, last = plan.windows, ring.times.shape[0] - 1
    for i in range(windows.shape[0]):
        windows[i, THEN] = ring.marks[TAIL] & last
        plan.seconds[i] = math.nan
        if windows[i, LENGTH_NS] > 0:
            windows[i, CURSOR] = entry_before(ring, windows[i, CURSOR], now_ns - windows[i, LENGTH_NS])
            if windows[i, CURSOR] >= 0:
                windows[i, THEN] = windows[i, CURSOR] & last
                plan.seconds[i] = (now_ns - ring.times[windows[i, THEN]]) / NS_PER_S


@inlined_kernel
def sample_row(
    now_ns: int, sight: Sight, book: Book, flow: Flow, plan: Plan, ring: Ring, past: Forecast | None, row: Floats
) -> None:
    """Write the signals of a decision into `row`, learn from it and remember it. The ring has room for one more.

    `past` is None when all signals are of the everyday families and nothing is forecast.
    """
    look(sight, book, flow.tops)
    look_back(now_ns, plan, ring)
    steps = plan.steps
    slot = ring.marks[HEAD] & (ring.times.shape[0] - 1)
    for i in range(steps.shape[0]):
        window = steps[i, WINDOW]
        then = plan.windows[window, THEN]
        at = steps[i, MEMORY]
        column = steps[i, COLUMN]
        own = plan.memory[at : at + steps[i, ROOM]]
        row[i] = signal_value(
            steps[i, CODE],
            own,
            plan.args[i],
            now_ns,
            plan.seconds[window],
            sight,
            book,
            ring.sums[then],
            ring.kept[then, column : column + steps[i, KEPT]],
            past,
        )
        if window > 0 and math.isnan(plan.seconds[window]):
            row[i] = math.nan
        for k in range(steps[i, KEPT]):
            ring.kept[slot, column + k] = own[k]
    if past is not None:
        forecast.value(steps, now_ns, sight.gauge[MID], ring, past, row)
    remember(now_ns, sight, flow, ring)


@inlined_kernel
def remember(now_ns: int, sight: Sight, flow: Flow, ring: Ring) -> None:
    """Make the decision the newest entry of the ring."""
    slot = ring.marks[HEAD] & (ring.times.shape[0] - 1)
    ring.times[slot] = now_ns
    for i in range(SUMS):
        ring.sums[slot, i] = flow.tallies[i]
    ring.reals[slot, RING_MID] = sight.gauge[MID]
    if sight.gauge[MID] > 0.0:
        sight.gauge[LAST_MID] = sight.gauge[MID]
    ring.marks[HEAD] += 1
    drop_entries(ring, now_ns)


@lean_kernel
def sample_rows(
    columns: Columns,
    start: int,
    times_ns: Int64s,
    first: int,
    sight: Sight,
    book: Book,
    flow: Flow,
    plan: Plan,
    told: Plan | None,
    ring: Ring,
    past: Forecast | None,
    guests: Floats,
    touches: Int64s,
    rows: Floats,
) -> tuple[int, int, int]:
    """Take the decisions from `first` on, each after the messages that begin at or before it.

    `told` is the plan, or None when no signal is told of trades and messages; `guests` (decisions, guests) is what
    other markets say at each of them.
    Return the next row, the next decision and why it stopped: `DONE`, `FULL`, or what `apply_rows` said.
    """
    row = start
    for decision in range(first, times_ns.shape[0]):
        if ring.marks[HEAD] - ring.marks[TAIL] >= ring.times.shape[0]:
            return row, decision, FULL
        # More messages than there are rows: it never stops for their number, which would skip the decision.
        most = columns.kind.shape[0] + 1
        row, why = apply_rows(columns, row, times_ns[decision] + 1, most, book, flow, told)
        if why != DONE:
            return row, decision, why
        for place in range(guests.shape[1]):
            sight.facts[FACTS + place] = guests[decision, place]
        sample_row(times_ns[decision], sight, book, flow, plan, ring, past, rows[decision])
        for side in range(2):
            lots = flow.tops[side, 1, 0]
            touches[decision, 2 * side] = flow.tops[side, 0, 0] * (1 - 2 * side) if lots > 0 else 0
            touches[decision, 2 * side + 1] = lots
    return row, times_ns.shape[0], DONE
