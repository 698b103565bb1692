"""Signals and models that users plug in: the same live and in research, and never from the future."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge

from bot.errors import ConfigError
from bot.market.custom import CustomSignal, Look, Making, param
from bot.market.learned import LearnedForecast, ModelSpec, Record
from bot.market.market import Market
from bot.market.plugged import MODEL, Failed
from bot.market.signals.forecast import ForecastSpec
from bot.types import NS_PER_MS, Floats, Instrument, Int64s, Kind, Side
from tests.market.reference import Row, batch_of

STEP_NS = 100 * NS_PER_MS
FORECASTS = ("forecast(100ms)", "forecast_error(100ms)")  # over one step


@dataclass
class Growth(CustomSignal):
    """By how much the queue imbalance grew since the last decision."""

    uses: ClassVar[tuple[str, ...]] = ("queue_imbalance",)
    low: ClassVar[float] = -2.0
    high: ClassVar[float] = 2.0
    share: float = param(1.0)

    def __post_init__(self) -> None:
        self.before = math.nan

    def value(self, see: Look) -> float:
        grown, self.before = see["queue_imbalance"] - self.before, see["queue_imbalance"]
        return self.share * grown


@dataclass
class Acting(CustomSignal):
    """Does what a test says."""

    act: Callable[[Look], Any] = lambda see: 0.0
    low: ClassVar[float] = -1.0
    high: ClassVar[float] = 1.0

    def value(self, see: Look) -> float:
        return self.act(see)  # type: ignore[no-any-return]


def acting(act: Callable[[Look], Any]) -> dict[str, Making]:
    return {"mine": lambda: Acting(act)}


def quote(step: int, bid: int, bid_lots: int, ask_lots: int) -> list[Row]:
    now_ns = step * STEP_NS
    return [
        Row(Kind.BEST_BID, bid, bid_lots, local_ns=now_ns, last=False),
        Row(Kind.BEST_ASK, bid + 2, ask_lots, local_ns=now_ns),
    ]


def walk(steps: int, slope: float, seed: int) -> list[Row]:
    """A market whose mid follows its queue imbalance within the next step, and noise."""
    random, mid, rows = np.random.default_rng(seed), 1_000_000.0, list[Row]()
    for step in range(steps):
        bid_lots, ask_lots = (int(lots) for lots in random.integers(1, 100, 2))
        rows += quote(step, round(mid), bid_lots, ask_lots)
        mid += slope * (bid_lots - ask_lots) / (bid_lots + ask_lots) + random.normal(0, 20)
    return rows


def live(market: Market, rows: Sequence[Row]) -> Floats:
    """One message at a time, a decision after each."""
    taken = []
    for step in range(len(rows) // 2):
        market.step(batch_of(rows[2 * step : 2 * step + 2]), 0)
        taken.append(market.sample(step * STEP_NS))
    return np.array(taken)


def times_of(rows: Sequence[Row]) -> Int64s:
    return np.arange(len(rows) // 2) * STEP_NS


def spec(make: Callable[[], Any], *features: str, **words: int) -> ForecastSpec:
    learning = {"labels": 2000, "refit_every": 50, **words}
    return ForecastSpec(STEP_NS, features, warm_labels=5, model=ModelSpec(make, **learning))


def test_a_signal_of_ones_own_is_computed_from_what_it_uses(grid: Instrument) -> None:
    market = Market(grid, ("growth", "mid"), None, {"growth": Growth})
    rows = [*quote(0, 100, 3, 1), *quote(1, 100, 1, 1), *quote(2, 102, 1, 3)]

    growth, mid = live(market, rows).T

    assert math.isnan(growth[0])
    assert growth[1:].tolist() == [-0.5, -0.5]
    assert mid.tolist() == [50.5, 50.5, 51.5]


def test_it_sees_the_levels_the_mid_and_the_time_of_the_decision(grid: Instrument) -> None:
    seen = list[object]()

    def look(see: Look) -> float:
        prices, sizes = see.levels(Side.SELL, 2)
        seen.append((see.now_ns, see.mid, prices.tolist(), sizes.tolist()))
        return 0.0

    market = Market(grid, ("mine",), None, acting(look))
    market.sample(0)
    market.step(batch_of([*quote(0, 100, 3, 1)[:1], Row(Kind.ASK, 104, 7, last=False), Row(Kind.ASK, 102, 1)]), 0)
    market.sample(5)

    assert math.isnan(seen[0][1])  # type: ignore[index]
    assert seen[1] == (5, 50.5, [102, 104], [1, 7])


def test_each_market_has_an_instance_of_its_own(grid: Instrument) -> None:
    own = {"growth": Growth}
    first, second = (Market(grid, ("growth",), None, own) for _ in range(2))
    live(first, [*quote(0, 100, 3, 1), *quote(1, 100, 1, 1)])

    assert math.isnan(live(second, quote(0, 100, 1, 1))[0, 0])


@pytest.mark.parametrize("cuts", [(), (2,), (1, 3, 4, 11)])
def test_a_scan_is_the_live_path_bit_for_bit_however_batches_are_cut(grid: Instrument, cuts: Sequence[int]) -> None:
    names = ("growth", "ofi(1s)", "growth(0.5)", *FORECASTS)
    own: Mapping[str, Making] = {"growth": Growth, "growth(0.5)": lambda: Growth(0.5)}
    learning = spec(LinearRegression, "queue_imbalance", "growth(0.5)")
    rows = [row for row in walk(160, 40.0, 3) if row.local_ns]
    rows = [replace(row, local_ns=row.local_ns - STEP_NS) for row in rows]
    expected = live(Market(grid, names, learning, own), rows)

    market = Market(grid, names, learning, own)
    found, edges = list[Floats](), [0, *(2 * cut for cut in cuts), len(rows)]
    for start, stop in pairwise(edges):
        batch = batch_of(rows[start:stop])
        _, touches, values = market.scan(batch, 0, times_of(rows)[start // 2 : stop // 2])
        found.append(values)
        assert touches[-1].tolist() == [market.bid_ticks, market.bid_lots, market.ask_ticks, market.ask_lots]

    assert np.isfinite(expected[-1]).all()
    assert np.concatenate(found).tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (lambda see: 1 / 0, r"^ZeroDivisionError: division by zero \(test_custom.py, line \d+\)$"),
        (lambda see: see["ofi(1s)"], "signal 'ofi\\(1s\\)' is not in this signal's uses: none"),
        (lambda see: "up", "value should return a number, was 'up'"),
        (lambda see: 1.5, "value should be from -1 to 1 1, was 1.5"),
        (lambda see: math.inf, "value should be from -1 to 1 1, was inf"),
    ],
)
def test_what_goes_wrong_is_no_value_at_that_decision_and_is_told(
    grid: Instrument, act: Callable[[Look], Any], says: str
) -> None:
    market = Market(grid, ("mine", "mid"), None, acting(lambda see: act(see) if see.now_ns else 0.5))
    rows = [*quote(0, 100, 3, 1), *quote(1, 100, 3, 1), *quote(2, 100, 3, 1)]

    mine, mid = live(market, rows).T

    assert mine[0] == 0.5
    assert np.isnan(mine[1:]).all()
    assert mid.tolist() == [50.5] * 3
    assert market.cold_signals() == ("mine",)
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(market.failures["mine"])
    assert market.failed["mine"] == Failed(2, market.failures["mine"])


def test_no_value_is_no_failure_and_a_failure_passes(grid: Instrument) -> None:
    answers = {0: math.nan, STEP_NS: "up", 2 * STEP_NS: 1}
    market = Market(grid, ("mine",), None, acting(lambda see: answers[see.now_ns]))
    failures = []
    for now_ns in answers:
        market.sample(now_ns)
        failures.append(dict(market.failures))

    assert [sorted(each) for each in failures] == [[], ["mine"], []]
    assert not market.cold_signals()


@pytest.mark.parametrize(
    ("uses", "says"),
    [
        ("ofi(1s)", r"uses of mine should be a tuple of signal names, was 'ofi\(1s\)'"),
        (("off(1s)",), r"uses of mine: no signal is called 'off\(1s\)'; did you mean ofi\(1s\)"),
        (("forecast(1s)",), r"uses of mine should hold no forecast, was 'forecast\(1s\)'"),
    ],
)
def test_what_a_signal_uses_is_checked_before_anything_runs(grid: Instrument, uses: Any, says: str) -> None:
    class Using(Growth):
        pass

    Using.uses = uses
    with pytest.raises(ConfigError, match=says):
        Market(grid, ("mine",), None, {"mine": Using})


@pytest.mark.parametrize("make", [LinearRegression, lambda: Ridge(alpha=1e-3)])
@pytest.mark.parametrize("slope", [40.0, -40.0])
def test_a_model_of_scikit_learn_finds_the_planted_slope_as_the_built_in_forecast_does(
    grid: Instrument, make: Callable[[], Any], slope: float
) -> None:
    rows = walk(500, slope, 1)
    names = (*FORECASTS, "queue_imbalance")
    learned, error, lean = live(Market(grid, names, spec(make, "queue_imbalance")), rows).T
    built_in = live(Market(grid, names, replace(spec(make, "queue_imbalance"), model=None)), rows)[:, 0]

    late = slice(-200, None)
    clear = np.abs(lean[late]) > 0.3
    assert (np.sign(learned[late][clear]) == np.sign(slope * lean[late][clear])).mean() > 0.95
    assert (np.sign(learned[late][clear]) == np.sign(built_in[late][clear])).mean() > 0.95
    assert (error[late] > 0).all()


def test_a_model_that_learns_nothing_trusts_itself_no_further_than_its_forecast(grid: Instrument) -> None:
    expected, error, _ = live(Market(grid, (*FORECASTS, "mid"), spec(Guessing, "queue_imbalance")), walk(600, 0, 2)).T

    warm = ~np.isnan(expected)
    assert warm.any()
    assert (error[warm] > 0.8 * np.abs(expected[warm])).all()


class Guessing:
    """Forecasts loudly and knows nothing."""

    def fit(self, x: Floats, y: Floats) -> None:
        self.random = np.random.default_rng(len(y))

    def predict(self, x: Floats) -> Floats:
        return self.random.normal(0, 10, len(x))


@dataclass
class Watched:
    """Forecasts the mean of its labels and remembers what it was fitted to."""

    fits: list[tuple[Floats, Floats]]
    mean: float = 0.0

    def fit(self, x: Floats, y: Floats) -> None:
        self.fits.append((x, y))
        self.mean = float(y.mean())

    def predict(self, x: Floats) -> Floats:
        return np.full(len(x), self.mean)


def test_labels_enter_when_they_are_known_the_newest_stay_and_the_model_is_made_anew() -> None:
    fits = list[tuple[Floats, Floats]]()
    learned = LearnedForecast(ModelSpec(lambda: Watched(fits), 3, 2), 1, 10, 1e9, 1)
    for now in range(0, 80, 10):  # the mid grows by a thousandth of 1000 a decision: 10 bps of the first
        learned.forecast(now, 1000.0 + now / 10, np.array([float(now)]))

    # The label of the decision at 0 is known at 10; two features' worth at 20; then every second one.
    assert [x[:, 0].tolist() for x, _ in fits] == [[0.0, 10.0], [10.0, 20.0, 30.0], [30.0, 40.0, 50.0]]
    assert fits[0][1].tolist() == pytest.approx([1e4 / 1000, 1e4 / 1001])


def test_labels_without_a_mid_then_or_now_and_features_without_a_value_are_left_out() -> None:
    fits = list[tuple[Floats, Floats]]()
    learned = LearnedForecast(ModelSpec(lambda: Watched(fits), 100, 1), 1, 10, 1e9, 1)
    mids = [1000.0, math.nan, 1000.0, 1000.0, 1000.0, 1000.0, 1000.0]
    features = [0.0, 10.0, 20.0, math.nan, 40.0, 50.0, 60.0]
    for place, (mid, feature) in enumerate(zip(mids, features, strict=True)):
        learned.forecast(10 * place, mid, np.array([feature]))

    assert fits[-1][0][:, 0].tolist() == [20.0, 40.0, 50.0]


def test_the_error_of_a_forecast_is_worked_by_hand() -> None:
    record = Record(halflife_ns=1e18)
    for forecast_bps, move_bps in ((2.0, 1.0), (-2.0, -3.0), (1.0, 2.0)):
        record.add(0, forecast_bps, move_bps)
    # b = (2 + 6 + 2) / 9, s² = (1 + 1 + 1) / 3, and labels overlap twice.
    expected = 3.0 * math.sqrt((1 - 10 / 9) ** 2 + 1.0 * 2.0 / 9)

    assert record.error_bps(-3.0, 1, 2.0) == pytest.approx(expected)
    assert math.isnan(record.error_bps(-3.0, 2, 2.0))  # three labels are one and a half that do not overlap


def test_a_model_never_learns_from_the_future(grid: Instrument) -> None:
    rows, cut = walk(500, 40.0, 5), 400
    other = rows[: 2 * cut] + [replace(row, price=row.price + 5000) for row in rows[2 * cut :]]
    names, own = (*FORECASTS, "growth"), {"growth": Growth}
    learning = spec(LinearRegression, "queue_imbalance", "growth")
    one, two = (live(Market(grid, names, learning, own), each) for each in (rows, other))

    assert np.isfinite(one[cut - 1]).all()
    assert one[:cut].tobytes() == two[:cut].tobytes()
    assert one[cut:].tobytes() != two[cut:].tobytes()


def test_a_model_that_fails_has_no_forecast_and_says_why(grid: Instrument) -> None:
    class Failing(Guessing):
        def predict(self, x: Floats) -> Floats:
            return np.array([math.nan])

    market = Market(grid, FORECASTS, spec(Failing, "queue_imbalance"))
    rows = live(market, walk(100, 0.0, 1))

    assert np.isnan(rows).all()
    assert "predict should return one finite number for one row" in market.failures[MODEL]


def test_a_fit_that_fails_is_told_until_one_succeeds(grid: Instrument) -> None:
    made = list[int]()

    def make() -> Guessing:
        made.append(1)
        if len(made) == 1:
            raise RuntimeError("not today")
        return Guessing()

    market = Market(grid, FORECASTS, spec(make, "queue_imbalance"))
    told = []
    rows = walk(200, 0.0, 1)
    for step in range(200):
        market.step(batch_of(rows[2 * step : 2 * step + 2]), 0)
        market.sample(step * STEP_NS)
        told.append(MODEL in market.failures)

    assert 45 <= sum(told) <= 55  # the next try comes fifty labels later
    assert "RuntimeError: not today" in market.failed[MODEL].first


def test_a_forecast_over_another_horizon_is_refused_with_a_model_too(grid: Instrument) -> None:
    with pytest.raises(ConfigError, match=r"forecast\(5s\) should have a forecast of the same horizon configured"):
        Market(grid, ("forecast(5s)",), spec(Ridge, "queue_imbalance"))
    with pytest.raises(ConfigError, match="should not be a forecast itself"):
        Market(grid, FORECASTS, spec(Ridge, FORECASTS[0]))


@pytest.mark.parametrize(("labels", "refit_every", "says"), [(1, 1, "labels"), (2, 0, "refit_every")])
def test_how_a_model_learns_is_bounded(labels: int, refit_every: int, says: str) -> None:
    with pytest.raises(ConfigError, match=f"{says} of the model should be at least"):
        ModelSpec(Ridge, labels, refit_every)
