"""A run with a signal and a model of the user's own: traded, explained, and replayed from the sources it stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine as Database

from bot.building import build_engine
from bot.config import Config, load
from bot.errors import ConfigError
from bot.exchange.markets.catalogue import quotations
from bot.feed.replay import tape_inputs
from bot.replaying import Replayed, replay_run
from bot.starting import Start, start_run
from bot.trading.guard import NoDeadline
from bot.trading.loading import load as load_strategy
from bot.types import NS_PER_MS, Decision, Incident, Kind, Outcome, Record
from storage import tradelog
from storage.database import open_reader, open_writer
from storage.plugins import PluginKind, plugins_of_run
from storage.tape import Sampling, Tape
from storage.tape_header import TapeHeader
from storage.tape_writer import TapeWriter
from tests.run.virtual import START_NS, SYMBOL, batch

SIGNAL = """
from dataclasses import dataclass
from bot.trading import CustomSignal, Look, param

@dataclass
class Sum(CustomSignal):
    uses = ("queue_imbalance",)
    fade: float = param(0.5, low=0.0, high=1.0)

    def __post_init__(self) -> None:
        self.sum = 0.0

    def value(self, see: Look) -> float:
        self.sum = self.sum * self.fade + see["queue_imbalance"]
        return self.sum
"""
STRATEGY = """
from dataclasses import dataclass
from bot.trading import Answer, Hold, Strategy, Target, View, sign

@dataclass
class Following(Strategy):
    signals = ("lean(0.25)", "forecast(250ms)", "forecast_error(250ms)")

    def decide(self, see: View) -> Answer:
        numbers = {"expected": see["forecast(250ms)"], "lean": see["lean(0.25)"]}
        if abs(see["lean(0.25)"]) < 0.3:
            return Hold("no lean", numbers)
        return Target(sign(see["forecast(250ms)"]), "forecast", numbers)
"""
MODEL = """
from sklearn.linear_model import Ridge

def make() -> Ridge:
    return Ridge(alpha=0.1)
