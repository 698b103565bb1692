"""Every method of the stock ccxt clients that the local exchange answers: how each is called and what must come back.

The table in docs/local-exchange.md is made of these calls, by `python -m tests.exchange.conformance`.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import ccxt as errors
import orjson

from bot.exchange.control_client import ExchangeControl
from bot.exchange.process import ExchangeProcess, ExchangeSettings
from tests.exchange.practice import client, pro

BTC = "BTC/USDT:USDT"
ETH = "ETH/USDT:USDT"
DOCUMENT = Path(__file__).parents[2] / "docs/local-exchange.md"
BEGIN, END = "<!-- methods -->", "<!-- /methods -->"
_TOKEN = "conformance"
_PATIENCE_S = 20.0


@dataclass
class Desk:
    """Both clients on one exchange; `asked` is what they have sent since it was last emptied."""

    rest: Any
    pro: Any
    control: ExchangeControl
    asked: list[str] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)

    async def until_listening(self) -> None:
        """Wait until the user stream is connected."""
        while not any("/private/" in url and one.isConnected for url, one in self.pro.clients.items()):
            await asyncio.sleep(0.01)


@dataclass(frozen=True)
class Case:
    """One method: how it reads in the table, what must hold of its answer, and the call that checks it."""

    method: str
    holds: str
    call: Callable[[Desk], Awaitable[None]]


@dataclass(frozen=True)
class Row:
    """What a case sent and, when it failed, why."""

    case: Case
    asked: tuple[str, ...]
    failure: str


@contextlib.asynccontextmanager
async def desk(url: str) -> AsyncIterator[Desk]:
    """Open both clients on one exchange, unmodified, in a session that writes down what they send."""
    asked: list[str] = []
    trace = aiohttp.TraceConfig()

    async def started(_session: Any, _context: Any, request: aiohttp.TraceRequestStartParams) -> None:
        words = [word for word in urlsplit(str(request.url)).path.split("/") if not word.isdecimal()]
        stream = request.url.path.startswith(("/public/", "/market/", "/private/"))
        asked.append(f"{'WS' if stream else request.method} {'/'.join(words)}")

    trace.on_request_start.append(started)
    async with aiohttp.ClientSession(trace_configs=[trace], ws_response_class=_written_down(asked)) as session:
        opened = Desk(client(url, session=session), pro(url, session=session), ExchangeControl(url, _TOKEN), asked)
        try:
            await opened.pro.load_markets()
            yield opened
        finally:
            await opened.pro.close()
            await opened.rest.close()


def _written_down(asked: list[str]) -> type[aiohttp.ClientWebSocketResponse]:
    class Socket(aiohttp.ClientWebSocketResponse):
        async def send_str(self, data: str, compress: int | None = None) -> None:
            sent = orjson.loads(data)
            asked.append(f"{sent['method']} {' '.join(sent['params'])}")
            await super().send_str(data, compress)

    return Socket


async def rows(url: str) -> list[Row]:
    """Make every call, one after the other; what one does the next may need."""
    made = []
    async with desk(url) as at:
        for case in CASES:
            at.asked.clear()
            failure = ""
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await case.call(at)
            except Exception:  # noqa: BLE001 - whatever goes wrong is told of every method, not of the first alone
                failure = traceback.format_exc(limit=-3)
            made.append(Row(case, tuple(dict.fromkeys(at.asked)), failure))
    return made


def table(made: list[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| ccxt method | what it sends | what holds of the answer |", "|---|---|---|"]
    for row in made:
        sent = "<br>".join(f"`{one}`" for one in row.asked) or "nothing"
        lines.append(f"| `{row.case.method}` | {sent} | {row.case.holds} |")
    return "\n".join(lines)


def documented() -> str:
    """The table as the document has it."""
    return DOCUMENT.read_text().split(BEGIN)[1].split(END)[0].strip()


def exchange_settings() -> ExchangeSettings:
    """The exchange that the calls are made on."""
    return ExchangeSettings(seed=19, symbols=(BTC, ETH), control_token=_TOKEN)


def main() -> int:
    """Make the calls and write the table into the document; exit code 1 when a method failed."""
    process = ExchangeProcess.start(exchange_settings())
    try:
        made = asyncio.run(rows(process.url))
    finally:
        process.stop()
    failed = [row for row in made if row.failure]
    for row in failed:
        sys.stderr.write(f"{row.case.method}: {row.failure}\n")
    if not failed:
        before, _, rest = DOCUMENT.read_text().partition(BEGIN)
        DOCUMENT.write_text(f"{before}{BEGIN}\n{table(made)}\n{END}{rest.partition(END)[2]}")
    return bool(failed)


def _is_book(book: Any) -> None:
    assert len(book["bids"]) >= 5
    assert len(book["asks"]) >= 5
    assert book["bids"][0][0] < book["asks"][0][0]
    assert book["bids"] == sorted(book["bids"], reverse=True)
    assert book["nonce"] > 0


def _are_trades(trades: Any) -> None:
    assert trades
    assert all(one["price"] > 0 and one["amount"] > 0 and one["side"] in ("buy", "sell") for one in trades)


def _is_ticker(ticker: Any) -> None:
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert ticker["baseVolume"] > 0


async def _until(call: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool]) -> Any:
    while not wanted(answer := await call()):
        await asyncio.sleep(0.05)
    return answer


async def _time(at: Desk) -> None:
    assert abs(await at.rest.fetch_time() - at.rest.milliseconds()) < 5_000


async def _markets(at: Desk) -> None:
    assert set(await at.rest.load_markets()) == {BTC, ETH}


async def _book(at: Desk) -> None:
    _is_book(await at.rest.fetch_order_book(BTC, 20))


async def _trades(at: Desk) -> None:
    _are_trades(await _until(lambda: at.rest.fetch_trades(BTC), bool))


async def _ticker(at: Desk) -> None:
    _is_ticker(await at.rest.fetch_ticker(BTC))


async def _tickers(at: Desk) -> None:
    assert set(await at.rest.fetch_tickers()) == {BTC, ETH}


async def _bids_asks(at: Desk) -> None:
    quotes = await at.rest.fetch_bids_asks([BTC, ETH])
    assert all(quote["bid"] < quote["ask"] for quote in quotes.values())


async def _mark_price(at: Desk) -> None:
    bid = (await at.rest.fetch_order_book(BTC, 5))["bids"][0][0]
    assert abs((await at.rest.fetch_mark_price(BTC))["markPrice"] / bid - 1) < 0.01


async def _funding_rate(at: Desk) -> None:
    funding = await at.rest.fetch_funding_rate(BTC)
    assert abs(funding["fundingRate"]) < 0.01
    assert funding["fundingTimestamp"] > at.rest.milliseconds()


async def _funding_rates(at: Desk) -> None:
    assert set(await at.rest.fetch_funding_rates()) == {BTC, ETH}


async def _funding_rate_history(at: Desk) -> None:
    assert isinstance(await at.rest.fetch_funding_rate_history(BTC), list)


async def _funding_intervals(at: Desk) -> None:
    assert (await at.rest.fetch_funding_intervals())[BTC]["interval"] == "8h"


async def _balance(at: Desk) -> None:
    balance = await at.rest.fetch_balance()
    assert balance["USDT"]["total"] == balance["USDT"]["free"] == 10_000


async def _limit(at: Desk) -> None:
    order = await at.rest.create_order(BTC, "limit", "buy", 0.01, 50_000, {"clientOrderId": "by-name"})
    assert (order["status"], order["clientOrderId"]) == ("open", "by-name")
    at.kept["order"] = order["id"]


async def _fetch_order(at: Desk) -> None:
    assert (await at.rest.fetch_order(at.kept["order"], BTC))["price"] == 50_000


async def _fetch_by_name(at: Desk) -> None:
    found = await at.rest.fetch_order(None, BTC, {"clientOrderId": "by-name"})
    assert found["id"] == at.kept["order"]


async def _edit(at: Desk) -> None:
    edited = await at.rest.edit_order(at.kept["order"], BTC, "limit", "buy", 0.02, 49_000)
    assert (edited["id"], edited["price"], edited["amount"]) == (at.kept["order"], 49_000, 0.02)


async def _open_order(at: Desk) -> None:
    assert (await at.rest.fetch_open_order(at.kept["order"], BTC))["status"] == "open"


async def _open_orders(at: Desk) -> None:
    assert [one["id"] for one in await at.rest.fetch_open_orders(BTC)] == [at.kept["order"]]


async def _cancel(at: Desk) -> None:
    assert (await at.rest.cancel_order(at.kept["order"], BTC))["status"] == "canceled"


async def _orders(at: Desk) -> None:
    assert at.kept["order"] in {one["id"] for one in await at.rest.fetch_orders(BTC)}


async def _canceled_orders(at: Desk) -> None:
    assert at.kept["order"] in {one["id"] for one in await at.rest.fetch_canceled_orders(BTC)}


async def _several(at: Desk) -> None:
    wanted = {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.01}
    made = await at.rest.create_orders([{**wanted, "price": 50_000}, {**wanted, "price": 49_000}])
    assert [one["status"] for one in made] == ["open", "open"]
    at.kept["several"] = [one["id"] for one in made]


async def _cancel_several(at: Desk) -> None:
    gone = await at.rest.cancel_orders(at.kept["several"], BTC)
    assert [one["id"] for one in gone] == at.kept["several"]


async def _post_only(at: Desk) -> None:
    order = await at.rest.create_order(BTC, "limit", "buy", 0.01, 50_000, {"postOnly": True})
    assert (order["status"], order["postOnly"]) == ("open", True)
    with contextlib.suppress(errors.OrderNotFillable):
        await at.rest.create_order(BTC, "limit", "buy", 0.01, 70_000, {"postOnly": True})
        raise AssertionError("a post-only order that would take should have been refused")


async def _cancel_all(at: Desk) -> None:
    await at.rest.cancel_all_orders(BTC)
    assert await at.rest.fetch_open_orders(BTC) == []


async def _ioc(at: Desk) -> None:
    order = await at.rest.create_order(BTC, "limit", "buy", 0.01, 50_000, {"timeInForce": "IOC"})
    assert (order["status"], order["filled"]) == ("expired", 0)


async def _fok(at: Desk) -> None:
    order = await at.rest.create_order(BTC, "limit", "buy", 0.01, 70_000, {"timeInForce": "FOK"})
    assert (order["status"], order["filled"]) == ("closed", 0.01)


async def _market(at: Desk) -> None:
    order = await at.rest.create_order(BTC, "market", "buy", 0.02)
    assert (order["status"], order["filled"]) == ("closed", 0.02)
    assert order["average"] > 0


async def _positions(at: Desk) -> None:
    (position,) = await at.rest.fetch_positions([BTC])
    assert (position["side"], position["contracts"]) == ("long", 0.03)
    assert position["liquidationPrice"] is None or position["liquidationPrice"] < position["markPrice"]


async def _my_trades(at: Desk) -> None:
    fills = await at.rest.fetch_my_trades(BTC)
    assert round(sum(one["amount"] for one in fills), 8) == 0.03
    assert all(one["fee"]["cost"] > 0 and one["takerOrMaker"] == "taker" for one in fills)


async def _reduce_only(at: Desk) -> None:
    closed = await at.rest.create_order(BTC, "market", "sell", 0.5, None, {"reduceOnly": True})
    assert (closed["filled"], closed["reduceOnly"]) == (0.03, True)


async def _closed_orders(at: Desk) -> None:
    assert {one["status"] for one in await at.rest.fetch_closed_orders(BTC)} == {"closed"}


async def _income(at: Desk) -> None:
    kinds = {row["incomeType"] for row in await at.rest.fapiPrivateGetIncome()}
    assert {"COMMISSION", "REALIZED_PNL"} <= kinds


async def _ledger(at: Desk) -> None:
    assert any(entry["direction"] == "out" and entry["amount"] > 0 for entry in await at.rest.fetch_ledger("USDT"))


async def _funding_history(at: Desk) -> None:
    assert await at.rest.fetch_funding_history(BTC) == []


async def _set_leverage(at: Desk) -> None:
    assert int((await at.rest.set_leverage(5, BTC))["leverage"]) == 5


async def _leverages(at: Desk) -> None:
    assert (await at.rest.fetch_leverages())[BTC]["longLeverage"] == 5


async def _tiers(at: Desk) -> None:
    tiers = (await at.rest.fetch_leverage_tiers([BTC]))[BTC]
    assert [one["maxLeverage"] for one in tiers] == sorted((one["maxLeverage"] for one in tiers), reverse=True)


async def _margin_mode(at: Desk) -> None:
    with contextlib.suppress(errors.MarginModeAlreadySet):
        await at.rest.set_margin_mode("cross", BTC)
        raise AssertionError("the margin mode should have been refused as set already")


async def _margin_modes(at: Desk) -> None:
    assert (await at.rest.fetch_margin_modes())[BTC]["marginMode"] == "cross"


async def _position_mode(at: Desk) -> None:
    assert (await at.rest.fetch_position_mode())["hedged"] is False


async def _fee(at: Desk) -> None:
    fee = await at.rest.fetch_trading_fee(BTC)
    assert (fee["maker"], fee["taker"]) == (0.0002, 0.0005)


async def _countdown(at: Desk) -> None:
    await at.rest.create_order(BTC, "limit", "buy", 0.01, 50_000)
    await at.rest.fapiPrivatePostCountdownCancelAll({"symbol": "BTCUSDT", "countdownTime": 300})
    await _until(lambda: at.rest.fetch_open_orders(BTC), lambda left: not left)


async def _rights(at: Desk) -> None:
    rights = await at.rest.sapiGetAccountApiRestrictions()
    assert (rights["enableWithdrawals"], rights["enableFutures"]) == (False, True)


async def _watch_book(at: Desk) -> None:
    first = await at.pro.watch_order_book(BTC)
    nonce = first["nonce"]
    for _ in range(5):
        book = await at.pro.watch_order_book(BTC)
    _is_book(book)
    assert book["nonce"] > nonce


async def _watch_books(at: Desk) -> None:
    seen: set[str] = set()
    while seen != {BTC, ETH}:
        book = await at.pro.watch_order_book_for_symbols([BTC, ETH])
        _is_book(book)
        seen.add(book["symbol"])


async def _unwatch_book(at: Desk) -> None:
    assert await at.pro.un_watch_order_book(BTC) is True


async def _unwatch_books(at: Desk) -> None:
    assert await at.pro.un_watch_order_book_for_symbols([BTC, ETH]) is True


async def _watch_trades(at: Desk) -> None:
    trades = await at.pro.watch_trades(BTC)
    _are_trades(trades)
    known = {str(row["id"]) for row in await at.rest.fapiPublicGetTrades({"symbol": "BTCUSDT", "limit": 1000})}
    assert trades[-1]["id"] in known


async def _watch_trades_of(at: Desk) -> None:
    _are_trades(await at.pro.watch_trades_for_symbols([BTC, ETH]))


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
    _is_ticker(await at.pro.watch_ticker(BTC))


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


CASES: tuple[Case, ...] = (
    Case("fetch_time", "the exchange's time", _time),
    Case("load_markets", "every listed symbol with its grid", _markets),
    Case("fetch_order_book", "deep, sorted and not crossed", _book),
    Case("fetch_trades", "aggregated trades", _trades),
    Case("fetch_ticker", "the last price between low and high", _ticker),
    Case("fetch_tickers", "every symbol", _tickers),
    Case("fetch_bids_asks", "bid below ask", _bids_asks),
    Case("fetch_mark_price", "close to the book", _mark_price),
    Case("fetch_funding_rate", "the rate, and the next time in the future", _funding_rate),
    Case("fetch_funding_rates", "every symbol", _funding_rates),
    Case("fetch_funding_rate_history", "rates that were charged", _funding_rate_history),
    Case("fetch_funding_intervals", "as configured", _funding_intervals),
    Case("fetch_balance", "the opening cash, all free", _balance),
    Case("create_order(limit)", "rests, with the client's id", _limit),
    Case("fetch_order(id)", "the order", _fetch_order),
    Case("fetch_order(clientOrderId)", "the same order", _fetch_by_name),
    Case("edit_order", "same id, new price and size", _edit),
    Case("fetch_open_order", "the order while it is open", _open_order),
    Case("fetch_open_orders", "this one alone", _open_orders),
    Case("cancel_order", "cancelled", _cancel),
    Case("fetch_orders", "closed ones too", _orders),
    Case("fetch_canceled_orders", "the cancelled one", _canceled_orders),
    Case("create_orders", "several at once", _several),
    Case("cancel_orders", "several at once", _cancel_several),
    Case("create_order(postOnly)", "rests, or is refused when it would take", _post_only),
    Case("cancel_all_orders", "none is left", _cancel_all),
    Case("create_order(IOC)", "expires where nothing can trade", _ioc),
    Case("create_order(FOK)", "fills whole", _fok),
    Case("create_order(market)", "fills at once, with an average price", _market),
    Case("fetch_positions", "what the fills add up to", _positions),
    Case("fetch_my_trades", "every fill with its fee", _my_trades),
    Case("create_order(reduceOnly)", "closes and never turns the position", _reduce_only),
    Case("fetch_closed_orders", "closed ones only", _closed_orders),
    Case("fapiPrivateGetIncome", "fees and realised P&L", _income),
    Case("fetch_ledger", "fees going out", _ledger),
    Case("fetch_funding_history", "funding paid: none yet", _funding_history),
    Case("set_leverage", "the leverage that was asked for", _set_leverage),
    Case("fetch_leverages", "the leverage that was set", _leverages),
    Case("fetch_leverage_tiers", "less leverage for more", _tiers),
    Case("set_margin_mode", "refused, as it is cross already", _margin_mode),
    Case("fetch_margin_modes", "cross", _margin_modes),
    Case("fetch_position_mode", "one-way", _position_mode),
    Case("fetch_trading_fee", "2 and 5 bps", _fee),
    Case("fapiPrivatePostCountdownCancelAll", "open orders are gone when the countdown is over", _countdown),
    Case("sapiGetAccountApiRestrictions", "may trade, may not withdraw", _rights),
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


if __name__ == "__main__":
    sys.exit(main())
