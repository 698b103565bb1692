"""What a lane owns is the same whether it is remembered, stored and read back, or rebuilt for a replay."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.account import described, portfolio_of, rebuilt, untraded
from bot.errors import UserError
from bot.trading.portfolio import Portfolio
from bot.types import Execution, Funding, Instrument, InstrumentKind, Liquidity, Side
from storage.database import open_writer
from storage.holdings import account_state
from storage.journal import Journal, RunStart
from storage.lanes import new_lane
from storage.volumes import daily_volumes

BTC = Instrument("BTC/USDT:USDT", InstrumentKind.LINEAR, "BTC", "USDT", Decimal("0.1"), Decimal("0.001"), Decimal(5))
ETH = Instrument("ETH/USDT:USDT", InstrumentKind.LINEAR, "ETH", "USDT", Decimal("0.01"), Decimal("0.001"), Decimal(5))
BOTH = (BTC, ETH)
FILLS = st.lists(
    st.tuples(st.sampled_from(BOTH), st.sampled_from(Side), st.integers(1, 500), st.integers(1, 10**6)), max_size=25
)
Filled = list[tuple[Instrument, Side, int, int]]


def traded(fills: Filled) -> Portfolio:
    own = Portfolio({each.symbol: each for each in BOTH}, Decimal(10_000))
    for number, (instrument, side, lots, price) in enumerate(fills):
        own.book(execution(number, instrument, side, lots, price), "queue")
    return own


def execution(number: int, instrument: Instrument, side: Side, lots: int, price: int) -> Execution:
    fee = instrument.notional(price, lots) * 5 / 10_000
    return Execution(
        instrument.symbol, f"o{number}", f"f{number}", number, number, side, price, lots, fee, "USDT", Liquidity.TAKER
    )


def store(url: str, fills: Filled) -> None:
    engine = open_writer(url)
    journal = Journal(engine)
    journal.open_account("paper", "USDT", Decimal(10_000), 0)
    opening = (new_lane("queue", Decimal(10_000)),)
    journal.start_run(RunStart("paper", 0, "paper", "{}", "", "none", "", "", "0", 0, "", 1, opening, instruments=BOTH))
    own = traded([])
    journal.write(own.book(execution(number, *fill), "queue") for number, fill in enumerate(fills))
    journal.commit(durable=False)
    engine.dispose()


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(FILLS)
def test_the_next_run_owns_what_the_last_one_had(tmp_path: Path, fills: Filled) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    store(url, fills)
    remembered = traded(fills)

    engine = open_writer(url)
    read_back = portfolio_of(account_state(engine, "paper", "queue"), BOTH)
    engine.dispose()
    (tmp_path / "log.db").unlink()

    assert read_back.positions == remembered.positions
    assert (read_back.cash, read_back.fees, read_back.opening) == (remembered.cash, remembered.fees, Decimal(10_000))


def test_funding_and_volumes_go_on_in_the_next_run(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    store(url, [(BTC, Side.BUY, 10, 600_000)])
    engine = open_writer(url)
    journal = Journal(engine)
    opening = (account_state(engine, "paper", "queue"),)
    journal.start_run(RunStart("paper", 0, "paper", "{}", "", "none", "", "", "0", 0, "", 1, opening, instruments=BOTH))
    terms = (10, Decimal(60_000), Decimal("0.0001"))
    # The run is killed: no equity point was written after it.
    journal.write([Funding("queue", BTC.symbol, 1, 1, *terms, Decimal("-0.06"))])
    journal.commit(durable=False)

    state = account_state(engine, "paper", "queue")
    own = portfolio_of(state, BOTH, daily_volumes(engine, "paper", "queue"))
    engine.dispose()

    assert (own.funding, own.opening) == (Decimal("-0.06"), Decimal(10_000))
    assert own.cash == Decimal(10_000) - Decimal("0.3") - Decimal("0.06")
    assert {held.symbol: held.funding for held in state.holdings} == {BTC.symbol: Decimal("-0.06")}
    assert own.volumes == {0: Decimal(600)}


@given(FILLS)
def test_a_replay_begins_with_an_equal_portfolio(fills: Filled) -> None:
    own = traded(fills)

    assert rebuilt(json.loads(json.dumps(described(own))), BOTH) == own


def test_a_position_in_an_instrument_that_is_no_longer_traded_is_named_and_its_result_kept(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    store(url, [(BTC, Side.BUY, 10, 600_000), (ETH, Side.BUY, 5, 300_000), (ETH, Side.SELL, 2, 310_000)])

    engine = open_writer(url)
    state = account_state(engine, "paper", "queue")
    engine.dispose()
    only_btc = portfolio_of(state, [BTC])

    assert untraded(state, [BTC]) == {"ETH/USDT:USDT": Decimal("0.003")}
    assert only_btc.realised == Decimal("0.2")
    assert only_btc.cash == state.cash


def test_a_changed_grid_under_an_open_position_is_refused_with_what_to_do(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    store(url, [(BTC, Side.BUY, 13, 600_000)])
    coarser = Instrument(BTC.symbol, BTC.kind, "BTC", "USDT", Decimal("0.1"), Decimal("0.01"), Decimal(5))

    engine = open_writer(url)
    state = account_state(engine, "paper", "queue")
    engine.dispose()

    with pytest.raises(UserError, match="--fresh"):
        portfolio_of(state, [coarser])
