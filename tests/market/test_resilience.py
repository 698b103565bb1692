"""How liquidity lives: bouts, medians, half-lives and flicker worked by hand, and what must hold for any market."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from statistics import median

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.market.market import Market
from bot.market.signals import liquidity, resilience
from bot.market.signals.absorption import BID_ABSORPTION
from bot.market.signals.naming import parse_signal
from bot.market.signals.resilience import SAMPLES
from bot.types import NS_PER_MS, NS_PER_S, Floats, Instrument, Int64s, Kind
from tests.market.reference import Row, batch_of

ABSORPTIONS = ("bid_absorption(10s)", "ask_absorption(10s)", "absorption(10s)", "iceberg(10s)")
NAN = math.nan


def bid(ms: float, lots: int, ticks: int = 100, *, last: bool = True) -> Row:
    """The bid's best quote."""
    return Row(Kind.BEST_BID, ticks, lots, local_ns=int(ms * NS_PER_MS), last=last)


def sell(ms: float, lots: int, ticks: int = 100) -> Row:
    """A trade at the bid."""
    return Row(Kind.SELL, ticks, lots, local_ns=int(ms * NS_PER_MS))


def after(grid: Instrument, names: Sequence[str], rows: Sequence[Row], seconds: float = 10) -> Floats:
    """Return the signals at that time of a market that began with bid 100 x 10, ask 102 x 10 and a decision at 0."""
    market = Market(grid, names, window_levels=128, far_levels=8)
    market.advance(batch_of([Row(Kind.BID, 100, 10, last=False), Row(Kind.ASK, 102, 10)]), 0, 1)
    market.sample(0)
    if rows:
        market.advance(batch_of(list(rows)), 0, int(seconds * NS_PER_S))
    return market.sample(int(seconds * NS_PER_S))


# What is absorbed at the bid and what looks hidden, as shares of what traded there.
BOUTS: dict[str, tuple[list[Row], float, float]] = {
    "nothing traded": ([bid(500, 4)], NAN, NAN),
    "the display falls by what traded, the quote first": ([bid(500, 4), sell(501, 6)], 0, 0),
    "the display falls by what traded, the trade first": ([sell(500, 6), bid(501, 4)], 0, 0),
    "the trade first, the book a slow message later": ([sell(500, 6), bid(700, 4)], 0, 0),
    "refilled in full": ([bid(500, 4), sell(501, 6), bid(550, 10)], 1, 1),
    "refilled in part": ([bid(500, 4), sell(501, 6), bid(550, 7)], 3 / 6, 0),
    "refilled before the trade is told": ([bid(500, 4), bid(501, 7), sell(502, 6)], 3 / 6, 0),
    "refilled beyond what was there: not more than what traded": ([sell(500, 6), bid(501, 4), bid(502, 30)], 1, 0),
    "refilled too late": ([bid(500, 4), sell(501, 6), bid(602, 10)], 0, 0),
    "cancelled as well": ([sell(500, 6), bid(501, 4), bid(550, 1)], 0, 0),
    "nothing falls": ([sell(500, 6)], 1, 1),
    "nothing falls for a second": ([sell(500, 6), bid(1500, 4)], 1, 1),
    "one bout of two trades": ([sell(500, 2), sell(520, 2), bid(530, 8)], 2 / 4, 0),
    "two bouts": ([bid(500, 8), sell(500, 2), bid(550, 10), bid(700, 6), sell(700, 4)], 2 / 6, 2 / 6),
    "broken, the trade first": ([sell(500, 10), bid(501, 5, 99)], 0, 0),
    "broken, the quote first": ([bid(500, 5, 99), sell(501, 10)], 0, 0),
    "broken by more than was shown": ([bid(500, 5, 99), sell(501, 10), sell(501, 6)], 0, 6 / 16),
    "broken by more than was shown, the trades first": ([sell(501, 16), bid(500 + 2, 5, 99)], 0, 6 / 16),
    "more than was shown, but it was seen to rise": ([bid(500, 16), sell(501, 16), bid(502, 5, 99)], 0, 0),
    "broken, and swept on": ([sell(500, 10), sell(500, 7, 99), bid(501, 5, 98)], 0, 0),
    "broken long ago": ([bid(500, 5, 99), sell(551, 10)], NAN, NAN),
    "more than was shown, and it holds": ([sell(500, 25), bid(510, 3)], 18 / 25, 15 / 25),
    "a better bid hides what is left": ([sell(500, 6), bid(501, 3, 101)], NAN, NAN),
    "a better bid after the fall": ([sell(500, 6), bid(501, 4), bid(502, 3, 101)], 0, 0),
    "at a price that is not the best": ([sell(500, 6, 99), sell(500, 6, 101)], NAN, NAN),
    "a book that starts anew": ([sell(500, 6), Row(Kind.CLEAR, local_ns=501 * NS_PER_MS)], NAN, NAN),
    "still open": ([sell(9950, 6), bid(9951, 4)], NAN, NAN),
}


