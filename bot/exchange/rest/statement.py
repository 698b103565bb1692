"""The JSON shapes of what an account owns: orders, fills, balance, positions, income."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from bot.exchange.accounts.account import MAKER_RATE, TAKER_RATE, Account, Income, OwnFill, OwnOrder, Position
from bot.exchange.accounts.brackets import BRACKETS, maintenance, most_notional
from bot.exchange.accounts.margin import Margin
from bot.exchange.exchange import Exchange
from bot.exchange.listing import Listing
from bot.exchange.rest.wire import Json, amount, plain
from bot.types import Instrument, OrderStatus

SIDES: Final = {1: "BUY", -1: "SELL"}
STATUSES: Final = {
    OrderStatus.OPEN: "NEW",
    OrderStatus.PARTIALLY_FILLED: "PARTIALLY_FILLED",
    OrderStatus.FILLED: "FILLED",
    OrderStatus.CANCELED: "CANCELED",
    OrderStatus.EXPIRED: "EXPIRED",
    OrderStatus.REJECTED: "REJECTED",
}


# Over thirty lines, as the wire has that many fields and one a line is how they are read.
def order(own: OwnOrder, instrument: Instrument) -> Json:
    """An account's order as it stands."""
    book_order = own.order
    filled = book_order.lots - book_order.left
    average = own.quote / instrument.size(filled) if filled else Decimal(0)
    return {
        "orderId": book_order.order_id,
        "symbol": own.symbol_id,
        "status": STATUSES[book_order.status],
        "clientOrderId": own.client_id,
        "price": plain(instrument.price(book_order.price)),
        "avgPrice": amount(average),
        "origQty": plain(instrument.size(book_order.lots)),
        "executedQty": plain(instrument.size(filled)),
        "cumQuote": plain(own.quote),
        "cumQty": plain(instrument.size(filled)),
        "timeInForce": own.rule.value,
        "type": own.order_type,
        "origType": own.order_type,
        "reduceOnly": book_order.reduce_only,
        "closePosition": False,
        "side": SIDES[book_order.sign],
        "positionSide": "BOTH",
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "priceMatch": "NONE",
        "selfTradePreventionMode": own.self_trade.value,
        "goodTillDate": 0,
        "time": own.time_ms,
        "updateTime": own.updated_ms,
    }


def fill(own: OwnFill, instrument: Instrument) -> Json:
    """One row of userTrades."""
    return {
        "symbol": own.symbol_id,
        "id": own.trade_id,
        "orderId": own.order_id,
        "side": SIDES[own.sign],
        "price": plain(instrument.price(own.price)),
        "qty": plain(instrument.size(own.lots)),
        "realizedPnl": amount(own.realised),
        "quoteQty": plain(own.quote),
        "commission": amount(own.fee),
        "commissionAsset": instrument.quote,
        "time": own.time_ms,
        "positionSide": "BOTH",
        "buyer": own.sign > 0,
        "maker": own.maker,
    }


# Likewise long: one field of the wire a line.
def balance(exchange: Exchange, account: Account, now_ms: int) -> Json:
    """The account with its one asset and its positions."""
    margin = Margin(exchange.listings, account)
    unrealised, bound, held = margin.unrealised(), margin.initial(), margin.positions()
    equity = account.cash + unrealised
    asset = {
        "asset": "USDT",
        "walletBalance": amount(account.cash),
        "unrealizedProfit": amount(unrealised),
        "marginBalance": amount(equity),
        "maintMargin": amount(margin.maintenance()),
        "initialMargin": amount(bound),
        "positionInitialMargin": amount(held),
        "openOrderInitialMargin": amount(bound - held),
        "crossWalletBalance": amount(account.cash),
        "crossUnPnl": amount(unrealised),
        "availableBalance": amount(max(Decimal(0), equity - bound)),
        "maxWithdrawAmount": amount(max(Decimal(0), account.cash + min(Decimal(0), unrealised) - bound)),
        "marginAvailable": True,
        "updateTime": now_ms,
    }
    return {
        "canTrade": account.rights.may_trade,
        "canDeposit": False,
        "canWithdraw": account.rights.may_withdraw,
        "multiAssetsMargin": False,
        "totalInitialMargin": asset["initialMargin"],
        "totalMaintMargin": asset["maintMargin"],
        "totalWalletBalance": asset["walletBalance"],
        "totalUnrealizedProfit": asset["unrealizedProfit"],
        "totalMarginBalance": asset["marginBalance"],
        "totalPositionInitialMargin": asset["positionInitialMargin"],
        "totalOpenOrderInitialMargin": asset["openOrderInitialMargin"],
        "totalCrossWalletBalance": asset["walletBalance"],
        "totalCrossUnPnl": asset["unrealizedProfit"],
        "availableBalance": asset["availableBalance"],
        "maxWithdrawAmount": asset["maxWithdrawAmount"],
        "assets": [asset],
        "positions": positions(exchange, account, None),
    }


