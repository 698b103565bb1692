"""The measurement of signals runs, on a small market and without the peer; what it hands to the peer is the market."""

from __future__ import annotations

import json
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from benchmarks.fresh import start
from benchmarks.peer import Peer, PeerFailed, peer
from benchmarks.rounds import Rounds
from benchmarks.sheet import Sheet, put_into
from benchmarks.signal_events import EVERY_NS, SYMBOL, Events, load, save, save_for_peer, synthetic
from benchmarks.signal_live import LEVELS, books, live_times
from benchmarks.signal_sets import DEFAULT, WHOLE, market, signal_sets, walk
from benchmarks.signals import Choice, footprint, live, throughput
from bot.feed.symbol import SymbolFeed
from bot.market.market import Market
from bot.market.signals.catalogue import CATALOGUE
from bot.types import Kind, Side

ROWS = 20_000


@pytest.fixture(scope="module")
def events() -> Events:
    """A small made-up market."""
    return synthetic(ROWS)


@pytest.fixture
def choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Choice:
    """A quick measurement, as on a machine without recorded sessions and without the peer."""
    monkeypatch.setattr("benchmarks.signal_events.RECORDED", tmp_path)
    return Choice(peer=tmp_path / "python", rows=ROWS, updates=200, rounds=1)


def test_throughput_is_measured_without_the_peer_too(choice: Choice, tmp_path: Path) -> None:
    sheet = throughput(choice, tmp_path)

    assert [row[:2] for row in sheet.rows] == [("synthetic", name) for name in signal_sets()]
    assert all(row[2] == ROWS and float(row[3]) > 0 for row in sheet.rows)
    assert any("hftbacktest is not installed" in note for note in sheet.notes)
    assert any("recorded sessions are absent" in note for note in sheet.notes)
    json.dumps(sheet.as_json(), allow_nan=False)


def test_live_updates_are_measured_in_two_parts(choice: Choice) -> None:
    sheet = live(choice)

    assert [row[0] for row in sheet.rows] == [DEFAULT] * 3 + [WHOLE] * 3
    assert all(0 < float(p50) <= float(p99) <= float(most) for _, _, p50, p99, most in sheet.rows)


def test_memory_is_measured_in_processes_of_their_own(choice: Choice, tmp_path: Path) -> None:
    sheet = footprint(choice, tmp_path)

    assert [row[1] for row in sheet.rows] == list(signal_sets())
    assert all(float(before) > 10 and float(market) > 0.1 for _, _, before, _, _, market in sheet.rows)


def test_a_start_is_measured_in_a_process_of_its_own() -> None:
    took = start({})

    assert 0 < took.import_s < took.whole_s
    assert 0 < took.ready_s < took.whole_s


def test_the_made_up_market_has_four_depth_rows_to_a_trade_and_never_crosses(events: Events) -> None:
    kinds = Counter(events.batch.kind.tolist())
    seen = Market(events.instrument, ())

    _, touches, _ = seen.scan(events.batch, 0, events.times_ns)

    assert kinds[Kind.BID] + kinds[Kind.ASK] == 4 * (kinds[Kind.BUY] + kinds[Kind.SELL]) == ROWS * 4 // 5
    assert (touches[:, 2] - touches[:, 0] == 2).all()
    assert (touches[:, (1, 3)] > 0).all()


def test_decisions_are_taken_every_100_ms_to_the_last_row(events: Events) -> None:
    times_ns = events.times_ns

    assert (np.diff(times_ns) == EVERY_NS).all()
    assert 0 <= times_ns[-1] - events.batch.local_ns[-1] < EVERY_NS


def test_the_whole_catalogue_is_measured(events: Events) -> None:
    names = signal_sets()[WHOLE]

    walk(market(events.instrument, names), events.batch, events.times_ns)

    assert len(names) == len(CATALOGUE)


def test_rows_left_over_are_no_measurement(events: Events) -> None:
    with pytest.raises(ValueError, match="all 20000 rows"):
        walk(market(events.instrument, ()), events.batch, events.times_ns[:-2])


def test_saved_columns_are_read_back(events: Events, tmp_path: Path) -> None:
    save(events, tmp_path / "columns.npz")

    read = load(tmp_path / "columns.npz")

    assert read.symbol == SYMBOL
    assert (read.price == events.batch.price).all()
    assert read.kind.dtype == np.uint8


