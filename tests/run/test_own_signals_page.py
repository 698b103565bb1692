"""The signal, the model and the settings of docs/own-signals.md do what the page says."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from bot.config import load
from bot.market.market import Market
from bot.plugins import plugins_of
from bot.types import NS_PER_S, Kind
from tests.market.reference import Row, batch_of
from tests.research.tapes import GRID

PAGE = Path(__file__).parents[2] / "docs" / "own-signals.md"


def block(language: str, place: int = 0) -> str:
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return found[place]


def test_the_page_works_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "signals").mkdir()
    (tmp_path / "signals" / "fading_flow.py").write_text(block("python"))
    (tmp_path / "signals" / "my_model.py").write_text(block("python", 1))
    (tmp_path / "config.toml").write_text(block("toml"))
    monkeypatch.chdir(tmp_path)
    names = ("fading_flow(1s)", "fading_flow(halflife_ns=2s)", "forecast(5s)", "forecast_error(5s)")
    config = load(tmp_path / "config.toml", ["forecast.warm_labels=3"], {})

    plugins = plugins_of(config, names)
    market = Market(GRID, names, plugins.forecast, plugins.signals)
    random, rows = np.random.default_rng(1), []
    for second in range(60):
        lots = int(random.integers(1, 9))
        quotes = [Row(Kind.BID, 100, lots, local_ns=second * NS_PER_S, last=False)]
        quotes += [Row(Kind.ASK, 102 + lots % 3, 5, local_ns=second * NS_PER_S)]
        market.step(batch_of(quotes), 0)
        rows.append(market.sample(second * NS_PER_S))

    assert market.failed == {}
    assert rows[2][0] != rows[2][1]
    assert plugins.unit(names[0]) == "base currency"
    assert [math.isnan(value) for value in rows[-1]] == [False] * 4
