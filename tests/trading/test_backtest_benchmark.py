"""The comparison of backtests: the maker's own numbers, what is handed to whom, and how differences are explained."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.backtest import Bench, Choice
from benchmarks.backtest_ours import FORMS, Form, Inputs, run_ours
from benchmarks.backtest_stage import Stage
from benchmarks.contender import PeerFailed, contender
from benchmarks.fill_differences import Ahead, Cause, Entry, Log, Scene, lines_of
from benchmarks.maker import Maker, as_the_exchange_has_it, decision_times, on_one_clock
from benchmarks.scale import write_market
from benchmarks.sheet import Sheet
from benchmarks.signal_events import Events, synthetic
from bot.market.market import Market
from bot.types import NS_PER_MS, Batch, Kind
from storage.tape import Tape

ROWS = 20_000
LATENCY_NS = 20 * NS_PER_MS


@pytest.fixture(scope="module")
def events() -> Events:
    """A small made-up market on one clock."""
    return on_one_clock(synthetic(ROWS))


def a_batch(*rows: tuple[int, Kind, int, int]) -> Batch:
    """Rows of (milliseconds, kind, price, size), each a message of its own."""
    stamps = np.array([row[0] * NS_PER_MS for row in rows], np.int64)
    count = np.arange(len(rows))
    price, size = (np.array([row[place] for row in rows], np.int64) for place in (2, 3))
    kinds = np.array([row[1] for row in rows], np.uint8)
    return Batch("BTC/USDT:USDT", count, stamps, stamps, count, price, size, kinds, np.ones(len(rows), np.uint8))


def test_the_engine_decides_when_the_peers_are_told_to(events: Events) -> None:
    found = run_ours(Inputs((events.instrument,), [events.batch]), Maker())

    assert found.decisions == len(decision_times(events.batch))
    assert set(found.orders["ns"]) <= set(decision_times(events.batch).tolist())


def test_the_maker_trades_its_size_and_keeps_its_limit(events: Events) -> None:
    found = run_ours(Inputs((events.instrument,), [events.batch]), Maker(lots=2, most_lots=6))

    position = np.cumsum(found.fills["side"] * found.fills["lots"])
    assert len(found.fills) > 20
    assert set(found.orders["lots"]) == {2}
    # A quote that is being cancelled may still fill beside the one that takes its place.
    assert np.abs(position).max() <= 6 + 2
    assert position[-1] == found.position_lots


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_every_form_makes_the_decisions_of_the_first(events: Events, form: Form) -> None:
    inputs = Inputs((events.instrument,), [events.batch])
    first = run_ours(inputs, Maker())

    found = run_ours(inputs, Maker(), sets=form.sets, strategy=form.strategy, signals=form.signals)

    assert (found.rows, found.decisions, found.answers) == (first.rows, first.decisions, form.sets)
    if form.sets == 1 and not form.signals:
        assert np.array_equal(found.fills, first.fills)
        assert np.array_equal(found.orders, first.orders)


def test_decisions_are_at_the_first_whole_message_of_each_100_ms() -> None:
    batch = a_batch(*((ms, Kind.BID, 100, 1) for ms in (1, 99, 100, 150, 320, 390, 400)))

    assert (decision_times(batch) // NS_PER_MS).tolist() == [1, 100, 320, 400]
    first_open = replace(batch, last=np.array([0, 1, 1, 1, 1, 1, 1], np.uint8))
    assert (decision_times(first_open) // NS_PER_MS).tolist() == [99, 100, 320, 400]


def test_on_one_clock_no_two_rows_share_a_stamp_and_a_message_has_that_of_its_last_row(events: Events) -> None:
    batch = events.batch

    assert (np.diff(batch.exchange_ns) > 0).all()
    assert (batch.exchange_ns[batch.last == 1] == batch.local_ns[batch.last == 1]).all()
    assert (batch.local_ns >= batch.exchange_ns).all()
    assert (as_the_exchange_has_it(events).batch.local_ns == batch.exchange_ns).all()


def test_without_peers_ours_is_measured_and_they_are_named(tmp_path: Path) -> None:
    choice = Choice(ROWS, 1, ROWS, hftbacktest=tmp_path / "python", nautilus=tmp_path / "python")
    stage = Stage(synthetic(ROWS), tmp_path)
    stage.tapes()
    speed, loading = Sheet("", ("", "", "", "", "")), Sheet("", ("", "", "", "", ""))

    with ExitStack() as stack:
        bench = Bench(choice, stage, stack, lambda _: None)
        bench.speed(speed)
        bench.load(loading)

    assert [row[1] for row in speed.rows] == [form.name for form in FORMS]
    # Of several sets in one pass, each row counts once a set.
    assert [row[2] for row in speed.rows] == [ROWS * form.sets for form in FORMS]
    assert all(float(row[3]) > 0 for row in speed.rows)
    assert [note.split(" is ")[0] for note in speed.notes] == ["hftbacktest", "nautilus_trader"]
    assert len(loading.rows) == 4


def test_the_peak_memory_of_a_process_is_not_that_of_its_parent() -> None:
    held = np.ones(50_000_000)  # 400 MB
    words = "import sys; from benchmarks.memory import peak_bytes; sys.stdout.write(str(peak_bytes()))"

    told = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)

    assert 5e6 < int(told.stdout) < held.nbytes / 2


def test_a_contender_that_breaks_down_says_why() -> None:
    command = [sys.executable, "-c", "raise SystemExit('out of steam')"]

    with contender("it", command) as asked, pytest.raises(PeerFailed, match="it ended: out of steam"):
        asked.ask({})


QUEUE = (
    (0, Kind.BID, 100, 10),
    (5, Kind.BID, 99, 7),
    (30, Kind.SELL, 100, 4),  # 6 ahead
    (40, Kind.BID, 100, 5),  # shown: at most 5
    (50, Kind.SELL, 100, 5),  # none ahead, nothing for us
    (60, Kind.SELL, 100, 1),  # ours
    (70, Kind.ASK, 102, 1),
)


def test_the_queue_ahead_is_followed_row_by_row() -> None:
    scene = Scene(a_batch(*QUEUE), LATENCY_NS)

    assert scene.size_at(1, 100, 20 * NS_PER_MS) == 10
    assert scene.size_at(1, 98, 20 * NS_PER_MS) == 0
    ahead = list(scene.queue(1, 100, 20 * NS_PER_MS, 60 * NS_PER_MS))
    assert ahead == [Ahead(2, 6, 6), Ahead(3, 5, 5), Ahead(4, 0, 0), Ahead(5, -1, -1)]


def test_a_trade_through_leaves_nobody_ahead() -> None:
    scene = Scene(a_batch(*QUEUE[:2], (30, Kind.SELL, 99, 1)), LATENCY_NS)

    assert list(scene.queue(1, 100, 20 * NS_PER_MS, 30 * NS_PER_MS)) == [Ahead(2, -1, -1)]


ORDER = Entry(0, 1, 100, 1)
FILL = Entry(60 * NS_PER_MS, 1, 100, 1)


def test_equal_fills_leave_nothing_to_explain() -> None:
    found = Scene(a_batch(*QUEUE), LATENCY_NS).compare(Log((ORDER,), (FILL,)), Log((ORDER,), (FILL,)))

    assert (found.ours, found.theirs, found.same, found.differences) == (1, 1, 1, ())


def test_a_fill_of_one_order_in_one_program_alone_is_the_queue() -> None:
    found = Scene(a_batch(*QUEUE), LATENCY_NS).compare(Log((ORDER,), ()), Log((ORDER,), (FILL,)))

    (difference,) = found.differences
    assert (difference.whose, difference.cause) == ("theirs", Cause.QUEUE)
    assert any("SELL     100 x 1 | ahead: theirs -1, ours -1" in line for line in lines_of(found))
    assert any("ASK      102 x 1" in line for line in lines_of(found))


def test_a_fill_of_an_order_that_only_one_had_is_named() -> None:
    found = Scene(a_batch(*QUEUE), LATENCY_NS).compare(Log((), ()), Log((ORDER,), (FILL,)))

    assert [difference.cause for difference in found.differences] == [Cause.OTHER_ORDER]


def test_a_difference_after_positions_parted_is_a_consequence() -> None:
    early = Entry(0, -1, 105, 1)
    late = Entry(35 * NS_PER_MS, 1, 100, 1)
    scene = Scene(a_batch(*QUEUE), LATENCY_NS)

    found = scene.compare(Log((), (early,)), Log((late,), (FILL,)))

    assert found.differences[-1].fill == FILL
    assert found.differences[-1].cause is Cause.CONSEQUENCE


def test_an_order_after_a_gap_is_our_quality() -> None:
    batch = a_batch(*QUEUE[:2], (3_000, Kind.BID, 100, 1), (3_060, Kind.SELL, 100, 2))
    order, fill = Entry(3_000 * NS_PER_MS, 1, 100, 1), Entry(3_060 * NS_PER_MS, 1, 100, 1)

    found = Scene(batch, LATENCY_NS).compare(Log((), ()), Log((order,), (fill,)))

    assert [difference.cause for difference in found.differences] == [Cause.QUALITY]


@pytest.mark.parametrize("symbols", [1, 3])
def test_a_market_to_scale_with_keeps_its_books_whole(
    tmp_path: Path, symbols: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.scale._CHUNK_ROWS", 6_000)
    write_market(tmp_path / "tape", 15_000, symbols)
    tape = Tape.open(tmp_path / "tape")

    assert tape.rows == pytest.approx(15_000, rel=0.01)
    assert len(tape.header.instruments) == symbols
    markets = {each.symbol: Market(each, ()) for each in tape.header.instruments}
    for batch in tape.batches():
        row = 0
        while row < len(batch):
            row = markets[batch.symbol].step(batch, row)
            assert markets[batch.symbol].ask_ticks - markets[batch.symbol].bid_ticks == 2
    assert int(np.concatenate([batch.local_ns for batch in tape.batches()]).max()) == tape.span_ns[1]