"""
SETTINGS = (
    *("strategy.use=following", "exchange.symbols=BTC/USDT:USDT", "forecast.horizon=250ms", "forecast.warm_labels=10"),
    *("forecast.on=lean(0.25),queue_imbalance", "forecast.model=ridge:make", "forecast.refit_every=20"),
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name, text in (("signals/lean", SIGNAL), ("signals/ridge", MODEL), ("strategies/following", STRATEGY)):
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.fixture
def tape(tmp_path: Path) -> Tape:
    """Two hundred books a quarter of a second apart, the mid following the lean of the last one."""
    random, mid = np.random.default_rng(4), 600_000.0
    instruments = [quotation.instrument for quotation in quotations((SYMBOL,))]
    header = TapeHeader("by hand", "test", Sampling.SNAPSHOT, 0, tuple(instruments))
    with TapeWriter(tmp_path / "tape", header) as writer:
        for step in range(200):
            bid, ask = (int(lots) for lots in random.integers(1, 100, 2))
            rows = [(Kind.BEST_BID, round(mid), bid), (Kind.BEST_ASK, round(mid) + 1, ask)]
            writer.write([batch(rows, 2 * step, START_NS + step * 250 * NS_PER_MS, step + 1)])
            mid += 100 * (bid - ask) / (bid + ask) + random.normal(0, 5)
    return Tape.open(tmp_path / "tape")


def settings(place: Path, *more: str) -> Config:
    folders = (f"signals.folders={place / 'signals'}", f"strategy.folders={place / 'strategies'}")
    own = (f"storage.url=sqlite:///{place / 'log.db'}", f"storage.folder={place}")
    return load(None, [*SETTINGS, *folders, *own, *more], {})


@contextmanager
def written(config: Config) -> Iterator[Database]:
    database = open_writer(config.storage.url)
    try:
        yield database
    finally:
        database.dispose()


def traded(config: Config, tape: Tape) -> list[Record]:
    """Trade on the tape as `imbalance paper --replay` does, and return what the run recorded."""
    strategy = load_strategy(config.strategy.use, [Path(folder) for folder in config.strategy.folders])
    start = Start("test", True, "paper", str(tape.folder), tape.digest(), START_NS, Sampling.SNAPSHOT)
    with written(config) as database:
        run = start_run(config, strategy, database, tape.header.instruments, start, NoDeadline(), build_engine)
        records = [
            record for each in tape_inputs(tape, config.strategy.every_ns) for record in run.engine.process(each)
        ]
        run.journal.write(records)
        run.journal.end_run(run.id, START_NS, "the market is over", tape.digest())
    return records


def replayed(config: Config) -> Replayed:
    database = open_reader(config.storage.url)
    try:
        return replay_run(database, 1, lambda done, rows: None)
    finally:
        database.dispose()


def decisions(records: list[Record]) -> list[Decision]:
    return [record for record in records if isinstance(record, Decision) and record.lane == "queue"]


def test_a_run_with_a_signal_and_a_model_is_replayed_from_what_it_stored(place: Path, tape: Tape) -> None:
    config = settings(place)
    made = decisions(traded(config, tape))
    for path in (place / "signals").glob("*.py"):
        path.write_text("raise RuntimeError('the disk has moved on')\n")
    again = replayed(config)

    asked = [each for each in made if each.outcome in (Outcome.TARGET, Outcome.HOLD)]
    assert len(asked) > 100
    assert {each.outcome for each in asked} == {Outcome.TARGET, Outcome.HOLD}
    assert again.differences == ()
    assert again.records > 600


def test_another_source_than_the_stored_one_would_have_been_noticed(place: Path, tape: Tape) -> None:
    config = settings(place)
    traded(config, tape)
    with written(config) as database, database.begin() as connection:
        other = "UPDATE sources SET text = replace(text, 'self.sum * self.fade', 'self.sum * 0.5') "
        connection.exec_driver_sql(other + "WHERE text LIKE '%class Sum%'")

    assert replayed(config).differences != ()


def test_what_was_plugged_in_is_stored_once_with_its_hash(place: Path, tape: Tape) -> None:
    config = settings(place)
    traded(config, tape)
    database = open_reader(config.storage.url)
    stored = plugins_of_run(database, 1)
    database.dispose()

    assert [(each.kind, each.use, each.name, each.text) for each in stored] == [
        (PluginKind.SIGNAL, "lean", "Sum", SIGNAL),
        (PluginKind.MODEL, "ridge:make", "make", MODEL),
    ]


def test_a_signal_that_fails_keeps_the_strategy_unasked_and_is_told_once(place: Path, tape: Tape) -> None:
    failing = SIGNAL.replace("        return self.sum\n", "        return 1 / 0 if self.sum > 0 else self.sum\n")
    (place / "signals" / "lean.py").write_text(failing)
    config = settings(place, "forecast.model=", "forecast.on=queue_imbalance")
    records = traded(config, tape)

    failed = [each for each in decisions(records) if each.reason.startswith("signals failed: lean(0.25): Zero")]
    told = [record for record in records if isinstance(record, Incident) and record.kind == "signal_failed"]
    assert failed
    assert {each.outcome for each in failed} == {Outcome.WAITING}
    line = failing[: failing.index("1 / 0")].count("\n") + 1
    text = f"lean(0.25): ZeroDivisionError: division by zero (lean.py, line {line})"
    assert [(each.symbol, each.text) for each in told] == [(SYMBOL, text)]
    assert replayed(config).differences == ()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("forecast.model=", r"forecast\.on should hold signals of the catalogue, was 'lean\(0\.25\)'"),
        ("forecast.model=ridge:mak", "there is no mak to call; did you mean make"),
        ("forecast.on=leen(0.25)", "no signal is called 'leen'; did you mean lean"),
    ],
)
def test_what_cannot_be_plugged_in_leaves_no_run_behind(place: Path, tape: Tape, change: str, says: str) -> None:
    config = settings(place, change)

    with pytest.raises(ConfigError, match=says):
        traded(config, tape)
    database = open_reader(config.storage.url)
    assert tradelog.runs(database) == []
    database.dispose()
