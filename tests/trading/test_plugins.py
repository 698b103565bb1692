"""The door to plug-in code: how a strategy is found, configured, asked, and stopped."""

import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bot.deadline import AlarmDeadline
from bot.errors import ConfigError, StrategyFailed, StrategyNotFound
from bot.trading import Answer, Costs, Hold, Quotes, Strategy, Target, View, sign
from bot.trading.guard import NoDeadline, RecordedDeadline, StrategyOverrun, ask
from bot.trading.loading import load, load_source
from bot.types import Instrument, InstrumentKind

ROOT = Path(__file__).parents[2]
SHIPPED = (ROOT / "strategies",)
BTC = Instrument("BTC/USDT:USDT", InstrumentKind.LINEAR, "BTC", "USDT", Decimal("0.1"), Decimal("0.001"))
SOURCE = """
from dataclasses import dataclass
from bot.trading import Answer, Hold, Strategy, View, param

@dataclass
class Mine(Strategy):
    signals = ("spread",)
    depth: int = param(3, low=1, high=10)
    share: float = param(0.5, low=0.0, high=1.0)

    def decide(self, see: View) -> Answer:
        return Hold("mine")
"""


def view() -> View:
    names = {"spread": 0}
    return View(
        1, BTC, names, np.array([0.2]), 600_000, 600_010, 0, 0.0, 0.0, (), (), Decimal(10_000), Costs(2.0, 5.0)
    )  # fmt: skip


class Answering(Strategy):
    def __init__(self, act: Callable[[View], object]) -> None:
        self.act = act

    def decide(self, see: View) -> Answer:
        return self.act(see)  # type: ignore[return-value] # the point: an answer of any kind


def answered(act: Callable[[View], object]) -> Answer:
    return ask(Answering(act), view(), NoDeadline(), ("queue", BTC.symbol, 1))


@pytest.mark.parametrize("use", ["imbalance_maker", "strategies.imbalance_maker:ImbalanceMaker"])
def test_a_shipped_strategy_is_found_by_name_and_by_import_string(use: str) -> None:
    loaded = load(use, SHIPPED)

    assert loaded.name == "ImbalanceMaker"
    assert len(loaded.digest) == 64


def test_a_strategy_is_found_by_file_path_and_its_source_alone_builds_it_again(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SOURCE)

    loaded = load(str(tmp_path / "mine.py"), (tmp_path,))
    again = load_source(loaded.source, loaded.name, loaded.origin)

    assert loaded.digest == again.digest
    assert again.build({"depth": 4}).decide(view()) == Hold("mine")


def test_a_file_outside_the_allowed_folders_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SOURCE)

    with pytest.raises(StrategyNotFound, match=r"outside strategy\.folders"):
        load(str(tmp_path / "mine.py"), SHIPPED)


def test_an_absolute_name_outside_the_allowed_folders_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SOURCE)

    with pytest.raises(StrategyNotFound, match="outside"):
        load(str(tmp_path / "mine"), SHIPPED)


def test_a_link_that_leads_out_of_the_allowed_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SOURCE)
    (tmp_path / "allowed").mkdir()
    os.symlink(tmp_path / "mine.py", tmp_path / "allowed" / "mine.py")

    with pytest.raises(StrategyNotFound, match="outside"):
        load(str(tmp_path / "allowed" / "mine.py"), (tmp_path / "allowed",))


@pytest.mark.parametrize(
    ("use", "says"),
    [
        ("imbalance_makr", "did you mean imbalance_maker"),
        ("https://example.org/a.py", "should be a name"),
        ("strategies.imbalance_maker:ImbalanceMakr", "did you mean ImbalanceMaker"),
        ("no_such_package.thing:Thing", "does not import"),
    ],
)
def test_what_is_not_there_is_one_line_with_the_nearest_name(use: str, says: str) -> None:
    with pytest.raises(StrategyNotFound, match=says) as caught:
        load(use, SHIPPED)
    assert "\n" not in str(caught.value)


def test_a_module_that_fails_while_it_is_imported_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "leaving_alpha.py").write_text("raise SystemExit(3)\n")

    with pytest.raises(StrategyNotFound, match="'leaving_alpha' does not import: SystemExit: 3"):
        load("leaving_alpha:Mine", SHIPPED)


def test_a_file_that_is_missing_or_holds_several_strategies_says_so(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SOURCE + SOURCE.replace("Mine", "Yours"))

    with pytest.raises(StrategyNotFound, match=r"was not found; did you mean .*mine\.py"):
        load(str(tmp_path / "mien.py"), (tmp_path,))
    with pytest.raises(StrategyNotFound, match="was Mine, Yours; name it as mine:Class"):
        load("mine", (tmp_path,))
    assert load("mine:Yours", (tmp_path,)).name == "Yours"


