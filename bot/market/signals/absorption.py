"""Follow what became of the best levels that were traded at: how much came back, and what had never been shown.

Trades and book changes come in messages of their own, and in either order: a best quote arrives a millisecond or so
before the trades that moved it, a depth message up to its interval after them. So a *bout* of trades is followed: it
opens with the first trade at the best price of the resting side and gathers the trades there. It ends `HOLD_NS` later,
or with the first change of that touch after, when there was none before (at the latest after `PATIENCE_NS`), or when
the price is no longer the best. What was displayed before it is what stood before the changes of the `MEMORY_NS`
before its first trade. Trades at a price that stopped being the best within `MEMORY_NS` count as ones that broke it.
"""

from __future__ import annotations

from typing import Final

from bot.market.book import ASK_SIDE, BID_SIDE, NO_LEVEL
from bot.market.jit import inner_kernel
from bot.market.signals.family import FAMILY, RESILIENCE
from bot.market.signals.news import BID_KEY, BID_LOTS
from bot.types import NS_PER_MS, Floats, Int64s

BID_ABSORPTION: Final = RESILIENCE * FAMILY
ASK_ABSORPTION: Final = RESILIENCE * FAMILY + 1
ABSORPTION: Final = RESILIENCE * FAMILY + 2
ICEBERG: Final = RESILIENCE * FAMILY + 3

HOLD_NS: Final = 100 * NS_PER_MS
MEMORY_NS: Final = 50 * NS_PER_MS  # 19 of 20 best quotes of recorded markets come less than that before their trade
PATIENCE_NS: Final = 1_000 * NS_PER_MS

# Places of the memory: sums in lots, then one group a side. Times lose a few hundred ns as floats, which is nothing.
TRADED: Final = 0  # in bouts that have ended: of the bid, then of the ask
ABSORBED: Final = 2  # of that: of the bid, then of the ask
HIDDEN: Final = 4  # of that
KEPT: Final = 5
_SIDES: Final = 5
_KEY: Final = 0  # of the best level, and its lots: 0 when there is none
_LOTS: Final = 1
_CALM_LOTS: Final = 2  # before the changes since `_CALM_NS`
_CALM_NS: Final = 3
_RISEN: Final = 4  # sum of the rises since then
_BOUT_LOTS: Final = 5  # traded in the open bout, 0 when none is open
_BOUT_NS: Final = 6
_BEFORE: Final = 7  # displayed before the bout
_SHOWN: Final = 8  # that and all rises since
_CHANGED: Final = 9  # 1 once the touch changed in the bout or just before
_BROKEN_KEY: Final = 10  # the best level before this one, when it was better
_BROKEN_NS: Final = 11
_BROKEN_LEFT: Final = 12  # what was shown there and has not traded
_PLACES: Final = 13
ROOM: Final = _SIDES + 2 * _PLACES


@inner_kernel
def note_trade(own: Floats, now_ns: int, sign: int, ticks: int, lots: int) -> None:
    """Take in one trade; `sign` is +1 for an aggressive buy."""
    side = BID_SIDE if sign < 0 else ASK_SIDE
    at = _SIDES + side * _PLACES
    touch = own[at : at + _PLACES]
    end_when_due(own, side, touch, now_ns)
    key = -sign * ticks
    if touch[_LOTS] > 0.0 and key == touch[_KEY]:
        if touch[_BOUT_LOTS] == 0.0:
            is_calm = now_ns - touch[_CALM_NS] > MEMORY_NS
            touch[_BOUT_NS] = now_ns
            touch[_BEFORE] = touch[_LOTS] if is_calm else touch[_CALM_LOTS]
            touch[_SHOWN] = touch[_BEFORE] + (0.0 if is_calm else touch[_RISEN])
            touch[_CHANGED] = 0.0 if is_calm else 1.0
        touch[_BOUT_LOTS] += lots
    elif touch[_LOTS] > 0.0 and key == touch[_BROKEN_KEY] and now_ns - touch[_BROKEN_NS] <= MEMORY_NS:
        own[TRADED + side] += lots
        own[HIDDEN] += max(0.0, lots - touch[_BROKEN_LEFT])
        touch[_BROKEN_LEFT] = max(0.0, touch[_BROKEN_LEFT] - lots)


