"""Signals that remember the same share a memory: each still says what it says alone, and only equal ones share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.market.plan import MEMORY
from bot.market.sampler import plan_of
from bot.market.signals.catalogue import CATALOGUE
from bot.market.signals.entry import Paid
from bot.market.signals.naming import parse_signal
from bot.types import Instrument
from tests.market.random_markets import streams, table
from tests.market.reference import Row

NAMES = (
    "markout(10ms, 50ms)",
    "markout(10ms, 20ms)",
    "price_impact(10ms, 50ms)",
    "realised_spread(10ms, 20ms)",
    "realised_spread(20ms, 50ms)",
    "effective_spread(20ms)",
    "effective_spread(50ms)",
    "bid_absorption(50ms)",
    "ask_absorption(50ms)",
    "absorption(20ms)",
    "absorption(50ms)",
    "iceberg(50ms)",
    "buy_intensity(10ms)",
    "sell_intensity(10ms)",
    "intensity_imbalance(10ms)",
    "intensity_imbalance(20ms)",
    "roll(20ms)",
    "roll(50ms)",
    "normalised_ofi(20ms)",
    "normalised_ofi(50ms)",
    "microprice(1h)",
    "microprice_lean(1h)",
)
FUZZ = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(rows=streams(), order=st.permutations(range(len(NAMES))))
def test_signals_that_share_say_what_they_say_alone(grid: Instrument, rows: list[Row], order: list[int]) -> None:
    together = np.array(table(grid, [NAMES[index] for index in order], rows))
    for column, index in enumerate(order):
        np.testing.assert_array_equal(together[:, column], np.array(table(grid, NAMES[index : index + 1], rows))[:, 0])


@pytest.mark.parametrize(
    ("one", "other", "is_shared"),
    [
        ("markout(5s, 10s)", "realised_spread(5s, 1m)", True),
        ("markout(5s, 10s)", "markout(6s, 10s)", False),
        ("absorption(10s)", "iceberg(1s)", True),
        ("buy_intensity(1s)", "intensity_imbalance(1s)", True),
        ("buy_intensity(1s)", "buy_intensity(2s)", False),
        ("microprice(1h)", "microprice_lean(1h)", True),
        ("vpin(10, 50)", "vpin(10, 60)", False),
    ],
)
def test_memory_is_shared_by_what_is_remembered_alike(one: str, other: str, is_shared: bool) -> None:
    plan = plan_of([parse_signal(one), parse_signal(other)], 0.001)

    assert (plan.steps[0, MEMORY] == plan.steps[1, MEMORY]) == is_shared
    assert len(plan.on_trades) in (0, 1 if is_shared else 2)
    assert len(plan.on_messages) in (0, 1 if is_shared else 2)


def test_signals_that_share_are_told_alike_and_need_the_same_room() -> None:
    found: dict[str, set[tuple[Paid, int, int]]] = {}
    for signal in CATALOGUE.values():
        if signal.shared is not None:
            spec = parse_signal(signal.example)
            found.setdefault(signal.shared.name, set()).add(
                (signal.paid, signal.room(spec.arguments), signal.shared.arguments)
            )
    assert found
    assert all(len(kinds) == 1 for kinds in found.values())
