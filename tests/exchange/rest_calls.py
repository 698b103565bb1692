"""Every REST method of the stock client that the exchange answers: how each is called, and what must come back."""

from __future__ import annotations

import contextlib

import ccxt as errors

from tests.exchange.desk import BTC, ETH, Case, Desk, are_trades, is_book, is_ticker, until


async def _time(at: Desk) -> None:
    assert abs(await at.rest.fetch_time() - at.rest.milliseconds()) < 5_000


async def _markets(at: Desk) -> None:
    assert set(await at.rest.load_markets()) == {BTC, ETH}


async def _book(at: Desk) -> None:
    is_book(await at.rest.fetch_order_book(BTC, 20))


async def _trades(at: Desk) -> None:
    are_trades(await until(lambda: at.rest.fetch_trades(BTC), bool))


async def _ticker(at: Desk) -> None:
    is_ticker(await at.rest.fetch_ticker(BTC))


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


async def _open_interest(at: Desk) -> None:
    assert (await at.rest.fetch_open_interest(BTC))["openInterestAmount"] == 0


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
    await until(lambda: at.rest.fetch_open_orders(BTC), lambda left: not left)


async def _rights(at: Desk) -> None:
    rights = await at.rest.sapiGetAccountApiRestrictions()
    assert (rights["enableWithdrawals"], rights["enableFutures"]) == (False, True)


REST_CASES: tuple[Case, ...] = (
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
    Case("fetch_open_interest", "how much is held: nobody holds any yet", _open_interest),
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
)
