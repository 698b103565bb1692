"""The JSON shapes of what an account owns: orders, fills, balance, positions."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from bot.exchange.account import MAKER_RATE, TAKER_RATE, Account, OwnFill, OwnOrder, Position
from bot.exchange.exchange import MAX_LEVERAGE, Exchange
from bot.exchange.listing import Listing
from bot.exchange.wire import Json, amount, plain
from bot.types import Instrument, OrderStatus

_MAINTENANCE: Final = Decimal("0.004")
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
        "selfTradePreventionMode": "NONE",
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
    unrealised, bound = exchange.unrealised(account), exchange.initial_margin(account)
    asset = {
        "asset": "USDT",
        "walletBalance": amount(account.cash),
        "unrealizedProfit": amount(unrealised),
        "marginBalance": amount(account.cash + unrealised),
        "maintMargin": amount(_maintenance(exchange, account)),
        "initialMargin": amount(bound),
        "positionInitialMargin": amount(bound),
        "openOrderInitialMargin": "0.00000000",
        "crossWalletBalance": amount(account.cash),
        "crossUnPnl": amount(unrealised),
        "availableBalance": amount(max(Decimal(0), account.cash + unrealised - bound)),
        "maxWithdrawAmount": amount(max(Decimal(0), account.cash + min(Decimal(0), unrealised) - bound)),
        "updateTime": now_ms,
    }
    return {
        "totalInitialMargin": asset["initialMargin"],
        "totalMaintMargin": asset["maintMargin"],
        "totalWalletBalance": asset["walletBalance"],
        "totalUnrealizedProfit": asset["unrealizedProfit"],
        "totalMarginBalance": asset["marginBalance"],
        "totalPositionInitialMargin": asset["initialMargin"],
        "totalOpenOrderInitialMargin": "0.00000000",
        "totalCrossWalletBalance": asset["walletBalance"],
        "totalCrossUnPnl": asset["unrealizedProfit"],
        "availableBalance": asset["availableBalance"],
        "maxWithdrawAmount": asset["maxWithdrawAmount"],
        "assets": [asset],
        "positions": positions(exchange, account, None),
    }


def _maintenance(exchange: Exchange, account: Account) -> Decimal:
    total = Decimal(0)
    for symbol_id, held in account.positions.items():
        listing = exchange.listings[symbol_id]
        total += abs(listing.instrument.size(held.lots)) * listing.mark() * _MAINTENANCE
    return total


def positions(exchange: Exchange, account: Account, symbol_id: str | None) -> list[Json]:
    """Open positions, of one symbol or of all."""
    return [
        _position(exchange, account, exchange.listings[name], held)
        for name, held in account.positions.items()
        if held.lots and symbol_id in (None, name)
    ]


def _position(exchange: Exchange, account: Account, listing: Listing, held: Position) -> Json:
    instrument, mark = listing.instrument, listing.mark()
    size = instrument.size(held.lots)
    notional = size * mark
    bound = abs(notional) / account.leverage_of(listing.symbol_id)
    entry = amount(held.entry_price(instrument))
    return {
        "symbol": listing.symbol_id,
        "positionSide": "BOTH",
        "positionAmt": plain(size),
        "entryPrice": entry,
        "breakEvenPrice": entry,
        "markPrice": amount(mark),
        "unRealizedProfit": amount(held.unrealised(instrument, mark)),
        "liquidationPrice": "0",
        "isolatedMargin": "0",
        "notional": amount(notional),
        "marginAsset": instrument.quote,
        "isolatedWallet": "0",
        "initialMargin": amount(bound),
        "maintMargin": amount(abs(notional) * _MAINTENANCE),
        "positionInitialMargin": amount(bound),
        "openOrderInitialMargin": "0",
        "leverage": str(account.leverage_of(listing.symbol_id)),
        "adl": 0,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": held.updated_ms,
    }


def brackets(listing: Listing) -> Json:
    """Leverage tiers of one symbol: one tier, whatever the size."""
    return {
        "symbol": listing.symbol_id,
        "brackets": [
            {
                "bracket": 1,
                "initialLeverage": MAX_LEVERAGE,
                "notionalCap": 1_000_000_000,
                "notionalFloor": 0,
                "maintMarginRatio": float(_MAINTENANCE),
                "cum": 0.0,
            }
        ],
    }


def fee_rates(listing: Listing) -> Json:
    """Fee rates of one symbol, as fractions."""
    return {
        "symbol": listing.symbol_id,
        "makerCommissionRate": plain(MAKER_RATE),
        "takerCommissionRate": plain(TAKER_RATE),
    }
