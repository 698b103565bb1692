"""Run the market's rows against our resting orders: which of them each row fills, under each fill assumption.

Orders of ours never share one lot: what an order takes of a trade or of a level is gone for the next order of its
seat. Most rows are far from every order; `bands` tells so at once.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from bot.market.columns import Columns
from bot.market.jit import inlined_kernel, inner_kernel
from bot.market.matching.bands import FAR, concerns, find_bands, reaches, stands
from bot.market.matching.booking import book_fill, find_due, may_fill, say_change, settle_done
from bot.market.matching.layout import (
    ALL_FILLED,
    ASK_PLACES,
    ASSUMPTION,
    BID_PLACES,
    DEPTH,
    EXPONENT,
    FILLED,
    FOLLOWS,
    FROM,
    HIGHEST_ASK,
    HIGHEST_BID,
    LEFT,
    LEVEL_LOTS,
    LEVEL_PRICE,
    LEVEL_SIDE,
    LOGGED,
    LOTS,
    LOWEST_ASK,
    LOWEST_BID,
    MEETS,
    MET_USED,
    MODEL,
    MOVED,
    OUTCOME,
    PARTIALLY_FILLED,
    PRICE,
    RESTING,
    SIDE,
    SIGN,
    STALE,
    THROUGH,
    TO,
    Seats,
)
from bot.market.matching.queueing import fill_by_trade, see_level
from bot.market.matching.taking import level_row, note_taken
from bot.types import Int64s, Kind

# Why `meet_rows` came back.
ALL_MET: Final = 0
LOG_FULL: Final = 1

# Kinds as plain numbers. Those of levels come in pairs, bids odd, with the best quotes after the depth rows.
_BID: Final = int(Kind.BID)
_ASK: Final = int(Kind.ASK)
_BEST_BID: Final = int(Kind.BEST_BID)
_BEST_ASK: Final = int(Kind.BEST_ASK)
_BUY: Final = int(Kind.BUY)
_SELL: Final = int(Kind.SELL)
_CLEAR: Final = int(Kind.CLEAR)


@inlined_kernel
def meet_rows(seats: Seats, columns: Columns, start: int, stop: int, needs: int) -> tuple[int, int]:
    """Run rows `start` to `stop` against the resting orders of every seat; return the next row and why it stopped.

    It comes back with `LOG_FULL` before a row whose fills might not fit; `needs` is how many log rows one row of the
    market can take at most. Newest ids are followed while nothing rests too: an order placed later must not believe
    older rows.
    """
    row = start
    while True:
        if seats.marks[STALE] == 1:
            find_bands(seats)
        row = pass_far(seats.newest, seats.bands, seats.gates, columns, row, stop)
        if row >= stop:
            return row, ALL_MET
        if columns.kind[row] == _CLEAR:
            forget(seats)
        elif seats.marks[LOGGED] + needs > seats.log.shape[0]:
            return row, LOG_FULL
        else:
            meet_row(seats, columns, row)
        row += 1


@inlined_kernel
def pass_far(  # the loop that every row goes through: what it needs is read before it
    newest: Int64s, bands: Int64s, gates: Int64s, columns: Columns, start: int, stop: int
) -> int:
    """Return the first row from `start` on that may concern an order of any seat, following the newest ids up to it.

    A level concerns one when it is its own, when it meets it, or when it says that the order is alone. A row about
    which a newer word about the touch has spoken already is passed over. Most rows are outside of what their kind's
    gate lets by, which takes one branch to tell.
    """
    kinds, prices, ids, of_all = columns.kind, columns.price, columns.id, bands[bands.shape[0] - 1]
    low_bid, high_bid, bid_places = of_all[LOWEST_BID], of_all[HIGHEST_BID], of_all[BID_PLACES]
    low_ask, high_ask, ask_places = of_all[LOWEST_ASK], of_all[HIGHEST_ASK], of_all[ASK_PLACES]
    bid_id, bid_price, ask_id, ask_price = newest[0, 0], newest[0, 1], newest[1, 0], newest[1, 1]
    depth_id = newest[DEPTH, 0]
    row = start
    while row < stop:
        at = np.uint64(row)  # an unsigned place needs no check for a negative one
        kind, price, id_ = int(kinds[at]), prices[at], ids[at]
        gate = gates[np.uint64(kind)]
        key = price * gate[SIGN]
        if not ((key >= gate[FROM]) & (key <= gate[TO]) | (key >= gate[MEETS])):
            depth_id = max(depth_id, id_ & gate[FOLLOWS])
        elif kind == _BID:
            if id_ <= 0 or id_ >= bid_id or price < bid_price:
                depth_id = max(depth_id, id_)
                if price >= low_ask or stands(low_bid, high_bid, bid_places, price):
                    break
        elif kind == _ASK:
            if id_ <= 0 or id_ >= ask_id or price > ask_price:
                depth_id = max(depth_id, id_)
                if price <= high_bid or stands(low_ask, high_ask, ask_places, price):
                    break
        elif kind == _BEST_BID:
            if id_ <= 0 or id_ >= max(bid_id, depth_id):
                bid_id, bid_price = id_, price
                gates[_BID, MEETS] = min(low_ask, price if id_ > 0 else FAR)
                if price <= high_bid or price >= low_ask:
                    break
        elif kind == _BEST_ASK:
            if id_ <= 0 or id_ >= max(ask_id, depth_id):
                ask_id, ask_price = id_, price
                gates[_ASK, MEETS] = min(-high_bid, -price if id_ > 0 else FAR)
                if price >= low_ask or price <= high_bid:
                    break
        elif kind == _BUY:
            if price >= low_ask:
                break
        elif kind == _SELL:
            if price <= high_bid:
                break
        elif kind == _CLEAR:
            break
        row += 1
    newest[0, 0], newest[0, 1], newest[1, 0], newest[1, 1] = bid_id, bid_price, ask_id, ask_price
    newest[DEPTH, 0] = depth_id
    return row


@inlined_kernel
def meet_row(seats: Seats, columns: Columns, row: int) -> None:
    """Run one row against the resting orders of every seat that it may concern."""
    kind, price, size = int(columns.kind[row]), columns.price[row], columns.size[row]
    exchange_ns, now_ns = columns.exchange_ns[row], columns.local_ns[row]
    is_trade = kind >= _BUY  # what is neither a level nor a trade is passed over before
    is_best = not is_trade and kind >= _BEST_BID
    side = 1 if (kind % 2 == 1) != is_trade else -1  # of the orders it is about: bids and sellers, or asks and buyers
    seats_there = seats.accounts.shape[0]
    meets = not is_trade and size > 0 and reaches(seats.bands[seats_there], -side, price)
    for seat in range(seats_there):
        bands, logged = seats.bands[seat], seats.marks[LOGGED]
        if is_trade:
            if reaches(bands, side, price):
                run_trade(seats, seat, side, price, size, exchange_ns, now_ns, row)
        else:
            if concerns(bands, side, is_best, price):
                note_gone(seats, seat, side, is_best, price, size, exchange_ns)
            if meets and reaches(bands, -side, price):
                run_level(seats, seat, side, price, size, now_ns, row)
        if seats.marks[LOGGED] != logged:
            settle_done(seats, seat, now_ns, row)
            find_due(seats.orders[seat], seats.accounts[seat])


@inlined_kernel
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


@inlined_kernel
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
        at = level_row(met, account[MET_USED], side, price)
        took = min(may_fill(order, account), size - met[at, LEVEL_LOTS])
        if took > 0:
            met[at, LEVEL_LOTS] += took
            account[MET_USED] = max(account[MET_USED], at + 1)
            account[MOVED] = 1
            seats.marks[STALE] = 1
            note_taken(seats.taken[seat], account, side, price, size, took)
            fill_passive(seats.log, seats.marks, seat, account, order, took, now_ns, row)


@inner_kernel
def fill_passive(
    log: Int64s, marks: Int64s, seat: int, account: Int64s, order: Int64s, took: int, now_ns: int, row: int
) -> None:
    """Fill a resting order at its own price, and say how it stands."""
    book_fill(log, marks, seat, account, order, order[PRICE], took, now_ns, row)
    order[OUTCOME] = ALL_FILLED if order[FILLED] >= order[LOTS] else PARTIALLY_FILLED
    say_change(log, marks, seat, order, now_ns, row)


@inlined_kernel
def note_gone(seats: Seats, seat: int, side: int, is_best: bool, price: int, size: int, exchange_ns: int) -> None:
    """Let a level's size bound the queue ahead of our orders in it; levels better than a best quote are gone."""
    orders, account, model = seats.orders[seat], seats.accounts[seat], seats.terms[seat, MODEL]
    for place in range(account[RESTING]):
        order = orders[place]
        if order[SIDE] != side:
            continue
        better = (order[PRICE] - price) * side
        if better == 0 or (is_best and better > 0):
            shown = size if better == 0 else 0
            see_level(order, model, seats.reals[seat, EXPONENT], shown, exchange_ns)
    if (size == 0 or is_best) and account[MET_USED] > 0:
        forget_gone(seats.met[seat], account, seats.marks, side, is_best, price, size)


