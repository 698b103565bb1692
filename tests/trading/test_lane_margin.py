"""Lanes in machine code share margin and cash over all instruments, and are liquidated, as in the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.crew_building import CrewMember, CrewPlan, build_crew
from bot.market.matching import layout
from bot.types import (
    NS_PER_S,
    Batch,
    Fact,
    FillAssumption,
    Input,
    Instrument,
    InstrumentKind,
)
from tests.trading.both_engines import assert_equal, configured
from tests.trading.both_records import assert_same_records
from tests.trading.made_up import BTC, DAY_NS, ETH, START_NS, Erratic, MadeUp, glued, numbered, together
from tests.trading.test_lane_records import erratic, stopped

D = Decimal
SPOT = tuple(replace(ETH, symbol=f"{base}/USDT", kind=InstrumentKind.SPOT, base=base) for base in ("AAA", "BBB", "CCC"))
DUE_NS = (START_NS // DAY_NS + 1) * DAY_NS  # a funding time
NO_LIMITS: Mapping[str, Any] = {"max_daily_loss": D(1), "max_drawdown": D(1)}
MARKETS = {
    "perpetuals": (BTC, ETH),
    "spot": SPOT,
    "two spot": SPOT[:2],
    "mixed": (BTC, SPOT[0]),
    "three mixed": (SPOT[1], BTC, ETH),
    "one": (BTC,),
    "one spot": (SPOT[0],),
}


@dataclass(frozen=True)
class Scene:
    """How a made-up run of several instruments looks; `tells` marks so often, up to `off` of the mid away."""

    instruments: Sequence[Instrument]
    seed: int
    count: int = 150
    most: int = 2
    move: int = 40
    tells: float = 0.0
    off: float = 0.0
    rate: str = ""

    def inputs(self) -> list[Input]:
        """The instruments' messages by turns, with marks and a funding time in between."""
        chance = np.random.default_rng(self.seed)
        start_ns = DUE_NS - 5 * NS_PER_S if self.rate else START_NS
        parts: list[Batch] = []
        for instrument in self.instruments:
            mid = 60_000 if instrument is BTC else 20_000
            made = MadeUp(instrument, chance, mid, start_ns + int(chance.integers(0, 9)), self.move * mid // 60_000)
            parts += glued(list(made.messages(self.count)), chance, self.most)
        batches = numbered(sorted(parts, key=lambda part: part.local_ns.item(0)))
        inputs: list[Input] = []
        if self.rate:
            inputs += [Fact(0, start_ns, each.symbol, "funding_rate", D(self.rate)) for each in self.instruments]
        for batch in batches:
            if chance.random() < self.tells:
                inputs.append(self._mark(batch, chance))
            inputs.append(batch)
        return stopped(list(inputs))

    def _mark(self, batch: Batch, chance: np.random.Generator) -> Fact:
        told = self.instruments[int(chance.integers(0, len(self.instruments)))]
        mid = D(6_000) if told is BTC else D(200)
        mark = mid * D(str(round(1 + self.off * float(chance.uniform(-1, 1)), 5)))
        return Fact(batch.seq.item(0), batch.local_ns.item(0), told.symbol, "mark_price", mark)


def scarce(balance: int, leverage: int = 20, **sections: Mapping[str, Any]) -> Any:
    """Settings with little behind what may be held, and no limit on losses."""
    paper = {"balance": D(balance), "leverage": D(leverage), **sections.get("paper", {})}
    return configured(**{**sections, "paper": paper, "risk": {**NO_LIMITS, **sections.get("risk", {})}})


def both(scene: Scene, config: Any, seed: int = 0) -> Mapping[str, int]:
    """Compare both engines in all they tell, then in all their accounts without records; return what was told."""
    inputs = scene.inputs()
    counts = assert_same_records(config, erratic(seed=seed), inputs, scene.instruments)
    assert_same_records(config, erratic(seed=seed), together(inputs), scene.instruments)
    assert_equal(config, together(inputs[:-1]), scene.instruments, {"seed": seed})
    return counts


@pytest.mark.parametrize("name", MARKETS)
def test_scarce_margin_binds_as_in_the_engine(name: str) -> None:
    counts: dict[str, int] = {}
    for seed in range(2):
        scene = Scene(MARKETS[name], seed, tells=0.1 * seed, off=0.02)
        for what, count in both(scene, scarce(900 if "spot" in name else 300, 5)).items():
            counts[what] = counts.get(what, 0) + count

    assert counts["fill"] > 0
    assert sum(counts.get(f"orderevent: {what} is insufficient", 0) for what in ("cash", "margin")) > 0


@pytest.mark.parametrize(
    ("name", "balance", "off"),
    [
        *(("perpetuals", 60, 0.0), ("three mixed", 60, 0.0)),  # by books that jump
        *(("perpetuals", 60, 0.08), ("mixed", 60, 0.08), ("three mixed", 600, 0.08), ("one", 60, 0.08)),  # by marks
    ],
)
def test_liquidations_are_those_of_the_engine(name: str, balance: int, off: float) -> None:
    counts: dict[str, int] = {}
    for seed in range(3):
        scene = Scene(MARKETS[name], seed, move=400 if off else 7_000, tells=0.2 if off else 0.0, off=off)
        for what, count in both(scene, scarce(balance, 50, sizing={"no_trade_band": 0.5})).items():
            counts[what] = counts.get(what, 0) + count

    assert counts["incident: liquidated"] > 0
    assert counts["intent: liquidated by the venue"] > 0


def test_funding_that_takes_the_margin_liquidates_as_in_the_engine() -> None:
    config = scarce(110, 20, sizing={"no_trade_band": 0.5})
    counts: dict[str, int] = {}
    for seed in (2, 4):
        for what, count in both(Scene((BTC, ETH), seed, rate="0.4"), config).items():
            counts[what] = counts.get(what, 0) + count

    assert counts["funding"] > 0
    assert counts["incident: liquidated"] > 0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_margin_is_that_of_the_engine_on_any_market_under_any_settings(data: st.DataObject) -> None:
    def pick(*values: Any) -> Any:
        return data.draw(st.sampled_from(values))

    scene = Scene(
        MARKETS[pick(*MARKETS)],
        data.draw(st.integers(0, 2**31)),
        count=100,
        most=pick(1, 2, 9),
        move=pick(40, 900, 7_000),
        tells=pick(0.0, 0.05, 0.3),
        off=pick(0.001, 0.05, 0.3),
        rate=pick("", "", "0.05", "-0.1", "0.4"),
    )
    config = scarce(
        pick(30, 60, 120, 300, 900, 2_500, 4_100),
        pick(1, 2, 5, 20, 100),
        strategy={"every": pick("100ms", "1s", "book")},
        paper={
            "latency": pick("0ms", "50ms", "400ms"),
            "taker_bps": pick(D(5), D(-1)),
            "maintenance_margin": pick(D("0.005"), D("0.009")),
            "liquidation_bps": pick(D(50), D(0), D("33.3")),
        },
        sizing={
            "method": pick("fixed_notional", "fraction_of_equity"),
            "fraction": pick(D(1), D(3), D(30)),
            "notional": pick(D(200), D(1_000), D("777.7")),
            "no_trade_band": pick(0.1, 0.6),
        },
        risk={
            "max_position": pick(D(600), D(2_000), D(9_000)),
            "max_order": D(9_000),
            "max_drawdown": pick(D(1), D("0.3")),
            "on_breach": pick("halt", "flatten"),
            "price_collar_bps": D(900),
            "max_spread_bps": D(900),
        },
    )
    inputs, seed, most = scene.inputs(), data.draw(st.integers(0, 99)), pick(1, 4, 1_000)

    if data.draw(st.booleans()):
        assert_same_records(config, erratic(seed=seed), together(inputs, most), scene.instruments)
    else:
        assert_equal(config, together(inputs[:-1], most), scene.instruments, {"seed": seed})


def test_placebo_twins_spend_no_more_than_they_have() -> None:
    """Three spot instruments of up to 2,000 each, with 900: every twin is held to its own cash."""
    for balance, is_held in ((900, True), (90_000, False)):
        members = [CrewMember(FillAssumption.QUEUE, 0, (), seed, NS_PER_S, Erratic) for seed in range(6)]
        engine = build_crew(CrewPlan(scarce(balance), Erratic.signals, SPOT, members, keeps_log=False))
        most = D(0)
        for received in Scene(SPOT, 3).inputs()[:-1]:
            engine.process(received)
            for lane in range(len(members)):
                stakes = [desk.stake(lane) for desk in engine.desks.values()]
                cost = sum([stake.unit * stake.numbers[layout.COST] for stake in stakes], D(0))
                own = engine.money.point(lane, "", engine.desks, 0, 0)
                assert cost <= own.cash
                most = max(most, cost)

        assert (most > 900) is not is_held
