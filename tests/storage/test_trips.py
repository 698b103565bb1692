"""Round trips go from flat to flat, and their sums are those of the account."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from bot.types import BPS, NS_PER_S, Fill, Side
from storage.holdings import account_state
from storage.journal import Journal
from storage.lanes import Holding, new_lane
from storage.trips import RoundTrip, round_trips
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
from tests.storage.worked_day import DAY_S, FILLS


def test_round_trips_go_from_flat_to_flat_and_a_turn_makes_two(traded: Engine) -> None:
    (trip,) = round_trips(traded)
    expected = RoundTrip(
        account="paper",
        run=1,
        lane=LANE,
        symbol=BTC.symbol,
        side=Side.BUY,
        opened_ns=START_NS + NS_PER_S,
        closed_ns=START_NS + DAY_S * NS_PER_S,
        size=Decimal("0.40"),
        entry_price=Decimal(103),
        exit_price=Decimal(100),
        gross=Decimal("-1.20"),
        fees=Decimal("0.08"),  # the first three and 20 of the 50 lots of the fourth
        net=Decimal("-1.53"),
        fills=4,
        funding=Decimal("-0.25"),  # the second one was paid by the trip that came after
    )

    assert trip == expected
    assert trip.duration_ns == (DAY_S - 1) * NS_PER_S


def test_the_rest_of_a_turn_is_a_trip_of_the_other_side(tmp_path: Path) -> None:
    with written(tmp_path) as journal, read(tmp_path) as engine:
        begin(journal)
        journal.write([*FILLS, fill(6, Side.BUY, 20, 200, realised="-1", fee="0.02", at_s=DAY_S + 9)])
        journal.commit(durable=True)
        (trip,) = round_trips(engine, limit=1)

    # Sold 0.30 at 95 (28.50); bought 0.10 at 90 and 0.20 at 100 (29.00); fees 0.05 * 30/50 + 0.01 + 0.02.
    assert (trip.side, trip.size, trip.entry_price) == (Side.SELL, Decimal("0.30"), Decimal(95))
    assert (trip.gross, trip.fees) == (Decimal("-0.50"), Decimal("0.06"))


def test_a_position_that_a_run_began_with_is_a_trip_at_its_entry_cost(tmp_path: Path) -> None:
    adopted = Holding(BTC.symbol, 10, Decimal("0.10"), Decimal("9.00"))
    with written(tmp_path) as journal, read(tmp_path) as engine:
        begin(journal, opening=[replace(new_lane(LANE, BALANCE), holdings=(adopted,))])
        journal.write([fill(1, Side.SELL, 10, 200, realised="1.00")])
        journal.commit(durable=True)
        (trip,) = round_trips(engine)

        assert (trip.opened_ns, trip.entry_price, trip.gross) == (START_NS, Decimal(90), Decimal(1))
        assert [row["size"] for row in shown(engine, "SELECT * FROM positions")] == [0.0]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    trades=st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 50), st.integers(1, 500)), min_size=1, max_size=25)
)
def test_the_books_balance_for_any_fills(trades: list[tuple[Side, int, int]], writer: Engine) -> None:
    journal = Journal(writer)
    journal.fresh_account("paper", "USDT", BALANCE, START_NS)
    run = journal.start_run(run_start())
    journal.write(_booked(trades))
    journal.commit(durable=False)
    state = account_state(writer, "paper", LANE)
    trips = round_trips(writer, run=run)
    (holding,) = state.holdings
    flow = sum(side.sign * BTC.notional(ticks, lots) for side, lots, ticks in trades)

    assert holding.lots == sum(side.sign * lots for side, lots, _ in trades)
    assert holding.entry_cost == flow + state.realised
    assert holding.lots != 0 or holding.entry_cost == 0
    if not holding.lots:
        assert sum(trip.gross for trip in trips) == state.realised
        assert sum(trip.net for trip in trips) == state.cash - BALANCE


def _booked(trades: list[tuple[Side, int, int]]) -> Iterator[Fill]:
    """Fills with their realised P&L at average cost, the cost released rounded down to a whole tick·lot."""
    held = cost = 0
    for number, (side, lots, ticks) in enumerate(trades, 1):
        signed = side.sign * lots
        closing = min(abs(held), lots) * -side.sign if held * signed < 0 else 0
        released = cost * closing // held if held else 0
        gain = closing * ticks - released
        held, cost = held + signed, cost - released + (signed + closing) * ticks
        money = str(gain * BTC.tick_size * BTC.lot_size)
        yield fill(number, side, lots, ticks, realised=money, position_lots=held, fee=f"{lots / BPS:.4f}")
