"""The signal table of a tape: what a live market would have answered at the end of each bin, by either clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import ConfigError, TapeError
from bot.market.market import Market
from bot.research.clocks import HORIZON_NS, Clock, Events
from bot.research.table import SignalTable, signal_table, signal_tables
from bot.research.touches import touches
from bot.types import NS_PER_MS, NS_PER_S, Batch, Fact, FeedReport, Kind
from storage.tape import Tape
from tests.market.reference import SYMBOL, Row, batch_of, by_exchange_time, messages_of
from tests.market.test_book import events
from tests.research.tapes import GRID, tape_of

EVERY_NS = 10 * NS_PER_MS
NAMES = ("ofi(10ms)", "mlofi(2, 30ms)", "trade_flow(10ms)", "cvd", "depth_imbalance(3)", "realized_volatility(50ms)")


def book(ns: int, bid: tuple[int, int], ask: tuple[int, int], exchange_ns: int = 0) -> list[Row]:
    """One message that sets a level of each side."""
    return [
        Row(Kind.BID, *bid, local_ns=ns, last=False, exchange_ns=exchange_ns),
        Row(Kind.ASK, *ask, local_ns=ns, exchange_ns=exchange_ns),
    ]


def columns(table: SignalTable) -> list[list[float]]:
    """The table row by row: time, touch, values."""
    touch = (table.time_ns, table.bid_ticks, table.bid_lots, table.ask_ticks, table.ask_lots)
    rows: list[list[float]] = np.column_stack([*touch, table.values]).tolist()
    return rows


def assert_equal(one: SignalTable, other: SignalTable) -> None:
    """Bit for bit, NaN where NaN."""
    assert one.time_ns.tolist() == other.time_ns.tolist()
    assert np.array_equal(columns(one), columns(other), equal_nan=True)


def slowed(rows: Sequence[Row]) -> list[Row]:
    """A drawn stream with its clock in steps of 5 ms, so that bins end on events and between them."""
    return [replace(row, local_ns=row.local_ns * EVERY_NS // 2) for row in rows]


def test_a_bin_ends_with_what_happened_at_its_end_and_a_silent_bin_has_a_row(tmp_path: Path) -> None:
    ms = NS_PER_MS
    rows = [
        *book(5 * ms, (100, 4), (102, 6)),
        Row(Kind.BUY, 102, 2, local_ns=10 * ms),
        Row(Kind.BID, 100, 7, local_ns=10 * ms + 1),
        Row(Kind.ASK, 101, 1, local_ns=35 * ms),
    ]
    table = signal_table(tape_of(tmp_path, rows), SYMBOL, ["ofi(10ms)", "trade_flow(10ms)", "cvd"], EVERY_NS)

    nan, lot = float("nan"), 0.25
    expected = [
        [10 * ms, 100, 4, 102, 6, nan, nan, 2 * lot],
        [20 * ms, 100, 7, 102, 6, 3 * lot, 0, 2 * lot],
        [30 * ms, 100, 7, 102, 6, 0, 0, 2 * lot],
        [40 * ms, 100, 7, 101, 1, -1 * lot, 0, 2 * lot],
    ]
    assert np.array_equal(columns(table), expected, equal_nan=True)
    assert table.mid_ticks.tolist() == [101, 101, 101, 100.5]


def test_a_missing_side_is_zero_and_has_no_mid(tmp_path: Path) -> None:
    rows = [Row(Kind.ASK, 102, 6, local_ns=1), *book(EVERY_NS + 1, (100, 4), (102, 6)), Row(Kind.CLEAR, local_ns=25)]
    rows[-1] = replace(rows[-1], local_ns=2 * EVERY_NS + 1)
    table = signal_table(tape_of(tmp_path, rows), SYMBOL, ["mid"], EVERY_NS)

    assert table.bid_ticks.tolist() == [0, 100, 0]
    assert table.ask_ticks.tolist() == [102, 102, 0]
    assert np.isnan(table.mid_ticks).tolist() == [True, False, True]
    assert np.isnan(table.values[:, 0]).tolist() == [True, False, True]


def live(rows: Sequence[Row], names: Sequence[str], every_ns: int) -> SignalTable:
    """The table as a live market gives it: one message at a time, one decision at a time."""
    market, batch = Market(GRID, names), batch_of(rows)
    row, touch, values = 0, [], []
    *_, (last_ns, _) = messages_of(rows)
    times = list(range(-(-rows[0].local_ns // every_ns) * every_ns, last_ns + every_ns, every_ns))
    for now_ns in times:
        while row < len(batch) and batch.local_ns[row] <= now_ns:
            row = market.step(batch, row)
        values.append(market.sample(now_ns))
        touch.append((market.bid_ticks, market.bid_lots, market.ask_ticks, market.ask_lots))
    bids, bid_lots, asks, ask_lots = np.array(touch, dtype=np.int64).T
    return SignalTable(GRID, tuple(names), np.array(times), bids, bid_lots, asks, ask_lots, np.array(values))


@settings(max_examples=40)
@given(rows=events(), cuts=st.lists(st.integers(1, 60), max_size=3), part_rows=st.integers(1, 7))
def test_the_table_is_what_a_live_market_answers_however_the_tape_is_cut(
    rows: list[Row], cuts: list[int], part_rows: int
) -> None:
    rows = slowed(rows)
    with TemporaryDirectory() as folder:
        tape = tape_of(Path(folder), rows, cuts=sorted(cut for cut in cuts if cut < len(rows)))
        table = signal_table(tape, SYMBOL, NAMES, EVERY_NS)
        parts = list(signal_tables(Events(tape, SYMBOL), NAMES, EVERY_NS, part_rows=part_rows))

    assert_equal(table, live(rows, NAMES, EVERY_NS))
    assert np.array_equal(np.concatenate([part.values for part in parts]), table.values, equal_nan=True)
    assert all(len(part) >= part_rows for part in parts[:-1])


@settings(max_examples=40)
@given(rows=events(), share=st.floats(0.1, 0.9))
def test_the_future_never_changes_the_past(rows: list[Row], share: float) -> None:
    rows = slowed(rows)
    cut = max(1, int(share * len(rows)))
    while not rows[cut - 1].last:
        cut += 1
    with TemporaryDirectory() as folder:
        whole = signal_table(tape_of(Path(folder) / "whole", rows), SYMBOL, NAMES, EVERY_NS)
        early = signal_table(tape_of(Path(folder) / "early", rows[:cut]), SYMBOL, NAMES, EVERY_NS)

    # The bin in which the short tape ends may hold more on the long one.
    known = int(np.searchsorted(early.time_ns, rows[cut - 1].local_ns))
    assert_equal(early.take(slice(0, known)), whole.take(slice(0, known)))


def test_a_long_silence_costs_time_but_no_memory(tmp_path: Path) -> None:
    rows = [*book(1, (100, 4), (102, 6)), Row(Kind.BID, 100, 5, local_ns=2_000 * NS_PER_S)]
    parts = signal_tables(Events(tape_of(tmp_path, rows), SYMBOL), ["cvd"], EVERY_NS)
    lengths = [len(part) for part in parts]

    assert sum(lengths) == 200_000
    assert max(lengths) < 2 * 65_536


def test_a_feed_report_counts_from_its_time_on(tmp_path: Path) -> None:
    rows = [*book(1, (100, 4), (102, 6)), Row(Kind.BID, 100, 5, local_ns=4 * EVERY_NS)]
    sick = FeedReport(3, 2 * EVERY_NS + 5, SYMBOL, False, 0, 0, 0, 0, 0)
    table = signal_table(tape_of(tmp_path, rows, [sick]), SYMBOL, ["quality"], EVERY_NS)

    assert table.values[:, 0].tolist() == [1, 1, 0, 0]


def test_a_fact_counts_from_its_time_on(tmp_path: Path) -> None:
    rows = [*book(1, (100, 4), (102, 6)), Row(Kind.BID, 100, 5, local_ns=4 * EVERY_NS)]
    paid = Fact(3, 2 * EVERY_NS + 5, SYMBOL, "funding_rate", Decimal("0.0001"))
    table = signal_table(tape_of(tmp_path, rows, [paid]), SYMBOL, ["funding_rate"], EVERY_NS)

    assert np.array_equal(table.values[:, 0], [np.nan, np.nan, 1, 1], equal_nan=True)


def test_by_the_exchange_clock_streams_that_overtook_each_other_are_put_in_order(tmp_path: Path) -> None:
    ms = NS_PER_MS
    rows = [
        *book(1, (100, 4), (102, 6), exchange_ns=1_001 * ms),
        Row(Kind.BEST_BID, 100, 9, id=7, local_ns=2, exchange_ns=1_025 * ms),
        Row(Kind.BUY, 102, 2, local_ns=3, exchange_ns=1_005 * ms),
        Row(Kind.BEST_ASK, 102, 5, id=8, local_ns=4),  # no stamp: it counts from 1,025 ms
    ]
    tape = tape_of(tmp_path, rows)
    source = Events(tape, SYMBOL, Clock.EXCHANGE)
    (table,) = signal_tables(source, ["cvd"], EVERY_NS)

    assert (table.time_ns // ms).tolist() == [1_010, 1_020, 1_030]
    assert table.values[:, 0].tolist() == [0.5, 0.5, 0.5]
    assert table.bid_lots.tolist() == [4, 4, 9]
    assert table.ask_lots.tolist() == [6, 6, 5]
    assert source.unstamped == 1


@settings(max_examples=40)
@given(
    rows=events(), lags=st.lists(st.integers(-6, 6), min_size=61, max_size=61), blank=st.sets(st.integers(0, 60)),
    cuts=st.lists(st.integers(1, 60), max_size=3), horizon=st.integers(13, 30),
)  # fmt: skip
def test_any_order_of_stamps_gives_the_order_of_a_plain_sort(
    rows: list[Row], lags: list[int], blank: set[int], cuts: list[int], horizon: int
) -> None:
    step, shift = EVERY_NS // 2, 1_000
    first = [True, *(row.last for row in rows[:-1])]
    starts = np.maximum.accumulate(np.where(first, np.arange(len(rows)), 0)).tolist()
    for place, row in enumerate(slowed(rows)):  # a message has one stamp
        at = starts[place]
        stamp = 0 if at in blank else (rows[at].local_ns + lags[at] + shift) * step
        rows[place] = replace(row, exchange_ns=stamp)
    if not any(row.exchange_ns for row in rows):
        return
    expected = [
        replace(row, local_ns=time_ns, exchange_ns=0)
        for time_ns, message in by_exchange_time(messages_of(rows))
        for row in message
    ]
    with TemporaryDirectory() as folder:
        tape = tape_of(Path(folder), rows, cuts=sorted(cut for cut in cuts if cut < len(rows)))
        source = Events(tape, SYMBOL, Clock.EXCHANGE, horizon_ns=horizon * step)
        (table,) = signal_tables(source, NAMES, EVERY_NS)

    assert_equal(table, live(expected, NAMES, EVERY_NS))


def test_depth_keeps_its_order_where_an_update_is_stamped_before_the_snapshot_it_follows(tmp_path: Path) -> None:
    rows = [
        Row(Kind.CLEAR, local_ns=1, last=False, exchange_ns=50 * NS_PER_MS),
        *book(1, (100, 4), (102, 6), exchange_ns=50 * NS_PER_MS),
        Row(Kind.BID, 100, 3, local_ns=1, exchange_ns=20 * NS_PER_MS),
    ]
    table = signal_table(tape_of(tmp_path, rows), SYMBOL, ["cvd"], EVERY_NS, clock=Clock.EXCHANGE)

    assert table.time_ns.tolist() == [50 * NS_PER_MS]
    assert table.bid_lots.tolist() == [3]


def test_stamps_that_run_back_too_far_are_refused(tmp_path: Path) -> None:
    late = 3 * HORIZON_NS
    rows = [Row(Kind.BUY, 102, 2, local_ns=n, exchange_ns=at) for n, at in enumerate((late, late + 1, 5), start=1)]
    tape = tape_of(tmp_path, rows, cuts=[2])

    with pytest.raises(TapeError, match=r"run back by at most 10 s, was 30\.000 s at seq 4: use the local clock"):
        signal_table(tape, SYMBOL, ["cvd"], EVERY_NS, clock=Clock.EXCHANGE)


def test_a_tape_without_exchange_stamps_is_refused_by_that_clock(tmp_path: Path) -> None:
    tape = tape_of(tmp_path, book(1, (100, 4), (102, 6)))

    with pytest.raises(TapeError, match="no event of X/Y has an exchange stamp: use the local clock"):
        signal_table(tape, SYMBOL, ["cvd"], EVERY_NS, clock=Clock.EXCHANGE)


def test_a_symbol_that_is_not_there_or_has_two_grids_is_refused(tmp_path: Path) -> None:
    finer = replace(GRID, tick_size=Decimal("0.1"), epoch=1)
    tape = tape_of(tmp_path, book(1, (100, 4), (102, 6)), instruments=(GRID, finer))

    with pytest.raises(TapeError, match=r"symbol should be one that the tape holds, was 'X/Z'; did you mean X/Y\?"):
        signal_table(tape, "X/Z", ["cvd"], EVERY_NS)
    with pytest.raises(TapeError, match="X/Y should have one tick and lot size on the tape, had 2"):
        signal_table(tape, SYMBOL, ["cvd"], EVERY_NS)


def test_an_unknown_signal_is_refused_and_an_empty_tape_gives_an_empty_table(tmp_path: Path) -> None:
    tape = tape_of(tmp_path, [])

    assert signal_table(tape, SYMBOL, ["cvd", "mid"], EVERY_NS).values.shape == (0, 2)
    with pytest.raises(ConfigError, match="no signal is called"):
        signal_table(tape, SYMBOL, ["off(1s)"], EVERY_NS)


def test_a_tape_whose_time_runs_back_is_refused_in_one_line(tmp_path: Path) -> None:
    tape = tape_of(tmp_path, [Row(Kind.BUY, 1, 1, local_ns=9), Row(Kind.BUY, 1, 1, local_ns=3)])

    with pytest.raises(TapeError, match="should hold events that make sense, but"):
        signal_table(tape, SYMBOL, ["cvd"], EVERY_NS)


@settings(max_examples=40)
@given(rows=events(), cuts=st.lists(st.integers(1, 60), max_size=3))
def test_touches_are_those_after_each_message_that_changed_them(rows: list[Row], cuts: list[int]) -> None:
    market, batch, row = Market(GRID, ()), batch_of(rows), 0
    expected, before = [], (0, 0, 0, 0)
    while row < len(batch):
        stop = market.step(batch, row)
        touch = (market.bid_ticks, market.bid_lots, market.ask_ticks, market.ask_lots)
        if touch != before:
            expected.append((rows[row].local_ns, *touch))
        row, before = stop, touch
    with TemporaryDirectory() as folder:
        found = touches(tape_of(Path(folder), rows, cuts=sorted(cut for cut in cuts if cut < len(rows))), SYMBOL)

    got = zip(*(getattr(found, name).tolist() for name in found.__slots__), strict=True)
    assert list(got) == expected


def test_progress_is_told_up_to_the_end(tmp_path: Path) -> None:
    rows = [*book(1, (100, 4), (102, 6)), Row(Kind.BID, 100, 5, local_ns=4 * EVERY_NS)]
    told: list[tuple[int, int]] = []
    signal_table(tape_of(tmp_path, rows), SYMBOL, ["cvd"], EVERY_NS, progress=lambda done, of: told.append((done, of)))

    assert told[-1] == (4 * EVERY_NS - 1, 4 * EVERY_NS - 1)


def test_a_tape_of_several_symbols_gives_the_one_that_was_asked_for(tmp_path: Path) -> None:
    other = replace(GRID, symbol="Z/Y", base="Z")
    tape = tape_of(tmp_path, book(1, (100, 4), (102, 6)), instruments=(other, GRID))

    assert isinstance(next(iter(Events(tape, SYMBOL))), Batch)
    assert Tape.open(tmp_path).symbols == ("Z/Y", SYMBOL)
    assert len(signal_table(tape, SYMBOL, ["cvd"], EVERY_NS)) == 1
    assert len(signal_table(tape, "Z/Y", ["cvd"], EVERY_NS)) == 0
