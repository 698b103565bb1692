"""Numbers and times as people read them, checked by hand."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.console.figures import (
    clock,
    counted,
    elapsed,
    exact,
    figure,
    iso,
    moment_ns,
    money,
    price,
    printable,
    size_of,
)
from bot.errors import UserError

NOON_NS = 1_767_268_800_000_000_000  # 2026-01-01 12:00:00 UTC


@pytest.mark.parametrize(
    ("amount", "signed", "text"),
    [("1234.5", False, "1,234.50"), ("-1234.5", True, "−1,234.50"), ("0.004", True, "0.00"), ("2", True, "+2.00")],
)
def test_money_has_two_decimals_and_a_sign_that_means_something(amount: str, signed: bool, text: str) -> None:
    assert money(Decimal(amount), signed=signed) == text


@pytest.mark.parametrize(
    ("value", "text"), [("0.0100", "0.01"), ("1E+3", "1,000"), ("-0.50", "−0.5"), ("100000", "100,000")]
)
def test_sizes_keep_all_digits_and_lose_idle_zeros(value: str, text: str) -> None:
    assert exact(Decimal(value)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.42344, "0.4234"), (-3.5, "−3.5"), (59995.674, "59,995.67"), (0.00001, "1.0e−05"), (0.0, "0"), (math.nan, "–")],
)
def test_signals_have_four_digits_that_matter(value: float, text: str) -> None:
    assert figure(value).replace("e-", "e−") == text


@pytest.mark.parametrize(
    ("value", "text"), [(100000.05, "100,000.05"), (0.00001234, "0.00001234"), (1.0, "1"), (math.nan, "–")]
)
def test_prices_have_eight_digits_that_matter(value: float, text: str) -> None:
    assert price(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.43, "0.4s"), (12, "12s"), (65, "1m05s"), (11_220, "3h07m"), (187_200, "2d04h"), (math.inf, "–")],
)
def test_lengths_of_time_have_two_units(seconds: float, text: str) -> None:
    assert elapsed(seconds) == text


def test_stamps_lose_nothing() -> None:
    assert iso(NOON_NS + 123_456_789) == "2026-01-01T12:00:00.123456789Z"
    assert clock(NOON_NS + 123_456_789) == "12:00:00.123"


@pytest.mark.parametrize(
    ("text", "after_noon_s"),
    [
        ("12:03:05", 185),
        ("12:03", 180),
        ("12:03:05.5", 185.5),
        ("2026-01-01T12:03:05Z", 185),
        ("2026-01-01T13:03:05+01:00", 185),
        ("2026-01-01 12:03:05", 185),
        (str(NOON_NS + 185 * 10**9), 185),
    ],
)
def test_a_moment_may_be_said_in_many_ways(text: str, after_noon_s: float) -> None:
    assert moment_ns(text, NOON_NS + 5, "--at") == NOON_NS + round(after_noon_s * 10**9)


@pytest.mark.parametrize("text", ["", "25:00", "12:61:00", "yesterday", "2026-13-01", "12345"])
def test_a_moment_that_is_none_is_one_line(text: str) -> None:
    with pytest.raises(UserError, match="--at should be a time such as"):
        moment_ns(text, NOON_NS, "--at")


@given(st.integers(0, 4 * 10**18))
def test_any_stamp_is_found_again_from_its_iso_time_to_the_microsecond(stamp: int) -> None:
    assert moment_ns(iso(stamp), 0, "--at") == stamp // 1000 * 1000


@given(st.text())
def test_nothing_a_terminal_obeys_gets_through(text: str) -> None:
    assert printable(text) == "" or printable(text).isprintable()


def test_a_noun_agrees_with_its_number() -> None:
    assert [counted(number, "fill") for number in (0, 1, 1200)] == ["0 fills", "1 fill", "1,200 fills"]


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (5_870, "5.9 kB"), (34_567, "35 kB"), (2_500_000, "2.5 MB")]
)
def test_a_file_is_told_in_the_unit_it_fills(count: int, text: str) -> None:
    assert size_of(count) == text
