"""What survives when many questions were asked."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bot.research.discovery import discoveries

# The worked example of Benjamini and Hochberg (1995), section 3.2: the four smallest survive at 5 %.
PAPER = (
    0.0001,
    0.0004,
    0.0019,
    0.0095,
    0.0201,
    0.0278,
    0.0298,
    0.0344,
    0.0459,
    0.324,
    0.4262,
    0.5719,
    0.6528,
    0.759,
    1,
)


def test_example_of_the_paper() -> None:
    assert discoveries(PAPER, 0.05) == (True,) * 4 + (False,) * 11
    assert discoveries(PAPER[::-1], 0.05) == (False,) * 11 + (True,) * 4


def test_a_later_p_value_carries_the_earlier_ones() -> None:
    # 0.06 alone is above 0.1 * 1 / 2, but 0.09 is not above 0.1 * 2 / 2.
    assert discoveries((0.06, 0.09), 0.1) == (True, True)
    assert discoveries((0.06, 0.11), 0.1) == (False, False)


def test_a_question_without_an_answer_counts_and_does_not_survive() -> None:
    assert discoveries((0.06, math.nan), 0.1) == (False, False)
    assert discoveries((0.06,), 0.1) == (True,)
    assert discoveries(()) == ()


@given(st.lists(st.floats(0, 1), max_size=30))
def test_survivors_are_the_smallest(p_values: list[float]) -> None:
    kept = discoveries(p_values)
    inside = [p for p, one in zip(p_values, kept, strict=True) if one]
    outside = [p for p, one in zip(p_values, kept, strict=True) if not one]

    assert max(inside, default=0.0) <= min(outside, default=1.0)
    assert len(kept) == len(p_values)


def test_among_questions_without_answers_few_survive() -> None:
    rng = np.random.default_rng(0)
    hasty = [any(discoveries(rng.uniform(size=60).tolist())) for _ in range(300)]

    assert np.mean(hasty) < 0.15  # a threshold of 10 % for each alone finds something nearly always
