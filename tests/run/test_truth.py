"""On a market whose alpha is known, the directional strategy earns only where there is something to earn."""

from __future__ import annotations

import os

import pytest

from bot.types import Decision, Fill, Outcome, Record
from tests.run.virtual import core, polled

pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT", "0") != "0",
    reason="minutes of a market take too long where nothing is compiled",
)


def traded(minutes: float, alpha: float, seed: int) -> tuple[list[Record], list[float]]:
    """The records of a run, and the net P&L of each lane."""
    engine = core("book_imbalance")
    records = [record for batch in polled(minutes, alpha, seed) for record in engine.process(batch)]
    return records, [float(lane.portfolio.equity - lane.portfolio.opening) for lane in engine.lanes]


def test_without_alpha_the_edge_gate_never_pays_for_a_round_trip() -> None:
    records, nets = traded(minutes=12, alpha=0.0, seed=2)

    assert [record for record in records if isinstance(record, Fill)] == []
    assert nets == [0.0, 0.0, 0.0]
    asked = [record for record in records if isinstance(record, Decision) and record.outcome is Outcome.HOLD]
    assert {decision.reason for decision in asked} >= {"the expected move does not pay for the round trip"}


def test_with_strong_planted_alpha_it_trades_and_earns_more_than_it_pays() -> None:
    records, nets = traded(minutes=25, alpha=8.0, seed=2)

    fills = [record for record in records if isinstance(record, Fill)]
    assert len(fills) > 10
    assert min(nets) > 0
