"""What passes between the core and a strategy: nothing it is shown can be changed, nothing it says goes unheard."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from bot.config import load
from bot.trading import Answer, Hold, Quotes, Target, View
from bot.types import NS_PER_S, Decision, FillAssumption, Intent, Outcome
from tests.trading.scenes import BTC, START_NS, SYMBOL, Tape, core, of, run


def test_a_strategy_that_changes_what_it_is_shown_fails_and_changes_nothing() -> None:
    def meddle(see: View) -> Answer:
        see.row[:] = 7.0
        return Target(1.0)

    def rename(see: View) -> Answer:
        see.names["spread"] = 1  # type: ignore[index]
        return Target(1.0)

    for act in (meddle, rename):
        tape = Tape()
        engine = core(act, tuple(FillAssumption))
        decisions = of(Decision, run(engine, [tape.book()]))
        assert {decision.outcome for decision in decisions} == {Outcome.FAILED}
        assert [decision.signals["spread"] for decision in decisions] == pytest.approx([10 / 600_005 * 1e4] * 3)


def test_numbers_a_strategy_gives_are_kept_as_they_were() -> None:
    kept: dict[str, Any] = {}

    def act(see: View) -> Answer:
        kept.update(at=see.now_s, equity=see.equity, share=np.float32(0.5), count=np.int64(3))
        return Hold("counting", kept)

    tape = Tape()
    first, second = of(Decision, run(core(act), [tape.book(), tape.clock()]))

    assert first.values["at"] == START_NS / NS_PER_S + 0.1
    assert second.values["at"] == START_NS / NS_PER_S + 0.2
    assert {type(number) for number in first.values.values()} == {float}


def test_only_listed_signals_are_shown() -> None:
    def act(see: View) -> Answer:
        return Target(see["quality"])

    tape = Tape()
    engine = core(act)
    run(engine, [tape.book()])

    assert "signal 'quality' is not in this strategy's signals: spread" in engine.failure


def test_a_strategy_that_leaves_the_process_only_fails_itself() -> None:
    def act(see: View) -> Answer:
        raise SystemExit(3)

    tape = Tape()
    engine = core(act)
    run(engine, [tape.book()])

    assert "SystemExit: 3 (test_answers.py, line" in engine.failure


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Quotes(60_000.0, 60_001.0, 0.1, 0.1), "quoting; a quote is below the exchange's minimum notional"),
        (Target(0.06), "target; change lies inside the no-trade band"),
        (Target(0.0), "target; position is on target"),
    ],
)
def test_an_answer_that_comes_to_nothing_says_why(answer: Answer, says: str) -> None:
    tape = Tape()
    engine = core(lambda see: answer, config=load(None, ["sizing.notional=1000"], {}))
    engine.lanes[0].slots[SYMBOL].instrument = replace(BTC, min_notional=Decimal(500))

    records = run(engine, [tape.book()])

    assert of(Intent, records) == []
    assert of(Decision, records)[0].reason == says


@pytest.mark.parametrize("answer", [Target(1.0), Quotes(60_000.0, 60_001.0)])
def test_a_full_size_below_one_lot_says_so(answer: Answer) -> None:
    tape = Tape()
    engine = core(lambda see: answer, config=load(None, ["sizing.notional=50"], {}))

    (decision,) = of(Decision, run(engine, [tape.book()]))

    assert decision.reason.endswith("; full size is less than one lot")
