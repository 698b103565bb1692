"""How signals and models of the user's own are written, found and made, from disk and from what a run stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.errors import ConfigError
from bot.trading.signal_loading import load_model, load_signals, stored_model, stored_signals

SOURCE = """
from dataclasses import dataclass
from bot.trading import CustomSignal, Look, param

@dataclass
class Mine(CustomSignal):
    unit = "ticks"
    ranks: int = param(3, low=1, high=10)
    window_ns: int = param(1_000_000_000, low=1_000_000, high=3_600_000_000_000)
    share: float = param(0.5, low=-1.0, high=1.0)
    fast: bool = param(False)

    def value(self, see: Look) -> float:
        return self.share
"""
MODEL = """
class Mean:
    def fit(self, x, y):
        self.mean = y.mean()

    def predict(self, x):
        return [self.mean] * len(x)

def make():
    return Mean()

def wrong():
    return 3
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(SOURCE)
    (tmp_path / "my_model.py").write_text(MODEL)
    return tmp_path


def arguments(folder: Path, name: str) -> dict[str, Any]:
    return vars(load_signals([name], [folder])[name]())


@pytest.mark.parametrize(
    ("written", "given"),
    [
        ("mine", {}),
        ("mine()", {}),
        ("mine(5)", {"ranks": 5}),
        ("mine( 5 , 250ms )", {"ranks": 5, "window_ns": 250_000_000}),
        ("mine(5, share=-0.25)", {"ranks": 5, "share": -0.25}),
        ("mine(window_ns=2m, fast=true)", {"window_ns": 120_000_000_000, "fast": True}),
        ("mine:Mine(share=1)", {"share": 1.0}),
    ],
)
def test_arguments_stand_in_the_order_of_fields_or_by_name(folder: Path, written: str, given: dict[str, Any]) -> None:
    defaults = {"ranks": 3, "window_ns": 1_000_000_000, "share": 0.5, "fast": False}

    assert arguments(folder, written) == defaults | given


def test_a_signal_is_found_by_file_by_path_and_by_import_string(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(folder)
    names = ["mine(4)", f"{folder / 'mine.py'}:Mine(4)", "mine:Mine(4)"]
    loaded = [*load_signals(names[:2], [folder]).values(), *load_signals(names[2:], []).values()]

    assert [signal.written for signal in loaded] == names
    assert {(signal.plugin.name, signal.plugin.digest) for signal in loaded} == {("Mine", loaded[0].plugin.digest)}
    assert {signal.unit for signal in loaded} == {"ticks"}


def test_signals_of_the_catalogue_are_left_to_it(folder: Path) -> None:
    (folder / "ofi.py").write_text(SOURCE)

    assert list(load_signals(["ofi(1s)", "mine", "mid", "ofi (1s)"], [folder])) == ["mine"]


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("mien(5)", "no signal is called 'mien'; did you mean mine"),
        ("depth_imbalanc(5)", r"no signal is called 'depth_imbalanc.*did you mean depth_imbalance"),
        ("mine(11)", r"Mine\.ranks should be from 1 to 10, was 11"),
        ("mine(2.5)", r"Mine\.ranks should be a whole number, was 2\.5"),
        ("mine(window_ns=10)", "window_ns of .* should be a duration such as 10s, was '10'"),
        ("mine(3s)", "ranks of .* should be a number, true or false, was '3s'"),
        ("mine(share=half)", "share of .* should be a number, true or false, was 'half'"),
        ("mine(1,1s,1,true,5)", "should be ranks, window_ns, share, fast, those without a name first"),
        ("mine(ranks=1, 1s)", "those without a name first"),
        ("mine(1, ranks=2)", "ranks stands twice"),
        ("mine(rank=2)", r"Mine\.rank is not a parameter of .*; did you mean ranks"),
        ("mine:Min(1)", "no signal class 'Min' there; did you mean Mine"),
        ("nowhere.at_all:Mine", "signal module 'nowhere.at_all' does not import: ModuleNotFoundError"),
        ("https://a.b/c.py:Mine", "should be a name, an import string or a file path"),
        ("my_model", "expected one CustomSignal class in the file, was none; name it as my_model:Class"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_it(folder: Path, written: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        load_signals([written], [folder])
    assert "\n" not in str(caught.value)


def test_a_file_outside_the_folders_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"signal file .* lies outside signals\.folders"):
        load_signals([f"{folder / 'mine.py'}:Mine"], [folder / "elsewhere"])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("@dataclass\n", ""), "declares parameters and should be decorated with @dataclass"),
        (("def value", "def worth"), "mine cannot be made: TypeError: .*abstract"),
        (("    def value", "    def __post_init__(self):\n        1 / 0\n\n    def value"), "ZeroDivisionError"),
        (("from dataclasses", "import nothing_there\nfrom dataclasses"), "line 2: ModuleNotFoundError"),
    ],
)
def test_a_class_that_cannot_be_a_signal_is_refused_when_it_is_loaded(
    folder: Path, change: tuple[str, str], says: str
) -> None:
    (folder / "mine.py").write_text(SOURCE.replace(*change))

    with pytest.raises(ConfigError, match=says):
        load_signals(["mine"], [folder])


def test_what_a_run_stored_is_what_is_made_whatever_is_on_disk_now(folder: Path) -> None:
    names = ["mine(4)", "mine(share=0.25)", "mid"]
    first = load_signals(names, [folder])
    stored = {each.plugin.use: (each.plugin.name, each.plugin.source) for each in first.values()}
    (folder / "mine.py").write_text("raise SystemExit\n")
    again = stored_signals(names, stored)

    assert {name: vars(make()) for name, make in again.items()} == {name: vars(make()) for name, make in first.items()}
    assert {each.plugin.digest for each in again.values()} == {each.plugin.digest for each in first.values()}
    with pytest.raises(ConfigError, match="stored no source of the signal 'other'"):
        stored_signals(["other(1)"], stored)


def test_a_model_is_made_by_what_its_import_string_names_and_again_from_its_source(folder: Path) -> None:
    loaded = load_model("my_model:make", [folder])
    again = stored_model(loaded.use, loaded.name, loaded.source)

    assert type(loaded.made_by()).__name__ == type(again.made_by()).__name__ == "Mean"
    assert loaded.digest == again.digest


@pytest.mark.parametrize(
    ("use", "says"),
    [
        ("my_model", "should be written as my_model:make, was 'my_model'"),
        ("my_model:mak", "there is no mak to call; did you mean make"),
        ("my_modell:make", "model module 'my_modell' does not import"),
    ],
)
def test_a_model_that_is_not_there_is_one_line(folder: Path, use: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_model(use, [folder])


def test_a_model_of_another_kind_says_so_when_it_is_made(folder: Path) -> None:
    with pytest.raises(TypeError, match="my_model:wrong should return a model with fit and predict, was int"):
        load_model("my_model:wrong", [folder]).made_by()


def test_a_model_of_an_installed_package_needs_no_file() -> None:
    model = load_model("sklearn.linear_model:Ridge", []).made_by()

    assert type(model).__name__ == "Ridge"
