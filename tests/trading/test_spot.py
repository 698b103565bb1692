"""Spot markets: nothing is sold that is not held, and the decision says so."""

from __future__ import annotations

from dataclasses import replace

from bot.trading import Answer, Quotes, Target, View
from bot.types import Decision, Fill, InstrumentKind, Intent, Kind, OrderEvent, OrderStatus, Side
from tests.trading.scenes import ASK, BID, BTC, SYMBOL, Tape, core, of, run

SPOT = replace(BTC, kind=InstrumentKind.SPOT)


def test_a_target_below_zero_sells_what_is_held_and_no_more() -> None:
    tape = Tape()
    wants = iter([-1.0, 1.0, 1.0, -1.0, -1.0, -1.0])
    engine = core(lambda see: Target(next(wants, -1.0)), instrument=SPOT)

    records = run(engine, [tape.book() for _ in range(8)])

    first = of(Decision, records)[0]
    assert first.reason == "target; spot can't be sold short"
    intents = of(Intent, records)
    assert [intent.side for intent in intents] == [Side.BUY, Side.SELL]
    assert intents[0].lots == intents[1].lots
    assert engine.lanes[0].portfolio.positions[SYMBOL].lots == 0
    assert not any(event.status is OrderStatus.REJECTED for event in of(OrderEvent, records))


def test_quotes_on_both_sides_offer_what_is_held() -> None:
    tape = Tape()

    def quote(see: View) -> Answer:
        return Quotes(see.bid, see.ask)

    engine = core(quote, instrument=SPOT)
    book = tape.book()
    records = run(engine, [book, tape.clock()])
    assert [intent.side for intent in of(Intent, records)] == [Side.BUY]
    assert of(Decision, records)[0].reason == "quoting; spot can't be sold short"

    records = run(engine, [tape.message((Kind.SELL, BID, 13)), tape.clock(), tape.message((Kind.BUY, ASK, 60))])
    bought, sold = of(Fill, records)
    assert (bought.side, bought.lots, bought.position_lots) == (Side.BUY, 3, 3)
    assert (sold.side, sold.lots, sold.position_lots) == (Side.SELL, 3, 0)
    assert not any(event.status is OrderStatus.REJECTED for event in of(OrderEvent, records))
