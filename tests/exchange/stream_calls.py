"""Every streaming method of the stock client that the exchange serves, and what must come of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from tests.exchange.desk import BTC, ETH, Case, Desk, are_trades, is_book, is_ticker


async def _watch_book(at: Desk) -> None:
    first = await at.pro.watch_order_book(BTC)
    nonce = first["nonce"]
    for _ in range(5):
        book = await at.pro.watch_order_book(BTC)
    is_book(book)
    assert book["nonce"] > nonce


async def _watch_books(at: Desk) -> None:
    seen: set[str] = set()
    while seen != {BTC, ETH}:
        book = await at.pro.watch_order_book_for_symbols([BTC, ETH])
        is_book(book)
        seen.add(book["symbol"])


async def _unwatch_book(at: Desk) -> None:
    assert await at.pro.un_watch_order_book(BTC) is True


async def _unwatch_books(at: Desk) -> None:
    assert await at.pro.un_watch_order_book_for_symbols([BTC, ETH]) is True


async def _watch_trades(at: Desk) -> None:
    trades = await at.pro.watch_trades(BTC)
    are_trades(trades)
    known = {str(row["id"]) for row in await at.rest.fapiPublicGetTrades({"symbol": "BTCUSDT", "limit": 1000})}
    assert trades[-1]["id"] in known


async def _watch_trades_of(at: Desk) -> None:
    are_trades(await at.pro.watch_trades_for_symbols([BTC, ETH]))


async def _unwatch_trades(at: Desk) -> None:
    assert await at.pro.un_watch_trades(BTC) is True


async def _unwatch_trades_of(at: Desk) -> None:
    assert await at.pro.un_watch_trades_for_symbols([BTC, ETH]) is True


async def _watch_bids_asks(at: Desk) -> None:
    (quote,) = (await at.pro.watch_bids_asks([BTC])).values()
    assert quote["bid"] < quote["ask"]


async def _unwatch_bids_asks(at: Desk) -> None:
    assert await at.pro.un_watch_bids_asks([BTC]) is True


async def _watch_ticker(at: Desk) -> None:
    is_ticker(await at.pro.watch_ticker(BTC))


async def _unwatch_ticker(at: Desk) -> None:
    assert await at.pro.un_watch_ticker(BTC) is True


async def _watch_tickers(at: Desk) -> None:
    assert set(await at.pro.watch_tickers()) == {BTC, ETH}


async def _watch_mark(at: Desk) -> None:
    mark = (await at.pro.watch_mark_price(BTC))["markPrice"]
    assert abs(mark / (await at.rest.fetch_order_book(BTC, 5))["bids"][0][0] - 1) < 0.01


async def _unwatch_mark(at: Desk) -> None:
    assert await at.pro.un_watch_mark_price(BTC) is True


async def _watch_marks(at: Desk) -> None:
    assert set(await at.pro.watch_mark_prices()) == {BTC, ETH}


async def _watch_positions(at: Desk) -> None:
    assert await at.pro.watch_positions([BTC]) == []
    watching = asyncio.create_task(at.pro.watch_positions([BTC]))
    await at.until_listening()
    await at.rest.create_order(BTC, "market", "buy", 0.01)
    (position,) = await watching
    assert (position["side"], position["contracts"]) == ("long", 0.01)


async def _watched(at: Desk, watching: Awaitable[Any]) -> Any:
    task = asyncio.ensure_future(watching)
    await at.until_listening()
    await at.rest.create_order(BTC, "market", "buy", 0.01)
    return await task


async def _watch_orders(at: Desk) -> None:
    order = (await _watched(at, at.pro.watch_orders(BTC)))[-1]
    assert (order["symbol"], order["side"], order["amount"]) == (BTC, "buy", 0.01)
    assert order["status"] in ("open", "closed")


async def _watch_my_trades(at: Desk) -> None:
    fill = (await _watched(at, at.pro.watch_my_trades(BTC)))[-1]
    assert fill["fee"]["cost"] > 0
    assert fill["id"] in {one["id"] for one in await at.rest.fetch_my_trades(BTC)}


async def _watch_balance(at: Desk) -> None:
    told = await _watched(at, at.pro.watch_balance())
    wallet = (await at.rest.fetch_balance())["info"]["totalWalletBalance"]
    assert told["USDT"]["total"] == float(wallet)


async def _watch_liquidations(at: Desk) -> None:
    public = asyncio.create_task(at.pro.watch_liquidations(BTC))
    while "SUBSCRIBE btcusdt@forceOrder" not in at.asked:
        await asyncio.sleep(0.01)
    for _ in range(3):
        await at.rest.fetch_time()  # the subscription is on its way on another connection
    at.control.arm("liquidation", key="local")
    (liquidation,) = await public
    assert (liquidation["symbol"], liquidation["side"]) == (BTC, "sell")


async def _my_liquidations(at: Desk) -> None:
    assert {one["symbol"] for one in await at.rest.fetch_my_liquidations(BTC)} == {BTC}


STREAM_CASES: tuple[Case, ...] = (
    Case("watch_order_book", "the book goes on, by differences", _watch_book),
    Case("watch_order_book_for_symbols", "both books", _watch_books),
    Case("un_watch_order_book", "done", _unwatch_book),
    Case("un_watch_order_book_for_symbols", "done", _unwatch_books),
    Case("watch_trades", "trades that REST knows by the same id", _watch_trades),
    Case("watch_trades_for_symbols", "trades", _watch_trades_of),
    Case("un_watch_trades", "done", _unwatch_trades),
    Case("un_watch_trades_for_symbols", "done", _unwatch_trades_of),
    Case("watch_bids_asks", "bid below ask", _watch_bids_asks),
    Case("un_watch_bids_asks", "done", _unwatch_bids_asks),
    Case("watch_ticker", "the last price between low and high", _watch_ticker),
    Case("un_watch_ticker", "done", _unwatch_ticker),
    Case("watch_tickers", "every symbol", _watch_tickers),
    Case("watch_mark_price", "close to the book", _watch_mark),
    Case("un_watch_mark_price", "done", _unwatch_mark),
    Case("watch_mark_prices", "every symbol", _watch_marks),
    Case("watch_positions", "flat, then the position", _watch_positions),
    Case("watch_balance", "the wallet balance that REST tells", _watch_balance),
    Case("watch_orders", "the order's changes", _watch_orders),
    Case("watch_my_trades", "fills that REST knows by the same id", _watch_my_trades),
    Case("watch_liquidations", "a forced order that was filled", _watch_liquidations),
    Case("fetch_my_liquidations", "the same, of one's own", _my_liquidations),
)
