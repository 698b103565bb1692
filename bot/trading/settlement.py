"""What a venue does to positions on its own: funding at its times, and liquidation when the margin is gone.

When it is looked whether a lane is to be liquidated: after each mark price that is told, after each funding that was
charged, and at each decision in any of its instruments, before the strategy is asked. A fill in between counts at the
next of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from bot.market.market import Market
from bot.trading.desk import Desk
from bot.trading.execution import Wish
from bot.trading.funding import FundingClock, unknown_terms
from bot.trading.lane import Lane, Slot
from bot.trading.margin import collateral, maintenance_margin
from bot.trading.round_trip import round_trip_ns
from bot.types import Fact, Incident, InstrumentKind, Record, Side, TimeInForce
from risk.halt import HaltAction
from risk.limits import money


class HasMarket(Protocol):
    """One instrument, of which the book is all that matters here."""

    @property
    def market(self) -> Market: ...


def told(desks: Mapping[str, Desk], lanes: Sequence[Lane], fact: Fact) -> Iterator[Record]:
    """Take in a fact: first what was due before it is charged, then a new mark values every position, or a round trip
    is that of what is sent from now on."""
    desk = desks[fact.symbol]
    yield from pay_funding(desks, lanes, fact.symbol, fact.local_ns, fact.seq)
    desk.market.tell(fact)
    desk.funding.tell(fact)
    took_ns = round_trip_ns(fact)
    if took_ns:
        for lane in lanes:
            lane.slots[fact.symbol].venue.tell_round_trip(took_ns)
    if fact.name == "mark_price" and fact.value > 0:
        for lane in lanes:
            lane.portfolio.marks[fact.symbol] = fact.value
            yield from liquidated(desks, lane, fact.local_ns, fact.seq)


def pay_funding(
    desks: Mapping[str, Desk], lanes: Sequence[Lane], symbol: str, now_ns: int, seq: int
) -> Iterator[Record]:
    """Charge each funding of an instrument that was due up to `now_ns`, on the positions just before its time.

    Orders of ours that arrive before it count. `seq` is that of the first input at or after the time.
    """
    clock = desks[symbol].funding
    while 0 < clock.due_ns <= now_ns:
        due_ns = clock.due_ns
        for lane in lanes:
            yield from lane.arrive(lane.slots[symbol], due_ns - 1, seq, desks[symbol].market)
        price, rate = _price(desks[symbol], lanes[0], symbol), clock.due_rate
        if price is None or rate is None:
            if any(lane.portfolio.positions[symbol].lots for lane in lanes):
                yield from unknown_terms(clock, symbol, seq)
        else:
            for lane in lanes:
                yield from lane.fund(lane.slots[symbol], due_ns, seq, price, rate)
                yield from liquidated(desks, lane, due_ns, seq)
        clock.move_on()


def liquidated(desks: Mapping[str, HasMarket], lane: Lane, now_ns: int, seq: int) -> Iterator[Record]:
    """Liquidate a lane whose collateral is down to its maintenance margin: said once, and gone on with while it is.

    Every order is cancelled, every perpetual closed against the book as a taker, and the lane halted. What a book can't
    take is closed at the next look.
    """
    if not lane.is_short_of_margin:
        lane.is_liquidating = False
        return
    for symbol, slot in lane.slots.items():
        yield from lane.arrive(slot, now_ns, seq, desks[symbol].market)
    if not lane.is_short_of_margin:
        return
    if not lane.is_liquidating:
        lane.is_liquidating = True
        text = _owing(lane)
        yield Incident(lane.name, "", seq, now_ns, "liquidated", text)
        yield from lane.turn(HaltAction.HALT, "liquidation", text, seq, now_ns)
    for symbol, slot in lane.slots.items():
        yield from _seize(lane, slot, desks[symbol].market, seq, now_ns)


def unpaid(clocks: Mapping[str, FundingClock], seq: int, now_ns: int) -> Iterator[Incident]:
    """Say at the end of a run how many funding times nobody knew the terms of, where that was more than was said."""
    for symbol, clock in clocks.items():
        if clock.unknown > 1:
            text = f"{clock.unknown} funding times in all passed without known terms: nothing was paid"
            yield Incident("", symbol, seq, now_ns, "funding_unknown", text)


def _seize(lane: Lane, slot: Slot, market: Market, seq: int, now_ns: int) -> Iterator[Record]:
    """Cancel every order in one instrument and close its position against the book, without any latency."""
    lots = lane.portfolio.positions[slot.instrument.symbol].lots
    intent = None
    if lots and market.has_book and slot.instrument.kind is InstrumentKind.LINEAR:
        side = Side.SELL if lots > 0 else Side.BUY
        # Whatever the book asks: twice and half of the touch lie beyond all that it shows.
        price = max(1, market.bid_ticks // 2) if lots > 0 else 2 * market.ask_ticks
        wish = Wish(side, price, abs(lots), TimeInForce.IOC, False, True, "liquidated by the venue")
        intent = lane.intent(slot, wish, now_ns, seq)
        lane.sent += 1
        slot.blotter.add(intent)
        yield intent
    slot.venue.liquidate(intent, now_ns)
    yield from lane.arrive(slot, now_ns, seq, market)


def _price(desk: Desk, lane: Lane, symbol: str) -> Decimal | None:
    """The mark told last, else the mid of the book as it stands."""
    if desk.funding.mark is not None or not desk.market.has_book:
        return desk.funding.mark
    return lane.slots[symbol].instrument.price(desk.market.bid_ticks + desk.market.ask_ticks) / 2


def _owing(lane: Lane) -> str:
    assert lane.terms.margin is not None
    stakes = tuple(lane.stakes().values())
    currency = next(iter(lane.slots.values())).instrument.quote
    has = money(collateral(lane.portfolio.cash, stakes), currency)
    needs = money(maintenance_margin(stakes, lane.terms.margin.maintenance), currency)
    return f"equity of {has} at the mark is down to the maintenance margin of {needs}"
