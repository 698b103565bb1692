"""How fast orders arrive: worked by hand, fills merged to orders, and a simulated process found again."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from bot.market.market import Market
from bot.types import NS_PER_S, Instrument, Kind
from tests.market.reference import Row, batch_of


def intensities(grid: Instrument, rows: Sequence[Row], *decisions_ns: int) -> list[list[float]]:
    market = Market(grid, ("buy_intensity(1s)", "sell_intensity(1s)", "intensity_imbalance(1s)"))
    market.sample(NS_PER_S)
    row, found = 0, []
    for now in decisions_ns:
        row = market.advance(batch_of(rows), row, now) if row < len(rows) else row
        found.append(market.sample(now).tolist())
    return found


def worked_intensity(counts: Sequence[int], ages_s: Sequence[float]) -> float:
    """The formula written out: counts of ten-second windows, oldest first, and the ages of all orders."""
    weights = 0.99 ** np.arange(len(counts))[::-1]
    mean = float(np.average(counts, weights=weights))
    biased = float(np.average((np.array(counts) - mean) ** 2, weights=weights))
    variance = biased / (1 - float((weights**2).sum() / weights.sum() ** 2))
    branching = 1 - math.sqrt(mean / variance) if variance > mean else 0.0
    beta = math.log(2)
    return mean / 10 * (1 - branching) + branching * beta * sum(math.exp(-beta * age) for age in ages_s)


def test_intensity_of_a_known_sequence(grid: Instrument) -> None:
    counts = [0, 0, 6, 0] * 5  # windows from 10 s on; mean 1.5, variance about 7: n about 0.54
    times = [10 * (1 + w) + 2 + i / 8 for w, count in enumerate(counts) for i in range(count)]
    rows = [Row(Kind.BUY, 102, 1, local_ns=int(t * NS_PER_S)) for t in times]
    sells = [Row(Kind.SELL, 100, 1, local_ns=int(t * NS_PER_S)) for t in (12.0, 207.0)]
    early, late, later = intensities(
        grid, sorted(rows + sells, key=lambda row: row.local_ns), 209 * NS_PER_S, 210 * NS_PER_S, 212 * NS_PER_S
    )
    assert np.isnan(early).all()
    for values, now in ((late, 210.0), (later, 212.0)):
        buys = worked_intensity(counts, [now - t for t in times])
        sold = worked_intensity([1, *[0] * 18, 1], [now - 12.0, now - 207.0])
        assert values == pytest.approx([buys, sold, (buys - sold) / (buys + sold)], rel=1e-12)
        assert 0 < sold < buys


def test_intensity_just_after_an_order_by_hand(grid: Instrument) -> None:
    """One order a window, no clustering: n is 0 and the rate 0.1 a second whatever has just come.

    With 4 orders in each second window: mean 2, so a rate of 0.2; variance 4 x 20/19 or so, n about 0.31.
    """
    even = [Row(Kind.BUY, 102, 1, local_ns=(10 * w + 5) * NS_PER_S) for w in range(1, 21)]
    assert intensities(grid, even, 210 * NS_PER_S)[0][0] == pytest.approx(0.1, rel=1e-12)
    burst = [Row(Kind.BUY, 102, 1, local_ns=(10 * w + 5) * NS_PER_S + i) for w in range(2, 21, 2) for i in range(4)]
    first, second = intensities(grid, burst, 210 * NS_PER_S, 211 * NS_PER_S)
    base = 2 * second[0] - first[0]  # a second halves what is above the base rate
    assert base == pytest.approx(0.2 * math.sqrt(2 / (4 * 20 / 19)), rel=0.01)


def test_fills_of_one_order_are_one_order(grid: Instrument) -> None:
    """Same side and same exchange stamp, or the same local one where there is none."""

    def market_of(fills: int, exchange_ns: int, apart_ns: int) -> list[float]:
        rows = []
        for w in range(1, 21):
            for i in range(fills):
                now = (10 * w + 5 * (w % 2)) * NS_PER_S + i * apart_ns
                rows.append(Row(Kind.SELL, 100, 1, 0, now, exchange_ns=exchange_ns * w))
        return intensities(grid, rows, 210 * NS_PER_S)[0]

    single = market_of(1, 7, 0)
    assert market_of(5, 7, 1000) == pytest.approx(single)
    assert market_of(5, 0, 0) == pytest.approx(single)
    assert market_of(5, 0, 1000)[1] == pytest.approx(5 * single[1])


def test_average_intensity_is_the_rate_of_orders(grid: Instrument) -> None:
    """Of a simulated Hawkes process with n = 0.5, a half-life of 1 s and one order a second."""
    chance = np.random.default_rng(11)
    times, excitement, now, beta = [], 0.0, 10.0, math.log(2)
    while now < 1_500:
        bound = 0.5 + 0.5 * beta * excitement
        wait = float(chance.exponential(1 / bound))
        now += wait
        excitement *= math.exp(-beta * wait)
        if chance.random() * bound < 0.5 + 0.5 * beta * excitement:
            times.append(now)
            excitement += 1
    market = Market(grid, ("buy_intensity(1s)",))
    batch = batch_of([Row(Kind.BUY, 102, 1, local_ns=int(t * NS_PER_S)) for t in times])
    decisions = np.arange(10 * NS_PER_S, 1_500 * NS_PER_S, NS_PER_S // 5, dtype=np.int64)
    values = market.scan(batch, 0, decisions)[2][:, 0]
    seen = ~np.isnan(values)
    after_s = decisions[seen][0] / NS_PER_S
    rate = sum(t > after_s for t in times) / (1_500 - after_s)
    assert float(values[seen].mean()) == pytest.approx(rate, rel=0.1)
    counts = np.histogram(times, decisions[seen] / NS_PER_S)[0]
    assert np.corrcoef(values[seen][:-1], counts)[0, 1] > 0.1  # it foresees the next fifth of a second