def positions(exchange: Exchange, account: Account, symbol_id: str | None) -> list[Json]:
    """Open positions, of one symbol or of all."""
    margin = Margin(exchange.listings, account)
    return [
        _position(margin, account, exchange.listings[name], held)
        for name, held in account.positions.items()
        if held.lots and symbol_id in (None, name)
    ]


# Likewise long: one field of the wire a line.
def _position(margin: Margin, account: Account, listing: Listing, held: Position) -> Json:
    instrument, mark, symbol_id = listing.instrument, listing.mark(), listing.symbol_id
    size = instrument.size(held.lots)
    notional, leverage = size * mark, account.leverage_of(symbol_id)
    bound, wanted = abs(notional) / leverage, margin.initial_of(symbol_id)
    entry = amount(held.entry_price(instrument))
    return {
        "symbol": symbol_id,
        "positionSide": "BOTH",
        "positionAmt": plain(size),
        "entryPrice": entry,
        "breakEvenPrice": entry,
        "markPrice": amount(mark),
        "unRealizedProfit": amount(held.unrealised(instrument, mark)),
        "liquidationPrice": amount(margin.liquidation_price(symbol_id)),
        "marginType": "cross",
        "isolatedMargin": "0",
        "isAutoAddMargin": "false",
        "maxNotionalValue": plain(most_notional(leverage)),
        "notional": amount(notional),
        "marginAsset": instrument.quote,
        "isolatedWallet": "0",
        "initialMargin": amount(wanted),
        "maintMargin": amount(maintenance(abs(notional))),
        "positionInitialMargin": amount(bound),
        "openOrderInitialMargin": amount(wanted - bound),
        "leverage": str(leverage),
        "adl": 0,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": held.updated_ms,
    }


def brackets(listing: Listing) -> Json:
    """Leverage tiers of one symbol, the same for all."""
    return {
        "symbol": listing.symbol_id,
        "brackets": [
            {
                "bracket": one.number,
                "initialLeverage": one.leverage,
                "notionalCap": int(one.cap),
                "notionalFloor": int(one.floor),
                "maintMarginRatio": float(one.rate),
                "cum": float(one.cum),
            }
            for one in BRACKETS
        ],
    }


def leverage(account: Account, listing: Listing) -> Json:
    """An account's settings in one symbol."""
    wanted = account.leverage_of(listing.symbol_id)
    return {
        "symbol": listing.symbol_id,
        "marginType": "CROSSED",
        "isAutoAddMargin": False,
        "leverage": wanted,
        "maxNotionalValue": plain(most_notional(wanted)),
    }


def income(row: Income) -> Json:
    """One change of cash."""
    return {
        "symbol": row.symbol_id,
        "incomeType": row.kind.value,
        "income": amount(row.amount),
        "asset": "USDT",
        "info": row.kind.value,
        "time": row.time_ms,
        "tranId": row.number,
        "tradeId": str(row.trade_id) if row.trade_id else "",
    }


def fee_rates(listing: Listing) -> Json:
    """Fee rates of one symbol, as fractions."""
    return {
        "symbol": listing.symbol_id,
        "makerCommissionRate": plain(MAKER_RATE),
        "takerCommissionRate": plain(TAKER_RATE),
    }
