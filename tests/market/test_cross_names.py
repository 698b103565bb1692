"""Guests: signals of another instrument's market, how they are written, and what they say when."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bot.errors import ConfigError
from bot.market.guests import asked_of, fresh, guests_in
from bot.market.market import Market
from bot.market.signals.catalogue import CATALOGUE
from bot.market.signals.cross import STALE_NS
from bot.market.signals.forecast import ForecastSpec
from bot.market.signals.naming import parse_signal
from bot.types import NS_PER_S, Instrument, Kind
from tests.market.reference import SYMBOL, Row, batch_of

OTHER = "B/Y:Y"


def book(now_ns: int, bid: int, lots: int = 4) -> list[Row]:
    """One message that sets the touch, two ticks wide."""
    return [
        Row(Kind.BEST_BID, bid, lots, local_ns=now_ns, last=False),
        Row(Kind.BEST_ASK, bid + 2, lots, local_ns=now_ns),
    ]


@pytest.mark.parametrize("signal", [each for each in CATALOGUE.values() if not each.name.startswith("forecast")])
def test_every_signal_but_a_forecast_can_be_a_guest(signal: object) -> None:
    example = getattr(signal, "example")  # noqa: B009 - the entry as it is written
    spec = parse_signal(f"{example}@{OTHER}")

    assert (spec.said, spec.symbol, spec.name) == (example, OTHER, f"{example}@{OTHER}")
    assert (spec.window_ns, spec.levels, spec.watches) == (0, 1, 1)  # it costs the host nothing
    assert spec.signal.unit == parse_signal(example).signal.unit


@pytest.mark.parametrize("text", ["@B/Y", "ofi(1s)@", "ofi(1s)@B@C", "ofi(1s) @ "])
def test_a_guest_is_a_signal_one_at_sign_and_a_symbol(text: str) -> None:
    with pytest.raises(ConfigError, match="one @ and a symbol"):
        parse_signal(text)


def test_mistakes_in_a_guests_signal_are_told_as_usual() -> None:
    with pytest.raises(ConfigError, match=r"no signal is called 'offi\(1s\)'; did you mean ofi"):
        parse_signal("offi(1s)@B/Y")
    with pytest.raises(ConfigError, match="should not be a forecast"):
        parse_signal("forecast(1s)@B/Y")


def test_a_guest_has_the_value_that_was_said_and_none_without_one(grid: Instrument) -> None:
    market = Market(grid, ("mid", f"ofi(1s)@{OTHER}", f"mid@{OTHER}"))
    market.advance(batch_of(book(5, 100)), 0, 6)

    assert [spec.said for spec in market.guests] == ["ofi(1s)", "mid"]
    assert market.sample(10, np.array([3.0, 7.0])).tolist() == [50.5, 3.0, 7.0]
    assert market.cold_signals() == ()
    silent = market.sample(11)
    assert silent[0] == 50.5
    assert np.isnan(silent[1:]).all()
    assert market.cold_signals() == (f"ofi(1s)@{OTHER}", f"mid@{OTHER}")


def test_on_its_own_market_a_guests_name_is_the_plain_signal(grid: Instrument) -> None:
    market = Market(grid, (f"mid@{SYMBOL}", "mid"))
    market.advance(batch_of(book(5, 100)), 0, 6)

    assert market.guests == ()
    assert market.names == (f"mid@{SYMBOL}", "mid")
    assert market.sample(10).tolist() == [50.5, 50.5]


def test_many_decisions_at_once_say_what_one_at_a_time_does(grid: Instrument) -> None:
    names = ("mid", f"ofi(1s)@{OTHER}")
    spec = ForecastSpec(NS_PER_S, ("queue_imbalance", f"ofi(1s)@{OTHER}"), warm_labels=2)
    rows = [row for second in range(40) for row in book(second * NS_PER_S + 1, 100 + second % 3, 3 + second % 5)]
    times = np.arange(1, 40, dtype=np.int64) * NS_PER_S
    said = np.random.default_rng(1).normal(size=(len(times), 2))
    said[3, 0] = said[7, 1] = math.nan
    asked = (*names, "forecast(1s)", "forecast_error(1s)")
    at_once, one_by_one = Market(grid, asked, spec, entries=2), Market(grid, asked, spec, entries=2)

    _, _, scanned = at_once.scan(batch_of(rows), 0, times, said)
    row, stepped = 0, []
    for place, now_ns in enumerate(times.tolist()):
        row = one_by_one.advance(batch_of(rows), row, now_ns + 1)
        stepped.append(one_by_one.sample(now_ns, said[place]))

    assert np.array_equal(scanned, np.array(stepped), equal_nan=True)
    assert np.isfinite(scanned[-1]).all()


def test_a_forecast_on_a_guest_finds_a_planted_lead(grid: Instrument) -> None:
    """The mid of this market moves two ticks the way another's signal pointed a second before."""
    spec = ForecastSpec(NS_PER_S, (f"ofi(1s)@{OTHER}",), halflife_s=1e4, warm_labels=10)
    market, random, mid, lead = Market(grid, ("forecast(1s)",), spec), np.random.default_rng(5), 20_000, 0.0
    for second in range(100):
        mid += int(2 * lead)
        market.advance(batch_of(book(second * NS_PER_S, mid)), 0, second * NS_PER_S + 1)
        lead = float(random.choice([-1.0, 1.0]))
        expected = market.sample(second * NS_PER_S, np.array([lead]))[0]

    assert expected == pytest.approx(lead * 2 / mid * 1e4, rel=0.02)


