"""A whole run on streams: fills, an honest tape, and a replay that decides the same."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from bot.config import Config
from bot.exchange.control_client import ExchangeControl
from bot.exchange.process import ExchangeProcess, ExchangeSettings
from bot.sources import PolledMarket
from tests.run.bots import Folder, end

BRISK = ("--set", "strategy.params.half_spread_bps=0.0", "--plain")


def sampling(path: Path) -> str:
    """What the one tape in a folder says of itself."""
    (header,) = (path / "data" / "tapes").glob("*/tape.json")
    return str(json.loads(header.read_text())["sampling"])


def _told(address: str) -> Any:
    with urlopen(address) as answer:
        return json.load(answer)


def test_a_streamed_run_fills_and_its_replay_and_a_backtest_of_its_tape_are_equal(folder: Folder) -> None:
    bot = folder.start("paper", *BRISK, "--set", "feed.mode=stream")
    folder.wait_for("select 1 from fills where lane = 'queue'")
    ended = end(bot)

    assert ended.code == 0, ended.out
    assert "refused" not in ended.out
    assert sampling(folder.path) == "event"
    assert folder.run("replay", "1", "--assert").code == 0
    (tape,) = (folder.path / "data" / "tapes").iterdir()
    assert folder.run("backtest", str(tape), *BRISK[:2]).code == 0
    compared = folder.run("compare", "1", "2")
    assert compared.code == 0, compared.out
    assert "are equal: every decision, order and fill is the same" in compared.out


def test_a_tape_of_streams_that_polling_may_step_in_for_claims_no_more_than_snapshots(folder: Folder) -> None:
    ended = folder.run("record", "--set", "feed.mode=auto", "--for", "2s")

    assert ended.code == 0, ended.err
    assert "rows recorded" in ended.out
    assert sampling(folder.path) == "snapshot"


def test_streams_of_an_exchange_that_has_none_are_refused_before_anything_is_asked(folder: Folder) -> None:
    ended = folder.run("record", "--set", "feed.mode=stream", "--set", "exchange.id=bitso", "--for", "1s")

    assert ended.code == 2
    assert 'feed.mode should be "poll" or "auto" on bitso' in ended.err


async def test_streams_of_more_symbols_than_can_be_polled_are_audited_less_often_instead_of_refused() -> None:
    exchange = await asyncio.to_thread(ExchangeProcess.start, ExchangeSettings(symbols=70, weight_limit=2400))
    try:
        listing = await asyncio.to_thread(_told, f"{exchange.url}/fapi/v1/exchangeInfo")
        names = tuple(f"{one['baseAsset']}/USDT:USDT" for one in listing["symbols"])
        plain = Config()
        told = plain.exchange.model_copy(update={"id": "binanceusdm", "base_url": exchange.url, "symbols": names})
        how = plain.feed.model_copy(update={"mode": "stream"})
        market = await PolledMarket.open(plain.model_copy(update={"exchange": told, "feed": how}))
        await market.close()
    finally:
        await asyncio.to_thread(exchange.stop)

    assert len(names) == 70
    facts = 2 * len(names)  # funding and open interest weigh 1 each, once a minute whatever else is asked for
    assert market.budget.used_per_minute - facts <= 0.26 * market.budget.usable_per_minute


def test_a_recording_of_an_exchange_that_stopped_answering_does_not_fill_the_screen(folder: Folder) -> None:
    exchange = ExchangeProcess.start(ExchangeSettings(control_token="only-for-tests"))
    try:
        ExchangeControl(exchange.url, "only-for-tests").arm("timeout-before", endpoint="depth")
        ended = folder.run("record", "--set", f"exchange.base_url={exchange.url}", "--for", "2s")
    finally:
        exchange.stop()

    assert ended.code == 0
    assert "Execution of job" not in ended.err
