"""Whatever a request dies of becomes one of a few errors, in one line without secrets."""

from __future__ import annotations

import ccxt.async_support as ccxt
import pytest

from bot.errors import BadMarketData, BotError, VenueRefused, VenueUnavailable
from bot.exchange.control_client import ExchangeControl
from bot.exchange.process import ExchangeProcess, ExchangeSettings
from bot.feed.faults import TooManyRequests, answered, retry_after_s, shown
from bot.feed.pause import Pause
from tests.exchange.practice import client


async def raising(fault: BaseException) -> None:
    raise fault


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (ccxt.RequestTimeout("x"), VenueUnavailable),
        (ccxt.ExchangeNotAvailable("x"), VenueUnavailable),
        (ccxt.OperationFailed("x"), VenueUnavailable),
        (ccxt.BadResponse("x"), VenueUnavailable),
        (TimeoutError(), VenueUnavailable),
        (ConnectionResetError(), VenueUnavailable),
        (ccxt.DDoSProtection("binanceusdm 429 Too Many Requests"), TooManyRequests),
        (ccxt.RateLimitExceeded("x"), TooManyRequests),
        (ccxt.BadSymbol("x"), VenueRefused),
        (ccxt.AuthenticationError("x"), VenueRefused),
        (ccxt.NotSupported("x"), VenueRefused),
        (TypeError("x"), BadMarketData),
        (OverflowError("x"), BadMarketData),
        (KeyError("x"), BadMarketData),
    ],
)
async def test_every_fault_of_a_request_is_one_of_a_few(fault: Exception, kind: type[BotError]) -> None:
    with pytest.raises(kind) as sorted_out:
        await answered(raising(fault))

    assert type(sorted_out.value) is kind
    assert sorted_out.value.__cause__ is fault


async def test_an_answer_cut_off_in_its_midst_may_pass_by_itself() -> None:
    process = ExchangeProcess.start(ExchangeSettings(symbols=1, control_token="token"))
    stock = client(process.url)
    try:
        ExchangeControl(process.url, "token").arm("cut-off", endpoint="time")
        with pytest.raises(VenueUnavailable):
            await answered(stock.fetch_time(), stock)
    finally:
        await stock.close()
        process.stop()


async def test_being_cancelled_is_no_fault() -> None:
    import asyncio

    with pytest.raises(asyncio.CancelledError):
        await answered(raising(asyncio.CancelledError()))


async def test_a_ban_is_told_from_a_plain_complaint() -> None:
    for status, banned in ((429, False), (418, True)):
        with pytest.raises(TooManyRequests) as complaint:
            await answered(raising(ccxt.DDoSProtection(f"binanceusdm {status} I'm a teapot")))
        assert complaint.value.banned is banned


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": " 30 "}, 30.0),
        ({"Retry-After": "-1"}, 0.0),
        ({"Retry-After": "soon"}, 0.0),
        ({"Retry-After": "nan"}, 0.0),
        ({"Retry-After": "9" * 300}, 0.0),
        ({}, 0.0),
        (None, 0.0),
    ],
)
def test_retry_after_is_read_when_it_is_whole_seconds(headers: object, seconds: float) -> None:
    assert retry_after_s(headers) == seconds


def test_a_shown_text_is_one_short_line_without_secrets() -> None:
    text = shown("GET https://x/y?a=1&signature=deadbeef&b=2\n{'X-MBX-APIKEY': 'mykey'}" + "z" * 10_000)

    assert "deadbeef" not in text
    assert "mykey" not in text
    assert "\n" not in text
    assert len(text) <= 200


class Seconds:
    """A monotonic clock set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_pause_is_as_long_as_the_exchange_asks() -> None:
    seconds = Seconds()
    pause = Pause(seconds)
    assert not pause.is_on

    assert pause.begin(TooManyRequests("x", 7.0, banned=False)) == 7.0
    seconds.now += 6.9
    assert pause.is_on
    seconds.now += 0.2
    assert not pause.is_on


def test_pauses_of_no_stated_length_double_and_calm_down() -> None:
    seconds = Seconds()
    pause = Pause(seconds)
    lengths = []
    for _ in range(7):
        lengths.append(pause.begin(TooManyRequests("x", 0.0, banned=False)))
        seconds.now += lengths[-1] + 1

    assert lengths == [5, 10, 20, 40, 80, 120, 120]
    seconds.now += 1_000
    assert pause.begin(TooManyRequests("x", 0.0, banned=False)) == 5


def test_complaints_about_one_flood_are_one_pause() -> None:
    pause = Pause(Seconds())

    assert next(pause.begin(TooManyRequests("x", 0.0, banned=False)) for _ in range(3)) == 5
    assert pause._next_s == 10


def test_a_ban_without_a_length_is_a_long_pause() -> None:
    assert Pause(Seconds()).begin(TooManyRequests("x", 0.0, banned=True)) == 120
