"""What signals cost is measured for every one of them, on a stream whose events are counted right."""

from __future__ import annotations

from benchmarks.signal_costs import costs, replay_of
from benchmarks.signal_events import synthetic
from bot.market.signals.catalogue import CATALOGUE
from bot.market.signals.entry import Paid
from bot.types import NS_PER_MS, NS_PER_S

ROWS = 2_500
BETWEEN = {
    Paid.DECISION: "",
    Paid.TRADE: "trade",
    Paid.MESSAGE: "message",
    Paid.TRADE_AND_MESSAGE: "message",
    Paid.LEVEL: "level",
}


def test_every_signal_is_measured_and_the_noise_beside_it() -> None:
    sheet = costs(synthetic(ROWS), rounds=1)

    assert [row[0] for row in sheet.rows] == ["none", "none", *(f"`{each.example}`" for each in CATALOGUE.values())]
    assert [row[3] for row in sheet.rows[2:]] == [BETWEEN[signal.paid] for signal in CATALOGUE.values()]
    assert [row[2] == "" for row in sheet.rows] == [row[3] == "" for row in sheet.rows]


def test_events_and_decisions_are_counted() -> None:
    replay = replay_of(synthetic(ROWS))

    # A message every 10 ms, of four levels and a trade.
    assert (replay.counts.messages, replay.counts.trades, replay.counts.levels) == (ROWS // 5, ROWS // 5, ROWS * 4 // 5)
    assert len(replay.often_ns) == ROWS // 5 - 1
    assert replay.often_ns[-1] == replay.seldom_ns[-1] == replay.events.batch.local_ns[-1]
    assert replay.often_ns[1] - replay.often_ns[0] == 10 * NS_PER_MS
    assert replay.seldom_ns[-1] - replay.seldom_ns[0] < 10 * NS_PER_S