@pytest.mark.parametrize("case", BOUTS)
def test_bouts_of_trades_at_the_touch(grid: Instrument, case: str) -> None:
    rows, absorbed, hidden = BOUTS[case]
    expected = [absorbed, NAN, absorbed, hidden]
    assert after(grid, ABSORPTIONS, rows).tolist() == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("case", BOUTS)
def test_bouts_at_the_ask_are_those_at_the_bid_upside_down(grid: Instrument, case: str) -> None:
    rows, absorbed, hidden = BOUTS[case]
    expected = [NAN, absorbed, absorbed, hidden]
    assert after(grid, ABSORPTIONS, mirrored(rows)).tolist() == pytest.approx(expected, nan_ok=True)


def test_bouts_do_not_depend_on_how_deep_others_look(grid: Instrument) -> None:
    for rows, absorbed, hidden in BOUTS.values():
        rows = [*rows[:1], Row(Kind.BID, 97, 5, local_ns=rows[0].local_ns), *rows[1:]]
        values = after(grid, (*ABSORPTIONS, "mlofi(10, 10ms)"), rows)[:4].tolist()
        assert values == pytest.approx([absorbed, NAN, absorbed, hidden], nan_ok=True)


MIRRORED = {
    Kind.BID: Kind.ASK,
    Kind.ASK: Kind.BID,
    Kind.BUY: Kind.SELL,
    Kind.SELL: Kind.BUY,
    Kind.BEST_BID: Kind.BEST_ASK,
    Kind.BEST_ASK: Kind.BEST_BID,
}


def mirrored(rows: Sequence[Row], around: int = 202) -> list[Row]:
    """Return the rows with the sides swapped, prices mirrored."""
    return [
        Row(MIRRORED.get(row.kind, row.kind), around - row.price, row.size, 0, row.local_ns, row.last) for row in rows
    ]


def level(ms: float, lots: int, ticks: int = 99, *, last: bool = True) -> Row:
    """A depth row of the bid side."""
    return Row(Kind.BID, ticks, lots, local_ns=int(ms * NS_PER_MS), last=last)


# Share of the lots taken out of bids that were young and untraded; the book opens with 100 x 10.
FLICKERS: dict[str, tuple[list[Row], float]] = {
    "nothing is taken out": ([level(1000, 5), level(1100, 8)], NAN),
    "gone after 499 ms": ([level(1000, 5), level(1499, 0)], 1),
    "gone after 500 ms": ([level(1000, 5), level(1500, 0)], 0),
    "an old level among them": ([level(1000, 5), level(1400, 0, last=False), level(1400, 5, 100)], 5 / 10),
    "shrunk and gone": ([level(1000, 5), level(1300, 2), level(1600, 0)], 3 / 5),
    "grown is not younger": ([level(1000, 5), level(1400, 9), level(1600, 0)], 0),
    "back is young again": ([level(1000, 5), level(1600, 0), level(1601, 5), level(1700, 0)], 5 / 10),
    "traded at is no flicker": ([level(1000, 5), sell(1100, 1, 99), level(1200, 0)], 0),
    "traded at before it came": ([sell(1000, 1, 99), level(1100, 5), level(1200, 0)], 1),
    "a first book is not young": ([level(100, 0, 100)], 0),
    "nor is one after a clear": (
        [
            Row(Kind.CLEAR, local_ns=10**9, last=False),
            level(1000, 5, last=False),
            Row(Kind.ASK, 102, 1, local_ns=10**9),
            level(1001, 2),
        ],
        0,
    ),
    "a quote dates its level": ([bid(1000, 5, 101), level(1100, 0, 101)], 1),
    "a quote dates its level, which gets old": ([bid(1000, 5, 101), level(1500, 0, 101)], 0),
    "a quote that takes counts for nothing": ([level(1000, 5, 101), bid(1100, 10), level(1101, 0, 101)], NAN),
    "beyond ten levels": (
        [*(level(1000, 5, 99 - i) for i in range(12)), level(1500, 0, 88), level(1501, 0, 91), level(1501, 3, 90)],
        0,
    ),
    "from beyond ten levels it comes with its age": (
        [*(level(1000, 5, 99 - i) for i in range(12)), level(1001, 0, 88), level(1002, 0, 91), level(1003, 3, 90)],
        1,
    ),
}


