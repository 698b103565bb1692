"""The paper venue by itself, worked by hand: a book, orders, events, and what comes of them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.market.market import Market
from bot.types import (
    NS_PER_MS,
    Execution,
    FillAssumption,
    Instrument,
    Intent,
    Kind,
    Liquidity,
    OrderEvent,
    OrderStatus,
    Side,
    TimeInForce,
)
from bot.venue.paper import NEVER_NS, PaperTerms, PaperVenue
from tests.trading.scenes import ASK, BID, BTC, SYMBOL, Event, Tape

LATENCY_NS = 50 * NS_PER_MS
GTC, IOC = TimeInForce.GTC, TimeInForce.IOC
DEEPEST = BID - 40


class Floor:
    """One venue on one market: events go in, and what the venue told is kept as short tuples."""

    def __init__(
        self,
        assumption: FillAssumption = FillAssumption.QUEUE,
        instrument: Instrument = BTC,
        maker_bps: str = "2",
        taker_bps: str = "5",
        latency_ns: int = LATENCY_NS,
    ) -> None:
        terms = PaperTerms(Decimal(maker_bps), Decimal(taker_bps), latency_ns, assumption)
        self.market = Market(instrument, ())
        self.venue = PaperVenue("paper", instrument, terms)
        self.tape = Tape()
        self.told: list[Execution | OrderEvent] = []
        self.now_ns = 0
        self.book()

    def book(self, bid: int = BID, ask: int = ASK, lots: int = 10) -> None:
        """Five levels a side, ten ticks apart, of `lots` each."""
        self._feed(self.tape.book(bid, ask, lots))

    def see(self, *events: Event) -> None:
        """One message, 100 ms after the one before."""
        self._feed(self.tape.message(*events))

    def send(self, side: Side, price: int, lots: int, force: TimeInForce = GTC, **changes: Any) -> str:
        """Send an order now and return its id."""
        client_id = f"c{len(self.told)}-{side}-{price}"
        plain = Intent("paper", SYMBOL, client_id, 0, self.now_ns, side, price, lots, force, False, False, "test")
        self.venue.submit(replace(plain, **changes))
        return client_id

    def wait(self) -> None:
        """Let 100 ms pass in which nothing happens."""
        self.see((Kind.CLOCK, 0, 0))

    @property
    def fills(self) -> list[tuple[int, int]]:
        """Price and lots of each execution so far."""
        return [(told.price_ticks, told.lots) for told in self.told if isinstance(told, Execution)]

    @property
    def states(self) -> list[tuple[OrderStatus, int]]:
        """Status and lots filled of each order event so far."""
        return [(told.status, told.filled_lots) for told in self.told if isinstance(told, OrderEvent)]

    @property
    def last_reason(self) -> str:
        return next(told.reason for told in reversed(self.told) if isinstance(told, OrderEvent))

    def _feed(self, batch: Any) -> None:
        self.now_ns = int(batch.local_ns[0])
        self.told += self.venue.arrive(self.now_ns, int(batch.seq[0]), self.market)
        stop = self.market.step(batch, 0)
        self.told += self.venue.match(batch, 0, stop)


@pytest.mark.parametrize(
    ("side", "price", "lots", "fills", "ends"),
    [
        (Side.BUY, ASK, 4, [(ASK, 4)], (OrderStatus.FILLED, 4)),
        (Side.BUY, ASK + 10, 15, [(ASK, 10), (ASK + 10, 5)], (OrderStatus.FILLED, 15)),
        (Side.BUY, ASK + 10, 25, [(ASK, 10), (ASK + 10, 10)], (OrderStatus.EXPIRED, 20)),
        (Side.BUY, ASK + 9, 25, [(ASK, 10)], (OrderStatus.EXPIRED, 10)),
        (Side.BUY, ASK - 1, 5, [], (OrderStatus.EXPIRED, 0)),
        (Side.BUY, ASK + 900, 99, [(ASK + 10 * n, 10) for n in range(5)], (OrderStatus.EXPIRED, 50)),
        (Side.SELL, BID - 10, 15, [(BID, 10), (BID - 10, 5)], (OrderStatus.FILLED, 15)),
        (Side.SELL, BID + 1, 5, [], (OrderStatus.EXPIRED, 0)),
    ],
)
def test_an_immediate_order_walks_the_levels_up_to_its_limit_and_the_rest_expires(
    side: Side, price: int, lots: int, fills: list[tuple[int, int]], ends: tuple[OrderStatus, int]
) -> None:
    floor = Floor()
    floor.send(side, price, lots, IOC)

    floor.wait()

    assert (floor.fills, floor.states) == (fills, [ends])
    assert floor.venue.position_lots == side.sign * ends[1]
    assert floor.venue.next_due_ns == NEVER_NS


def test_an_order_meets_the_book_of_its_arrival_not_that_of_its_decision() -> None:
    slow, quick = Floor(latency_ns=150 * NS_PER_MS), Floor(latency_ns=50 * NS_PER_MS)
    for floor in (slow, quick):
        floor.send(Side.BUY, ASK + 900, 4, IOC)
        floor.book(BID + 100, ASK + 100)
        floor.wait()

    assert quick.fills == [(ASK, 4)]
    assert slow.fills == [(ASK + 100, 4)]


@pytest.mark.parametrize("latency_ns", [0, 100 * NS_PER_MS])
def test_an_arrival_at_the_very_time_of_a_message_comes_before_it(latency_ns: int) -> None:
    floor = Floor(latency_ns=latency_ns)
    sent_ns = floor.now_ns
    floor.send(Side.BUY, ASK + 900, 4, IOC)

    floor.book(BID + 100, ASK + 100)

    assert floor.fills == [(ASK, 4)]
    assert floor.told[0].local_ns == sent_ns + latency_ns


def test_an_order_that_crosses_on_arrival_takes_and_then_rests() -> None:
    floor = Floor()
    floor.send(Side.BUY, ASK, 14)

    floor.wait()
    assert (floor.fills, floor.states) == ([(ASK, 10)], [(OrderStatus.OPEN, 10)])

    # The level we took still stands in the market's book; shown again as it was, it is not offered twice.
    floor.see((Kind.ASK, ASK, 10))
    assert floor.fills == [(ASK, 10)]

    floor.see((Kind.ASK, ASK, 13))
    assert floor.fills == [(ASK, 10), (ASK, 3)]
    floor.see((Kind.SELL, ASK, 5))
    assert floor.fills == [(ASK, 10), (ASK, 3), (ASK, 1)]
    assert floor.states[1:] == [(OrderStatus.PARTIALLY_FILLED, 13), (OrderStatus.FILLED, 14)]


def test_liquidity_an_earlier_order_took_does_not_meet_a_later_one_that_rests() -> None:
    floor = Floor()
    floor.send(Side.BUY, ASK, 9, IOC)
    floor.wait()
    floor.send(Side.BUY, ASK, 5)
    floor.wait()

    floor.see((Kind.ASK, ASK, 10))

    assert floor.fills == [(ASK, 9), (ASK, 1)]


def test_liquidity_taken_stays_taken_until_the_level_changes() -> None:
    floor = Floor()
    for _ in range(2):
        floor.send(Side.SELL, BID, 8, IOC)
        floor.wait()
    assert floor.fills == [(BID, 8), (BID, 2)]

    floor.see((Kind.BID, BID, 7))
    floor.send(Side.SELL, BID, 8, IOC)
    floor.wait()

    assert floor.fills[2:] == [(BID, 7)]


def test_a_post_only_order_that_would_take_is_rejected_and_one_at_the_own_touch_rests() -> None:
    floor = Floor()
    floor.send(Side.BUY, ASK, 1, post_only=True)
    floor.send(Side.SELL, BID, 1, post_only=True)
    floor.send(Side.BUY, ASK - 1, 1, post_only=True)

    floor.wait()

    assert [status for status, _ in floor.states] == [OrderStatus.REJECTED, OrderStatus.REJECTED, OrderStatus.OPEN]
    assert floor.fills == []


def test_a_post_only_order_that_would_trade_with_our_own_is_rejected() -> None:
    floor = Floor()
    floor.send(Side.BUY, BID + 5, 1, post_only=True)
    floor.send(Side.SELL, BID + 5, 1, post_only=True)
    floor.send(Side.SELL, BID + 6, 1, post_only=True)

    floor.wait()

    assert [status for status, _ in floor.states] == [OrderStatus.OPEN, OrderStatus.REJECTED, OrderStatus.OPEN]


def test_an_order_below_the_minimum_notional_is_rejected_at_its_own_price() -> None:
    dear = replace(BTC, min_notional=Decimal("120.002"))  # two lots at the ask, 60,001.0
    floor = Floor(instrument=dear)
    floor.send(Side.BUY, ASK - 1, 2, IOC)
    floor.send(Side.BUY, ASK, 2, IOC)

    floor.wait()

    assert floor.states == [(OrderStatus.REJECTED, 0), (OrderStatus.FILLED, 2)]
    assert isinstance(floor.told[0], OrderEvent)
    assert floor.told[0].reason == "notional 120.0018 is below the minimum of 120.002"


def test_a_reduce_only_order_is_trimmed_to_the_position_and_refused_without_one() -> None:
    floor = Floor(instrument=replace(BTC, min_notional=Decimal(10_000)))
    floor.venue.position_lots = 3

    floor.send(Side.SELL, BID, 5, IOC, reduce_only=True)
    floor.wait()
    assert (floor.fills, floor.states) == ([(BID, 3)], [(OrderStatus.EXPIRED, 3)])
    assert floor.last_reason == "nothing more to reduce"

    floor.send(Side.SELL, BID, 5, IOC, reduce_only=True)
    floor.send(Side.BUY, ASK, 5, IOC, reduce_only=True)
    floor.wait()
    assert floor.states[1:] == [(OrderStatus.REJECTED, 0)] * 2
    assert floor.last_reason == "reduce-only order has nothing to reduce"


def test_a_reduce_only_order_may_not_rest() -> None:
    floor = Floor()
    floor.venue.position_lots = 3
    floor.send(Side.SELL, ASK, 3, reduce_only=True)

    floor.wait()

    assert floor.states == [(OrderStatus.REJECTED, 0)]


@pytest.mark.parametrize(
    ("assumption", "at_price", "after_queue", "through"),
    [
        (FillAssumption.TOUCH, 4, 6, 6),
        (FillAssumption.QUEUE, 0, 3, 6),
        (FillAssumption.THROUGH, 0, 0, 6),
    ],
)
def test_the_three_assumptions_side_by_side(
    assumption: FillAssumption, at_price: int, after_queue: int, through: int
) -> None:
    floor = Floor(assumption)
    floor.send(Side.BUY, BID, 6, post_only=True)
    floor.wait()

    for sold, filled in (((BID, 4), at_price), ((BID, 9), after_queue), ((BID - 1, 20), through)):
        floor.see((Kind.SELL, *sold))
        assert floor.venue.position_lots == filled

    assert floor.states[-1] == (OrderStatus.FILLED, 6)
    assert {price for price, _ in floor.fills} == {BID}


def test_a_queue_that_is_overtaken_by_cancels_ahead_fills_sooner() -> None:
    floor = Floor()
    floor.send(Side.SELL, ASK, 4, post_only=True)
    floor.wait()

    floor.see((Kind.ASK, ASK, 2))  # eight of the ten ahead are gone
    floor.see((Kind.ASK, ASK, 30))  # these came after us
    floor.see((Kind.BUY, ASK, 5))

    assert floor.fills == [(ASK, 3)]


def test_an_order_deeper_than_the_book_is_known_never_starts_at_the_front() -> None:
    floor = Floor()
    floor.send(Side.BUY, DEEPEST - 10, 4, post_only=True)
    floor.send(Side.BUY, DEEPEST - 5 + 10, 4, post_only=True)  # between two known levels: nobody is there
    floor.wait()

    floor.see((Kind.SELL, DEEPEST + 5, 2))
    floor.see((Kind.SELL, DEEPEST - 10, 10))

    assert floor.fills == [(DEEPEST + 5, 2), (DEEPEST + 5, 2)]


def test_on_an_empty_side_an_order_is_first() -> None:
    floor = Floor()
    floor.see(*((Kind.BID, BID - 10 * level, 0) for level in range(5)))
    floor.send(Side.BUY, BID, 4, post_only=True)
    floor.send(Side.SELL, BID, 2, IOC)
    floor.wait()

    floor.see((Kind.SELL, BID, 3))

    assert floor.states[:2] == [(OrderStatus.OPEN, 0), (OrderStatus.EXPIRED, 0)]
    assert floor.fills == [(BID, 3)]


def test_a_cancel_takes_what_is_left_and_one_that_comes_too_late_says_nothing() -> None:
    floor = Floor(FillAssumption.TOUCH)
    early = floor.send(Side.BUY, BID, 6, post_only=True)
    floor.wait()
    floor.venue.cancel(early, floor.now_ns)
    floor.see((Kind.SELL, BID, 2))  # the cancel arrived 50 ms before this trade
    assert (floor.fills, floor.states[-1]) == ([], (OrderStatus.CANCELED, 0))

    late = floor.send(Side.BUY, BID, 6, post_only=True)
    floor.wait()
    floor.see((Kind.SELL, BID, 2))
    floor.venue.cancel(late, floor.now_ns + 60 * NS_PER_MS)  # arrives 10 ms after the next message
    floor.see((Kind.SELL, BID, 4))
    told = len(floor.told)
    floor.wait()

    assert floor.states[-1] == (OrderStatus.FILLED, 6)
    assert len(floor.told) == told


def test_a_cancel_sent_with_its_order_finds_it() -> None:
    floor = Floor()
    client_id = floor.send(Side.BUY, BID, 6, post_only=True)
    floor.venue.cancel(client_id, floor.now_ns)

    floor.wait()

    assert [status for status, _ in floor.states] == [OrderStatus.OPEN, OrderStatus.CANCELED]


@pytest.mark.parametrize(
    ("maker_bps", "taker_bps", "maker_fee", "taker_fee"),
    [
        # 3 lots of 0.001 BTC: bought at 60,001.0 for 180.003 USDT, sold at 60,001.0 as a maker for the same.
        ("2", "5", "0.0360006", "0.0900015"),
        ("-0.5", "4.5", "-0.00900015", "0.08100135"),
        ("0", "0", "0", "0"),
    ],
)
def test_fees_are_exact_and_a_negative_one_is_a_rebate(
    maker_bps: str, taker_bps: str, maker_fee: str, taker_fee: str
) -> None:
    floor = Floor(FillAssumption.TOUCH, maker_bps=maker_bps, taker_bps=taker_bps)
    floor.send(Side.BUY, ASK, 3, IOC)
    floor.send(Side.SELL, ASK, 3, post_only=True)
    floor.wait()
    floor.see((Kind.BUY, ASK, 3))

    taken, made = (told for told in floor.told if isinstance(told, Execution))
    assert (taken.liquidity, taken.fee, taken.fee_asset) == (Liquidity.TAKER, Decimal(taker_fee), "USDT")
    assert (made.liquidity, made.fee, made.fee_asset) == (Liquidity.MAKER, Decimal(maker_fee), "USDT")


def test_fills_of_one_order_are_numbered() -> None:
    floor = Floor(FillAssumption.TOUCH)
    client_id = floor.send(Side.BUY, ASK + 10, 25)
    floor.wait()
    floor.see((Kind.SELL, ASK + 10, 3))

    ids = [told.fill_id for told in floor.told if isinstance(told, Execution)]
    assert ids == [f"{client_id}-{number}" for number in (1, 2, 3)]


def test_many_resting_orders_keep_price_then_time_order() -> None:
    floor = Floor(FillAssumption.TOUCH)
    for level in (3, 1, 4, 0, 2):
        for lots in (1, 2):
            floor.send(Side.BUY, BID - level, lots, post_only=True)
            floor.send(Side.SELL, ASK + level, lots, post_only=True)
    floor.wait()

    floor.see((Kind.SELL, BID - 4, 100))
    floor.see((Kind.BUY, ASK + 4, 4))

    assert floor.fills[:10] == [(BID - level, lots) for level in range(5) for lots in (1, 2)]
    assert floor.fills[10:] == [(ASK, 1), (ASK, 2), (ASK + 1, 1)]
