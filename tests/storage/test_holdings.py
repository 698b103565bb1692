"""A run goes on with exactly what the one before it left."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine

from bot.errors import StorageError
from bot.types import NS_PER_S, Side
from storage import tradelog
from storage.holdings import account_state, positions
from storage.lanes import new_lane
from storage.trips import round_trips
from tests.storage.samples import (
    BALANCE,
    BTC,
    LANE,
    START_NS,
    begin,
    fill,
    read,
    run_start,
    shown,
    written,
)
from tests.storage.worked_day import DAY_S, FILLS, FUNDED, HELD


def test_the_account_goes_on_with_exactly_what_the_lane_owns(traded: Engine) -> None:
    state = account_state(traded, "paper", LANE)

    assert state.holdings == (FUNDED,)
    assert state.holdings[0].average_entry == 95
    assert (state.realised, state.fees, state.funding) == (Decimal("-0.70"), Decimal("0.12"), Decimal("-0.35"))
    assert state.cash == BALANCE - Decimal("0.70") - Decimal("0.12") - Decimal("0.35")
    assert (state.last_client_id, state.last_fill_id, state.intents, state.fills) == ("ib-5", "t5", 5, 5)
    assert (state.peak_equity, state.day_equity) == (Decimal(10001), Decimal(9997))
    assert state.day == START_NS // NS_PER_S // DAY_S + 1


def test_a_lane_without_a_run_owns_the_opening_balance(traded: Engine) -> None:
    assert account_state(traded, "paper", "touch") == new_lane("touch", BALANCE)


def test_an_account_that_never_was_is_refused(traded: Engine) -> None:
    with pytest.raises(StorageError, match="there is no account live"):
        account_state(traded, "live", LANE)


def test_positions_are_those_of_the_accounts_in_use(traded: Engine) -> None:
    assert [(each.account, each.lane, each.holding) for each in positions(traded)] == [("paper", LANE, FUNDED)]
    assert positions(traded, lane="touch") == []


def test_a_fee_in_another_asset_is_told_apart(tmp_path: Path) -> None:
    with written(tmp_path) as journal, read(tmp_path) as engine:
        begin(journal)
        journal.write([fill(1, Side.BUY, 10, 200, fee="0.001", fee_asset="BNB")])
        journal.commit(durable=True)
        state = account_state(engine, "paper", LANE)

    assert (state.cash, state.fees, state.other_fees) == (BALANCE, Decimal(0), (("BNB", Decimal("0.001")),))


def test_the_contract_size_counts_in_every_value(tmp_path: Path) -> None:
    contracts = replace(BTC, contract_size=Decimal(10))
    with written(tmp_path) as journal, read(tmp_path) as engine:
        journal.open_account("paper", "USDT", BALANCE, START_NS)
        journal.start_run(replace(run_start(), instruments=(contracts,)))
        journal.write([fill(1, Side.BUY, 10, 200), fill(2, Side.SELL, 4, 210, realised="2")])
        journal.commit(durable=True)
        (holding,) = account_state(engine, "paper", LANE).holdings

        assert (holding.entry_cost, holding.average_entry) == (Decimal(60), Decimal(100))
        assert [trade.notional for trade in tradelog.fills(engine)] == [Decimal(100), Decimal(42)]
        assert [row["notional"] for row in shown(engine, "SELECT * FROM trade_log")] == [100.0, 42.0]
        assert [row["average_entry"] for row in shown(engine, "SELECT * FROM positions")] == [100.0]


def test_a_restart_goes_on_where_the_killed_run_stopped(tmp_path: Path) -> None:
    with written(tmp_path) as journal, read(tmp_path) as engine:
        for part in (FILLS[:2], FILLS[2:]):
            begin(journal, opening=[account_state(engine, "paper", LANE)] if tradelog.runs(engine) else None)
            journal.write(part)
            journal.commit(durable=True)

        assert account_state(engine, "paper", LANE).holdings == (HELD,)
        assert [row["size"] for row in shown(engine, "SELECT * FROM positions")] == [-0.2]
        assert [trip.gross for trip in round_trips(engine)] == [Decimal("-1.20")]
