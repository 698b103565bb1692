"""`imbalance validity` from a tape to a page, a document and a sentence, and every way to ask it wrongly."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.console.cli import run
from bot.console.signal_commands import split_names
from bot.console.validity_commands import DEFAULT_SIGNALS
from bot.feed.binance import Market as Venue
from bot.feed.binance import Stream, import_binance
from bot.types import NS_PER_MS, Batch, Instrument, InstrumentKind, Kind
from storage.tape import Sampling, TapeHeader, TapeWriter

START_NS = 1_700_000_000_000_000_000
RECORDED = Path(__file__).parents[2] / "../shared/data/binance-streams/usdm"
GRID = Instrument("X/Y", InstrumentKind.LINEAR, "X", "Y", Decimal("0.1"), Decimal("0.001"))


@dataclass(frozen=True, slots=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


Say = Callable[..., Said]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    monkeypatch.chdir(tmp_path)

    def said(*words: str) -> Said:
        capsys.readouterr()
        code = run(("validity", *words))
        heard = capsys.readouterr()
        # The first command of a machine says that it compiles.
        err = "".join(line for line in heard.err.splitlines(True) if not line.startswith("Starting; compiling"))
        return Said(code, heard.out, err)

    return said


def quotes(count: int) -> Iterator[Batch]:
    """One best quote every 100 ms; the heavier side draws the price on in the next one."""
    rng = np.random.default_rng(0)
    bid = 600_000
    for n in range(count):
        lean = rng.uniform(-0.9, 0.9)
        lots = [round(1_000 * (1 + lean)), round(1_000 * (1 - lean))]
        ns = np.full(2, START_NS + n * 100 * NS_PER_MS, np.int64)
        kinds = np.array([Kind.BEST_BID, Kind.BEST_ASK], np.uint8)
        ids, last = np.full(2, n + 1, np.int64), np.array([0, 1], np.uint8)
        seq, prices = 2 * n + np.arange(2, dtype=np.int64), np.array([bid, bid + 1], np.int64)
        yield Batch("X/Y", seq, ns, ns, ids, prices, np.array(lots, np.int64), kinds, last)
        bid += int(np.sign(lean)) * int(rng.uniform() < 0.6) * 5


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tapes") / "made"
    with TapeWriter(folder, TapeHeader("made", "test", Sampling.EVENT, START_NS, (GRID,))) as writer:
        for batch in quotes(600):
            writer.write([batch])
    return folder


def test_a_report_tells_that_queues_lead_the_price(tape: Path, say: Say) -> None:
    words = [
        str(tape),
        "--signals",
        "queue_imbalance,ofi(1s),trade_flow(10s)",
        "--horizon",
        "0.1s,1s",
        "--out",
        "there",
    ]
    said = say(*words, "--latency", "0,50ms")

    assert (said.code, said.err) == (0, "")
    assert "use for quoting, not" in said.out
    assert "12 questions asked" in said.out
    document = json.loads(Path("there/validity.json").read_text())
    assert [signal["name"] for signal in document["signals"]] == ["queue_imbalance", "ofi(1s)", "trade_flow(10s)"]
    first = document["signals"][0]["ahead"][0]
    assert (first["horizon_ns"], first["verdict"]["finding"], first["survives"]) == (100 * NS_PER_MS, "quoting", True)
    assert first["rank_ic"]["value"] > 0.4
    assert "<h1>What the signals of X/Y are worth</h1>" in Path("there/report.html").read_text()


def test_a_tape_without_a_book_has_nothing_to_predict(tmp_path: Path, say: Say) -> None:
    with TapeWriter(tmp_path / "trades", TapeHeader("trades", "test", Sampling.EVENT, START_NS, (GRID,))) as writer:
        for batch in quotes(20):
            writer.write([replace(batch, kind=np.full(2, Kind.BUY, np.uint8))])

    said = say("trades", "--signals", "trade_flow(1s)", "--out", "there")

    assert said.code == 2
    assert said.err == "trades should hold a book of X/Y: without a mid there is nothing to predict\n"
    assert not Path("there").exists()


def test_the_document_can_be_printed(tape: Path, say: Say) -> None:
    said = say(str(tape), "--signals", "queue_imbalance", "--horizon", "1s", "--out", "there", "--json", "--fees", "4")

    assert said.code == 0
    assert json.loads(said.out) == json.loads(Path("there/validity.json").read_text())
    assert json.loads(said.out)["questions"]["taker_fee_bps"] == 4.0


def test_a_signal_that_never_had_a_value_is_named(tape: Path, say: Say) -> None:
    said = say(str(tape), "--signals", "ofi(10m)", "--horizon", "1s", "--out", "there")

    assert said.code == 0
    assert "never had a value on this tape" in " ".join(said.out.split())


def test_prices_are_held_against_the_mid(tape: Path, say: Say) -> None:
    said = say(str(tape), "--signals", "weighted_mid", "--horizon", "1s", "--out", "there", "--json")

    (signal,) = json.loads(said.out)["signals"]
    assert signal["name"] == "weighted_mid - mid"
    assert signal["ahead"][0]["rank_ic"]["value"] > 0.1


def test_a_report_is_not_written_over(tape: Path, say: Say) -> None:
    words = (str(tape), "--signals", "queue_imbalance", "--horizon", "1s", "--out", "there")
    assert say(*words).code == 0

    refused = say(*words)
    assert refused.code == 2
    assert "exists already" in refused.err
    assert say(*words, "--force").code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--signals", "ofi(1x)"], "window of ofi should be a duration"),
        (["--signals", "ofi(1s),ofi(1s)"], "stands there twice"),
        (["--signals", "qeue_imbalance"], "did you mean queue_imbalance?"),
        (["--horizon", "1s,soon"], "each time of --horizon should be a duration"),
        (["--horizon", "0"], "each time of --horizon should be longer than 0"),
        (["--latency", "50"], "each time of --latency should be a duration"),
        (["--fees", "much"], "--fees should be basis points such as 5bps"),
        (["--fees", "5%"], "--fees should be basis points"),
        (["--maker-fees", "-2000bps"], "--maker-fees should be basis points"),
        (["--every", "0s"], "--every should be longer than 0"),
        (["--every", "10h"], "make --every shorter"),
        (["--symbol", "ETH"], "--symbol should be one that the tape holds"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(tape: Path, say: Say, words: list[str], told: str) -> None:
    said = say(str(tape), "--out", "there", *words)

    assert said.code == 2
    assert told in said.err
    assert said.err.count("\n") == 1
    assert not Path("there").exists()


def test_a_file_in_the_way_is_told(tape: Path, say: Say) -> None:
    Path("there").write_text("mine")

    assert "--out should be a folder" in say(str(tape), "--out", "there").err
    assert Path("there").read_text() == "mine"


def test_a_tape_that_is_none_is_told(say: Say, tmp_path: Path) -> None:
    assert say(str(tmp_path / "nowhere"), "--out", "there").code == 2


def test_default_signals_are_signals() -> None:
    assert len(split_names(DEFAULT_SIGNALS)) >= 5


@pytest.mark.skipif(not RECORDED.exists(), reason="recorded streams are absent")
def test_flow_explains_the_present_of_a_recorded_market_and_hardly_its_future(tmp_path: Path, say: Say) -> None:
    files = [RECORDED / "ethusdt_20240719.gz"]
    import_binance([RECORDED / "ethusdt_20240718.gz", *files], Venue.USDM, frozenset({Stream.BEST}), tmp_path / "eth")
    said = say(str(tmp_path / "eth"), "--signals", "ofi(1s),queue_imbalance", "--horizon", "1s", "--out", "r", "--json")

    document: Any = json.loads(said.out)
    flow, queues = document["signals"]
    assert flow["present"][0]["line"]["r2"] > 0.4
    assert all(ahead["line"]["r2"] < 0.15 for ahead in flow["ahead"])
    assert all(
        ahead["verdict"]["finding"] not in ("crossing", "border") for ahead in (*flow["ahead"], *queues["ahead"])
    )
    after, clock, before = (point["auc"]["value"] for point in queues["aucs"])
    assert 0.6 < clock < before
    assert after > 0.5