def test_what_others_ask_of_a_market_is_asked_once_with_its_age() -> None:
    names = ("ofi(1s)", f"ofi(1s)@{OTHER}", f"mid@{OTHER}", f"ofi(1s)@{OTHER}", f"mid@{SYMBOL}")
    guests = guests_in(names, SYMBOL)

    assert [spec.name for spec in guests] == [f"ofi(1s)@{OTHER}", f"mid@{OTHER}"]
    assert asked_of(OTHER, guests) == ("ofi(1s)", "mid", "book_age")
    assert asked_of("C/Y", guests) == ()


def test_what_was_said_of_an_old_book_does_not_count() -> None:
    limit_s = STALE_NS / NS_PER_S
    values, age_s = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, limit_s, 1.0, math.nan])
    waited_ns = np.array([0, 0, STALE_NS, 0])

    assert np.array_equal(fresh(values, age_s, waited_ns), [1.0, 2.0, math.nan, math.nan], equal_nan=True)


def test_the_move_of_the_mid_is_that_since_the_start_of_the_window(grid: Instrument) -> None:
    market = Market(grid, ("mid_move(1s)",))
    found = []
    for second, bid in enumerate((100, 102, 102, 98)):
        market.advance(batch_of(book(second * NS_PER_S, bid)), 0, second * NS_PER_S + 1)
        found.append(market.sample(second * NS_PER_S)[0])

    moves = [math.nan, 1e4 * math.log(103 / 101), 0.0, 1e4 * math.log(99 / 103)]
    assert found == pytest.approx(moves, nan_ok=True)


def test_a_guest_takes_nothing_from_the_future(grid: Instrument) -> None:
    """What others say later changes no row before it."""
    rows = [row for second in range(20) for row in book(second * NS_PER_S + 1, 100 + second % 3)]
    times = np.arange(1, 20, dtype=np.int64) * NS_PER_S
    said = np.random.default_rng(2).normal(size=(len(times), 1))
    later = said.copy()
    later[10:] *= -5
    tables = [
        Market(grid, (f"ofi(1s)@{OTHER}", "mid")).scan(batch_of(rows), 0, times, each)[2] for each in (said, later)
    ]

    assert np.array_equal(tables[0][:10], tables[1][:10], equal_nan=True)
    assert not np.array_equal(tables[0][10:], tables[1][10:], equal_nan=True)


def test_the_symbol_of_a_grid_does_not_make_it_a_guest(grid: Instrument) -> None:
    market = Market(replace(grid, symbol=OTHER), (f"ofi(1s)@{OTHER}",))

    assert market.guests == ()