@inner_kernel
def forget_gone(
    met: Int64s, account: Int64s, marks: Int64s, side: int, is_best: bool, price: int, size: int
) -> None:  # fmt: skip
    """Forget levels that met our orders and are there no more."""
    used, account[MET_USED] = account[MET_USED], 0
    for row in range(used):
        if met[row, LEVEL_LOTS] <= 0:
            continue
        better = (met[row, LEVEL_PRICE] - price) * side
        if met[row, LEVEL_SIDE] == side and ((better == 0 and size == 0) or (is_best and better > 0)):
            met[row, LEVEL_LOTS] = 0
            account[MOVED] = 1
            marks[STALE] = 1
        else:
            account[MET_USED] = row + 1


@inner_kernel
def forget(seats: Seats) -> None:
    """Begin anew with the book: after CLEAR the ids may count from one again, and every level meets us afresh."""
    for own in range(seats.newest.shape[0]):
        seats.newest[own, 0] = 0
        seats.newest[own, 1] = 0
    for seat in range(seats.met.shape[0]):
        account = seats.accounts[seat]
        for row in range(account[MET_USED]):
            seats.met[seat, row, LEVEL_LOTS] = 0
        account[MET_USED] = 0
        account[MOVED] = 1
    seats.marks[STALE] = 1
