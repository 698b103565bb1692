"""Every "why did it not trade?" has an answer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from bot.types import NS_PER_S, Outcome
from storage.database import reading
from storage.why import ReasonCount, decisions, why
from tests.storage.samples import BTC, LANE, START_NS, begin, decision, denial, read, written

WARM_UP = {"ofi(10s)": math.nan}


def at(second: float) -> int:
    return START_NS + int(second * NS_PER_S)


@pytest.fixture
def decided(tmp_path: Path) -> Iterator[Engine]:
    """Three decisions waiting, four holding with a refused order among them, and two asking; stored in two commits."""
    with written(tmp_path) as journal, read(tmp_path) as engine:
        begin(journal)
        journal.write(decision(n, Outcome.WAITING, "signals not warm", signals=WARM_UP) for n in (1, 2, 3))
        journal.write([decision(4), decision(5), denial(5)])
        journal.commit(durable=False)
        journal.write([decision(6), decision(7), decision(7, lane="touch")])
        journal.write(decision(n, Outcome.TARGET, "lean", f"target +0.{n}0") for n in (8, 9))
        journal.commit(durable=False)
        yield engine


def test_the_decision_in_force_is_told_with_its_numbers_and_how_long_it_held(decided: Engine) -> None:
    answer = why(decided, 1, BTC.symbol, at(6.5))

    assert answer.stretch is not None
    assert (answer.lane, answer.stretch.decision, answer.stretch.count) == (LANE, decision(4), 4)
    assert (answer.stretch.number, answer.stretch.last_ns) == (4, at(7))
    assert answer.denials == (denial(5),)


def test_the_last_stretch_has_its_count_although_nothing_ended_it(decided: Engine) -> None:
    stretch = why(decided, 1, BTC.symbol, at(60)).stretch

    assert stretch is not None
    assert (stretch.decision.answer, stretch.count, stretch.last_ns) == ("target +0.80", 2, at(9))


def test_a_signal_without_a_value_is_told_as_nan(decided: Engine) -> None:
    stretch = why(decided, 1, BTC.symbol, at(1)).stretch

    assert stretch is not None
    assert math.isnan(stretch.decision.signals["ofi(10s)"])


def test_before_the_first_decision_there_is_none(decided: Engine) -> None:
    assert why(decided, 1, BTC.symbol, at(0)).stretch is None
    assert why(decided, 1, "ETH/USDT:USDT", at(5)).stretch is None


def test_a_denial_long_ago_is_not_near(decided: Engine) -> None:
    assert why(decided, 1, BTC.symbol, at(70)).denials == ()


def test_reasons_are_counted_over_the_whole_run_most_frequent_first(decided: Engine) -> None:
    assert why(decided, 1, BTC.symbol, at(1)).counts == (
        ReasonCount("hold", "no new opinion", 4),
        ReasonCount("waiting", "signals not warm", 3),
        ReasonCount("target", "lean", 2),
        ReasonCount("denied", "max_position", 1),
    )


def test_decisions_are_chosen_by_lane_and_time_without_losing_their_counts(decided: Engine) -> None:
    every = decisions(decided, 1, lane=LANE)

    assert [stretch.count for stretch in every] == [3, 4, 2]
    assert decisions(decided, 1, lane=LANE, since_ns=at(4), until_ns=at(4)) == every[1:2]
    assert decisions(decided, 1, lane=LANE, limit=2) == every[1:]
    assert [stretch.count for stretch in decisions(decided, 1, lane="touch")] == [1]


def test_the_decision_view_says_how_often_and_until_when(decided: Engine) -> None:
    query = "SELECT time, reason, times, until FROM decision_log WHERE lane = 'queue'"
    with reading(decided) as connection:
        rows = [tuple(row) for row in connection.exec_driver_sql(query)]

    assert rows[0] == ("2023-11-14T22:13:21.000000Z", "signals not warm", 3, "2023-11-14T22:13:23.000000Z")
    assert [times for _, _, times, _ in rows] == [3, 4, 2]
