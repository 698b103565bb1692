"""Turns what a strategy wants into the cancels and orders that lead there from where the lane stands now.

Both answers are idempotent: asked the same thing twice, the second plan is empty. Nothing here knows a venue, a limit
or a fee; what comes out is checked by the limits before it is sent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from bot.trading.blotter import Blotter, WorkingOrder
from bot.trading.contract import Quotes
from bot.types import BPS, Instrument, Side, TimeInForce

MAX_WORKING_A_SIDE = 2
"""A quote and its predecessor whose cancel is under way; more would count against limits without making a market."""

SAME_SIZE = 0.1
"""Share by which a size may drift (full size follows the mid and the equity) before its quote gives up its place."""


@dataclass(frozen=True, slots=True)
class Wish:
    """An order the plan wants sent; it becomes an intent when the limits let it pass."""

    side: Side
    price_ticks: int
    lots: int
    time_in_force: TimeInForce
    post_only: bool
    reduce_only: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Client ids to cancel, then wishes to send; `note` says why a plan is empty when that is not obvious."""

    cancels: tuple[str, ...] = ()
    wishes: tuple[Wish, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Touch:
    """The best bid and ask, in ticks, and how far beyond them a taking order may go, in basis points."""

    bid_ticks: int
    ask_ticks: int
    protection_bps: float

    def protected(self, side: Side) -> int:
        """Limit price in ticks of a taking order: the opposite touch plus the protection, rounded towards safety."""
        if side is Side.BUY:
            return math.floor(self.ask_ticks * (1 + self.protection_bps / BPS))
        return max(1, math.ceil(self.bid_ticks * (1 - self.protection_bps / BPS)))


@dataclass(frozen=True, slots=True)
class Room:
    """How far a position may move: `most(side)` lots towards each side, whatever is asked for; `note` says why."""

    buy_lots: int
    sell_lots: int
    note: str = ""

    def most(self, side: Side) -> int:
        """Lots (>= 0) that may be bought or sold from the position as it is."""
        return self.buy_lots if side is Side.BUY else self.sell_lots


UNBOUNDED = Room(1 << 62, 1 << 62)
_NO_SHORT = "spot can't be sold short"


def shrinking(position_lots: int) -> Room:
    """Return the room of a position that may only come closer to flat."""
    return Room(max(0, -position_lots), max(0, position_lots), "the position may only shrink")


def selling_what_is_held(position_lots: int) -> Room:
    """Return the room of a position in a spot market: it grows as it likes, and ends at nothing."""
    return Room(UNBOUNDED.buy_lots, max(0, position_lots), _NO_SHORT)


def plan_target(
    want_lots: int, full_lots: int, band: float, position_lots: int, blotter: Blotter, touch: Touch,
    instrument: Instrument, reason: str,
) -> Plan:  # fmt: skip
    """Plan the way to a position of `want_lots` (signed).

    A change smaller than `band` (a share of `full_lots`) is not traded, unless the position is to be closed. While an
    order of ours is still under way the plan waits: the next decision sees what came of it.
    """
    resting = _uncancelled(blotter, TimeInForce.GTC)
    note = target_note(want_lots, full_lots, band, position_lots, len(blotter) > 0, touch, instrument)
    if note:
        return Plan(cancels=resting, note=note)
    delta = want_lots - position_lots
    side = Side.BUY if delta > 0 else Side.SELL
    closing = _only_closes(want_lots, position_lots)
    return Plan(wishes=(Wish(side, touch.protected(side), abs(delta), TimeInForce.IOC, False, closing, reason),))


def target_note(
    want_lots: int, full_lots: int, band: float, position_lots: int, is_waiting: bool, touch: Touch,
    instrument: Instrument,
) -> str:  # fmt: skip
    """Return why no order is sent on the way to a position of `want_lots`, '' when one is; see `plan_target`.

    `is_waiting` says that an order is under way.
    """
    if is_waiting:
        return "waiting for orders under way"
    delta = want_lots - position_lots
    if delta == 0:
        return "position is on target"
    if abs(delta) < band * full_lots and want_lots != 0:
        return "change lies inside the no-trade band"
    price = touch.protected(Side.BUY if delta > 0 else Side.SELL)
    is_small = instrument.notional(price, abs(delta)) < instrument.min_notional
    return (
        "change is below the exchange's minimum notional"
        if is_small and not _only_closes(want_lots, position_lots)
        else ""
    )


def _only_closes(want_lots: int, position_lots: int) -> bool:
    return abs(want_lots) < abs(position_lots) and want_lots * position_lots >= 0


def plan_quotes(
    quotes: Quotes, full_lots: int, blotter: Blotter, instrument: Instrument, room: Room = UNBOUNDED
) -> Plan:
    """Plan two resting post-only orders; one that already stands at its price and size keeps its place in the queue."""
    cancels: list[str] = []
    wishes: list[Wish] = []
    stood: list[bool] = []
    ticks, shares = quoted_ticks(quotes, instrument), (quotes.bid_size, quotes.ask_size)
    for side, price, share in zip(Side, ticks, shares, strict=True):
        working = blotter.on(side)
        lots = min(_asked(price, share, full_lots), room.most(side))
        kept = next((order for order in working if not order.cancelling and _matches(order, price, lots)), None)
        cancels += [order.intent.client_id for order in working if not order.cancelling and order is not kept]
        stood.append(kept is not None)
        if kept is not None or price is None or lots <= 0:
            continue
        if instrument.notional(price, lots) >= instrument.min_notional and len(working) < MAX_WORKING_A_SIDE:
            wishes.append(Wish(side, price, lots, TimeInForce.GTC, True, False, quotes.reason))
    note = quotes_note(ticks, shares, full_lots, instrument, room, (stood[0], stood[1]))
    return Plan(tuple(cancels), tuple(wishes), note)


def quotes_note(
    ticks: tuple[int | None, int | None], shares: tuple[float, float], full_lots: int, instrument: Instrument,
    room: Room, stood: tuple[bool, bool],
) -> str:  # fmt: skip
    """Return what kept quotes from being what they were meant to be, '' when nothing did; see `plan_quotes`.

    `ticks`, `shares` (of full size) and `stood` (an order already stood as it was wanted) are those of bid and ask.
    """
    note, rooms = "", (room.buy_lots, room.sell_lots)
    for price, share, is_kept, most in zip(ticks, shares, stood, rooms, strict=True):
        asked = _asked(price, share, full_lots)
        lots = min(asked, most)
        if lots < asked:
            note = room.note
        if is_kept or price is None or lots <= 0:
            continue
        if instrument.notional(price, lots) < instrument.min_notional:
            note = "a quote is below the exchange's minimum notional"
    return note


def _asked(price_ticks: int | None, share: float, full_lots: int) -> int:
    return 0 if price_ticks is None else round(share * full_lots)


def quoted_ticks(quotes: Quotes, instrument: Instrument) -> tuple[int | None, int | None]:
    """Return the prices of two quotes in ticks: the bid rounded down, the ask up, None where there is none."""
    bid, ask = (math.nan if price is None else price for price in (quotes.bid, quotes.ask))
    return quote_ticks(bid, ask, float(instrument.tick_size))


def quote_ticks(bid: float, ask: float, tick: float) -> tuple[int | None, int | None]:
    """Return two prices in ticks as `quoted_ticks` does; NaN stands for none."""
    # A price computed as ticks * tick can miss its tick by a rounding error; a millionth of a tick is never meant.
    bid_ticks = None if bid != bid else math.floor(bid / tick + 1e-6)
    return bid_ticks, None if ask != ask else math.ceil(ask / tick - 1e-6)


def plan_hold(blotter: Blotter, room: Room) -> Plan:
    """Plan to leave the resting orders as they are, but for a side on which they could fill beyond `room`.

    A room that the venue itself keeps, as spot does, needs no cancels: an order on its way out is not sold twice.
    """
    if room.buy_lots == UNBOUNDED.buy_lots:
        return Plan()
    too_much = [side for side in Side if blotter.lots(side) > room.most(side)]
    return Plan(
        cancels=tuple(
            client_id
            for client_id in _uncancelled(blotter, TimeInForce.GTC)
            if blotter.orders[client_id].intent.side in too_much
        )
    )


def plan_nothing(blotter: Blotter) -> Plan:
    """Plan to cancel everything that rests."""
    return Plan(cancels=_uncancelled(blotter, TimeInForce.GTC))


def _uncancelled(blotter: Blotter, kind: TimeInForce) -> tuple[str, ...]:
    return tuple(
        client_id
        for client_id, order in blotter.orders.items()
        if not order.cancelling and order.intent.time_in_force is kind
    )


def _matches(order: WorkingOrder, price_ticks: int | None, lots: int) -> bool:
    if lots <= 0 or order.intent.price_ticks != price_ticks:
        return False
    return abs(order.intent.lots - lots) <= SAME_SIZE * lots or order.remaining == lots


def closing_cost(position_lots: int, touch: Touch, instrument: Instrument, taker_bps: float) -> Decimal:
    """Quote currency it would cost to close now against the touch: half the spread and one taker fee."""
    if not position_lots:
        return Decimal(0)
    crossed = touch.bid_ticks if position_lots > 0 else touch.ask_ticks
    half_spread = instrument.notional(1, abs(position_lots)) * (touch.ask_ticks - touch.bid_ticks) / 2
    return half_spread + instrument.notional(crossed, abs(position_lots)) * Decimal(str(taker_bps)) / BPS
