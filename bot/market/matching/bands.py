"""Where the orders of every seat rest, so that most rows of the market are known at once to concern none of them."""

from __future__ import annotations

from typing import Final

from bot.market.jit import inlined_kernel, inner_kernel
from bot.market.matching.layout import (
    ASK_PLACES,
    BID_PLACES,
    FROM,
    HIGHEST_ASK,
    HIGHEST_BID,
    LEVEL_LOTS,
    LEVEL_PRICE,
    LEVEL_SIDE,
    LOWEST_ASK,
    LOWEST_BID,
    MEETS,
    MET_USED,
    MOVED,
    PRICE,
    RESTING,
    SIDE,
    STALE,
    TO,
    Seats,
)
from bot.types import Int64s, Kind

FAR: Final = 1 << 62  # further than any price

_WORD: Final = 63  # places that the bits of a band tell of: those of a whole number without its sign

# Kinds as plain numbers.
_BID: Final = int(Kind.BID)
_ASK: Final = int(Kind.ASK)
_BUY: Final = int(Kind.BUY)
_SELL: Final = int(Kind.SELL)


@inner_kernel
def find_bands(seats: Seats) -> None:
    """Find between which prices the orders of each seat, and of all, rest on each side; only what moved is looked at.

    Levels that met our orders count as long as something was taken of them: they may be given back.
    """
    own, seats_there = seats.bands, seats.accounts.shape[0]
    low_bid, high_bid, low_ask, high_ask = FAR, -FAR, FAR, -FAR
    for seat in range(seats_there):
        bands = own[seat]
        if seats.accounts[seat, MOVED] == 1:
            seats.accounts[seat, MOVED] = 0
            find_band(bands, seats.orders[seat], seats.accounts[seat], seats.met[seat])
        low_bid, high_bid = min(low_bid, bands[LOWEST_BID]), max(high_bid, bands[HIGHEST_BID])
        low_ask, high_ask = min(low_ask, bands[LOWEST_ASK]), max(high_ask, bands[HIGHEST_ASK])
    bids, asks = 0, 0
    for seat in range(seats_there):
        bands = own[seat]
        bids |= bands[BID_PLACES] << min(bands[LOWEST_BID] - low_bid, _WORD - 1)  # none are none wherever they are put
        asks |= bands[ASK_PLACES] << min(bands[LOWEST_ASK] - low_ask, _WORD - 1)
    write_band(own[seats_there], low_bid, high_bid, low_ask, high_ask, bids, asks)
    set_gates(seats.gates, own[seats_there], seats.newest)
    seats.marks[STALE] = 0


@inlined_kernel
def find_band(bands: Int64s, orders: Int64s, account: Int64s, met: Int64s) -> None:
    """Find between which prices a seat's orders rest, and where."""
    low_bid, high_bid, low_ask, high_ask = FAR, -FAR, FAR, -FAR
    resting, used = account[RESTING], account[MET_USED]
    for place in range(resting + used):
        side, price = stood(orders, met, resting, place)
        if side > 0:
            low_bid, high_bid = min(low_bid, price), max(high_bid, price)
        elif side < 0:
            low_ask, high_ask = min(low_ask, price), max(high_ask, price)
    bids, asks = 0, 0
    for place in range(resting + used):
        side, price = stood(orders, met, resting, place)
        if side > 0:
            bids |= 1 << min(price - low_bid, _WORD - 1)
        elif side < 0:
            asks |= 1 << min(price - low_ask, _WORD - 1)
    write_band(bands, low_bid, high_bid, low_ask, high_ask, bids, asks)


@inlined_kernel
def stood(orders: Int64s, met: Int64s, resting: int, place: int) -> tuple[int, int]:
    """Return the side (0: nothing there) and price of a resting order or, after those, of a level that met ours."""
    if place < resting:
        return orders[place, SIDE], orders[place, PRICE]
    level = met[place - resting]
    return (level[LEVEL_SIDE] if level[LEVEL_LOTS] > 0 else 0), level[LEVEL_PRICE]


@inlined_kernel
def write_band(bands: Int64s, low_bid: int, high_bid: int, low_ask: int, high_ask: int, bids: int, asks: int) -> None:
    """Write a band down; of one that is too wide any place may be taken."""
    bands[LOWEST_BID], bands[HIGHEST_BID], bands[LOWEST_ASK], bands[HIGHEST_ASK] = low_bid, high_bid, low_ask, high_ask
    bands[BID_PLACES] = bids if high_bid - low_bid < _WORD else -1
    bands[ASK_PLACES] = asks if high_ask - low_ask < _WORD else -1


@inlined_kernel
def set_gates(gates: Int64s, widest: Int64s, newest: Int64s) -> None:
    """Say at which prices a row of each kind has to be looked at: it may concern an order, or be out of date."""
    bid = newest[0, 1] if newest[0, 0] > 0 else FAR
    ask = -newest[1, 1] if newest[1, 0] > 0 else FAR
    low_ask, high_bid = widest[LOWEST_ASK], widest[HIGHEST_BID]
    gates[_BID, FROM], gates[_BID, TO], gates[_BID, MEETS] = widest[LOWEST_BID], high_bid, min(low_ask, bid)
    gates[_ASK, FROM], gates[_ASK, TO], gates[_ASK, MEETS] = -widest[HIGHEST_ASK], -low_ask, min(-high_bid, ask)
    gates[_BUY, MEETS] = low_ask
    gates[_SELL, MEETS] = -high_bid


@inlined_kernel
def reaches(bands: Int64s, side: int, price: int) -> bool:
    """Return True when a price meets an order on `side`: bids from it up, or asks from it down."""
    return bool(bands[HIGHEST_BID] >= price if side > 0 else bands[LOWEST_ASK] <= price)


@inlined_kernel
def concerns(bands: Int64s, side: int, is_best: bool, price: int) -> bool:
    """Return True when a level on `side` is one that orders rest in, or says as a best quote that they are alone."""
    if side > 0:
        low, high = bands[LOWEST_BID], bands[HIGHEST_BID]
        return bool(price <= high if is_best else stands(low, high, bands[BID_PLACES], price))
    low, high = bands[LOWEST_ASK], bands[HIGHEST_ASK]
    return bool(price >= low if is_best else stands(low, high, bands[ASK_PLACES], price))


@inlined_kernel
def stands(low: int, high: int, places: int, price: int) -> bool:
    """Return True when something of ours rests at a price, as a band says."""
    return bool(price >= low and price <= high and (places >> min(price - low, _WORD - 1)) & 1 != 0)