def test_parameters_without_the_decorator_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bare.py").write_text(SOURCE.replace("@dataclass\n", ""))

    with pytest.raises(StrategyNotFound, match="Mine declares parameters and should be decorated with @dataclass"):
        load("bare", (tmp_path,))


def test_a_stored_source_that_does_not_run_is_one_line() -> None:
    with pytest.raises(StrategyNotFound, match="the stored source of Mine does not run: division by zero"):
        load_source("x = 1 / 0", "Mine", "mine")


def test_a_switch_and_a_text_are_parameters_too() -> None:
    source = SOURCE.replace(
        "depth: int = param(3, low=1, high=10)", 'fast: bool = param(True)\n    mode: str = param("a")'
    )
    loaded = load_source(source, "Mine", "mine")

    assert vars(loaded.build({"fast": False, "mode": "b"})) == {"fast": False, "mode": "b", "share": 0.5}
    with pytest.raises(ConfigError, match="fast should be true or false, was 1"):
        loaded.build({"fast": 1})


def test_a_file_that_does_not_import_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("x = 1\ny = x / 0\n")

    with pytest.raises(StrategyNotFound, match="line 2: ZeroDivisionError"):
        load(str(tmp_path / "broken.py"), (tmp_path,))


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"dept": 3}, r"strategy\.params\.dept is not a parameter of Mine; did you mean depth"),
        ({"depth": 11}, r"strategy\.params\.depth should be from 1 to 10, was 11"),
        ({"depth": 2.5}, "should be a whole number"),
        ({"depth": True}, "should be a whole number"),
        ({"share": "half"}, "should be a number"),
        ({"share": math.nan}, "should be from 0.0 to 1.0"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(params: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_source(SOURCE, "Mine", "mine").build(params)


def test_a_whole_number_is_accepted_where_a_fraction_is_meant() -> None:
    built = load_source(SOURCE, "Mine", "mine").build({"share": 1})

    assert vars(built)["share"] == 1.0
    assert isinstance(vars(built)["share"], float)


@pytest.mark.parametrize(
    "good", [None, Hold("x"), Target(0.5), Target(-1.0), Quotes(1.0, 2.0), Quotes(None, 2.0), Quotes(None, None)]
)
def test_every_kind_of_answer_passes(good: Answer) -> None:
    assert answered(lambda _: good) == good


@pytest.mark.parametrize(
    "bad",
    [
        Target(math.nan),
        Target(1.01),
        Target(0.5, stop_loss_bps=-1.0),
        Quotes(math.nan, 2.0),
        Quotes(2.0, 2.0),
        Quotes(0.0, 2.0),
        Quotes(1.0, 2.0, bid_size=1e9),
        Quotes(1.0, math.inf),
        Target(0.5, reason=None),  # type: ignore[arg-type]
        Hold(3),  # type: ignore[arg-type]
        Hold("x", ["y"]),  # type: ignore[arg-type]
        Quotes(1.0, 2.0, values={"why": "text"}),  # type: ignore[dict-item]
        Target(0.5, values={1: 2.0}),  # type: ignore[dict-item]
        "buy",
        0.5,
    ],
)
def test_an_answer_that_is_no_answer_fails_the_strategy(bad: object) -> None:
    with pytest.raises(StrategyFailed):
        answered(lambda _: bad)


def test_a_strategy_that_raises_is_named_with_file_and_line() -> None:
    def divide(see: View) -> object:
        return 1 / 0

    with pytest.raises(StrategyFailed, match=r"ZeroDivisionError: division by zero \(test_plugins.py, line \d+\)"):
        answered(divide)


def test_an_unknown_signal_says_which_there_are() -> None:
    with pytest.raises(StrategyFailed, match="signal 'ofi' is not in this strategy's signals: spread"):
        answered(lambda see: see["ofi"])


def test_a_strategy_that_hangs_is_cut_off_and_the_recorded_cut_repeats_in_replay() -> None:
    def hang(see: View) -> object:
        while True:
            pass

    key = ("queue", BTC.symbol, 7)
    with AlarmDeadline(50_000_000, "50ms") as deadline, pytest.raises(StrategyOverrun) as live:
        ask(Answering(hang), view(), deadline, key)
    with pytest.raises(StrategyOverrun) as replayed:
        ask(Answering(hang), view(), RecordedDeadline({key}, "50ms"), key)

    assert str(live.value) == str(replayed.value)


def test_a_strategy_that_had_to_wait_for_the_processor_is_not_cut_off_but_one_that_waits_on_is() -> None:
    def wait(seconds: float) -> Callable[[View], object]:
        return lambda see: time.sleep(seconds)

    key = ("queue", BTC.symbol, 7)
    with AlarmDeadline(30_000_000, "30ms") as deadline:
        assert ask(Answering(wait(0.1)), view(), deadline, key) is None
        with pytest.raises(StrategyOverrun):
            ask(Answering(wait(10.0)), view(), deadline, key)


def test_a_recorded_run_cuts_off_no_other_call() -> None:
    deadline = RecordedDeadline({("queue", BTC.symbol, 7)}, "50ms")

    assert ask(Answering(lambda _: Hold("fine")), view(), deadline, ("queue", BTC.symbol, 8)) == Hold("fine")


def test_an_error_without_a_frame_of_its_own_is_still_told() -> None:
    class Refusing(NoDeadline):
        def run(self, call: Callable[[], Answer], key: tuple[str, str, int]) -> Answer:
            raise error

    error = RuntimeError("refused")
    with pytest.raises(StrategyFailed, match="RuntimeError: refused"):
        ask(Answering(lambda _: None), view(), Refusing(), ("queue", BTC.symbol, 8))


def test_a_view_speaks_in_quote_currency_base_currency_and_seconds() -> None:
    see = replace(view(), position_lots=-20, now_ns=1_500_000_000)

    assert (see.bid, see.ask, see.mid, see.tick) == (60_000.0, 60_001.0, 60_000.5, 0.1)
    assert (see.position, see.now_s) == (-0.02, 1.5)


def test_the_sign_of_nothing_is_nothing() -> None:
    assert [sign(0.3), sign(-2.0), sign(0.0)] == [1.0, -1.0, 0.0]
    assert math.isnan(sign(math.nan))


def test_a_strategy_that_decides_nothing_says_what_is_missing() -> None:
    with pytest.raises(StrategyFailed, match="NotImplementedError: Strategy should implement decide"):
        ask(Strategy(), view(), NoDeadline(), ("queue", BTC.symbol, 1))


def test_a_quick_strategy_is_not_cut_off_later() -> None:
    with AlarmDeadline(30_000_000, "30ms") as deadline:
        ask(Answering(lambda _: None), view(), deadline, ("queue", BTC.symbol, 1))
        sum(range(3_000_000))  # outlives the limit


def test_the_cost_of_a_round_trip_is_the_spread_and_two_taker_fees() -> None:
    # 1 USDT of spread at 60,000.5 is 0.1667 bps.
    assert view().round_trip_bps == pytest.approx(10 + 1 / 60000.5 * 10_000)


def test_a_strategy_of_an_installed_package_is_found_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_alpha.py").write_text(SOURCE)
    installed = tmp_path / "their_alpha-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: their-alpha\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[imbalance.strategies]\ntheirs = their_alpha:Mine\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert load("theirs", SHIPPED).name == "Mine"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('see["ofi(1s)"]', r"'ofi\(1s\)' is not in this strategy's"),
        ("np.linalg.inv(np.zeros((2, 2)))", "Singular matrix"),
    ],
)
def test_the_line_of_a_failure_is_the_users_own_whoever_raised_there(value: str, words: str, tmp_path: Path) -> None:
    wrong = f"import numpy as np{SOURCE}".replace('Hold("mine")', f'Hold("mine", {{"flow": {value}}})')
    (tmp_path / "mine.py").write_text(wrong)
    strategy = load(str(tmp_path / "mine.py"), (tmp_path,)).build({})

    with pytest.raises(StrategyFailed, match=rf"{words}.* \(mine\.py, line 12\)"):
        ask(strategy, view(), NoDeadline(), ("queue", BTC.symbol, 1))


@pytest.mark.parametrize(
    "answer",
    [
        Target(np.float32(0.5)),  # type: ignore[arg-type] # the point: what NumPy hands out
        Target(np.int64(1)),  # type: ignore[arg-type]
        Quotes(Decimal(100), None),  # type: ignore[arg-type]
        Quotes(None, None, stop_loss_bps=np.float32(1.0)),  # type: ignore[arg-type]
    ],
)
def test_a_number_of_another_kind_is_told_what_to_write(answer: Answer) -> None:
    with pytest.raises(StrategyFailed, match=r"was .*: write float\(\.\.\.\) around it"):
        answered(lambda see: answer)
