"""Placebo twins: the same strategy, its lean turned round at random in blocks of time, as in a mirror at the mid."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, ClassVar

import numpy as np
import pytest

from bot.crew_building import CrewMember, CrewPlan, build_crew
from bot.market.lane import desk as d
from bot.market.lane import sight as seen
from bot.trading import Answer, Quotes, Strategy, Target, View
from bot.trading.compiled import CompiledStrategy
from bot.trading.lane_engine import LaneEngine
from bot.trading.loading import load
from bot.types import NS_PER_MS, NS_PER_S, Batch, FillAssumption, Kind
from tests.trading.both_engines import STRATEGIES, configured, told_by_lanes
from tests.trading.made_up import BTC, START_NS, Told, market

D = Decimal
FOREVER_NS = 1 << 60  # one block
MIRRORED = {
    Kind.BID: Kind.ASK, Kind.ASK: Kind.BID, Kind.BEST_BID: Kind.BEST_ASK, Kind.BEST_ASK: Kind.BEST_BID,
    Kind.BUY: Kind.SELL, Kind.SELL: Kind.BUY,
}  # fmt: skip
ROOMY = {"max_position": D(400_000), "max_order": D(400_000), "orders_per_second": 999}
CENTRE = 10_000_000  # ticks: so far up that full size is the same number of lots on both sides of it


@dataclass
class Around(Strategy):
    """Quotes and takes by its own position and orders alone."""

    compiled: ClassVar[bool] = False
    signals: ClassVar[Any] = ("spread",)

    def decide(self, see: View) -> Answer:
        step = see.now_ns // (100 * NS_PER_MS) % 9
        if step == 8:
            return Target(0.5 if see.exposure <= 0 else -0.25)
        lean = round(see.exposure * 3)
        bid, ask = see.bid - max(0, lean) * see.tick, see.ask - min(0, lean) * see.tick
        if not math.isnan(see.bid_order) and step < 4:
            bid = see.bid_order
        ask_size = 1.0 if see.entry == 0 or see.entry < see.ask - 0.37 * see.tick else 0.5
        return Quotes(bid, ask if bid < ask - 0.5 * see.tick else None, 0.75, ask_size)


def crew(
    build: Callable[[], Strategy], seeds: Sequence[int], flip_ns: int, **sections: Mapping[str, Any]
) -> tuple[LaneEngine, list[Any]]:
    """A lane a seed, and its log."""
    members = [CrewMember(FillAssumption.QUEUE, 0, (), seed, flip_ns, build) for seed in seeds]
    engine = build_crew(CrewPlan(configured(**sections), tuple(build().signals), (BTC,), members))
    log: list[Any] = []
    engine.read = lambda symbols, entries: log.append((symbols, entries))
    return engine, log


def seed_of(sign: int) -> int:
    """A seed whose one long block has this sign."""
    return next(seed for seed in range(1, 99) if signs([seed], 1, FOREVER_NS)[0][0] == sign)


def signs(seeds: Sequence[int], blocks: int, flip_ns: int) -> list[list[int]]:
    """The sign that each twin sees itself with, block by block."""
    engine, _ = crew(Around, seeds, flip_ns)
    mids = [[] for _ in seeds]  # type: list[list[int]]
    levels = [(Kind.BID, 99, 5), (Kind.ASK, 101, 5)]
    first = START_NS // flip_ns * flip_ns if flip_ns < START_NS else START_NS
    for block in range(blocks):
        for batch in messages([(first + block * flip_ns + wait, levels) for wait in (0, 1)], block * 4):
            engine.process(batch)
        for place, sign in enumerate(engine.desks[BTC.symbol].crew.held[:, d.SIGN].tolist()):
            mids[place].append(sign)
    return mids


def messages(rows: Sequence[tuple[int, Sequence[tuple[int, int, int]]]], seq: int = 0) -> list[Batch]:
    """Messages at their times."""
    made = []
    for now_ns, levels in rows:
        count = len(levels)
        column = np.array(levels, np.int64).T
        stamps = np.full(count, now_ns, np.int64)
        last = np.eye(1, count, count - 1, dtype=np.uint8)[0]
        seqs = np.arange(seq, seq + count)
        ids = np.zeros(count, np.int64)
        made.append(
            Batch(BTC.symbol, seqs, stamps, stamps, ids, column[1], column[2], column[0].astype(np.uint8), last)
        )
        seq += count
    return made


def mirrored(batches: Sequence[Batch]) -> list[Batch]:
    """The market with its sides exchanged, prices mirrored at the centre."""
    kinds = {int(kind): int(MIRRORED.get(kind, kind)) for kind in Kind}
    return [
        replace(
            each,
            price=np.where(each.price == 0, 0, 2 * CENTRE - each.price),
            kind=np.array([kinds[kind] for kind in each.kind.tolist()], np.uint8),
        )
        for each in batches
    ]


def high(batches: Sequence[Batch]) -> list[Batch]:
    """The market moved up to around the centre."""
    return [replace(each, price=np.where(each.price == 0, 0, each.price + CENTRE - 60_000)) for each in batches]


def turned(told: Sequence[Told]) -> list[Told]:
    """The same orders and fills on the other side of the centre; money is another matter."""
    other = []
    for each in own(told):
        side_at, price_at, after_at = 5, 6, 8
        changed = list(each)
        if each[1] in ("intent", "denial", "fill"):
            changed[side_at], changed[price_at] = -each[side_at], 2 * CENTRE - each[price_at]
        if each[1] == "fill":
            changed[after_at] = -each[after_at]
        other.append(tuple(changed))
    return sorted(other)


def own(told: Sequence[Told]) -> list[Told]:
    """Orders and fills without their numbers and money: of two quotes sent at once the bid is the older one."""
    kept = [(*e[:5], e[6].sign, e[7], e[8], e[11]) if e[1] == "fill" else (*e[:5], *e[6:]) for e in told]
    return sorted(kept)


@pytest.mark.parametrize("latency", ["0ms", "50ms"])
def test_a_twin_in_a_mirrored_market_does_what_the_strategy_does_in_the_market_itself(latency: str) -> None:
    sections: dict[str, Any] = {
        "sizing": {"notional": D(100_500)},
        "risk": {"max_position": D(400_000), "max_order": D(400_000), "orders_per_second": 999},
    }
    paper: dict[str, Any] = {"latency": latency, "protection_bps": D(0)}  # a share of the price is no mirror's
    for seed in range(3):
        batches = high(market(seed, 400))
        engine, log = crew(Around, [0], FOREVER_NS, paper=paper, **sections)
        twins, twins_log = crew(Around, [seed_of(-1)], FOREVER_NS, paper=paper, **sections)
        for batch in batches:
            engine.process(batch)
        for batch in mirrored(batches):
            twins.process(batch)

        done, did = told_by_lanes(engine, log), told_by_lanes(twins, twins_log)
        assert own(did) == turned(done)
        assert sum(each[1] == "fill" for each in done) > 5
        assert {each[6].sign for each in done if each[1] == "fill"} == {-1, 1}


def test_a_twin_that_is_not_turned_does_what_the_strategy_does() -> None:
    engine, log = crew(Around, [0, seed_of(1)], FOREVER_NS)
    for batch in market(3, 400):
        engine.process(batch)

    told = told_by_lanes(engine, log)
    assert [each[1:] for each in told if each[0] == 0] == [each[1:] for each in told if each[0] == 1] != []


def test_a_lean_is_turned_round_and_what_comes_of_it() -> None:
    @dataclass
    class Long(Around):
        def decide(self, see: View) -> Answer:
            return Target(1.0)

    engine, _ = crew(Long, [0, seed_of(-1)], FOREVER_NS)
    for batch in market(3, 60):
        engine.process(batch)

    straight, twin = engine.desks[BTC.symbol].seats.accounts[:, 5].tolist()
    assert straight > 0
    assert twin < 0


def test_a_twin_sees_its_position_orders_entry_and_fills_as_in_a_mirror_at_the_mid() -> None:
    shown: list[View] = []

    @dataclass
    class Looks(Around):
        def decide(self, see: View) -> Answer:
            shown.append(see)
            if len(shown) == 1:
                return Target(1.0)
            if see.now_ns < START_NS + 300 * NS_PER_MS:
                return None
            return Quotes(see.bid - 20 * see.tick, None, 0.5)

    engine, _ = crew(Looks, [seed_of(-1)], FOREVER_NS, paper={"latency": "0ms"})
    book = [(Kind.CLEAR, 0, 0), (Kind.BID, 50_000, 500), (Kind.ASK, 50_004, 500)]
    later = [(Kind.CLEAR, 0, 0), (Kind.BID, 50_010, 500), (Kind.ASK, 50_012, 500)]
    for batch in messages([(START_NS + n * 100 * NS_PER_MS, book if n < 4 else later) for n in range(6)]):
        engine.process(batch)

    # Its Target(1.0) sold 199 lots at 50,000; a bid 20 ticks below the bid is an ask 20 ticks above the ask, 50,024.
    before, after = next(see for see in shown if see.fills), shown[-1]
    assert engine.desks[BTC.symbol].seats.accounts[0, 5] == -199
    assert before.position_lots == 199
    assert before.position == pytest.approx(0.199)
    assert before.exposure == 1.0
    assert before.entry == pytest.approx(5000.4)  # sold at 5000.0, mirrored at the mid of 5000.2
    assert [(fill.side.value, fill.price_ticks, fill.position_lots) for fill in before.fills] == [("buy", 50_004, 199)]
    assert after.entry == pytest.approx(5002.2)  # the mid is 5001.1 by now
    numbers = engine.desks[BTC.symbol].crew.see[0]
    assert [numbers[seen.POSITION], numbers[seen.ENTRY]] == [after.position, after.entry]
    working = [order for order in shown[4].open_orders if not order.cancelling]
    assert [(order.side.value, order.price) for order in working] == [("buy", 4999.8)]  # 50,024 at the mid of 50,011
    assert shown[4].bid_order == 4999.8


def test_compiled_twins_equal_plain_ones() -> None:
    loaded = load("imbalance_maker", [STRATEGIES])
    plain = loaded.build({})
    compiled = CompiledStrategy.of(plain, loaded.source)
    members = []
    for seed in (1, 2, 3):
        shape = (FillAssumption.TOUCH, compiled.callback.address, tuple(compiled.params), seed, 2 * NS_PER_S)
        members += [CrewMember(*shape), CrewMember(FillAssumption.TOUCH, 0, (), seed, 2 * NS_PER_S, plain_one)]
    engine = build_crew(CrewPlan(configured(), tuple(plain.signals), (BTC,), members))
    log: list[Any] = []
    engine.read = lambda symbols, entries: log.append((symbols, entries))
    for batch in market(1, 600):
        engine.process(batch)

    told = told_by_lanes(engine, log)
    by_lane = [[each[1:] for each in told if each[0] == lane] for lane in range(6)]
    assert by_lane[::2] == by_lane[1::2]
    assert by_lane[0] != by_lane[2], "twins of other seeds should go other ways"


def plain_one() -> Strategy:
    """The shipped maker."""
    return load("imbalance_maker", [STRATEGIES]).build({})


def test_about_half_the_blocks_are_turned_and_seeds_differ() -> None:
    found = np.array(signs(range(1, 21), 200, NS_PER_S))

    shares = (found == -1).mean(axis=1)
    assert 0.4 < (found == -1).mean() < 0.6
    assert (abs(shares - 0.5) < 0.15).all()
    correlations = np.corrcoef(found)[np.triu_indices(20, 1)]
    assert abs(correlations).max() < 0.35


def test_the_same_seed_turns_the_same_blocks_in_every_process() -> None:
    code = "from tests.trading.test_placebo_twins import signs, NS_PER_S\nprint(signs([1, 2, 77], 40, NS_PER_S))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert out.strip() == str(signs([1, 2, 77], 40, NS_PER_S))


def test_a_lane_without_a_seed_is_never_turned() -> None:
    assert {sign for row in signs([0], 50, NS_PER_S) for sign in row} == {1}
