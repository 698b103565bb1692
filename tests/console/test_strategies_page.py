"""The strategy and the command of docs/strategies.md do what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.errors import NotCompilable
from bot.trading.compiled import CompiledStrategy
from bot.trading.compiled.views import Span
from bot.trading.loading import load
from tests.console.conftest import Say
from tests.trading.compiled.written import assert_alike, views, written

PAGE = (Path(__file__).parents[2] / "docs" / "strategies.md").read_text(encoding="utf-8")


def test_the_strategy_of_the_page_is_compiled_and_answers_alike(tmp_path: Path) -> None:
    (tmp_path / "skewed.py").write_text(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0])
    loaded = load("skewed", [tmp_path])
    strategy = loaded.build({})
    signals = [Span(name, low, 3.0, False) for name, low in zip(strategy.signals, (-1.0, 0.0), strict=True)]

    kinds = assert_alike(strategy, CompiledStrategy.of(strategy, loaded.source), views(500, signals=signals))

    assert "Quotes" in kinds


@pytest.mark.parametrize("row", re.findall(r"^\| `(.*)` \| (.*) \|$", PAGE, re.MULTILINE))
def test_what_the_page_says_is_refused_is_refused_in_these_words(row: tuple[str, str]) -> None:
    line, says = row
    body = f"lean = price = see.mid\n{line}" + ("\n    pass" if line.endswith(":") else "")
    if not re.match(r"for |self", line):
        body = body.replace(line, f"x = {line}")
    loaded = written(f"{body}\nreturn None")

    with pytest.raises(NotCompilable, match=re.escape(says.removesuffix(" ..."))):
        CompiledStrategy.of(loaded.build({}), loaded.source)


@pytest.mark.slow
def test_the_command_of_the_page_prints_what_the_page_shows(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    (command,) = re.findall(r"^\$ imbalance (.*)$", PAGE, re.MULTILINE)
    monkeypatch.setenv("COLUMNS", "118")
    folder = f'strategy.folders=["{Path(__file__).parents[2] / "strategies"}"]'

    said = say(*command.split(), "--set", folder)

    assert said.code == 0, said.err
    assert without_times(said.out) == without_times(shown)


def without_times(text: str) -> list[str]:
    """Lines without what another machine tells otherwise."""
    return [line.rstrip() for line in re.sub(r"[\d.]+ (ns|µs)", "", text).splitlines()]
