"""Margin, cash and liquidation of lanes in machine code, worked by hand: between just enough and just too little."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from bot.lane_building import build_records
from bot.market.lane import desk as d
from bot.trading import Answer, Target, View
from bot.types import (
    NS_PER_MS,
    NS_PER_S,
    Batch,
    Command,
    EquityPoint,
    Fact,
    Fill,
    Funding,
    Incident,
    Input,
    Instrument,
    Kind,
    OrderEvent,
    Record,
)
from tests.trading.both_engines import Keeping, assert_equal, lanes
from tests.trading.both_records import assert_same_records, planned
from tests.trading.made_up import BTC, ETH, START_NS, Erratic, MadeUp, numbered
from tests.trading.test_lane_boundaries import NO_FEES, Buys
from tests.trading.test_lane_margin import SPOT, scarce

D = Decimal

# Worked by hand: books with one level a side, a tick from the mid, no fees and no latency unless they are named.


class Sells(Erratic):
    """Sells once and keeps it."""

    def decide(self, see: View) -> Answer:
        return Target(-1.0)


def books(*mids: tuple[Instrument, int], wait_ns: int = 100 * NS_PER_MS) -> list[Batch]:
    """A book of an instrument around each mid (ticks), one after the other."""
    made = [
        MadeUp(own, np.random.default_rng(0), now_ns=START_NS + place * wait_ns)._batch(
            [(Kind.CLEAR, 0, 0), (Kind.BID, mid - 1, 10_000), (Kind.ASK, mid + 1, 10_000)], place
        )
        for place, (own, mid) in enumerate(mids)
    ]
    return numbered(made)


def worked(config: Any, inputs: Sequence[Any], instruments: Sequence[Instrument], cls: Any = Buys) -> list[Record]:
    """Compare both engines; return the records of the first lane, told by machine code."""
    strategy: Any = Keeping(cls)
    assert_same_records(config, strategy, inputs, instruments)
    assert_equal(config, inputs, instruments, cls=cls)
    lanes = build_records(planned(config, strategy, instruments))
    records = [record for each in inputs for record in lanes.process(each)]
    return [record for record in records if getattr(record, "lane", "") == config.paper.lanes[0].value]


def refusals(records: Sequence[Record]) -> list[str]:
    short = ("margin is insufficient", "cash is insufficient")
    return [each.symbol for each in records if isinstance(each, OrderEvent) and each.reason in short]


@pytest.mark.parametrize("leverage", [4, 5, 10, 16, 20])
@pytest.mark.parametrize("mid", [50_000, 52_000, 61_730])
@pytest.mark.parametrize("short", ["0", "0.0001"])
def test_an_order_is_refused_for_what_the_other_instrument_binds(leverage: int, mid: int, short: str) -> None:
    # So many lots of bitcoin as go into 1,000, bought a tick above the mid; then 500 lots of ether, worth 1,000 too.
    lots = 1_000 * 10_000 // mid
    lost, worth = lots * D("0.0001"), lots * mid * D("0.0001")
    balance = (worth + 1_000) / leverage + lost - D(short)
    config = scarce(1, leverage, paper={**NO_FEES, "balance": balance, "maintenance_margin": D("0.001")})
    rows = books((BTC, mid), (BTC, mid), (ETH, 20_000), (ETH, 20_000))

    told = refusals(worked(config, rows, (BTC, ETH)))

    assert told == ([ETH.symbol] if D(short) else [])


@pytest.mark.parametrize("short", ["0", "0.00001"])
def test_a_spot_buy_is_refused_for_what_the_other_one_cost(short: str) -> None:
    # 500 lots at 200.01 and 5 bps: 1,000.05 + 0.500025. Of the next 500 the cash is held at the protection price of
    # 200.21, with 5 bps: 1,001.05 + 0.500525.
    balance = D("1000.05") + D("0.500025") + D("1001.05") + D("0.500525") - D(short)
    config = scarce(1, paper={"latency": "0ms", "balance": balance, "taker_bps": D(5)})
    rows = books((SPOT[0], 20_000), (SPOT[0], 20_000), (SPOT[1], 20_000), (SPOT[1], 20_000))

    told = refusals(worked(config, rows, SPOT[:2]))

    assert told == ([SPOT[1].symbol] if D(short) else [])


def test_a_mark_at_the_liquidation_price_closes_every_perpetual() -> None:
    # 200 lots of 5.0001 with 120 behind them: 120 - 1000.02 + 200 m = 0.005 * 200 m at m = 880.02 / 199 = 4.42221...
    config = scarce(120, 10, paper={**NO_FEES, "liquidation_bps": D(50)})
    rows = books((BTC, 50_000), (BTC, 50_000), (BTC, 50_000))
    for mark, is_gone in (("4422.3", False), ("4422.2", True)):
        told = Fact(rows[-1].seq.item(0), rows[-1].local_ns.item(0), BTC.symbol, "mark_price", D(mark))

        records = worked(config, [*rows[:2], told, rows[2]], (BTC,))

        kinds = [each.kind for each in records if isinstance(each, Incident)]
        assert kinds == (["liquidated", "halted"] if is_gone else [])
        fills = [each for each in records if isinstance(each, Fill)]
        assert [(fill.price_ticks, fill.lots, fill.fee) for fill in fills] == [
            (50_001, 200, D(0)),
            *([(49_999, 200, D("4.9999"))] if is_gone else []),
        ]


@pytest.mark.parametrize("rate", ["0.11497", "0.11498"])
def test_funding_that_leaves_the_maintenance_margin_liquidates(rate: str) -> None:
    # 1,000 at the mark pays 1,000 times the rate; of 120 - 0.02 the margin of 5 is left at 0.11498.
    config = scarce(120, 10, paper={**NO_FEES, "liquidation_bps": D(50)})
    due_ns = (START_NS // (8 * 3600 * NS_PER_S) + 1) * 8 * 3600 * NS_PER_S
    rows = books((BTC, 50_000), (BTC, 50_000), (BTC, 50_000), wait_ns=(due_ns - START_NS) // 2 + 1)
    facts = [
        Fact(0, START_NS, BTC.symbol, name, D(value))
        for name, value in (("mark_price", "5000"), ("funding_rate", rate))
    ]

    records = worked(config, [*facts, *rows], (BTC,))

    (paid,) = [each for each in records if isinstance(each, Funding)]
    assert paid.amount == -1_000 * D(rate)
    gone = [each for each in records if isinstance(each, Incident) and each.kind == "liquidated"]
    assert [each.local_ns for each in gone] == ([due_ns] if rate == "0.11498" else [])


@pytest.mark.parametrize("how", ["book", "mark at once", "mark from before"])
def test_an_account_with_plenty_is_watched_before_it_is_gone(how: str) -> None:
    """Short 200 lots of 5 with 10,000 behind them: gone at twelve times the price."""
    config = scarce(10_000, paper=NO_FEES)
    mids = [50_000, 50_000, 600_000 if how == "book" else 50_000, 600_000 if how == "book" else 50_000]
    inputs: list[Any] = list(books(*[(BTC, mid) for mid in mids]))
    if how != "book":
        at = 0 if how == "mark from before" else 2
        inputs.insert(
            at, Fact(inputs[at].seq.item(0), inputs[at].local_ns.item(0), BTC.symbol, "mark_price", D(60_000))
        )

    records = worked(config, inputs, (BTC,), Sells)

    assert [each.kind for each in records if isinstance(each, Incident)][:2] == ["liquidated", "halted"]


@pytest.mark.parametrize(("mid", "is_watched"), [(50_000, 0), (62_000, 0), (63_000, 1)])
def test_a_position_that_has_grown_by_a_quarter_is_watched(mid: int, is_watched: int) -> None:
    config = scarce(10_000, paper=NO_FEES, risk={"max_position": D(1_000)})
    engine, _ = lanes(config, Keeping(Buys), (BTC,))
    for each in books((BTC, 50_000), (BTC, 50_000), (BTC, mid)):
        engine.process(each)

    assert engine.lanes.course[d.IS_WATCHED] == is_watched


@pytest.mark.parametrize(("mid", "is_watched"), [(49_951, 0), (49_950, 1)])
def test_a_lane_that_has_less_than_twice_what_it_may_hold_is_watched(mid: int, is_watched: int) -> None:
    # 200 lots bought at 5000.1 are worth a dollar less at 4995.1, of 4,001 with 2,000 to be held at most.
    engine, _ = lanes(scarce(4_001, paper=NO_FEES), Keeping(Buys), (BTC,))
    for each in books((BTC, 50_000), (BTC, 50_000), (BTC, mid)):
        engine.process(each)

    assert engine.lanes.course[d.IS_WATCHED] == is_watched


def test_equity_right_after_a_liquidation_is_of_what_was_closed_elsewhere() -> None:
    """Six seconds between two books: a point of equity at each decision."""
    config = scarce(150, paper={**NO_FEES, "liquidation_bps": D(50)})
    rows = books((BTC, 50_000), (BTC, 50_000), (ETH, 20_000), (ETH, 20_000), (BTC, 40_000), wait_ns=6 * NS_PER_S)

    records = worked(config, rows, (BTC, ETH))

    assert [each.symbol for each in records if isinstance(each, Fill)] == [BTC.symbol, ETH.symbol] * 2
    # Bought at 5000.1 and 200.01, closed at 3999.9 and 199.99, with fees of 50 bps.
    points = [each.equity for each in records if isinstance(each, EquityPoint)]
    assert points[-1] == 150 - D("200.04") - D("0.1") - D("799.98") / 200 - D("999.95") / 200


@pytest.mark.parametrize(("balance", "refused"), [(10_000, []), (150, []), (90, [BTC.symbol])])
def test_what_arrives_before_a_funding_time_counts_elsewhere(balance: int, refused: list[str]) -> None:
    """A fact tells that the time has passed: by then 500 lots of ether were bought, which bind 50."""
    due_ns = (START_NS // (8 * 3600 * NS_PER_S) + 1) * 8 * 3600 * NS_PER_S
    rows = books((ETH, 20_000), (BTC, 50_000), (BTC, 50_000), wait_ns=due_ns + NS_PER_S - START_NS)
    told = Fact(rows[1].seq.item(0), due_ns + 1, ETH.symbol, "index_price", D(200))

    records = worked(scarce(balance, paper=NO_FEES), [rows[0], told, *rows[1:]], (BTC, ETH))

    assert refusals(records) == refused


class Looks(Erratic):
    """Buys, and keeps what fills it was shown."""

    def decide(self, see: View) -> Answer:
        self.shown.append(tuple((fill.price_ticks, fill.lots, fill.fee) for fill in see.fills))
        return Target(1.0)


def test_a_forced_close_is_shown_with_its_fee_once_the_strategy_is_asked_again() -> None:
    config = scarce(120, 10, paper={**NO_FEES, "liquidation_bps": D(50)})
    rows = books(*[(BTC, 50_000)] * 5)
    seq, now_ns = rows[2].seq.item(0), rows[2].local_ns.item(0)
    marks = [Fact(seq, now_ns, BTC.symbol, "mark_price", D(mark)) for mark in (4_400, 5_000)]
    inputs: list[Input] = [*rows[:2], *marks, Command(seq, now_ns, "resume", "ann", "on we go"), *rows[2:]]
    engine, _ = lanes(config, looks := Keeping(Looks), (BTC,))

    worked(config, inputs, (BTC,), Looks)
    for each in inputs:
        engine.process(each)

    assert ((49_999, 200, D("4.9999")),) in looks.made[0].shown
