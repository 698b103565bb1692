"""Run the market's rows against our resting orders: which of them each row fills, under each fill assumption.

Orders of ours never share one lot: what an order takes of a trade or of a level is gone for the next order of its
seat. Most rows are far from every order; `bands` tells so at once.
"""

from __future__ import annotations

from typing import Final

from bot.market.columns import Columns
from bot.market.jit import inner_kernel, lean_kernel
from bot.market.matching.booking import book_fill, may_fill, say_change, settle_done
from bot.market.matching.layout import (
    ALL_FILLED,
    ASSUMPTION,
    DEPTH,
    EXPONENT,
    FILLED,
    LEFT,
    LEVEL_LOTS,
    LEVEL_PRICE,
    LEVEL_SIDE,
    LOGGED,
    LOTS,
    MODEL,
    OUTCOME,
    PARTIALLY_FILLED,
    PRICE,
    RESTING,
    SIDE,
    STALE,
    THROUGH,
    Seats,
)
from bot.market.matching.queueing import fill_by_trade, see_level
from bot.market.matching.taking import level_row, note_taken
from bot.types import Int64s, Kind

# Why `meet_rows` came back.
ALL_MET: Final = 0
LOG_FULL: Final = 1

_BIDS: Final = 0
_ASKS: Final = 1
_LOWEST: Final = 0
_HIGHEST: Final = 1
_FAR: Final = 1 << 62

# Kinds as plain numbers. Those of levels come in pairs, bids odd, with the best quotes after the depth rows.
_BEST_BID: Final = int(Kind.BEST_BID)
_BUY: Final = int(Kind.BUY)
_SELL: Final = int(Kind.SELL)
_CLEAR: Final = int(Kind.CLEAR)
_CLOCK: Final = int(Kind.CLOCK)


@lean_kernel
def meet_rows(  # the one loop over rows: the far ones are passed over here
    seats: Seats, columns: Columns, start: int, stop: int, needs: int
) -> tuple[int, int]:
    """Run rows `start` to `stop` against the resting orders of every seat; return the next row and why it stopped.

    It comes back with `LOG_FULL` before a row whose fills might not fit; `needs` is how many log rows one row of the
    market can take at most. Newest ids are followed while nothing rests too: an order placed later must not believe
    older rows.
    """
    if seats.marks[STALE] == 1:
        find_bands(seats)
    newest, bands = seats.newest, seats.bands
    kinds, prices, ids = columns.kind, columns.price, columns.id
    for row in range(start, stop):
        kind = int(kinds[row])
        price = prices[row]
        if _BUY <= kind <= _SELL:
            # Bids from the trade's price up meet a seller, asks from it down a buyer.
            is_far = bands[_BIDS, _HIGHEST] < price if kind == _SELL else bands[_ASKS, _LOWEST] > price
        elif kind == _CLOCK:
            continue
        elif kind == _CLEAR:
            forget(seats)
            continue
        else:
            is_bid = kind % 2 == 1
            is_best = kind >= _BEST_BID
            if not is_news(newest, is_bid, is_best, price, ids[row]):
                continue
            is_far = is_far_level(bands, is_bid, is_best, price)
        if is_far:
            continue
        if seats.marks[LOGGED] + needs > seats.log.shape[0]:
            return row, LOG_FULL
        meet_row(seats, columns, row)
        if seats.marks[STALE] == 1:
            find_bands(seats)
    return stop, ALL_MET


@inner_kernel
def is_far_level(bands: Int64s, is_bid: bool, is_best: bool, price: int) -> bool:
    """Return True when a level is none of ours, meets none of ours, and does not say that one of ours is alone."""
    if is_bid:
        low, high, opposite = bands[_BIDS, _LOWEST], bands[_BIDS, _HIGHEST], bands[_ASKS, _LOWEST]
        return bool(price > high or (price < low and not is_best)) and bool(price < opposite)
    low, high, opposite = bands[_ASKS, _LOWEST], bands[_ASKS, _HIGHEST], bands[_BIDS, _HIGHEST]
    return bool(price < low or (price > high and not is_best)) and bool(price > opposite)


@inner_kernel
def meet_row(seats: Seats, columns: Columns, row: int) -> None:
    """Run one row against the resting orders of every seat."""
    kind, price, size = int(columns.kind[row]), columns.price[row], columns.size[row]
    exchange_ns, now_ns = columns.exchange_ns[row], columns.local_ns[row]
    for seat in range(seats.accounts.shape[0]):
        if _BUY <= kind <= _SELL:
            side = 1 if kind == _SELL else -1
            run_trade(seats, seat, side, price, size, exchange_ns, now_ns, row)
        else:
            side = 1 if kind % 2 == 1 else -1
            note_gone(seats, seat, side, kind >= _BEST_BID, price, size, exchange_ns)
            if size > 0:
                run_level(seats, seat, side, price, size, now_ns, row)
        settle_done(seats, seat, now_ns, row)


@inner_kernel
def run_trade(
    seats: Seats, seat: int, side: int, price: int, size: int, exchange_ns: int, now_ns: int, row: int
) -> None:
    """Share a trade among our orders on the side it hit, best and oldest first."""
    orders, account, terms = seats.orders[seat], seats.accounts[seat], seats.terms[seat]
    budget = size
    for place in range(account[RESTING]):
        order = orders[place]
        if budget <= 0:
            break
        if order[SIDE] != side or order[LEFT] <= 0:
            continue
        exponent = seats.reals[seat, EXPONENT]
        took = fill_by_trade(order, terms[ASSUMPTION], terms[MODEL], exponent, price, budget, exchange_ns)
        took = min(took, may_fill(order, account))
        if took > 0:
            budget -= took
            fill_passive(seats.log, seats.marks, seat, account, order, took, now_ns, row)


