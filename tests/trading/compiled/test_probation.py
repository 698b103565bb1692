"""A strategy that says nothing is asked as machine code wherever it can be, else in plain Python, with one outcome."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bot.building import CorePlan, build_engine
from bot.crew_building import CrewMember, crew_member
from bot.errors import NotCompilable
from bot.lane_building import Core, build_records
from bot.trading.compiled import CompiledStrategy, probation
from bot.trading.compiled.probation import fault_of, form_of, unless_slower
from bot.trading.compiled.views import made_views
from bot.trading.engine import STOP
from bot.trading.loading import LoadedStrategy, load
from bot.types import Command, FillAssumption, Input
from tests.trading.both_engines import configured
from tests.trading.both_records import planned
from tests.trading.compiled.written import HEAD, written
from tests.trading.made_up import market

PURE = '''
from dataclasses import dataclass
from typing import ClassVar

from bot.trading import Answer, Hold, Quotes, Strategy, Target, View, param


@dataclass
class Mine(Strategy):
    """Takes what leans far, quotes what leans less."""

    signals: ClassVar[tuple[str, ...]] = ("depth_imbalance(5)",)
    far: float = param(0.6, low=0.1, high=0.9)

    def decide(self, see: View) -> Answer:
        lean = see["depth_imbalance(5)"]
        if abs(lean) > self.far:
            return Target(0.5 if lean > 0 else -0.5, "it leans far", {"lean": lean, "side": 1 if lean > 0 else -1})
        if lean < -0.5 * self.far:
            return Hold("it leans down", {"lean": lean, "held": see.position})
        return Quotes(see.bid - see.tick, see.ask + see.tick, 0.5, 0.5, stop_loss_bps=3.0)
'''
KEEPING = PURE.replace(
    '        lean = see["depth_imbalance(5)"]\n',
    '        self.count += 1\n        lean = see["depth_imbalance(5)"] * (1 if self.count % 7 else -1)\n',
).replace("    def decide", "    count: int = 0\n\n    def decide")
COUNTED = PURE.replace(
    "    def decide",
    "    made: ClassVar[int] = 0\n\n    def __post_init__(self):\n        type(self).made += 1\n\n    def decide",
).replace('"held": see', '"made": self.made, "held": see')
"""A constant of the class that each instance changes: what was translated is out of date by the next one."""


def saying(text: str, promise: str) -> str:
    """The strategy with a promise."""
    return text.replace("    signals:", f"    compiled: ClassVar[bool | None] = {promise}\n    signals:")


def loaded_from(folder: Path, text: str) -> LoadedStrategy:
    """Load a strategy from its text."""
    folder.mkdir(exist_ok=True)
    (folder / "mine.py").write_text(text)
    return load("mine", [folder])


def member(strategy: LoadedStrategy) -> CrewMember:
    """One of its lanes."""
    return crew_member(strategy, {}, FillAssumption.QUEUE)


def test_one_that_says_nothing_and_is_pure_is_asked_by_its_address(tmp_path: Path) -> None:
    undeclared, promised, plain = (
        member(loaded_from(tmp_path / name, text))
        for name, text in (("a", PURE), ("b", saying(PURE, "True")), ("c", saying(PURE, "False")))
    )

    assert 0 not in (undeclared.address, promised.address)
    assert undeclared.build is promised.build is None
    assert undeclared.params == promised.params == (0.6,)
    assert (plain.address, plain.owner) == (0, None)
    assert plain.build is not None


def test_one_that_keeps_state_is_asked_in_plain_python_without_a_word(tmp_path: Path) -> None:
    strategy = loaded_from(tmp_path, KEEPING)

    assert member(strategy).address == 0
    assert fault_of(strategy, {}) == ""
    with pytest.raises(NotCompilable, match=r"self\.count = \.\.\., which is state"):
        member(loaded_from(tmp_path / "promised", saying(KEEPING, "True")))


def told(strategy: LoadedStrategy, inputs: Sequence[Input], build: Callable[[CorePlan], Core]) -> list[str]:
    """All that a core tells of a run, with every digit."""
    core = build(planned(configured(), strategy))
    core.name_run("7")
    return [str(record) for received in inputs for record in core.process(received)]


@pytest.mark.parametrize("text", [PURE, KEEPING], ids=["pure", "keeps state"])
def test_its_records_are_those_of_plain_python_and_of_the_engine(text: str, tmp_path: Path) -> None:
    batches = market(3, 500)
    last = int(batches[-1].seq[-1]) + 1, int(batches[-1].local_ns[-1])
    inputs: list[Input] = [*batches, Command(*last, STOP, "run", "the tape is over")]
    undeclared = loaded_from(tmp_path / "undeclared", text)
    plain = loaded_from(tmp_path / "plain", saying(text, "False"))

    records = told(undeclared, inputs, build_records)

    assert (member(undeclared).address == 0) == (text is KEEPING)
    assert records == told(plain, inputs, build_records) == told(undeclared, inputs, build_engine)
    for kind in ("Decision", "Intent", "Fill", "OrderEvent"):
        assert any(record.startswith(f"{kind}(") for record in records), kind


def test_one_whose_machine_code_answers_otherwise_is_asked_in_plain_python_and_it_is_said(tmp_path: Path) -> None:
    strategy = loaded_from(tmp_path, COUNTED)

    assert member(strategy).address == 0
    assert fault_of(strategy, {}).startswith("Mine is asked in plain Python: its machine code answers a made-up view")
    assert "\n" not in fault_of(strategy, {})


def test_a_fault_of_the_translation_is_found_by_the_sign_of_a_zero(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right, off = (written(f"return Hold('x', {{'a': {zero}}})") for zero in ("0.0", "-0.0"))
    other = form_of(off, {}).code
    assert other is not None
    monkeypatch.setattr(CompiledStrategy, "of", lambda strategy, source: other)
    undeclared = written("return Hold('x', {'a': 0.0})", HEAD.replace("ClassVar[bool] = True", "ClassVar = None"))

    assert form_of(right, {}).code is other  # it promised
    assert form_of(undeclared, {}).code is None
    assert fault_of(undeclared, {})


def test_sets_of_parameters_are_tried_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strategy = loaded_from(tmp_path, PURE)
    count = 0
    made = made_views

    def counted(*given: object) -> object:
        nonlocal count
        count += 1
        return made(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(probation, "made_views", counted)
    lanes = [crew_member(strategy, {"far": far / 10}, FillAssumption.TOUCH) for far in range(1, 9)]

    assert count == 1
    assert len({lane.address for lane in lanes}) == 1
    assert [lane.params for lane in lanes] == [(far / 10,) for far in range(1, 9)]


def test_a_new_one_is_not_compiled_for_fewer_calls_than_that_takes(tmp_path: Path) -> None:
    # A number that no earlier run of the test has seen: nothing is kept of it.
    strategy = loaded_from(tmp_path, PURE.replace("0.5 * self.far", f"{time.time_ns()}e-19 * self.far"))
    few, many = probation.CALLS - 1, probation.CALLS

    assert form_of(unless_slower(strategy, {}, few), {}).code is None
    assert unless_slower(strategy, {}, many) is strategy
    promised = loaded_from(tmp_path / "promised", saying(PURE, "True"))
    assert unless_slower(promised, {}, 1) is promised
    assert form_of(strategy, {}).code is not None
    assert unless_slower(strategy, {}, 1) is strategy  # now there is machine code of it


def test_one_that_can_not_be_translated_is_not_asked_for_machine_code(tmp_path: Path) -> None:
    strategy = unless_slower(loaded_from(tmp_path, KEEPING), {}, 1)

    assert not strategy.translates
    assert fault_of(strategy, {}) == ""
