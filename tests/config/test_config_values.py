"""Durations and exact numbers round-trip, in one spelling each."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config_values import duration_ns, duration_text, plain
from bot.nearest import did_you_mean


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("250ms", 250_000_000),
        ("5s", 5_000_000_000),
        ("1.5m", 90_000_000_000),
        ("24h", 86_400_000_000_000),
        ("1d", 86_400_000_000_000),
        ("10 us", 10_000),
        ("7ns", 7),
        ("0s", 0),
    ],
)
def test_durations_are_read(text: str, nanoseconds: int) -> None:
    assert duration_ns(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "5", "s", "-5s", "5 sec", "1e3s", "nan s", "0.5ns", "99999d", "5s5s", "٣s x"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="should be a"):
        duration_ns(text)


@given(st.integers(0, 10**18 // 2))
def test_a_duration_written_and_read_is_the_same(nanoseconds: int) -> None:
    assert duration_ns(duration_text(nanoseconds)) == nanoseconds


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "0s"), (86_400 * 10**9, "24h"), (90 * 10**9, "90s"), (1_500, "1500ns"), (60 * 10**9, "1m")],
)
def test_a_duration_has_one_spelling(nanoseconds: int, text: str) -> None:
    assert duration_text(nanoseconds) == text


@pytest.mark.parametrize("number", ["2000", "2000.0", "2e3", "2.000E+3"])
def test_an_exact_number_has_one_spelling(number: str) -> None:
    assert plain(Decimal(number)) == "2000"


@pytest.mark.parametrize(
    ("name", "valid", "ending"),
    [
        ("entr", ["enter", "leave"], "; did you mean enter?"),
        ("ENTER", ["enter", "leave"], "; did you mean enter?"),
        ("zzz", ["leave", "enter"], "; there are enter, leave"),
        ("zzz", [], ""),
        ("zzz", [f"k{n:02}" for n in range(30)], "; there are k00, k01, k02"),
    ],
)
def test_the_nearest_name_or_the_choice_is_offered(name: str, valid: list[str], ending: str) -> None:
    assert did_you_mean(name, valid).startswith(ending)
    assert did_you_mean(name, iter(valid)).startswith(ending)


def test_a_long_choice_is_cut_and_counted() -> None:
    assert did_you_mean("zzz", [f"k{n:02}" for n in range(30)]).endswith("k11, ... (30 in all)")


def test_a_prefix_is_shown_but_not_compared() -> None:
    assert did_you_mean("refesh", ["refresh"], "console.") == "; did you mean console.refresh?"
    assert did_you_mean("zzz", ["refresh"], "console.") == "; there are console.refresh"