@inner_kernel
def run_level(seats: Seats, seat: int, side: int, price: int, size: int, now_ns: int, row: int) -> None:
    """Fill our orders that an opposite level meets, up to its size.

    Others would not quote there had our order been in the real book: they would have traded with it. What we took of
    that level is not offered to us again until it shows more.
    """
    orders, account, met = seats.orders[seat], seats.accounts[seat], seats.met[seat]
    for place in range(account[RESTING]):
        order = orders[place]
        if order[SIDE] == side or order[LEFT] <= 0:
            continue
        beyond = (order[PRICE] - price) * order[SIDE]
        if beyond < 0 or (seats.terms[seat, ASSUMPTION] == THROUGH and beyond == 0):
            continue
        at = level_row(met, side, price)
        took = min(may_fill(order, account), size - met[at, LEVEL_LOTS])
        if took > 0:
            met[at, LEVEL_LOTS] += took
            seats.marks[STALE] = 1
            note_taken(seats.taken[seat], side, price, size, took)
            fill_passive(seats.log, seats.marks, seat, account, order, took, now_ns, row)


@inner_kernel
def fill_passive(
    log: Int64s, marks: Int64s, seat: int, account: Int64s, order: Int64s, took: int, now_ns: int, row: int
) -> None:
    """Fill a resting order at its own price, and say how it stands."""
    book_fill(log, marks, seat, account, order, order[PRICE], took, now_ns, row)
    order[OUTCOME] = ALL_FILLED if order[FILLED] >= order[LOTS] else PARTIALLY_FILLED
    say_change(log, marks, seat, order, now_ns, row)


@inner_kernel
def is_news(newest: Int64s, is_bid: bool, is_best: bool, price: int, update_id: int) -> bool:
    """Return True unless a newer word about the touch has spoken about this level already."""
    own = 0 if is_bid else 1
    if is_best:
        if 0 < update_id < max(newest[own, 0], newest[DEPTH, 0]):
            return False
        newest[own, 0], newest[own, 1] = update_id, price
        return True
    if 0 < update_id < newest[own, 0] and (price - newest[own, 1]) * (1 if is_bid else -1) >= 0:
        return False
    newest[DEPTH, 0] = max(newest[DEPTH, 0], update_id)
    return True


@inner_kernel
def note_gone(seats: Seats, seat: int, side: int, is_best: bool, price: int, size: int, exchange_ns: int) -> None:
    """Let a level's size bound the queue ahead of our orders in it; levels better than a best quote are gone."""
    orders, terms, met = seats.orders[seat], seats.terms[seat], seats.met[seat]
    for place in range(seats.accounts[seat, RESTING]):
        order = orders[place]
        if order[SIDE] != side:
            continue
        better = (order[PRICE] - price) * side
        if better == 0 or (is_best and better > 0):
            shown = size if better == 0 else 0
            see_level(order, terms[MODEL], seats.reals[seat, EXPONENT], shown, exchange_ns)
    for row in range(met.shape[0]):
        better = (met[row, LEVEL_PRICE] - price) * side
        gone = (better == 0 and size == 0) or (is_best and better > 0)
        if met[row, LEVEL_LOTS] > 0 and met[row, LEVEL_SIDE] == side and gone:
            met[row, LEVEL_LOTS] = 0
            seats.marks[STALE] = 1


@inner_kernel
def forget(seats: Seats) -> None:
    """Begin anew with the book: after CLEAR the ids may count from one again, and every level meets us afresh."""
    for own in range(seats.newest.shape[0]):
        seats.newest[own, 0] = 0
        seats.newest[own, 1] = 0
    for seat in range(seats.met.shape[0]):
        for row in range(seats.met.shape[1]):
            seats.met[seat, row, LEVEL_LOTS] = 0
    seats.marks[STALE] = 1


@inner_kernel
def find_bands(seats: Seats) -> None:
    """Find between which prices our orders rest on each side; a band that is empty has its lowest above its highest.

    Levels that met our orders count as long as something was taken of them: they may be given back.
    """
    bands = seats.bands
    for side in range(2):
        bands[side, _LOWEST] = _FAR
        bands[side, _HIGHEST] = -_FAR
    for seat in range(seats.accounts.shape[0]):
        for place in range(seats.accounts[seat, RESTING]):
            order = seats.orders[seat, place]
            side = _BIDS if order[SIDE] > 0 else _ASKS
            bands[side, _LOWEST] = min(bands[side, _LOWEST], order[PRICE])
            bands[side, _HIGHEST] = max(bands[side, _HIGHEST], order[PRICE])
        for at in range(seats.met.shape[1]):
            level = seats.met[seat, at]
            if level[LEVEL_LOTS] > 0:
                side = _BIDS if level[LEVEL_SIDE] > 0 else _ASKS
                bands[side, _LOWEST] = min(bands[side, _LOWEST], level[LEVEL_PRICE])
                bands[side, _HIGHEST] = max(bands[side, _HIGHEST], level[LEVEL_PRICE])
    seats.marks[STALE] = 0