def test_the_peer_is_handed_the_same_rows(events: Events, tmp_path: Path) -> None:
    save_for_peer(events, tmp_path / "peer.npz")

    rows = np.load(tmp_path / "peer.npz")["data"]

    assert np.round(rows["px"] / 0.1).astype(int).tolist() == events.batch.price.tolist()
    assert np.round(rows["qty"] / 0.001).astype(int).tolist() == events.batch.size.tolist()
    assert (rows["local_ts"] > rows["exch_ts"]).all()
    buying, selling, depth, trade = 1 << 29, 1 << 28, 1, 2
    wanted = {Kind.BID: depth | buying, Kind.ASK: depth | selling, Kind.BUY: trade | buying, Kind.SELL: trade | selling}
    assert rows["ev"].tolist() == [wanted[Kind(kind)] for kind in events.batch.kind.tolist()]


def test_best_quotes_are_not_handed_to_the_peer(events: Events, tmp_path: Path) -> None:
    quoted = Events("quoted", events.instrument, events.batch, has_quotes=True)

    with pytest.raises(ValueError, match="depth and trades"):
        save_for_peer(quoted, tmp_path / "peer.npz")


def test_a_peer_that_breaks_down_says_why(events: Events, tmp_path: Path) -> None:
    # The project's own Python has no hftbacktest.
    with peer(Path(sys.executable)) as broken, pytest.raises(PeerFailed, match="No module named 'hftbacktest'"):
        broken.load(events, tmp_path)


def test_a_peer_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PeerFailed, match="there is no"), peer(tmp_path / "python") as missing:
        assert isinstance(missing, Peer)


def test_a_ratio_is_that_of_rounds_side_by_side() -> None:
    rounds = Rounds()
    for ours, theirs in ((1.0, 8.0), (2.0, 10.0), (4.0, 36.0)):
        rounds.add("ours", ours)
        rounds.add("theirs", theirs)

    assert rounds.ratio("ours", "theirs") == 8.0
    assert np.isnan(rounds.ratio("ours", "nobody"))


def test_a_live_book_becomes_the_book_of_the_market(events: Events) -> None:
    numbers = iter(range(10**9))
    feed = SymbolFeed(events.instrument, 500, lambda _: next(numbers))
    live, shown = Market(events.instrument, ()), Market(events.instrument, ())
    row, updates = 0, 0

    for update in books(events):
        while row < len(events.batch) and events.batch.local_ns[row] <= update.local_ns:
            row = shown.step(events.batch, row)
        live.step(feed.book(update.answer, update.local_ns), 0)
        assert [update.answer["bids"][0][0], update.answer["bids"][0][1]] == [
            float(events.instrument.price(shown.bid_ticks)),
            float(events.instrument.size(shown.bid_lots)),
        ]
        for side in Side:
            ours, theirs = live.levels(side, LEVELS), shown.levels(side, LEVELS)
            assert [column.tolist() for column in ours] == [column.tolist() for column in theirs]
        updates += 1
        if updates == 300:
            break

    assert updates == 300


def test_live_updates_are_timed_after_a_warm_up(events: Events) -> None:
    times = live_times(events, (), updates=500)

    assert len(times.feed_us) == len(times.market_us) == 500
    assert (times.market_us > 0).all()


def test_sheets_are_put_between_the_marks_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Figures\n<!-- figures -->\nold\n<!-- /figures -->\nend\n")
    sheet = Sheet("Speed", ("what", "a second"), [("book", 1_234_567), ("nobody", float("nan"))], ["on a bench"])

    put_into([sheet], page)

    text = page.read_text()
    assert text.startswith("# Figures\n<!-- figures -->\n")
    assert text.endswith("<!-- /figures -->\nend\n")
    assert "| what | a second |\n| --- | ---: |\n| book | 1,234,567 |\n| nobody |  |\n\n- on a bench\n" in text
    assert "old" not in text


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("mine")

    with pytest.raises(ValueError, match="should have the marks"):
        put_into([], page)

    assert page.read_text() == "mine"


def test_the_price_range_reaches_past_the_trades(events: Events) -> None:
    low, high = events.price_range
    traded = events.batch.price[np.isin(events.batch.kind, (Kind.BUY, Kind.SELL))]

    assert low == pytest.approx(float(events.instrument.price(int(traded.min())) * Decimal("0.95")))
    assert high == pytest.approx(float(events.instrument.price(int(traded.max())) * Decimal("1.05")))
