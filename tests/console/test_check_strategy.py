"""`imbalance check strategy` says what it tried, shows the first view that fails, and ends with 1 when one does."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.research.conformance import checks
from bot.research.conformance.made_market import SYMBOL, instrument, made_market
from storage.tape import Sampling, TapeHeader, TapeWriter
from tests.console.conftest import Say
from tests.trading.compiled.written import HEAD

DECIDE = "    def decide(self, see):\n        "


@pytest.fixture(autouse=True)
def _fewer_views(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.made, "__defaults__", (150,))


def write(folder: Path, body: str, head: str = HEAD) -> None:
    """A strategy called mine."""
    (folder / "strategies").mkdir()
    (folder / "strategies" / "mine.py").write_text(f'"""Mine."""\n{head}{DECIDE}{body}\n')


def recorded(folder: Path) -> None:
    """A tape of half a minute."""
    header = TapeHeader("short", "test", Sampling.EVENT, 0, (instrument(),))
    with TapeWriter(folder, header) as writer:
        writer.write(list(made_market([SYMBOL], 300, 1)))


def test_a_good_strategy_is_described_and_checked_on_a_tape(tmp_path: Path, say: Say) -> None:
    write(tmp_path, "return Target(self.share, 'half', {'lean': see['depth_imbalance(5)']})")
    recorded(tmp_path / "data" / "tapes" / "short")

    said = say("check", "strategy", "mine", "--tape", "short")

    assert said.code == 0, said.err
    assert "signals    depth_imbalance(5), ofi(1s), spread" in said.out
    assert "parameters share = 0.5, depth = 3, free = 3, fast = True, mode = a" in said.out
    assert "compiled   yes" in said.out
    assert "ok compiled = plain" in said.out
    assert "tape short: " in said.out


def test_a_failure_is_shown_with_its_view_and_ends_with_one(tmp_path: Path, say: Say) -> None:
    write(tmp_path, "return Hold('x', {'a': 1 / see['spread']})")

    said = say("check", "strategy", "mine")

    assert said.code == 1
    assert "NO answers in range" in said.out
    assert 'see["spread"] = 0.0' in said.out
    assert "ZeroDivisionError" in said.out
    assert "see.bid_order = " in said.out


def test_programs_are_told_the_same(tmp_path: Path, say: Say) -> None:
    write(tmp_path, "return Hold('x', {'a': see.bid ** 2})")

    said = say("check", "strategy", "mine", "--json")

    assert said.code == 1
    assert said.document["can_be_compiled"] is False
    assert said.document["says_compiled"] is True
    assert said.document["refused"].startswith("mine.py, line ")
    assert [check["ok"] for check in said.document["checks"]] == [True] * 5
    assert said.document["compiled"] is None


@pytest.mark.parametrize(
    ("promise", "body", "says"),
    [
        ("None", "return None", "compiled   yes: in backtests, their placebo twins and sweeps"),
        ("None", "return Hold('x', {'a': see.bid ** 2})", "compiled   no, and asked in plain Python: mine.py, line "),
        ("None", "self.free += 1", "self.free = ..., which is state, cannot be compiled"),
        ("False", "return None", "compiled   no, as it says, and asked in plain Python; it could be"),
        ("False", "self.free += 1", "compiled   no, as it says, and asked in plain Python\n"),
    ],
)
def test_one_that_promises_nothing_is_told_how_it_is_asked(
    promise: str, body: str, says: str, tmp_path: Path, say: Say
) -> None:
    write(tmp_path, body, HEAD.replace("ClassVar[bool] = True", f"ClassVar[bool | None] = {promise}"))

    said = say("check", "strategy", "mine")

    assert said.code == 0, said.out
    assert says in said.out.replace("\n" + " " * 11, " ").replace(" \n", "\n")
    is_compiled = "compiled   yes" in said.out
    assert ("; compiled p50" in said.out, "ok compiled = plain" in said.out) == (is_compiled, is_compiled)
    assert ("to be asked costs a backtest some 10 µs more" in said.out) != is_compiled


def test_one_that_has_no_lanes_is_told_so(tmp_path: Path, say: Say) -> None:
    write(tmp_path, "return None", HEAD.replace("ClassVar[bool] = True", "ClassVar[bool | None] = None"))

    tiers = "paper.tiers=[{ from_volume = 1000, maker_bps = 1, taker_bps = 4 }]"

    said = say("check", "strategy", "mine", "--set", tiers, "--json")

    assert said.document["says_compiled"] is None
    assert said.document["can_be_compiled"]
    assert not said.document["in_lanes"]


def test_one_whose_constants_change_with_each_instance_is_told_what_to_say(tmp_path: Path, say: Say) -> None:
    head = HEAD.replace("ClassVar[bool] = True", "ClassVar[bool | None] = None").replace(
        "    near: ClassVar[float] = 0.25\n",
        "    near: ClassVar[float] = 0.25\n    def __post_init__(self):\n        type(self).near += 1.0\n",
    )
    write(tmp_path, "return Hold('x', {'near': self.near})", head)

    said = say("check", "strategy", "mine")

    assert said.code == 1
    assert "compiled   its compiled form answers otherwise: say `compiled: ClassVar[bool] = False`" in said.out
    assert "NO compiled = plain" in said.out


def test_a_name_that_is_none_is_the_users_mistake(say: Say) -> None:
    assert say("check", "strategy", "imbalance_makr").code == 2


def test_what_new_strategy_writes_passes(tmp_path: Path, say: Say) -> None:
    assert say("new", "strategy", "my_alpha").code == 0

    said = say("check", "strategy", "my_alpha")

    assert said.code == 0, said.out
    assert "compiled   yes: in backtests" in said.out