@inner_kernel
def note_touch(own: Floats, news: Int64s, now_ns: int) -> None:
    """Take in a change of the best levels."""
    for side in range(2):
        at = _SIDES + side * _PLACES
        touch = own[at : at + _PLACES]
        key = news[BID_KEY + 2 * side]
        lots = news[BID_LOTS + 2 * side]
        if key != touch[_KEY] or lots != touch[_LOTS]:
            end_when_due(own, side, touch, now_ns)
            if lots > 0 and touch[_LOTS] > 0.0 and key == touch[_KEY]:
                change_lots(own, side, touch, now_ns, lots)
            else:
                change_level(own, side, touch, now_ns, key, lots)


@inner_kernel
def change_lots(own: Floats, side: int, touch: Floats, now_ns: int, lots: int) -> None:
    """Take in another size at the same best price."""
    if now_ns - touch[_CALM_NS] > MEMORY_NS:
        touch[_CALM_LOTS] = touch[_LOTS]
        touch[_CALM_NS] = now_ns
        touch[_RISEN] = 0.0
    risen = max(0.0, lots - touch[_LOTS])
    touch[_RISEN] += risen
    touch[_SHOWN] += risen
    touch[_LOTS] = lots
    if touch[_BOUT_LOTS] > 0.0 and touch[_CHANGED] == 0.0:
        touch[_CHANGED] = 1.0
        end_when_due(own, side, touch, now_ns)


@inner_kernel
def change_level(own: Floats, side: int, touch: Floats, now_ns: int, key: int, lots: int) -> None:
    """Take in another best price, or that there is none any more."""
    touch[_BROKEN_KEY] = NO_LEVEL
    if lots > 0 and touch[_LOTS] > 0.0:
        if key < touch[_KEY]:
            is_calm = now_ns - touch[_CALM_NS] > MEMORY_NS
            left = touch[_LOTS] if is_calm else touch[_CALM_LOTS] + touch[_RISEN]
            if touch[_BOUT_LOTS] > 0.0:
                left = max(0.0, touch[_SHOWN] - touch[_BOUT_LOTS])
            touch[_BROKEN_KEY] = touch[_KEY]
            touch[_BROKEN_NS] = now_ns
            touch[_BROKEN_LEFT] = left
            end_bout(own, side, touch, 0.0)
        elif touch[_CHANGED] == 1.0:
            end_bout(own, side, touch, touch[_LOTS])
    touch[_BOUT_LOTS] = 0.0  # what is left at a touch that is gone, or was passed before it said anything, is not known
    touch[_KEY] = key
    touch[_LOTS] = lots
    touch[_CALM_LOTS] = lots
    touch[_CALM_NS] = now_ns - 2 * MEMORY_NS
    touch[_RISEN] = 0.0


@inner_kernel
def end_when_due(own: Floats, side: int, touch: Floats, now_ns: int) -> None:
    """End the open bout when its time is over; nothing has changed since it was."""
    if touch[_BOUT_LOTS] > 0.0:
        age_ns = now_ns - touch[_BOUT_NS]
        if age_ns >= (HOLD_NS if touch[_CHANGED] == 1.0 else PATIENCE_NS):
            end_bout(own, side, touch, touch[_LOTS])


@inner_kernel
def end_bout(own: Floats, side: int, touch: Floats, after: float) -> None:
    """Count the open bout, if any; `after` is what its price displays now, 0 when it broke."""
    traded = touch[_BOUT_LOTS]
    own[TRADED + side] += traded
    own[HIDDEN] += traded if after == touch[_BEFORE] else max(0.0, traded - touch[_SHOWN])
    if after > 0.0:
        own[ABSORBED + side] += min(max(traded - (touch[_BEFORE] - after), 0.0), traded)
    touch[_BOUT_LOTS] = 0.0


@inner_kernel
def share_found(code: int, own: Floats, now_ns: int, kept: Floats) -> tuple[float, float]:
    """Return what was absorbed or hidden in the bouts that ended in the window, and what was traded in them, in lots.

    Lots are whole numbers, so sums of sides are exact.
    """
    for side in range(2):
        at = _SIDES + side * _PLACES
        end_when_due(own, side, own[at : at + _PLACES], now_ns)
    if code == BID_ABSORPTION or code == ASK_ABSORPTION:  # noqa: SIM109 - a tuple is slower here
        side = code - BID_ABSORPTION
        return own[ABSORBED + side] - kept[ABSORBED + side], own[TRADED + side] - kept[TRADED + side]
    traded = (own[TRADED] - kept[TRADED]) + (own[TRADED + 1] - kept[TRADED + 1])
    if code == ICEBERG:
        return own[HIDDEN] - kept[HIDDEN], traded
    return (own[ABSORBED] - kept[ABSORBED]) + (own[ABSORBED + 1] - kept[ABSORBED + 1]), traded
