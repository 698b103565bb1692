"""Names of signals: every example can be read, every mistake is answered in one line with what was probably meant."""

from __future__ import annotations

import pytest

from bot.errors import ConfigError
from bot.market.market import Market
from bot.market.signals.catalogue import CATALOGUE
from bot.market.signals.entry import Signal
from bot.market.signals.forecast import ForecastSpec
from bot.market.signals.naming import parse_duration, parse_signal
from bot.types import NS_PER_S, Instrument


@pytest.mark.parametrize("signal", CATALOGUE.values(), ids=CATALOGUE)
def test_every_entry_is_complete_and_its_example_can_be_read(signal: Signal) -> None:
    assert parse_signal(signal.example).signal is signal
    assert all((signal.formula, signal.source, signal.unit, signal.warm_up, signal.no_value, signal.known_at))
    assert signal.low < signal.high


def test_arguments_are_read_in_their_units() -> None:
    assert parse_signal("ofi(250ms)").window_ns == 250_000_000
    assert parse_signal("mlofi(3, 1m)").arguments == (3, 60 * NS_PER_S)
    assert parse_signal("weighted_imbalance(5,0.5)").arguments == (5, 0.5)
    assert [parse_duration(text) for text in ("10s", "2h", "1.5s", "10", "s")] == [10**10, 7200 * NS_PER_S] + [None] * 3


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("ofl(10s)", "did you mean ofi(10s)?"),
        ("depth_imbalanse(7)", "did you mean depth_imbalance(7)?"),
        ("depth_imbalanse(0)", "did you mean depth_imbalance(5)?"),
        ("depth_imbalance(0)", "should be 1 to 50, was 'depth_imbalance(0)'; did you mean depth_imbalance(1)?"),
        ("mlofi(11, 10s)", "should be 1 to 10, was 'mlofi(11, 10s)'; did you mean mlofi(10, 10s)?"),
        ("ofi(1ms)", "should be 10ms to 1h, was 'ofi(1ms)'; did you mean ofi(10ms)?"),
        ("ofi(10)", "should be a duration, was 'ofi(10)'; did you mean ofi(10s)?"),
        ("ofi", "should have 1 argument, was 'ofi'; did you mean ofi(10s)?"),
        ("mid(3)", "should have 0 arguments, was 'mid(3)'; did you mean mid?"),
        ("zzz", f"there are {', '.join(sorted(signal.example for signal in CATALOGUE.values())[:3])},"),
        ("ofi(10s", "no signal is called 'ofi(10s'"),
    ],
)
def test_wrong_name_is_answered_with_the_nearest_valid_one(text: str, answer: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_signal(text)
    assert answer in str(caught.value)
    assert "\n" not in str(caught.value)


def test_forecast_needs_a_matching_specification(grid: Instrument) -> None:
    with pytest.raises(ConfigError, match=r"forecast\(5s\) should have a forecast of the same horizon"):
        Market(grid, ("forecast(5s)",))
    with pytest.raises(ConfigError, match="it was 1000000000 ns"):
        Market(grid, ("forecast_error(5s)",), ForecastSpec(NS_PER_S, ("ofi(1s)",)))
    with pytest.raises(ConfigError, match="should not be a forecast itself"):
        Market(grid, (), ForecastSpec(NS_PER_S, ("forecast(1s)",)))


@pytest.mark.parametrize(
    ("horizon_ns", "features", "halflife_s", "warm_labels"),
    [(0, ("cvd",), 1.0, 1), (1, (), 1.0, 1), (1, ("cvd",), 0.0, 1), (1, ("cvd",), 1.0, 0), (1, ("cvd",) * 17, 1.0, 1)],
)
def test_forecast_specification_refuses_what_is_out_of_bounds(
    horizon_ns: int, features: tuple[str, ...], halflife_s: float, warm_labels: int
) -> None:
    with pytest.raises(ConfigError, match="should"):
        ForecastSpec(horizon_ns, features, halflife_s, warm_labels)
