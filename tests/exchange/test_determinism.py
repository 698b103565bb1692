"""The same seed or tape and the same orders give the same trades and the same accounts, to the last byte."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from bot.exchange.accounts.account import UNFILLED_KEPT, IncomeKind, OwnOrder
from bot.exchange.accounts.order_entry import Ticket
from bot.exchange.books.order import Order, Rule
from bot.exchange.floor import Floor, synthetic_market
from bot.exchange.keys import ApiKey
from bot.exchange.process import ExchangeProcess, ExchangeSettings
from bot.exchange.state import StateFolder
from bot.exchange.virtual import SteppedTime
from bot.types import OrderStatus
from tests.exchange.errands import Errand, errands, run_here, run_there
from tests.exchange.made_up_tape import write_tape
from tests.exchange.practice import client

_SYMBOLS: Final = ("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT")
_NAMES: Final = ("first", "second")
_SETTINGS: Final = ExchangeSettings(
    seed=5,
    symbols=_SYMBOLS,
    keys=(*(ApiKey(name, name, Decimal(20_000)) for name in _NAMES), ApiKey("daring", "daring", Decimal(100))),
    virtual=True,
    control_token="test",
    funding_every_s=1.0,
)
# The last is a position at full leverage, which funding every second eats up until it is liquidated.
_WORK: Final = (
    *errands(40, _SYMBOLS, _NAMES),
    Errand(40, 0, "daring", _SYMBOLS[0], 1, 190, None, None, is_daring=True),
)
_REST_MS: Final = 55_000


@pytest.fixture
def taped(tmp_path: Path) -> ExchangeSettings:
    """A replay of a made-up tape, for the same keys."""
    write_tape(tmp_path / "tape")
    return replace(_SETTINGS, tape=tmp_path / "tape", symbols=_SYMBOLS[:1])


@contextmanager
def _hash_seed(seed: str) -> Iterator[None]:
    """Python orders sets by a seed of its own: let it differ between the processes started within."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONHASHSEED", seed)
        yield


def test_the_same_orders_twice_give_the_same_hashes() -> None:
    first, second = (run_here(_SETTINGS, _WORK, _REST_MS) for _ in range(2))

    assert first.digest() == second.digest()
    # Everything that can happen to accounts has happened in what was hashed.
    assert len({fill.symbol_id for name in _NAMES for fill in first.account(name).fills}) == len(_SYMBOLS)
    assert {row.kind for row in first.account("daring").income} >= {IncomeKind.FUNDING_FEE}
    assert [own.order_type for own in first.account("daring").closed.values()] == ["MARKET", "LIQUIDATION"]
    assert {own.order.status for own in first.account("first").closed.values()} >= {
        OrderStatus.FILLED,
        OrderStatus.CANCELED,
    }


def test_another_seed_is_another_tape_and_one_order_more_is_another_account() -> None:
    idle = run_here(_SETTINGS, []).digest()
    other = run_here(replace(_SETTINGS, seed=6), []).digest()
    ours, fewer = run_here(_SETTINGS, _WORK).digest(), run_here(_SETTINGS, _WORK[:-1]).digest()

    assert other["tape"] != idle["tape"] != ours["tape"]
    assert other["accounts"] == idle["accounts"] != ours["accounts"] != fewer["accounts"]


def test_accounts_have_the_same_hash_after_a_restart(tmp_path: Path) -> None:
    hashes = []
    for _ in range(2):
        market = synthetic_market(_SETTINGS)
        floor, folder = Floor(_SETTINGS, SteppedTime(market)), StateFolder(tmp_path)
        if not folder.load(floor.exchange, market):
            now_ms, account = floor.turn(0), floor.exchange.accounts["first"]
            for number, sign in enumerate((1, -1)):  # back to flat, and then one that rests
                ticket = Ticket(
                    "BTCUSDT", sign, Decimal("0.01"), None, Rule.GTC, reduce_only=False, client_id=f"n{number}"
                )
                floor.exchange.place(account, ticket, now_ms)
            floor.exchange.place(account, replace(ticket, sign=1, price=Decimal(50_000), client_id="rests"), now_ms)
            folder.save(floor.exchange, market, now_ms, clean=False)
        hashes.append(floor.digests()["accounts"])
        folder.close()

    assert hashes[0] == hashes[1]


def test_the_newest_closed_orders_that_never_traded_are_known_and_saved(tmp_path: Path) -> None:
    market, folder = synthetic_market(_SETTINGS), StateFolder(tmp_path)
    floor = Floor(_SETTINGS, market)
    account = floor.exchange.accounts["first"]
    number = 0
    for last in (5, UNFILLED_KEPT, UNFILLED_KEPT + 7):
        while number < last:
            number += 1
            order = Order(number, account.owner, 1, 500_000, 10, 10, status=OrderStatus.CANCELED)
            own = OwnOrder(order, "BTCUSDT", f"n{number}", "LIMIT", Rule.GTC, number, number)
            if number == 1:
                order.left, own.filled, own.quote = 4, 6, Decimal(300)
            account.track(own)
        folder.save(floor.exchange, market, 1, clean=False)
    folder.close()
    again, folder = Floor(_SETTINGS, market), StateFolder(tmp_path)
    folder.load(again.exchange, market)
    folder.close()

    for kept in (account, again.exchange.accounts["first"]):
        assert list(kept.closed) == [("BTCUSDT", n) for n in (1, *range(8, UNFILLED_KEPT + 8))]
        assert len(kept.by_client_id) == UNFILLED_KEPT + 1
        assert kept.forgotten == 6
    assert again.digests()["accounts"] == floor.digests()["accounts"]


async def test_two_server_processes_and_one_without_a_server_give_the_same_hashes() -> None:
    with _hash_seed("1"):
        first = await run_there(_SETTINGS, _WORK, _REST_MS)
    with _hash_seed("2"):
        second = await run_there(_SETTINGS, _WORK, _REST_MS)

    assert first == second == run_here(_SETTINGS, _WORK, _REST_MS).digest()


async def test_a_tape_and_the_same_orders_give_the_same_hashes(taped: ExchangeSettings) -> None:
    work = errands(30, _SYMBOLS[:1], _NAMES)
    here = run_here(taped, work).digest()

    assert here == run_here(taped, work).digest()
    assert here["accounts"] != run_here(taped, work[:-1]).digest()["accounts"]
    assert here == await run_there(taped, work)


async def test_left_alone_the_market_makes_the_same_trades_in_wall_time() -> None:
    settings = replace(_SETTINGS, virtual=False)
    first, second = await asyncio.gather(_trades_in_wall_time(settings), _trades_in_wall_time(settings))
    for symbol in _SYMBOLS:
        both = min(len(first[symbol]), len(second[symbol]))
        assert both > 0
        assert first[symbol][:both] == second[symbol][:both]


async def _trades_in_wall_time(settings: ExchangeSettings) -> dict[str, list[Any]]:
    process = await asyncio.to_thread(ExchangeProcess.start, settings)
    exchange = client(process.url, apiKey="first", secret="first")
    try:
        while True:
            tapes = {}
            for symbol in _SYMBOLS:
                trades = await exchange.fetch_trades(symbol, limit=1000)
                tapes[symbol] = [(trade["id"], trade["price"], trade["amount"], trade["side"]) for trade in trades]
            if all(len(trades) >= 4 for trades in tapes.values()):
                return tapes
            await asyncio.sleep(0.2)
    finally:
        await exchange.close()
        await asyncio.to_thread(process.stop)
