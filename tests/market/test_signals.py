"""Each signal against numbers worked by hand, and what no signal may ever do."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.market.market import Market
from bot.market.signals.catalogue import CATALOGUE
from bot.market.signals.forecast import ForecastSpec
from bot.market.signals.naming import parse_signal
from bot.types import NS_PER_S, FeedReport, Instrument, Kind
from tests.market.reference import SYMBOL, Row, batch_of

# Bids 100 x 30, 99 x 20, 98 x 10; asks 102 x 10, 104 x 20: the mid is 101 ticks = 50.5.
BOOK = [Row(Kind.BID, 100 - i, 30 - 10 * i, last=False) for i in range(3)]
BOOK += [Row(Kind.ASK, 102, 10, last=False), Row(Kind.ASK, 104, 20)]

WEIGHT = math.exp(-0.5)
WORKED = {
    "mid": 50.5,
    "spread": 10_000 * 2 / 101,
    "spread_ticks": 2.0,
    "weighted_mid": 0.5 * (100 * 10 + 102 * 30) / 40,
    "queue_imbalance": (30 - 10) / 40,
    "depth_imbalance(2)": (50 - 30) / 80,
    "depth_imbalance(12)": (60 - 30) / 90,
    "weighted_imbalance(2, 0.5)": (20 + 0 * WEIGHT) / (40 + 40 * WEIGHT),
    "weighted_imbalance(3, 0.5)": (20 + 10 * WEIGHT**2) / (40 + 40 * WEIGHT + 10 * WEIGHT**2),
    "weighted_imbalance(3, 0)": (60 - 30) / 90,
    "cvd": 0.25 * (7 - 2),
    "book_age": 2.0,
}


@pytest.mark.parametrize("name", WORKED)
def test_signal_of_the_standing_book(grid: Instrument, name: str) -> None:
    market = Market(grid, (name,))
    market.advance(batch_of([*BOOK, Row(Kind.BUY, 102, 7), Row(Kind.SELL, 100, 2)]), 0, 1)
    assert market.sample(2 * NS_PER_S).tolist() == [pytest.approx(WORKED[name], rel=1e-15)]


def test_windows_hold_what_came_within_them(grid: Instrument) -> None:
    names = ("ofi(1s)", "trade_flow(1s)", "trade_count(1s)", "trade_flow(2s)")
    market = Market(grid, names)
    market.advance(batch_of(BOOK), 0, 1)
    assert np.isnan(market.sample(0)).all()
    assert market.cold_signals() == names
    first = [Row(Kind.BUY, 102, 7, local_ns=1), Row(Kind.BID, 100, 34, local_ns=2)]
    market.advance(batch_of(first), 0, NS_PER_S)
    assert market.sample(NS_PER_S)[:3].tolist() == [0.25 * 4, 0.25 * 7, 1.0]
    second = [Row(Kind.SELL, 100, 3, local_ns=NS_PER_S), Row(Kind.SELL, 100, 1, local_ns=NS_PER_S)]
    market.advance(batch_of(second), 0, 2 * NS_PER_S)
    assert market.sample(2 * NS_PER_S).tolist() == [0.0, -1.0, 2.0, 0.25 * 3]
    assert not market.cold_signals()


def test_window_reaches_back_to_the_newest_decision_that_is_old_enough(grid: Instrument) -> None:
    market = Market(grid, ("trade_count(1s)",), entries=2)
    for second, expected in ((0.0, None), (0.4, None), (0.8, None), (1.2, 3), (1.6, 3), (5.0, 1), (5.9, 2), (6.1, 2)):
        now = int(second * NS_PER_S)
        value = market.sample(now)[0]
        assert math.isnan(value) if expected is None else value == expected
        market.step(batch_of([Row(Kind.BUY, 1, 1, local_ns=now)]), 0)


def test_realized_volatility_of_two_known_moves(grid: Instrument) -> None:
    market = Market(grid, ("realized_volatility(2s)",))
    values = []
    for second, bid in enumerate((100, 100, 102, 101)):
        rows = [Row(Kind.BEST_BID, bid, 1, local_ns=second * NS_PER_S), Row(Kind.BEST_ASK, bid + 2, 1)]
        rows[1] = Row(Kind.BEST_ASK, bid + 2, 1, local_ns=second * NS_PER_S)
        market.advance(batch_of(rows), 0, second * NS_PER_S + 1)
        values.append(float(market.sample(second * NS_PER_S)[0]))
    up, down = 1e4 * math.log(103 / 101), 1e4 * math.log(102 / 103)
    assert np.isnan(values[:2]).all()
    assert values[2:] == pytest.approx([math.sqrt(up**2 / 2), math.sqrt((up**2 + down**2) / 2)], rel=1e-12)


@pytest.mark.parametrize(
    "rows",
    [
        [Row(Kind.CLOCK)],
        [Row(Kind.BID, 100, 5)],
        [Row(Kind.BID, 100, 5, last=False), Row(Kind.ASK, 100, 5)],
        [*BOOK, Row(Kind.CLEAR)],
    ],
    ids=["no book", "one side", "crossed", "cleared"],
)
def test_without_a_book_there_is_no_value_rather_than_zero(grid: Instrument, rows: list[Row]) -> None:
    names = tuple(name for name in WORKED if name not in ("cvd", "book_age"))
    market = Market(grid, names)
    market.advance(batch_of(rows), 0, 1)
    assert np.isnan(market.sample(1)).all()
    assert market.cold_signals() == names


def test_quality_falls_with_age_misses_faults_jitter_and_illness(grid: Instrument) -> None:
    market = Market(grid, ("quality",))
    assert math.isnan(market.sample(0)[0])
    market.advance(batch_of(BOOK), 0, 1)
    assert market.sample(2 * NS_PER_S)[0] == 1.0
    assert market.sample(8 * NS_PER_S)[0] == 2 / 8
    market.advance(batch_of([Row(Kind.BEST_BID, 100, 30, local_ns=8 * NS_PER_S)]), 0, 9 * NS_PER_S)

    def quality(healthy: bool, refused: int, missed: int, failed: int, jitter_ns: int) -> float:
        market.report(FeedReport(0, 0, SYMBOL, healthy, refused, missed, failed, jitter_ns, 0))
        return float(market.sample(9 * NS_PER_S)[0])

    assert quality(True, 0, 6, 0, 0) == 1 / math.sqrt(1 + 6 / 2)  # two book messages were seen
    assert quality(True, 0, 6, 0, 0) == 1.0  # totals that stand still are no new faults
    assert quality(True, 2, 6, 1, 0) == 1 / 4
    assert quality(True, 2, 6, 1, NS_PER_S) == 1 / 2
    assert quality(False, 2, 6, 1, 0) == 0.0


NAMES = tuple(signal.example.replace("10s", "20ms").replace("5s", "20ms") for signal in CATALOGUE.values())
SPEC = ForecastSpec(20_000_000, ("queue_imbalance", "ofi(20ms)", "trade_flow(20ms)"), halflife_s=1.0, warm_labels=2)
MIRRORED = {Kind.BID: Kind.ASK, Kind.ASK: Kind.BID, Kind.BUY: Kind.SELL, Kind.SELL: Kind.BUY}
ODD = ("queue_imbalance", "depth_imbalance", "weighted_imbalance", "ofi", "mlofi", "trade_flow", "cvd")


@st.composite
def messages(draw: st.DrawFn) -> list[Row]:
    """Draw a random stream of one-row messages around a fixed price, about one a millisecond."""
    rows = [Row(Kind.BID, 999, 5), Row(Kind.ASK, 1001, 5)]
    now = 0
    for _ in range(draw(st.integers(20, 120))):
        now += draw(st.integers(0, 3_000_000))
        kind = draw(st.sampled_from(tuple(MIRRORED)))
        away = draw(st.integers(1, 14))
        price = 1000 - away if kind in (Kind.BID, Kind.SELL) else 1000 + away
        last = draw(st.sampled_from((True, True, False)))
        rows.append(Row(kind, price, draw(st.integers(0, 9)), local_ns=now, last=last))
    rows.append(Row(Kind.CLOCK, local_ns=now))
    return rows


def table(grid: Instrument, rows: list[Row], pieces: int = 1) -> list[list[float]]:
    """Return the signal table at decisions 5 ms apart, with the rows cut into batches of `pieces` messages."""
    market = Market(grid, NAMES, SPEC, window_levels=128, far_levels=1, entries=2)
    ends = [index + 1 for index, row in enumerate(rows) if row.last]
    cuts = [0, *ends[pieces - 1 : -1 : pieces], len(rows)] if pieces else [0, len(rows)]
    batches = [batch_of(rows[start:end]) for start, end in itertools.pairwise(cuts) if start < end]
    samples, current, row = [], 0, 0
    for now in range(0, rows[-1].local_ns + 5_000_000, 5_000_000):
        while current < len(batches):
            row = market.advance(batches[current], row, now)
            if row < len(batches[current]):
                break
            current, row = current + 1, 0
        samples.append(market.sample(now).tolist())
    return samples


FUZZ = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(rows=messages(), pieces=st.integers(1, 5))
def test_batches_of_any_size_give_the_same_bits(grid: Instrument, rows: list[Row], pieces: int) -> None:
    assert repr(table(grid, rows, pieces)) == repr(table(grid, rows, 0))


@FUZZ
@given(rows=messages(), keep=st.integers(0, 100))
def test_the_future_never_changes_a_past_sample(grid: Instrument, rows: list[Row], keep: int) -> None:
    cut = min(keep, len(rows) - 1)
    while not rows[cut - 1].last and cut > 0:
        cut -= 1
    past = rows[:cut]
    clock = Row(Kind.CLOCK, local_ns=rows[-1].local_ns)
    wild = [Row(Kind.BID, 999, 10**6, local_ns=row.local_ns) for row in rows[cut:]]
    known = sum(now <= (past[-1].local_ns if past else 0) for now in range(0, rows[-1].local_ns + 1, 5_000_000))
    assert repr(table(grid, [*past, *wild, clock])[:known]) == repr(table(grid, rows)[:known])


@FUZZ
@given(rows=messages())
def test_swapping_the_sides_flips_every_directional_signal(grid: Instrument, rows: list[Row]) -> None:
    swapped = [
        Row(MIRRORED.get(row.kind, row.kind), 2000 - row.price, row.size, 0, row.local_ns, row.last) for row in rows
    ]
    odd = [index for index, name in enumerate(NAMES) if name.split("(")[0] in ODD]
    one, other = np.array(table(grid, rows))[:, odd], np.array(table(grid, swapped))[:, odd]
    np.testing.assert_array_equal(one, -other)


@FUZZ
@given(rows=messages())
def test_signals_stay_in_the_range_the_catalogue_states(grid: Instrument, rows: list[Row]) -> None:
    values = np.array(table(grid, rows))
    for index, name in enumerate(NAMES):
        signal = parse_signal(name).signal
        column = values[:, index]
        column = column[~np.isnan(column)]
        assert ((column >= signal.low) & (column <= signal.high)).all(), name
