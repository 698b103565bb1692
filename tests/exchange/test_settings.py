"""Every setting of the exchange reaches its process, and has an effect there."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from bot.errors import UserError
from bot.exchange.__main__ import settings_of
from bot.exchange.control_client import ExchangeControl
from bot.exchange.floor import STEP_MS
from bot.exchange.keys import ApiKey
from bot.exchange.process import ExchangeProcess, ExchangeSettings
from bot.exchange.virtual import EPOCH_MS, VirtualExchange
from tests.exchange.made_up_tape import write_tape

_BTC: Final = "BTC/USDT:USDT"
_VIRTUAL: Final = ExchangeSettings(symbols=(_BTC,), virtual=True, control_token="test")
_Start = Callable[[ExchangeSettings], ExchangeProcess]
_OTHER: Final = ExchangeSettings(
    port=8_701,
    seed=8,
    symbols=(_BTC, "SOL/USDT:USDT"),
    alpha=2.5,
    state_folder=Path("state"),
    tape=Path("tape"),
    speed=3.5,
    keys=(ApiKey("a", "b", Decimal("12.5"), False, True, False), ApiKey("c", "d")),
    alpha_horizon_s=1.5,
    funding_every_s=60.5,
    weight_limit=7,
    control_token="secret",
    virtual=True,
    listen_key_life_s=90.5,
    ban_s=4.5,
)


def test_every_setting_reaches_the_process() -> None:
    default = ExchangeSettings()
    for field in fields(ExchangeSettings):
        assert getattr(_OTHER, field.name) != getattr(default, field.name), field.name

    assert settings_of(_OTHER.arguments(), _OTHER.environment()) == _OTHER
    assert settings_of(default.arguments(), default.environment()) == default
    twenty = replace(default, symbols=20)
    assert settings_of(twenty.arguments(), twenty.environment()) == twenty


def test_secrets_are_in_no_argument_and_in_no_text() -> None:
    said = " ".join(_OTHER.arguments()) + repr(_OTHER)

    assert "secret='" not in said
    assert _OTHER.control_token not in said


def _tape_of(settings: ExchangeSettings) -> str:
    exchange = VirtualExchange(settings)
    exchange.advance(10_000)
    return exchange.digest()["tape"]


@pytest.mark.parametrize("other", [{"seed": 8}, {"alpha": 0.0}, {"alpha_horizon_s": 1.0}, {"symbols": 2}])
def test_the_synthetic_market_is_another(other: dict[str, Any]) -> None:
    assert _tape_of(_VIRTUAL) != _tape_of(replace(_VIRTUAL, **other))


def test_a_tape_goes_at_its_speed(tmp_path: Path) -> None:
    write_tape(tmp_path / "tape")
    taped = replace(_VIRTUAL, tape=tmp_path / "tape")
    slow, fast = VirtualExchange(taped), VirtualExchange(replace(taped, speed=4.0))
    begun_ms = slow.now_ms - STEP_MS
    slow.advance(1_000 - STEP_MS)
    fast.advance(1_000 - STEP_MS)

    assert slow.now_ms - begun_ms == 1_000
    assert fast.now_ms - begun_ms == 4_000


def test_keys_have_an_account_each() -> None:
    exchange = VirtualExchange(replace(_VIRTUAL, keys=_OTHER.keys))

    assert {key: account.cash for key, account in exchange.exchange.accounts.items()} == {
        "a": Decimal("12.5"),
        "c": Decimal(10_000),
    }
    assert not exchange.account("a").rights.may_trade


def test_a_port_is_taken() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = ExchangeProcess.start(replace(_VIRTUAL, port=port))
    process.stop()

    assert process.url == f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def start() -> Iterator[_Start]:
    """Start exchanges that end with the tests of this file."""
    started: list[ExchangeProcess] = []

    def begin(settings: ExchangeSettings) -> ExchangeProcess:
        started.append(ExchangeProcess.start(settings))
        return started[-1]

    yield begin
    for process in started:
        process.stop()


def _ask(process: ExchangeProcess, path: str, method: str = "GET", key: str = "local") -> tuple[int, Any]:
    request = urllib.request.Request(process.url + path, method=method, headers={"X-MBX-APIKEY": key})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_funding_is_due_at_multiples_of_its_interval(start: _Start) -> None:
    process = start(replace(_VIRTUAL, funding_every_s=90.0))
    ExchangeControl(process.url, "test").advance(100_000)
    _, told = _ask(process, "/fapi/v1/premiumIndex?symbol=BTCUSDT")

    assert told["nextFundingTime"] == EPOCH_MS + 180_000


def test_weight_is_limited_and_who_ignores_it_is_banned(start: _Start) -> None:
    process = start(replace(_VIRTUAL, weight_limit=3, ban_s=1_000.0))
    codes = [_ask(process, "/fapi/v1/time")[0] for _ in range(40)]

    assert codes[:3] == [200, 200, 200]
    assert 429 in codes
    assert codes[-1] == 418
    request = urllib.request.Request(process.url + "/fapi/v1/time")
    with pytest.raises(urllib.error.HTTPError) as banned:
        urllib.request.urlopen(request, timeout=10)
    with banned.value as answer:
        assert 900 < int(answer.headers["Retry-After"]) <= 1_000


def test_the_control_token_opens_the_control_and_a_virtual_market_waits_for_it(start: _Start) -> None:
    closed, opened = start(replace(_VIRTUAL, control_token="")), start(_VIRTUAL)
    with pytest.raises(UserError, match="there is nothing here"):
        ExchangeControl(closed.url, "").digest()
    before = _ask(opened, "/fapi/v1/time")
    assert before == _ask(opened, "/fapi/v1/time")
    assert ExchangeControl(opened.url, "test").advance(65_025) == before[1]["serverTime"] + 65_000


def test_a_market_in_wall_time_moves_by_itself_alone(start: _Start) -> None:
    process = start(replace(_VIRTUAL, virtual=False))
    with pytest.raises(UserError, match="moves by itself"):
        ExchangeControl(process.url, "test").advance(50)


def test_a_listen_key_lives_as_long_as_the_setting_says(start: _Start) -> None:
    process = start(replace(_VIRTUAL, listen_key_life_s=30.0))
    control = ExchangeControl(process.url, "test")
    assert _ask(process, "/fapi/v1/listenKey", "POST")[0] == 200
    control.advance(29_000)
    assert _ask(process, "/fapi/v1/listenKey", "PUT")[0] == 200
    control.advance(31_000)

    status, told = _ask(process, "/fapi/v1/listenKey", "PUT")
    assert (status, told["code"]) == (400, -1125)


def test_a_virtual_market_goes_on_from_its_state(start: _Start, tmp_path: Path) -> None:
    settings = replace(_VIRTUAL, state_folder=tmp_path)
    first = start(settings)
    reached_ms = ExchangeControl(first.url, "test").advance(60_000)
    first.stop()

    assert _ask(start(settings), "/fapi/v1/time")[1]["serverTime"] == reached_ms + STEP_MS
