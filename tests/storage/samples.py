"""Records and databases for the tests of the trade log: one market with a tick of 0.5 and a lot of 0.01."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Engine

from bot.types import (
    NS_PER_S,
    Decision,
    Denial,
    EquityPoint,
    Fill,
    Funding,
    Incident,
    Instrument,
    InstrumentKind,
    Intent,
    Liquidity,
    OrderEvent,
    OrderStatus,
    Outcome,
    Side,
    TimeInForce,
)
from storage.database import open_reader, open_writer, reading
from storage.journal import Journal, RunStart
from storage.lanes import LaneState, new_lane

BTC = Instrument("BTC/USDT:USDT", InstrumentKind.LINEAR, "BTC", "USDT", Decimal("0.5"), Decimal("0.01"))
LANE = "queue"
BALANCE = Decimal(10_000)
START_NS = 1_700_000_000 * NS_PER_S  # 2023-11-14T22:13:20Z
MARKET_VALUES: Mapping[str, float] = {"ofi(10s)": 1.5, "depth_imbalance(5)": -0.25}


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder}/imbalance.db"


@contextmanager
def written(folder: Path) -> Iterator[Journal]:
    engine = open_writer(url_of(folder))
    try:
        yield Journal(engine)
    finally:
        engine.dispose()


@contextmanager
def read(folder: Path) -> Iterator[Engine]:
    engine = open_reader(url_of(folder))
    try:
        yield engine
    finally:
        engine.dispose()


def begin(journal: Journal, *, opening: Sequence[LaneState] | None = None, account: str = "paper") -> int:
    journal.open_account(account, "USDT", BALANCE, START_NS)
    return journal.start_run(run_start(opening=opening, account=account))


def run_start(*, opening: Sequence[LaneState] | None = None, account: str = "paper", tape: str = "tapes/1") -> RunStart:
    return RunStart(
        account=account,
        started_ns=START_NS,
        mode="paper",
        config='{"symbols":["BTC/USDT:USDT"]}',
        config_hash="c0ffee",
        strategy_name="BookImbalance",
        strategy_hash="5eed",
        strategy_source="class BookImbalance: ...",
        code_version="0.1.0",
        seed=7,
        tape=tape,
        pid=42,
        opening=tuple(opening if opening is not None else [new_lane(LANE, BALANCE)]),
        opening_state='{"queue":{"cash":"10000"}}',
        instruments=(BTC,),
    )


def intent(number: int = 1, side: Side = Side.BUY, lots: int = 10, ticks: int = 200, lane: str = LANE) -> Intent:
    return Intent(
        lane=lane,
        symbol=BTC.symbol,
        client_id=f"ib-{number}",
        seq=number,
        local_ns=START_NS + number * NS_PER_S,
        side=side,
        price_ticks=ticks,
        lots=lots,
        time_in_force=TimeInForce.IOC,
        post_only=False,
        reduce_only=False,
        reason="book leans up",
    )


def order_event(number: int, status: OrderStatus, filled_lots: int = 0) -> OrderEvent:
    return OrderEvent(
        LANE, BTC.symbol, f"ib-{number}", number, START_NS + number * NS_PER_S + 5, status, filled_lots, ""
    )


def fill(
    number: int,
    side: Side,
    lots: int,
    ticks: int,
    *,
    realised: str = "0",
    position_lots: int = 0,
    fee: str = "0.05",
    fee_asset: str = "USDT",
    lane: str = LANE,
    at_s: int | None = None,
) -> Fill:
    return Fill(
        lane=lane,
        symbol=BTC.symbol,
        client_id=f"ib-{number}",
        fill_id=f"t{number}",
        seq=number,
        local_ns=START_NS + (number if at_s is None else at_s) * NS_PER_S,
        side=side,
        price_ticks=ticks,
        lots=lots,
        price=BTC.price(ticks),
        size=BTC.size(lots),
        fee=Decimal(fee),
        fee_asset=fee_asset,
        liquidity=Liquidity.TAKER,
        realised=Decimal(realised),
        position_lots=position_lots,
    )


def decision(
    number: int,
    outcome: Outcome = Outcome.HOLD,
    reason: str = "no new opinion",
    answer: str = "",
    signals: Mapping[str, float] = MARKET_VALUES,
    lane: str = LANE,
) -> Decision:
    return Decision(
        lane, BTC.symbol, number, START_NS + number * NS_PER_S, outcome, reason, answer, signals, {"edge_bps": 0.5}
    )


def denial(number: int, limit: str = "max_position") -> Denial:
    return Denial(
        LANE, BTC.symbol, number, START_NS + number * NS_PER_S, Side.BUY, 200, 10, limit, "100", "110", "too much"
    )


def equity_point(
    number: int, equity: str = "10000", funding: str = "0", lane: str = LANE, at_s: int | None = None
) -> EquityPoint:
    seconds = number if at_s is None else at_s
    worth, zero = Decimal(equity), Decimal(0)
    return EquityPoint(lane, number, START_NS + seconds * NS_PER_S, worth, worth, zero, zero, zero, Decimal(funding))


def funding(number: int, amount: str, position_lots: int = -20, lane: str = LANE, at_s: int | None = None) -> Funding:
    stamp = START_NS + (number if at_s is None else at_s) * NS_PER_S
    return Funding(lane, BTC.symbol, number, stamp, position_lots, Decimal(100), Decimal("0.0001"), Decimal(amount))


def incident(number: int) -> Incident:
    return Incident(LANE, "", number, START_NS + number * NS_PER_S, "outage", "no answer for 3 s")


def shown(engine: Engine, query: str) -> list[dict[str, object]]:
    with reading(engine) as connection:
        return [dict(row) for row in connection.exec_driver_sql(query).mappings()]
