"""Rank correlation and AUC: worked by hand, and what must hold for any numbers."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.research.ranking import auc, correlation, midranks, rank_correlation
from bot.types import Floats

NUMBERS = st.lists(st.integers(-20, 20), min_size=4, max_size=40)


def floats(values: list[int]) -> Floats:
    return np.array(values, dtype=float)


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    assert midranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]


def test_rank_correlation_worked_by_hand() -> None:
    # Rank differences 1, 1, 1, 1, 0: 1 - 6 * 4 / (5 * 24) = 0.8.
    assert rank_correlation(np.array([1.0, 2, 3, 4, 5]), np.array([20.0, 10, 40, 30, 1e9])) == pytest.approx(0.8)


def test_auc_worked_by_hand() -> None:
    # Of four pairs 3 > 1, 3 > 2 and 2 > 1 are in order, 2 = 2 is half: 3.5 / 4.
    assert auc(np.array([3.0, 2.0]), np.array([1.0, 2.0])) == 0.875


def test_what_never_changes_has_no_correlation() -> None:
    # The mean of 0.1s is not 0.1 to the last digit: taken naively this correlates with anything.
    assert math.isnan(correlation(np.full(10, 0.1), np.arange(10.0)))
    assert math.isnan(auc(np.array([1.0]), np.empty(0)))


@given(NUMBERS)
def test_ranks_do_not_care_for_size(values: list[int]) -> None:
    one, other = floats(values), np.random.default_rng(len(values)).normal(size=len(values))
    found = rank_correlation(one, other)
    if not math.isnan(found):
        assert rank_correlation(np.exp(one / 5), other) == pytest.approx(found)
        assert rank_correlation(-one, other) == pytest.approx(-found)
        assert -1 <= found <= 1


@given(NUMBERS, NUMBERS)
def test_auc_of_the_two_ways_adds_up_to_one(rises: list[int], falls: list[int]) -> None:
    assert auc(floats(rises), floats(falls)) + auc(floats(falls), floats(rises)) == pytest.approx(1.0)


@given(NUMBERS, NUMBERS)
def test_auc_counts_pairs_in_order(rises: list[int], falls: list[int]) -> None:
    ordered = sum((up > down) + 0.5 * (up == down) for up in rises for down in falls)

    assert auc(floats(rises), floats(falls)) == pytest.approx(ordered / (len(rises) * len(falls)))


@given(NUMBERS)
def test_ranks_are_those_of_pandas(values: list[int]) -> None:
    assert midranks(floats(values)).tolist() == pd.Series(values).rank().tolist()
