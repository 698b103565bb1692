"""Decimal texts become integers exactly, whatever the step."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.feed.decimals import float_decimals, parse_decimals, scaled_decimals

plain = st.decimals(min_value=0, max_value=10**9, places=8).map(lambda value: format(value, "f"))


@settings(deadline=None)  # the first call loads parts of Arrow
@given(st.lists(plain, max_size=20))
def test_texts_keep_their_exact_value(texts: list[str]) -> None:
    parsed = parse_decimals(texts)

    values = [
        Decimal(digits).scaleb(-places)
        for digits, places in zip(parsed.digits.tolist(), parsed.places.tolist(), strict=True)
    ]
    assert values == [Decimal(text) for text in texts]
    assert parsed.valid.all()


@settings(deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(["1", "0.1", "0.5", "0.25", "0.00000001", "5", "100"]))
def test_counting_steps_inverts_multiplying_by_the_step(count: int, step: str) -> None:
    steps = parse_decimals([format(Decimal(step) * count, "f")]).steps(Decimal(step))

    assert steps.counts.tolist() == [count]
    assert steps.exact.all()


@settings(deadline=None)
@given(plain.filter(lambda text: Decimal(text) % Decimal("0.25") != 0))
def test_what_lies_between_two_steps_is_rounded_up_and_said(text: str) -> None:
    steps = parse_decimals([text]).steps(Decimal("0.25"))

    assert steps.counts.tolist() == [int(Decimal(text) / Decimal("0.25")) + 1]
    assert steps.fits.tolist() == [True]
    assert steps.exact.tolist() == [False]


@settings(deadline=None)
@given(st.text(alphabet="0123456789.-+eNa nif", max_size=12))
def test_a_text_is_valid_only_when_decimal_reads_the_same(text: str) -> None:
    parsed = parse_decimals([text])

    if parsed.valid[0]:
        assert Decimal(int(parsed.digits[0])).scaleb(-int(parsed.places[0])) == Decimal(text)
        assert not set(text) & set("-+eNa nif")


@pytest.mark.parametrize(("text", "step"), [("999999999999999999", "0.1"), ("99999999999", "0.00000001")])
def test_what_64_bits_do_not_hold_is_said_not_wrapped(text: str, step: str) -> None:
    steps = parse_decimals([text]).steps(Decimal(step))

    assert steps.fits.tolist() == [False]
    assert steps.exact.tolist() == [False]


@settings(deadline=None)
@given(st.lists(st.decimals(min_value=0, max_value=10**6, places=8).map(lambda value: format(value, "f")), max_size=20))
def test_a_float_comes_back_as_the_decimal_that_it_was_parsed_from(texts: list[str]) -> None:
    found = float_decimals(np.array([float(text) for text in texts], np.float64))

    assert found.valid.all()
    values = zip(found.digits.tolist(), found.places.tolist(), strict=True)
    assert [Decimal(digits).scaleb(-places) for digits, places in values] == [Decimal(text) for text in texts]


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), 2.0**60, 1e-20])
def test_what_is_no_short_decimal_is_not_valid(value: float) -> None:
    assert not float_decimals(np.array([value])).valid.any()


def test_scaled_numbers_lose_their_trailing_zeros() -> None:
    found = scaled_decimals(np.array([5_853_300, 10_000, 0, 1, -1]), 4)

    assert found.digits.tolist() == [58_533, 1, 0, 1, 0]
    assert found.places.tolist() == [2, 0, 0, 4, 0]
    assert found.valid.tolist() == [True, True, True, True, False]
