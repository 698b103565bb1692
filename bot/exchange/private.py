"""Endpoints that have to be signed: balance, positions, orders, fills."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from bot.exchange import statement
from bot.exchange.account import Account, OwnOrder
from bot.exchange.call import Call, Route
from bot.exchange.exchange import MAX_LEVERAGE, Ticket
from bot.exchange.matching import Rule
from bot.exchange.refusal import Code, Refusal

_SIGNS: Final = {"BUY": 1, "SELL": -1}
_MOST_ROWS: Final = 1_000


def balance(call: Call) -> Any:
    """Answer cash, margin and positions."""
    return statement.balance(call.exchange, call.account, call.now_ms)


def positions(call: Call) -> Any:
    """Answer open positions."""
    symbol_id = call.listing.symbol_id if "symbol" in call.parameters else None
    return statement.positions(call.exchange, call.account, symbol_id)


def brackets(call: Call) -> Any:
    """Answer leverage tiers."""
    if "symbol" in call.parameters:
        return [statement.brackets(call.listing)]
    return [statement.brackets(listing) for listing in call.exchange.listings.values()]


def leverage(call: Call) -> Any:
    """Set a symbol's leverage."""
    symbol_id, wanted = call.listing.symbol_id, call.whole("leverage")
    if not 1 <= wanted <= MAX_LEVERAGE:
        raise Refusal(Code.LEVERAGE_INVALID)
    call.account.leverage[symbol_id] = wanted
    call.exchange.dirty = True
    return {"symbol": symbol_id, "leverage": wanted, "maxNotionalValue": "1000000000"}


def margin_type(call: Call) -> Any:
    """Refuse politely: every position is crossed and stays so."""
    raise Refusal(Code.NO_NEED_TO_CHANGE_MARGIN_TYPE)


def place(call: Call) -> Any:
    """Place an order and answer how it stands after matching."""
    own = call.exchange.place(call.account, _ticket(call), call.now_ms)
    return statement.order(own, call.listing.instrument)


def cancel(call: Call) -> Any:
    """Cancel an order by either id."""
    own = _own_order(call, Code.CANCEL_REJECTED)
    call.exchange.cancel(call.account, own, call.now_ms)
    return statement.order(own, call.listing.instrument)


def cancel_all(call: Call) -> Any:
    """Cancel every open order of a symbol."""
    symbol_id = call.listing.symbol_id
    for own in [own for own in call.account.open.values() if own.symbol_id == symbol_id]:
        call.exchange.cancel(call.account, own, call.now_ms)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def order(call: Call) -> Any:
    """Answer one order by either id, open or closed."""
    return statement.order(_own_order(call, Code.NO_SUCH_ORDER), call.listing.instrument)


def open_order(call: Call) -> Any:
    """Answer one order by either id while it is open."""
    own = _own_order(call, Code.NO_SUCH_ORDER)
    if own.order.status.is_closed:
        raise Refusal(Code.NO_SUCH_ORDER)
    return statement.order(own, call.listing.instrument)


def open_orders(call: Call) -> Any:
    """Answer open orders, of one symbol or of all."""
    symbol_id = call.listing.symbol_id if "symbol" in call.parameters else None
    return [_shown(call, own) for own in call.account.open.values() if symbol_id in (None, own.symbol_id)]


def all_orders(call: Call) -> Any:
    """Answer a symbol's orders, open and closed, from an order id or the newest."""
    account, symbol_id = call.account, call.listing.symbol_id
    kept = [own for own in (*account.closed.values(), *account.open.values()) if own.symbol_id == symbol_id]
    kept.sort(key=lambda own: own.order.order_id)
    start, end = call.whole("startTime", 0), call.whole("endTime", 1 << 60)
    kept = [own for own in kept if start <= own.time_ms <= end]
    limit = max(1, call.whole("limit", 500, most=_MOST_ROWS))
    if "orderId" not in call.parameters:
        return [_shown(call, own) for own in kept[-limit:]]
    first = call.whole("orderId")
    return [_shown(call, own) for own in kept if own.order.order_id >= first][:limit]


