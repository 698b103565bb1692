"""A whole run whose orders take as long as its requests to the exchange did, its replay and a backtest of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.trading.round_trip import round_trip_ns
from bot.types import Fact
from storage.tape import Tape
from tests.run.bots import Folder, end

BRISK = ("--set", "strategy.params.half_spread_bps=0.0", "--set", "paper.latency=measured")
TOOK = """select e.local_ns - i.local_ns from intents i
    join order_events e on e.lane = i.lane and e.client_id = i.client_id
    where i.run_id = 1 and e.run_id = 1 and e.reason <> (select end_reason from runs where id = 1)
    group by i.lane, i.client_id having e.id = min(e.id)"""
"""How long orders were on their way, but for those that were when the run ended."""


def measured_ns(tape: Path) -> set[int]:
    return {round_trip_ns(fact) for fact in Tape.open(tape).facts() if isinstance(fact, Fact)} - {0}


@pytest.mark.parametrize("mode", ["poll", "stream"])
def test_a_run_at_the_measured_latency_its_replay_and_a_backtest_of_its_recording_are_equal(
    folder: Folder, mode: str
) -> None:
    bot = folder.start("paper", *BRISK, "--plain", "--set", f"feed.mode={mode}")
    folder.wait_for("select 1 from fills where lane = 'queue'")
    # Measured at the start and each five seconds: until an order went out after the second time.
    folder.wait_for("select 1 from (select max(local_ns) - min(local_ns) as ran from decisions) where ran > 8e9")
    ended = end(bot)

    assert ended.code == 0, ended.out
    (tape,) = (folder.path / "data" / "tapes").iterdir()
    told_ns = measured_ns(tape)
    assert len(told_ns) > 1
    took_ns = {row[0] for row in folder.ask(TOOK)}
    assert took_ns & told_ns
    # One that may not overtake another takes a time between both.
    assert min(told_ns) <= min(took_ns) <= max(took_ns) <= max(told_ns)
    assert folder.run("replay", "1", "--assert").code == 0
    assert folder.run("backtest", str(tape), *BRISK).code == 0
    compared = folder.run("compare", "1", "2")
    assert compared.code == 0, compared.out
    assert "are equal: every decision, order and fill is the same" in compared.out