@pytest.mark.parametrize("case", FLICKERS)
def test_levels_that_flicker(grid: Instrument, case: str) -> None:
    rows, share = FLICKERS[case]
    assert after(grid, ("flicker(10s)",), rows).tolist() == pytest.approx([share], nan_ok=True)
    assert after(grid, ("flicker(10s)",), mirrored(rows)).tolist() == pytest.approx([share], nan_ok=True)


def test_ages_are_kept_when_the_window_moves(grid: Instrument) -> None:
    climb = [Row(Kind.BEST_ASK, 300, 1, local_ns=1000 * NS_PER_MS), level(1001, 5, 160), level(1002, 5, 161)]
    rows = [*climb, level(1100, 5, 190), level(1400, 0, 160), level(1502, 0, 161)]
    assert after(grid, ("flicker(10s)",), rows).tolist() == [0.5]


def touches(grid: Instrument, names: Sequence[str], sizes: Sequence[int], spreads: Sequence[int]) -> Floats:
    """Return the rows of decisions a second apart at which the touch was so; 0 lots for no book."""
    market = Market(grid, names)
    rows = []
    for second, (lots, spread) in enumerate(zip(sizes, spreads, strict=True)):
        now = second * NS_PER_S
        book = [Row(Kind.CLEAR, local_ns=now, last=False), Row(Kind.BID, 10_000, lots, local_ns=now, last=False)]
        book.append(Row(Kind.ASK, 10_000 + spread, lots, local_ns=now))
        market.advance(batch_of(book), 0, now + 1)
        rows.append(market.sample(now))
    return np.array(rows)


SPREADS = (1, 2, 4, 3, 6, 5, 3, 2, 2, 1, 4, 8, 7, 5, 4, 2)


def half_life(numbers: Sequence[float], seconds: float) -> float:
    """By numpy's own line through the pairs."""
    if len(numbers) < 11 or np.ptp(numbers[:-1]) == 0:
        return NAN
    slope = float(np.polyfit(numbers[:-1], numbers[1:], 1)[0])
    return -math.log(2) * seconds / math.log(slope) if 0 < slope < 1 else NAN


def test_half_life_is_that_of_the_slope_from_decision_to_decision(grid: Instrument) -> None:
    sizes = [2**spread for spread in SPREADS]
    values = touches(grid, ("spread_resiliency(12s)", "depth_resiliency(12s)"), sizes, SPREADS)
    assert np.isnan(values[:12]).all()
    expected = [half_life(SPREADS[end - 12 : end + 1], 1) for end in range(12, len(SPREADS))]
    assert values[12:, 0] == pytest.approx(expected, nan_ok=True)
    assert values[12:, 1] == pytest.approx(expected, nan_ok=True)  # the log of 2^spread lots runs as the spread does
    halving = [1 + 2**k for k in range(14, -1, -1)]  # the deviation from 1 halves from one decision to the next
    assert touches(grid, ("spread_resiliency(12s)",), [1] * 15, halving)[12:, 0] == pytest.approx(1)


def test_correlation_instead_of_the_slope_is_another_number(grid: Instrument) -> None:
    growing = (1, 1, 1, 2, 1, 2, 3, 2, 4, 6, 5, 9, 14)
    correlation = float(np.corrcoef(growing[:-1], growing[1:])[0, 1])
    slope = float(np.polyfit(growing[:-1], growing[1:], 1)[0])
    assert correlation < 1 < slope  # it would have shown a half-life where there is none
    assert np.isnan(touches(grid, ("spread_resiliency(12s)",), [1] * 13, growing)).all()


def test_what_never_changes_or_swings_has_no_half_life(grid: Instrument) -> None:
    for spreads in ([3] * 16, [3, 5] * 8):
        values = touches(grid, ("spread_resiliency(12s)", "depth_resiliency(12s)"), [7 * s for s in spreads], spreads)
        assert np.isnan(values).all()


