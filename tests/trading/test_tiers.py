"""Fees that follow what was traded in the last thirty days."""

from __future__ import annotations

from decimal import Decimal

from bot.config import load
from bot.trading import Answer, Quotes, Target, View
from bot.trading.tiers import FeeSchedule, FeeTier, tier_of, utc_day, volume_before
from bot.types import NS_PER_S, Fill, FillAssumption, Kind, Liquidity
from tests.trading.scenes import BID, START_NS, Tape, core, of, run

TO_MIDNIGHT_NS = 6_400 * NS_PER_S
TIERS = (
    FeeTier(Decimal(0), Decimal(2), Decimal(5)),
    FeeTier(Decimal(500), Decimal(1), Decimal(4)),
    FeeTier(Decimal(5_000), Decimal(-1), Decimal(3)),
)


def test_a_tier_holds_from_its_very_volume_on() -> None:
    assert [tier_of(TIERS, Decimal(volume)).taker_bps for volume in ("0", "499.99", "500", "4999", "5000")] == [
        5,
        5,
        4,
        4,
        3,
    ]


def test_the_volume_is_that_of_thirty_whole_days_before() -> None:
    volumes = {day: Decimal(10**index) for index, day in enumerate((69, 70, 99, 100))}

    assert volume_before(volumes, 100) == 110  # days 70 to 99
    assert volume_before(volumes, 101) == 1100
    assert volume_before(volumes, 99) == 11


def test_a_tier_is_looked_up_once_a_day() -> None:
    volumes: dict[int, Decimal] = {}
    fees = FeeSchedule(TIERS, volumes)
    noon_ns = START_NS // (86_400 * NS_PER_S) * 86_400 * NS_PER_S

    assert fees.bps(Liquidity.TAKER, noon_ns) == 5
    volumes[utc_day(noon_ns) - 1] = Decimal(600)  # told late: the day is begun
    volumes[utc_day(noon_ns)] = Decimal(10_000)
    assert fees.bps(Liquidity.TAKER, noon_ns + 1) == 5
    assert fees.bps(Liquidity.MAKER, noon_ns + 86_400 * NS_PER_S) == -1
    assert fees.bps(Liquidity.TAKER, noon_ns + 2) == 5  # a fill of the day before keeps its day's fee


def test_a_tier_reached_today_holds_from_midnight_on_and_the_strategy_sees_it() -> None:
    seen: list[float] = []

    def act(see: View) -> Answer:
        seen.append(see.costs.taker_bps)
        return Target(1.0 if len(seen) % 2 else -1.0)

    entry = "[{from_volume = 900, maker_bps = 1, taker_bps = 4}]"
    engine = core(act, config=load(None, [f"paper.tiers={entry}"], {}))
    tape = Tape()

    today = run(engine, [tape.book(lots=50), *(tape.clock() for _ in range(3))])
    run(engine, [tape.clock(TO_MIDNIGHT_NS - NS_PER_S), tape.clock()])
    tomorrow = run(engine, [tape.clock(NS_PER_S), tape.book(lots=50), *(tape.clock() for _ in range(3))])

    def bps(fills: list[Fill]) -> set[Decimal]:
        return {fill.fee / (fill.price * fill.size) * 10_000 for fill in fills}

    assert bps(of(Fill, today)) == {Decimal(5)}
    assert sum(fill.price * fill.size for fill in of(Fill, today)) > 1_800  # twice what the tier asks for
    assert bps([fill for fill in of(Fill, tomorrow) if fill.local_ns >= START_NS + TO_MIDNIGHT_NS]) == {Decimal(4)}
    assert (seen[0], seen[-1]) == (5.0, 4.0)


def test_a_rebate_is_earned() -> None:
    engine = core(lambda see: Quotes(see.bid, None), (FillAssumption.TOUCH,), load(None, ["paper.maker_bps=-0.5"], {}))
    tape = Tape()
    run(engine, [tape.book(), tape.clock(), tape.clock()])

    (fill,) = of(Fill, run(engine, [tape.message((Kind.SELL, BID, 10))]))

    assert fill.fee == Decimal("-0.03")  # 0.010 * 60,000 * -0.5 bps
    assert engine.lanes[0].portfolio.cash == Decimal("10000.03")
