"""A whole run over a tape that has funding times, a liquidation and a fee tier in it, and its replay."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from bot.types import NS_PER_S, Batch, Fact, Kind
from storage.tape_header import Sampling, TapeHeader
from storage.tape_writer import TapeWriter
from tests.run.bots import Folder
from tests.trading.scenes import BTC, START_NS, Tape
from tests.trading.test_funding import DUE_NS, fact

LONG = """
from dataclasses import dataclass
from bot.trading import Answer, Strategy, Target, View


@dataclass
class Long(Strategy):
    signals = ("spread",)

    def decide(self, see: View) -> Answer:
        return Target(1.0, reason="always long")
"""
TO_DUE_S = (DUE_NS - START_NS) // NS_PER_S


def recorded(folder: Path) -> None:
    """A book every two seconds, from 20 s before 23:00 to 20 s after it; at last the mark falls to 30,000."""
    tape = Tape(every_ns=2 * NS_PER_S)
    batches: list[Batch | Fact] = [tape.message((Kind.CLOCK, 0, 0), wait_ns=(TO_DUE_S - 20) * NS_PER_S)]
    batches += [tape.book(lots=50) for _ in range(20)]
    terms = (("funding_interval_h", "1"), ("funding_rate", "0.0001"), ("mark_price", "60000"))
    first, last = batches[1], batches[-1]
    assert isinstance(first, Batch)
    assert isinstance(last, Batch)
    batches[2:2] = [fact(*term, int(first.local_ns[0])) for term in terms]
    batches.insert(-2, fact("mark_price", "30000", int(last.local_ns[0]) - 4 * NS_PER_S))
    seq = 0
    header = TapeHeader("funded", "synthetic", Sampling.EVENT, START_NS, (BTC,))
    with TapeWriter(folder, header) as writer:
        for one in batches:
            if isinstance(one, Fact):
                writer.write_fact(replace(one, seq=seq))
                seq += 1
            else:
                writer.write([replace(one, seq=one.seq - one.seq[0] + seq)])
                seq += len(one)


def test_a_run_over_a_funding_time_pays_it_is_liquidated_and_replays_equal(folder: Folder) -> None:
    (folder.path / "strategies" / "long.py").write_text(LONG)
    recorded(folder.path / "data" / "tapes" / "funded")
    terms = ("paper.balance=200", "paper.maker_bps=2", "risk.max_daily_loss=0.9", "risk.max_drawdown=0.9")
    words = [word for term in terms for word in ("--set", term)]

    ended = folder.run("paper", "--replay", "funded", "--speed", "max", "--strategy", "long", "--plain", *words)

    assert ended.code == 0, ended.err
    (row,) = json.loads(folder.run("trades", "--funding", "--run", "1", "--json").out)
    assert (row["local_ns"], row["position_lots"], row["rate"]) == (DUE_NS, 16, "0.0001")
    assert Decimal(row["amount"]) == -16 * Decimal("0.001") * 60_000 * Decimal("0.0001")
    assert folder.ask("select kind from incidents where lane = 'queue'")[:2] == [("liquidated",), ("halted",)]
    assert folder.ask("select funding from equity where lane = 'queue' order by id desc limit 1") == [("-0.09600000",)]
    assert folder.ask("select sum(amount <> '') from funding") == [(3,)]  # each lane pays
    replayed = folder.run("replay", "1", "--assert")
    assert replayed.code == 0, replayed.out + replayed.err