def test_a_large_touch_that_changes_little_has_a_half_life(grid: Instrument) -> None:
    sizes = [10**8 + 100 * spread for spread in SPREADS]
    found = touches(grid, ("depth_resiliency(12s)",), sizes, [1] * len(sizes))[12:, 0]
    expected = [half_life(SPREADS[end - 12 : end + 1], 1) for end in range(12, len(SPREADS))]
    assert found == pytest.approx(expected, rel=1e-3, nan_ok=True)
    assert np.isfinite(found).any()


def test_pairs_across_a_lost_book_do_not_count(grid: Instrument) -> None:
    sizes = [5 if second != 5 else 0 for second in range(16)]
    values = touches(grid, ("spread_resiliency(12s)",), sizes, SPREADS)[:, 0]
    for end in range(12, 16):
        pairs = [at for at in range(end - 12, end) if at not in (4, 5)]
        slope = float(np.polyfit([SPREADS[at] for at in pairs], [SPREADS[at + 1] for at in pairs], 1)[0])
        assert values[end] == pytest.approx(-math.log(2) / math.log(slope))


def test_collapse_is_the_depth_over_its_median(grid: Instrument) -> None:
    sizes = (4, 4, 8, 16, 8, 2, 1, 1, 100, 0, 6)
    values = touches(grid, ("depth_collapse(5, 4s)",), sizes, [2] * 11)[:, 0]
    expected = [NAN] * 4
    for end in range(4, 11):
        seen = [lots for lots in sizes[end - 3 : end + 1] if lots]
        expected.append(sizes[end] / median(seen) if sizes[end] else NAN)
    assert values == pytest.approx(expected, nan_ok=True)
    far = touches(grid, ("depth_collapse(0.5, 4s)",), sizes, [2] * 11)
    assert np.isnan(far).all()  # the levels lie 1 bps from the mid: the median is 0


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 10**6)), min_size=5, max_size=60),
    window_ms=st.sampled_from((100, 300, 1_000)),
)
def test_median_equals_that_of_the_samples_kept(grid: Instrument, steps: list[tuple[int, int]], window_ms: int) -> None:
    market = Market(grid, (f"depth_collapse(5, {window_ms}ms)",))
    now_ms, samples = 10**9, list[tuple[int, int]]()
    for index, (gap_ms, lots) in enumerate(steps):
        now_ms += gap_ms
        now = now_ms * NS_PER_MS
        book = [Row(Kind.BID, 9_999, lots, local_ns=now, last=False), Row(Kind.ASK, 10_001, 1, local_ns=now)]
        market.advance(batch_of(book), 0, now + 1)
        value = market.sample(now)[0]
        samples = [(t, x) for t, x in samples if t > now_ms - window_ms] + [(now_ms, lots + 1)]
        if now_ms - 10**9 - steps[0][0] >= window_ms and index > 0:
            assert value == (lots + 1) / median(x for _, x in samples)
        else:
            assert math.isnan(value)


def test_median_of_a_crowded_window_is_of_samples_evenly_apart(grid: Instrument) -> None:
    market = Market(grid, ("depth_collapse(5, 6s)",))
    random = np.random.default_rng(3)
    start = 1_700_000_000 * NS_PER_S
    kept: list[tuple[int, int]] = []
    for step in range(2_500):
        now = start + step * 5 * NS_PER_MS  # two decisions to a sample: 6 s / 600 is 10 ms
        lots = int(random.integers(1, 1000))
        book = [Row(Kind.BID, 9_999, lots, local_ns=now, last=False), Row(Kind.ASK, 10_001, 1, local_ns=now)]
        market.advance(batch_of(book), 0, now + 1)
        value = market.sample(now)[0]
        if step % 2 == 0:
            kept = [(t, x) for t, x in kept if t > now - 6 * NS_PER_S] + [(now, lots + 1)]
            assert len(kept) <= SAMPLES
        if step >= 1_200:
            seen = [x for t, x in kept if t > now - 6 * NS_PER_S]
            assert value == (lots + 1) / median(seen)


ENTRIES = (*liquidity.ENTRIES, *resilience.ENTRIES)
NAMES = tuple(
    entry.example.replace("10s", "300ms").replace("(5", "(300") for entry in ENTRIES if "slope" not in entry.name
)
NAMES += ("bid_slope(3)", "ask_slope(3)", "book_slope(3)", "buy_cost(700)", "sell_cost(700)", "convexity(700)")
EVERY_NS = 20 * NS_PER_MS


