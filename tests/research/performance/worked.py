"""A run of a minute written by hand, with figures that fit on a sheet of paper.

A tick is 0.5, a lot 0.01. The mid is 100 from 0 s, 100.5 from 12 s, 101.5 from 17 s and 101 from 31 s; the recording
ends at 40 s. The lane queue buys 1.0 at 99.5 (10 s, maker), sells 0.4 at 102 (20 s, maker) and 0.6 at 100.5 (30 s,
taker): it paid 99.5 and got 40.8 + 60.3. Fees are 0.06, funding brought 0.05.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import orjson

from bot.config import load, resolved
from bot.research.mids import Mids
from bot.research.performance.performance import Seen
from bot.research.performance.prices import Prices
from bot.research.performance.sightings import Behind
from bot.types import NS_PER_S, Decision, EquityPoint, Fill, Liquidity, OrderStatus, Outcome, Side
from storage.journal import Journal
from storage.lanes import new_lane
from tests.storage.samples import BALANCE, BTC, LANE, START_NS, denial, fill, intent, order_event, run_start, written

END_S = 40
LANES = (LANE, "touch", "placebo-01", "placebo-02", "placebo-03")
CLOSING: Mapping[str, str] = {
    LANE: "10001.59",
    "touch": "9998",
    "placebo-01": "10001",
    "placebo-02": "10002",
    "placebo-03": "9999",
}


def fills(lane: str = LANE) -> list[Fill]:
    """The three fills, in order."""
    bought = fill(20, Side.BUY, 100, 199, position_lots=100, fee="0.02", at_s=10, lane=lane)
    sold = fill(30, Side.SELL, 40, 204, realised="1.0", position_lots=60, fee="0.01", at_s=20, lane=lane)
    crossed = fill(35, Side.SELL, 60, 201, realised="0.6", position_lots=0, fee="0.03", at_s=30, lane=lane)
    return [replace(bought, liquidity=Liquidity.MAKER), replace(sold, liquidity=Liquidity.MAKER), crossed]


def prices(span_s: tuple[int, int] = (0, END_S)) -> Prices:
    """The mid of the minute."""
    seconds = np.array([0, 12, 17, 31], np.int64)
    mids = Mids(np.array([5, 22, 24, 40]), START_NS + seconds * NS_PER_S, np.array([400, 402, 406, 404]))
    first, last = (START_NS + second * NS_PER_S for second in span_s)
    return Prices({BTC.symbol: mids}, {BTC.symbol: BTC}, ((first, last),))


def behind() -> dict[tuple[str, str], Behind]:
    """What the lane saw when it sent the three orders."""
    leans = {20: 0.5, 30: -0.5, 35: 0.25}
    return {(LANE, f"ib-{number}"): Behind(BTC.symbol, number, {"lean": lean}) for number, lean in leans.items()}


def seen() -> Seen:
    """All that the run saw."""
    return Seen(prices(), {}, behind())


def store(folder: Path) -> int:
    """Write the run to a database in the folder; return its id."""
    config = load(None, ['exchange.symbols=["BTC/USDT:USDT"]'], {})
    with written(folder) as journal:
        journal.open_account("paper", "USDT", BALANCE, START_NS)
        start = run_start(opening=[new_lane(lane, BALANCE) for lane in LANES], tape="")
        run = journal.start_run(replace(start, config=orjson.dumps(resolved(config)).decode()))
        _write(journal)
        journal.commit(durable=True)
        journal.end_run(run, START_NS + END_S * NS_PER_S, "the tape is over")
    return run


def _write(journal: Journal) -> None:
    for number, outcome in ((1, Outcome.WAITING), (2, Outcome.WAITING), (20, Outcome.QUOTES), (30, Outcome.QUOTES)):
        reason = "signals are warming up" if outcome is Outcome.WAITING else "quoting both sides"
        stamp = START_NS + number * NS_PER_S // 2
        journal.write([Decision(LANE, BTC.symbol, number, stamp, outcome, reason, "", {"lean": 0.5})])
    for number, side in ((20, Side.BUY), (30, Side.SELL), (35, Side.SELL)):
        sent = replace(intent(number, side), reason="quoting both sides" if number < 35 else "stop-loss")
        journal.write([sent, order_event(number, OrderStatus.FILLED, 10)])
    journal.write([intent(36), order_event(36, OrderStatus.CANCELED), denial(37), *fills()])
    for lane in LANES:
        if lane == LANE:  # up 1, then 1.5 below that
            journal.write([_point(lane, 5, "10000"), _point(lane, 15, "10001"), _point(lane, 25, "9999.5")])
        journal.write([_point(lane, END_S, CLOSING[lane])])


def _point(lane: str, second: int, equity: str) -> EquityPoint:
    fees, funding = (Decimal("0.06"), Decimal("0.05")) if lane == LANE and second == END_S else (Decimal(0), Decimal(0))
    worth = Decimal(equity)
    return EquityPoint(
        lane, 50 + second, START_NS + second * NS_PER_S, worth, worth, Decimal(0), Decimal(0), fees, funding
    )
