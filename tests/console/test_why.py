""" "Why did it not trade?" has an answer in words, at any moment of a run."""

from __future__ import annotations

import pytest

from bot.console.answers import said as sentence
from bot.types import Outcome
from tests.console.conftest import Say
from tests.console.seeded import TOO_SMALL, decision
from tests.storage.samples import START_NS

pytestmark = pytest.mark.usefixtures("seeded")


def test_it_tells_the_last_decision_what_limits_refused_and_how_often_each_reason_held(say: Say) -> None:
    text = say("why").out

    assert "The strategy wanted target +1.00: the book leans up." in text
    assert "position would be too large (max_position is 2000 USDT, was 2100 USDT)" in text
    assert "First decided at 22:13:40.000, on the numbers below, and once" in " ".join(text.split())
    assert "3 orders went out and 2 fills came back; limits refused 1" in text
    assert "73.2%" in text  # 30 of 41 decisions
    assert TOO_SMALL in text
    assert "cost_bps 10.01" in text


@pytest.mark.parametrize(
    ("at", "answer"),
    [
        ("22:13:21", "The strategy was not asked: signals are warming up: ofi(10s)."),
        ("22:13:25", f"The strategy was asked and wanted nothing changed: {TOO_SMALL}."),
        ("2023-11-14T22:13:25Z", f"The strategy was asked and wanted nothing changed: {TOO_SMALL}."),
        (str(START_NS + 25 * 10**9), "The strategy wanted target +1.00: the book leans up."),
        ("22:13:19", "No decision had been made yet at that moment"),
    ],
)
def test_it_tells_the_decision_in_force_at_a_moment(say: Say, at: str, answer: str) -> None:
    assert answer in say("why", "btc", "--at", at).out


def test_it_tells_programs_the_same(say: Say) -> None:
    (found,) = say("why", "--json", "--at", "22:13:25").document

    assert found["why"]["stretch"]["count"] == 30
    assert found["why"]["stretch"]["decision"]["values"] == {"cost_bps": 10.01}
    assert (found["orders"], found["fills"], found["denials"]) == (3, 2, 1)
    assert found["why"]["counts"][0] == {"outcome": "hold", "reason": TOO_SMALL, "count": 30}


def test_another_lane_has_its_own_answer(say: Say) -> None:
    assert "only this lane says so" in say("why", "--lane", "touch").out
    assert len(say("why", "--lane", "all", "--json").document) == 2


def test_a_moment_that_is_none_is_one_line(say: Say) -> None:
    said = say("why", "--at", "noon")

    assert said.code == 2
    assert said.err == "--at should be a time such as 12:03:05, 2026-01-31T12:03:05Z or nanoseconds, was 'noon'\n"


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_is_a_sentence(outcome: Outcome) -> None:
    text = sentence(decision(1, outcome, "because of {braces}"))

    assert text.startswith("The strategy ")
    assert text.endswith("because of {braces}.")