def fills(call: Call) -> Any:
    """Answer a symbol's fills: from a trade id, of an order, in a time range, or the newest."""
    listing = call.listing
    limit = max(1, call.whole("limit", 500, most=_MOST_ROWS))
    start, end = call.whole("startTime", 0), call.whole("endTime", 1 << 60)
    kept = [own for own in call.account.fills if own.symbol_id == listing.symbol_id and start <= own.time_ms <= end]
    if "orderId" in call.parameters:
        order_id = call.whole("orderId")
        kept = [own for own in kept if own.order_id == order_id]
    if "fromId" in call.parameters:
        first = call.whole("fromId")
        kept = [own for own in kept if own.trade_id >= first][:limit]
    elif "startTime" in call.parameters:
        kept = kept[:limit]
    return [statement.fill(own, listing.instrument) for own in kept[-limit:]]


def nothing(call: Call) -> Any:
    """Answer an empty list where there is nothing to tell: currencies, margin pairs, income."""
    return []


def position_mode(call: Call) -> Any:
    """Answer one-way mode, the only one there is."""
    return {"dualSidePosition": False}


def key_rights(call: Call) -> Any:
    """Answer what the key may do: trade futures, and nothing else."""
    return {"ipRestrict": True, "enableReading": True, "enableFutures": True, "enableWithdrawals": False}


def fee_rates(call: Call) -> Any:
    """Answer a symbol's fee rates."""
    return statement.fee_rates(call.listing)


def routes() -> dict[tuple[str, str], Route]:
    """Every signed endpoint by method and path."""
    signed = {
        ("GET", "/fapi/v2/account"): (balance, 5),
        ("GET", "/fapi/v3/account"): (balance, 5),
        ("GET", "/fapi/v2/positionRisk"): (positions, 5),
        ("GET", "/fapi/v3/positionRisk"): (positions, 5),
        ("GET", "/fapi/v1/leverageBracket"): (brackets, 1),
        ("GET", "/fapi/v1/commissionRate"): (fee_rates, 20),
        ("GET", "/fapi/v1/positionSide/dual"): (position_mode, 30),
        ("POST", "/fapi/v1/leverage"): (leverage, 1),
        ("POST", "/fapi/v1/marginType"): (margin_type, 1),
        ("POST", "/fapi/v1/order"): (place, 1),
        ("GET", "/fapi/v1/order"): (order, 1),
        ("DELETE", "/fapi/v1/order"): (cancel, 1),
        ("DELETE", "/fapi/v1/allOpenOrders"): (cancel_all, 1),
        ("GET", "/fapi/v1/openOrder"): (open_order, 1),
        ("GET", "/fapi/v1/openOrders"): (open_orders, 1),
        ("GET", "/fapi/v1/allOrders"): (all_orders, 5),
        ("GET", "/fapi/v1/userTrades"): (fills, 5),
        ("GET", "/fapi/v1/income"): (nothing, 30),
        ("GET", "/sapi/v1/capital/config/getall"): (nothing, 1),
        ("GET", "/sapi/v1/margin/allPairs"): (nothing, 1),
        ("GET", "/sapi/v1/account/apiRestrictions"): (key_rights, 1),
    }
    return {path: Route(answer, weight, signed=True) for path, (answer, weight) in signed.items()}


def _ticket(call: Call) -> Ticket:
    sign = _SIGNS.get(call.text("side"))
    if sign is None:
        raise Refusal(Code.INVALID_SIDE)
    order_type = call.text("type")
    if order_type not in ("LIMIT", "MARKET"):
        raise Refusal(Code.INVALID_ORDER_TYPE)
    price: Decimal | None = None
    rule = Rule.GTC
    if order_type == "LIMIT":
        price = call.number("price")
        name = call.text("timeInForce")
        if name not in Rule.__members__:
            raise Refusal(Code.INVALID_TIF)
        rule = Rule(name)
    symbol_id = call.listing.symbol_id
    # An order without a client id gets one from the exchange; the book's next order id makes it unique.
    client_id = call.text("newClientOrderId", f"x-{call.listing.book.next_order_id}")
    return Ticket(symbol_id, sign, call.number("quantity"), price, rule, call.flag("reduceOnly"), client_id)


def _own_order(call: Call, missing: Code) -> OwnOrder:
    account: Account = call.account
    symbol_id = call.listing.symbol_id
    if "orderId" in call.parameters:
        own = account.find(symbol_id, call.whole("orderId"))
    else:
        own = account.by_client_id.get((symbol_id, call.text("origClientOrderId")))
    if own is None:
        raise Refusal(missing)
    return own


def _shown(call: Call, own: OwnOrder) -> Any:
    return statement.order(own, call.exchange.listings[own.symbol_id].instrument)
