"""Signals of the market's state against numbers worked by hand, and what holds of them whatever the path."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.market.market import Market
from bot.types import NS_PER_S, Floats, Instrument, InstrumentKind, Kind
from tests.market.reference import SYMBOL, Row, batch_of

MIDS = (100, 101, 103, 102)
R1, R2, R3 = (1e4 * math.log(after / before) for before, after in ((100, 101), (101, 103), (103, 102)))
DAY_NS = 86_400 * NS_PER_S
HOUR_NS = 3_600 * NS_PER_S


def walked(grid: Instrument, names: Sequence[str], mids: Sequence[int | None], step_ns: int = NS_PER_S) -> Floats:
    """The signals of a mid (ticks) that stands at each of `mids` when a decision is taken; None is no book."""
    market = Market(grid, names)
    found = []
    for index, mid in enumerate(mids):
        now_ns = (index + 1) * step_ns
        rows = [Row(Kind.CLEAR, local_ns=now_ns)]
        if mid is not None:
            rows = [
                Row(Kind.CLEAR, local_ns=now_ns, last=False),
                Row(Kind.BID, mid - 1, 1, local_ns=now_ns, last=False),
            ]
            rows.append(Row(Kind.ASK, mid + 1, 1, local_ns=now_ns))
        market.advance(batch_of(rows), 0, now_ns + 1)
        found.append(market.sample(now_ns))
    return np.array(found)


@pytest.mark.parametrize(
    ("name", "worked"),
    [
        ("realized_volatility(2s)", [None, None, math.sqrt((R1**2 + R2**2) / 2), math.sqrt((R2**2 + R3**2) / 2)]),
        # The first window begins at a decision that knows no move to multiply the next one with.
        ("bipower(2s)", [None, None, None, math.sqrt(math.pi / 2 * (R2 * R1 - R3 * R2) / 2)]),
        ("bipower(1s)", [None, None, math.sqrt(math.pi / 2 * R2 * R1), math.sqrt(math.pi / 2 * R2 * -R3)]),
        ("jump(2s)", [None, None, None, 0]),
        ("jump(1s)", [None, None, 1 - math.pi / 2 * R1 / R2, 0]),
        # Seconds count 1, 1/2, 1/4, ... backwards.
        (
            "volatility_regime(1s, 2s)",
            [
                None,
                None,
                math.sqrt(R2**2 / ((R2**2 + R1**2 * 0.5**0.5) / (1 + 0.5**0.5))),
                math.sqrt(R3**2 / ((R3**2 + R2**2 * 0.5**0.5 + R1**2 * 0.5) / (1.5 + 0.5**0.5))),
            ],
        ),
        ("trend(2s)", [None, None, 1, (2 - 1) / 3]),
        ("trend(3s)", [None, None, None, 2 / 4]),
        ("drift_t(3s)", [None, None, None, 2 / math.sqrt(1 + 4 + 1)]),
    ],
)
def test_state_of_a_known_path(grid: Instrument, name: str, worked: list[float | None]) -> None:
    expected = [math.nan if value is None else value for value in worked]
    assert walked(grid, [name], MIDS)[:, 0].tolist() == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


def test_a_mid_that_stands_still_has_no_trend_and_no_jump(grid: Instrument) -> None:
    names = ["trend(2s)", "drift_t(2s)", "jump(2s)", "volatility_regime(2s, 2s)"]
    assert np.isnan(walked(grid, names, [100] * 6)).all()
    assert walked(grid, ["realized_volatility(2s)", "bipower(2s)"], [100] * 6)[-1].tolist() == [0, 0]


def test_a_single_jump_is_nearly_all_of_the_variance_and_none_of_the_bipower(grid: Instrument) -> None:
    mids = [10_000, 10_001, 10_000, 10_001, 10_500, 10_501, 10_500, 10_501]
    volatility, bipower, jump = walked(grid, ["realized_volatility(6s)", "bipower(6s)", "jump(6s)"], mids)[-1]
    assert volatility == pytest.approx(1e4 * math.log(10_500 / 10_001) / math.sqrt(6), rel=1e-3)
    assert bipower < volatility / 10
    assert jump > 0.99


def test_without_a_book_the_last_mid_stands_and_the_move_is_counted_when_it_is_back(grid: Instrument) -> None:
    names = ["trend(4s)", "drift_t(4s)", "realized_volatility(4s)"]
    gone = walked(grid, names, [100, 101, None, None, 103])[-1]
    assert gone[:2].tolist() == [1, 3 / math.sqrt(1 + 4)]
    assert gone[2] == pytest.approx(math.sqrt((R1**2 + R2**2) / 4))


def test_a_quiet_past_makes_the_same_moves_a_lively_regime(grid: Instrument) -> None:
    steady = walked(grid, ["volatility_regime(2s, 10s)"], [1000 + index % 2 for index in range(200)])
    livelier = walked(grid, ["volatility_regime(2s, 10s)"], [1000] * 190 + [1000 + index % 2 for index in range(10)])
    assert steady[-1, 0] == pytest.approx(1, rel=1e-2)
    # Ten seconds of moves are half of the weight.
    assert livelier[-1, 0] == pytest.approx(math.sqrt(2), rel=0.05)


def test_trades_a_second_and_the_share_that_a_notional_would_have_been(grid: Instrument) -> None:
    # 9 lots of 0.25 at a mid of 101 ticks of 0.5: 113.625 quote currency.
    names = ["trade_rate(2s)", "participation(113.625, 2s)", "participation(340.875, 2s)"]
    market = Market(grid, names)
    rows = [Row(Kind.BID, 100, 5, local_ns=1), Row(Kind.ASK, 102, 5, local_ns=2)]
    market.advance(batch_of(rows), 0, NS_PER_S)
    assert np.isnan(market.sample(NS_PER_S)).all()
    rows = [Row(Kind.BUY, 102, 7, local_ns=2 * NS_PER_S), Row(Kind.SELL, 100, 2, local_ns=2 * NS_PER_S)]
    market.advance(batch_of(rows), 0, 3 * NS_PER_S)
    assert market.sample(3 * NS_PER_S).tolist() == [1, 0.5, 0.75]
    assert market.sample(5 * NS_PER_S).tolist() == [0, 1, 1]  # nobody else would have traded
    market.advance(batch_of([Row(Kind.CLEAR, local_ns=5 * NS_PER_S)]), 0, 6 * NS_PER_S)
    assert math.isnan(market.sample(6 * NS_PER_S)[1])


def test_an_inverse_contract_is_worth_the_same_at_any_price() -> None:
    # Contracts of 100 dollars in lots of one.
    inverse = Instrument(
        SYMBOL, InstrumentKind.INVERSE, "X", "Y", Decimal("0.5"), Decimal(1), contract_size=Decimal(100)
    )
    market = Market(inverse, ["participation(300, 1s)"])
    market.advance(batch_of([Row(Kind.BID, 100, 5, local_ns=1), Row(Kind.ASK, 102, 5, local_ns=2)]), 0, NS_PER_S)
    market.sample(NS_PER_S)
    market.advance(batch_of([Row(Kind.BUY, 102, 9, local_ns=NS_PER_S)]), 0, 2 * NS_PER_S)
    assert market.sample(2 * NS_PER_S).tolist() == [300 / (300 + 900)]


@pytest.mark.parametrize(
    ("now_ns", "phase", "sine", "cosine"),
    [
        (0, 0, 0, 1),
        (6 * HOUR_NS, 0.25, 1, 0),
        (DAY_NS - 1, 1 - 1 / DAY_NS, 0, 1),
        (9 * DAY_NS + 18 * HOUR_NS, 0.75, -1, 0),
    ],
)
def test_phase_is_the_time_of_the_utc_day(
    grid: Instrument, now_ns: int, phase: float, sine: float, cosine: float
) -> None:
    found = Market(grid, ["phase", "phase_sin", "phase_cos"]).sample(now_ns).tolist()
    assert found == pytest.approx([phase, sine, cosine], abs=1e-12)
    assert found[0] < 1


FUZZ = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PATHS = st.lists(st.integers(-30, 30), min_size=5, max_size=40)
BOTH_WAYS = ("trend(3s)", "drift_t(3s)")
EITHER_WAY = ("realized_volatility(3s)", "bipower(3s)", "jump(3s)", "volatility_regime(2s, 4s)")


@FUZZ
@given(moves=PATHS)
def test_the_same_path_downwards_has_the_opposite_trend(grid: Instrument, moves: list[int]) -> None:
    mids = np.cumsum([5_000, *moves]).tolist()
    up = walked(grid, BOTH_WAYS, mids)
    down = walked(grid, BOTH_WAYS, [10_000 - mid for mid in mids])
    np.testing.assert_array_equal(up, -down)


@FUZZ
@given(moves=PATHS, factor=st.integers(2, 9))
def test_prices_in_other_units_change_nothing_that_is_relative(grid: Instrument, moves: list[int], factor: int) -> None:
    mids = np.cumsum([5_000, *moves]).tolist()
    names = BOTH_WAYS + EITHER_WAY
    # The windows' sums of squares are differences, exact to some 1e-10 of the whole.
    np.testing.assert_allclose(
        walked(grid, names, [factor * mid for mid in mids]), walked(grid, names, mids), rtol=1e-6, atol=1e-6
    )


@FUZZ
@given(moves=PATHS)
def test_state_is_that_of_a_plain_reference(grid: Instrument, moves: list[int]) -> None:
    mids = np.cumsum([5_000, *moves])
    found = walked(grid, EITHER_WAY, mids.tolist())
    r = 1e4 * np.diff(np.log(mids))
    for now in range(4, len(mids)):
        window = r[now - 3 : now]
        variance = (window**2).sum()
        continuous = math.pi / 2 * (abs(window) * abs(r[now - 4 : now - 1])).sum()
        weights = 0.5 ** (np.arange(now)[::-1] / 4)
        usual = (weights * r[:now] ** 2).sum() / weights.sum()
        expected = [math.sqrt(variance / 3), math.sqrt(continuous / 3)]
        expected.append(max(0.0, 1 - continuous / variance) if variance else math.nan)
        expected.append(math.sqrt((r[now - 2 : now] ** 2).sum() / 2 / usual) if usual else math.nan)
        np.testing.assert_allclose(found[now], expected, rtol=1e-6, atol=1e-5)
