"""A folder as a bot leaves it: a database with one run of two lanes, and a config.toml that names it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from bot.types import NS_PER_S, Decision, Denial, EquityPoint, Incident, OrderStatus, Outcome, Side
from storage.journal import Journal
from storage.lanes import new_lane
from tests.storage.samples import BALANCE, BTC, LANE, START_NS, begin, fill, funding, intent, order_event, written

END_NS = START_NS + 60 * NS_PER_S
TOO_SMALL = "the expected move does not pay for the round trip"


def seed(folder: Path) -> None:
    """Write ten waiting decisions, thirty that hold, one target with two fills, and a denied order."""
    (folder / "config.toml").write_text(
        f'[storage]\nurl = "sqlite:///{folder}/imbalance.db"\nfolder = "{folder}"\n', encoding="utf-8"
    )
    with written(folder) as journal:
        run = begin(journal, opening=[new_lane(LANE, BALANCE), new_lane("touch", BALANCE)])
        _decide(journal)
        _trade(journal)
        journal.commit(durable=True)
        journal.end_run(run, END_NS, "the time asked for is up")


def decision(second: float, outcome: Outcome, reason: str, answer: str = "", lane: str = LANE) -> Decision:
    """A decision some seconds after the start."""
    stamp = START_NS + round(second * NS_PER_S)
    seen = {"ofi(10s)": float("nan") if outcome is Outcome.WAITING else 1.5}
    return Decision(lane, BTC.symbol, round(second * 4), stamp, outcome, reason, answer, seen, {"cost_bps": 10.01})


def _decide(journal: Journal) -> None:
    journal.write(decision(n / 4, Outcome.WAITING, "signals are warming up: ofi(10s)") for n in range(10))
    journal.write(decision(3 + n / 4, Outcome.HOLD, TOO_SMALL) for n in range(30))
    journal.write([decision(20, Outcome.TARGET, "the book leans up", "target +1.00")])
    journal.write([decision(21, Outcome.HOLD, "only this lane says so", lane="touch")])


def _trade(journal: Journal) -> None:
    journal.write([intent(20), order_event(20, OrderStatus.FILLED, 10)])
    journal.write([fill(20, Side.BUY, 10, 200, position_lots=10)])
    journal.write([intent(30, Side.SELL), order_event(30, OrderStatus.FILLED, 10)])
    journal.write([funding(25, "-0.0123", 10)])
    journal.write([fill(30, Side.SELL, 10, 204, realised="0.2", position_lots=0)])
    journal.write([intent(40), order_event(40, OrderStatus.CANCELED)])
    journal.write([fill(25, Side.BUY, 10, 200, position_lots=10, lane="touch")])
    stamp = START_NS + 21 * NS_PER_S
    bounds = ("max_position", "2000 USDT", "2100 USDT", "position would be too large")
    journal.write([Denial(LANE, BTC.symbol, 84, stamp, Side.BUY, 200, 10, *bounds)])
    journal.write([Incident(LANE, "", 90, stamp, "outage", "no answer for 4 s")])
    worth = (Decimal("10000.1"), Decimal("10000.1"), Decimal("0.2"), Decimal(0), Decimal("0.1"), Decimal(0))
    journal.write([EquityPoint(LANE, 100, END_NS, *worth)])
