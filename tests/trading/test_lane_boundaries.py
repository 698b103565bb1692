"""Where floating point or 64 bits could part lanes in machine code from exact decimals, and do not."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from bot.market.matching import layout
from bot.trading import Answer, Quotes, Target, View
from bot.types import (
    NS_PER_MS,
    Batch,
    Instrument,
    Kind,
)
from tests.trading.both_engines import (
    Keeping,
    assert_equal,
    configured,
    lanes,
    told_by_lanes,
)
from tests.trading.made_up import BTC, START_NS, Erratic, MadeUp, market, numbered

D = Decimal


class Wild(Erratic):
    """Quotes at prices that no market has."""

    def decide(self, see: View) -> Answer:
        away = [1e-9, 0.5 * see.tick, 1e9, 1e300][see.now_ns // (100 * NS_PER_MS) % 4]
        return Quotes(min(away, see.bid), see.ask + away)


def test_prices_beyond_every_market_are_refused_and_never_wrap_around() -> None:
    engine, log = lanes(configured(), Keeping(cls=Wild), (BTC,))
    for batch in market(1, 100):
        engine.process(batch)

    told = told_by_lanes(engine, log)
    assert {each[9] for each in told if each[1] == "denial"} >= {"sane", "price_collar"}
    assert not [each for each in told if each[1] == "fill" and each[7] > 10**6]


class Large(Erratic):
    """Goes long and short with all it may."""

    def decide(self, see: View) -> Answer:
        self.shown.append((see.position_lots, see.entry, see.equity))
        return Target([0.37, 1.0, 0.51, -1.0, -0.43][see.now_ns // (400 * NS_PER_MS) % 5])


def test_positions_of_ten_thousand_million_lots_are_counted_exactly() -> None:
    small = replace(BTC, tick_size=D("1e-8"), lot_size=D(1), min_notional=D(0))
    limits = {"max_position": D(10) ** 9, "max_order": D(10) ** 9, "max_spread_bps": D(999), "price_collar_bps": D(999)}
    config = configured(sizing={"notional": D(10_000)}, risk=limits, paper={"balance": D(100_000)})
    rows: list[Batch] = []
    for place in range(80):
        mid = 100 + place % 7
        levels = [(Kind.CLEAR, 0, 0), (Kind.BID, mid - 1, 3 * 10**12), (Kind.ASK, mid + 1, 10**10 + 7 * place)]
        rows.append(
            MadeUp(small, np.random.default_rng(0), now_ns=START_NS + place * 100 * NS_PER_MS)._batch(levels, 0)
        )

    counts = assert_equal(config, numbered(rows), (small,), cls=Large)

    assert counts["fill"] > 20


def flat_book(mid: int, seq: int, instrument: Instrument = BTC, lots: int = 10_000) -> Batch:
    """A book with one level a side, one tick from the mid, 100 ms after the one before."""
    levels = [(Kind.CLEAR, 0, 0), (Kind.BID, mid - 1, lots), (Kind.ASK, mid + 1, lots)]
    return MadeUp(instrument, np.random.default_rng(0), now_ns=START_NS + seq * 100 * NS_PER_MS)._batch(levels, seq)


class Buys(Erratic):
    """Buys once and keeps it."""

    def decide(self, see: View) -> Answer:
        self.shown.append((see.position_lots,))
        return Target(1.0)


NO_FEES = {"maker_bps": D(0), "taker_bps": D(0), "latency": "0ms"}


@pytest.mark.parametrize("lost_ticks", [101, 102, 103])
def test_a_loss_of_just_the_limit_halts_in_both_engines(lost_ticks: int) -> None:
    # 1000 USDT at a mid of 5000.0: 200 lots, bought at 5000.1 and marked at 5000.0: 0.02 lost. Each tick more 0.02.
    config = configured(paper=NO_FEES, risk={"max_daily_loss": D("0.000206")})
    rows = [flat_book(50_000, place) for place in range(3)] + [flat_book(50_000 - lost_ticks, 3 + n) for n in range(3)]

    counts = assert_equal(config, numbered(rows), cls=Buys)

    assert ("turn" in counts) == (lost_ticks >= 102)


@pytest.mark.parametrize("stop_bps", [0.1, 0.2, 0.3, 0.7, 1.1, 2.3, 9.7, 12.3, 33.1, 100.7])
def test_a_move_of_just_the_stop_loss_closes_in_both_engines(stop_bps: float) -> None:
    grid = replace(BTC, tick_size=D("0.01"), lot_size=D("0.01"))
    config = configured(
        paper=NO_FEES,
        risk={
            "stop_loss_bps": stop_bps, "take_profit_bps": stop_bps,
            "max_order": D(20_000), "max_position": D(40_000),
        },
        sizing={"notional": D(10_001)},
    )  # fmt: skip
    bought, ticks = 1_000_000, int(D(str(stop_bps)) * 100)  # a basis point is 100 ticks
    for side in (-1, 1):
        for off in (-1, 0, 1):
            closing = bought + side * (ticks + off)
            rows = [flat_book(bought - 1, place, grid) for place in range(3)]
            rows += [flat_book(closing + 1, 3 + place, grid) for place in range(2)]

            assert (assert_equal(config, numbered(rows), (grid,), cls=Buys)["stopped"] > 0) == (off >= 0)


@pytest.mark.parametrize(
    ("mid", "fraction"), [(50_000, "0.1"), (23_200, "0.29"), (58_000, "0.29"), (41_500, "0.83"), (33_333, "0.3")]
)
def test_a_size_that_is_a_whole_number_of_lots_in_decimals_is_it_in_machine_code(mid: int, fraction: str) -> None:
    config = configured(
        sizing={"method": "fraction_of_equity", "fraction": D(fraction)},
        risk={"max_order": D(9_000), "max_position": D(9_000)},
        paper=NO_FEES,
    )
    rows = numbered([flat_book(mid, place) for place in range(4)])
    assert_equal(config, rows, cls=Buys)
    crew, _ = lanes(config, Keeping(Buys), (BTC,))
    for each in rows:
        crew.process(each)

    assert crew.desks[BTC.symbol].seats.accounts[0, layout.POSITION] == D(10_000) * D(fraction) // (mid * D("0.0001"))