@st.composite
def markets(draw: st.DrawFn) -> list[Row]:
    """Draw a second or so of quotes, levels and trades near the touch, in either order."""
    rows = [Row(Kind.BID, 999, 5, last=False), Row(Kind.ASK, 1001, 5)]
    now = 0
    for _ in range(draw(st.integers(20, 100))):
        now += draw(st.integers(0, 30)) * NS_PER_MS
        kind = draw(st.sampled_from(tuple(MIRRORED)))
        away = draw(st.integers(1, 3))
        below = kind in (Kind.BID, Kind.SELL, Kind.BEST_BID)
        lots = draw(st.integers(1 if kind in (Kind.BUY, Kind.SELL, Kind.BEST_BID, Kind.BEST_ASK) else 0, 9))
        rows.append(Row(kind, 1000 - away if below else 1000 + away, lots, 0, now, draw(st.booleans())))
    return [*rows, Row(Kind.CLOCK, local_ns=now)]


def table(grid: Instrument, rows: list[Row], pieces: int = 0, names: Sequence[str] = NAMES) -> Floats:
    """Return the signals every 20 ms, with the rows in batches of `pieces` messages, all in one for 0."""
    market = Market(grid, names, window_levels=128, far_levels=1, entries=2)
    ends = [index + 1 for index, row in enumerate(rows) if row.last]
    cuts = [0, *ends[pieces - 1 : -1 : pieces], len(rows)] if pieces else [0, len(rows)]
    times: Int64s = np.arange(0, rows[-1].local_ns + EVERY_NS, EVERY_NS)
    found = []
    for start, end in itertools.pairwise(cuts):
        batch = batch_of(rows[start:end])
        done = times[times < rows[end].local_ns] if end < len(rows) else times
        row, _, values = market.scan(batch, 0, done)
        if row < len(batch):
            market.advance(batch, row, 2**62)
        found.append(values)
        times = times[len(done) :]
    return np.concatenate(found)


FUZZ = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(rows=markets(), pieces=st.integers(1, 5))
def test_batches_of_any_size_give_the_same_bits(grid: Instrument, rows: list[Row], pieces: int) -> None:
    assert table(grid, rows, pieces).tobytes() == table(grid, rows).tobytes()


@FUZZ
@given(rows=markets(), keep=st.integers(2, 100))
def test_the_future_never_changes_a_past_value(grid: Instrument, rows: list[Row], keep: int) -> None:
    cut = min(keep, len(rows) - 1)
    while not rows[cut - 1].last:
        cut -= 1
    wild = [Row(Kind.BEST_BID, 1000, 10**6, local_ns=row.local_ns) for row in rows[cut:]]
    known = -(-rows[cut].local_ns // EVERY_NS)  # decisions before the first row that differs
    assert table(grid, [*rows[:cut], *wild])[:known].tobytes() == table(grid, rows)[:known].tobytes()


@FUZZ
@given(rows=markets())
def test_swapping_the_sides_swaps_absorption_and_keeps_the_rest(grid: Instrument, rows: list[Row]) -> None:
    names = [f"{name}(300ms)" for name in ("bid_absorption", "ask_absorption", "absorption", "iceberg", "flicker")]
    names += ["depth_resiliency(300ms)", "spread_resiliency(300ms)"]
    one, other = table(grid, rows, 0, names), table(grid, mirrored(rows, 2000), 0, names)
    np.testing.assert_array_equal(one, other[:, [1, 0, *range(2, len(names))]])


@FUZZ
@given(rows=markets())
def test_eight_times_the_sizes_change_no_ratio(grid: Instrument, rows: list[Row]) -> None:
    names = tuple(name for name in NAMES if parse_signal(name).signal.code >= BID_ABSORPTION)
    scaled = [Row(row.kind, row.price, 8 * row.size, 0, row.local_ns, row.last) for row in rows]
    one, other = table(grid, rows, 0, names), table(grid, scaled, 0, names)
    for index, name in enumerate(names):
        tolerance = 1e-6 if name.startswith("depth_resiliency") else 0  # of logarithms
        np.testing.assert_allclose(one[:, index], other[:, index], rtol=tolerance)


@FUZZ
@given(rows=markets())
def test_values_stay_in_the_range_the_catalogue_states(grid: Instrument, rows: list[Row]) -> None:
    values = table(grid, rows)
    for index, name in enumerate(NAMES):
        signal = parse_signal(name).signal
        column = values[:, index][~np.isnan(values[:, index])]
        assert ((column >= signal.low) & (column <= signal.high)).all(), name
