"""What an exchange does to the orders of an account that it liquidates; rare, so it is plain Python."""

from __future__ import annotations

from bot.market.matching.layout import AMENDS_NS, CANCELS_NS, COUNT, DUE_NS, NEVER_NS, PLACES_NS, Seats


def call_off(seats: Seats, seat: int, local_ns: int) -> None:
    """Have every order of a seat cancelled at `local_ns`, those on their way too, whatever was asked for."""
    count = seats.accounts.item(seat, COUNT)
    orders = seats.orders[seat, :count]
    orders[:, CANCELS_NS] = local_ns
    orders[:, AMENDS_NS] = NEVER_NS
    if count:
        seats.accounts[seat, DUE_NS] = local_ns


def place_at_once(seats: Seats, seat: int, local_ns: int) -> None:
    """Have the order that a seat sent last arrive at `local_ns`: it is the exchange's own."""
    seats.orders[seat, seats.accounts.item(seat, COUNT) - 1, PLACES_NS] = local_ns
    seats.accounts[seat, DUE_NS] = local_ns
