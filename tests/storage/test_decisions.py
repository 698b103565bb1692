"""Few rows for many decisions, and a hash that no decision escapes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.types import Decision, Outcome
from storage.decisions import Checkpoint, DecisionLog, StretchStart
from tests.storage.samples import LANE, decision

REASONS = st.sampled_from(["no new opinion", "book is old", "band"])
STREAMS = st.lists(st.tuples(st.sampled_from(list(Outcome)), REASONS, st.sampled_from(["a", "b"])), max_size=60)


def starts(log: DecisionLog, decisions: list[Decision]) -> list[StretchStart]:
    return [row for each in decisions for row in log.add(each) if isinstance(row, StretchStart)]


def digest(*decisions: Decision) -> str:
    log = DecisionLog()
    for each in decisions:
        log.add(each)
    return log.heads()[0].digest


def test_equal_decisions_in_a_row_are_one_row_and_a_count() -> None:
    held = [decision(number) for number in range(1, 4)]
    asked = decision(4, Outcome.TARGET, "lean", "target +0.50")
    rows = starts(DecisionLog(), [*held, asked])

    assert rows == [StretchStart(held[0], 1, 0, 0), StretchStart(asked, 4, 3, held[2].local_ns)]


@pytest.mark.parametrize(
    ("answer", "rows"),
    [("target +0.70", 1), ("target +5e-07", 1), ("target -0.50", 2), ("target +0.00", 2), ("bid 1.5 ask 2.5", 2)],
)
def test_an_answer_is_of_another_kind_when_more_than_its_size_changed(answer: str, rows: int) -> None:
    first, second = (decision(n, Outcome.TARGET, "lean", text) for n, text in ((1, "target +0.50"), (2, answer)))

    assert len(starts(DecisionLog(), [first, second])) == rows


def test_a_checkpoint_comes_every_so_many_decisions_of_a_lane_and_symbol() -> None:
    log = DecisionLog(every=3)
    rows = [row for number in range(1, 8) for row in log.add(decision(number))]
    checkpoints = [row for row in rows if isinstance(row, Checkpoint)]

    assert [(row.number, row.stretch_count, row.seq) for row in checkpoints] == [(3, 3, 3), (6, 6, 6)]


def test_lanes_are_counted_apart() -> None:
    log = DecisionLog()
    for number, lane in enumerate(["queue", "touch", "queue"], start=1):
        log.add(decision(number, lane=lane))

    assert [(head.lane, head.number) for head in log.heads()] == [("queue", 2), ("touch", 1)]


def test_no_head_is_given_for_what_has_not_decided() -> None:
    with pytest.raises(KeyError):
        DecisionLog().head(LANE, "BTC/USDT:USDT")


@given(STREAMS)
def test_the_counts_of_all_stretches_add_up_to_all_decisions(stream: list[tuple[Outcome, str, str]]) -> None:
    log = DecisionLog()
    rows = starts(log, [decision(n, outcome, reason, lane=lane) for n, (outcome, reason, lane) in enumerate(stream, 1)])
    counted = sum(row.previous_count for row in rows) + sum(head.stretch_count for head in log.heads())

    assert counted == len(stream)
    assert sum(head.number for head in log.heads()) == len(stream)


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 2},
        {"local_ns": 1},
        {"outcome": Outcome.WAITING},
        {"reason": "other"},
        {"answer": "other"},
        {"signals": {"ofi(10s)": 1.5, "depth_imbalance(5)": math.nextafter(-0.25, 0)}},
        {"signals": {"depth_imbalance(5)": -0.25, "ofi(10s)": 1.5}},
        {"signals": {"ofi(10s)": 1.5, "depth_imbalance(5)": math.nan}},
        {"values": {"edge_bps": 0.6}},
        {"values": {}},
    ],
    ids=str,
)
def test_a_change_anywhere_in_a_decision_changes_the_hash(change: dict[str, object]) -> None:
    assert digest(replace(decision(1), **change)) != digest(decision(1))  # type: ignore[arg-type]


def test_words_cannot_be_moved_from_one_field_to_the_next_without_changing_the_hash() -> None:
    assert digest(decision(1, reason="ab", answer="c")) != digest(decision(1, reason="a", answer="bc"))


def test_every_nan_counts_as_the_same() -> None:
    other_nan = math.copysign(math.nan, -1)

    assert digest(decision(1, signals={"a": math.nan})) == digest(decision(1, signals={"a": other_nan}))


def test_a_lone_surrogate_in_a_text_is_hashed_and_not_raised() -> None:
    assert digest(decision(1, reason="\ud800")) != digest(decision(1, reason="?"))
