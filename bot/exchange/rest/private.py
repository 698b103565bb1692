"""Signed endpoints that tell what an account has: balance, positions, orders, fills, income."""

from __future__ import annotations

from typing import Any, Final

from bot.exchange.accounts.settlement import LIQUIDATION
from bot.exchange.refusal import Code, Refusal
from bot.exchange.rest import statement, trading
from bot.exchange.rest.call import Call, Route

_MADE_MS: Final = 1_567_296_000_000  # when the key was made, as far as anybody is told
_MOST_ROWS: Final = 1_000


def balance(call: Call) -> Any:
    """Answer cash, margin and positions."""
    return statement.balance(call.exchange, call.account, call.now_ms)


def cash(call: Call) -> Any:
    """Answer the balance of the one asset."""
    (asset,) = statement.balance(call.exchange, call.account, call.now_ms)["assets"]
    names = ("asset", "crossWalletBalance", "crossUnPnl", "availableBalance", "maxWithdrawAmount", "marginAvailable")
    told = {name: asset[name] for name in (*names, "updateTime")}
    return [told | {"accountAlias": str(call.account.owner), "balance": asset["walletBalance"]}]


def positions(call: Call) -> Any:
    """Answer open positions."""
    symbol_id = call.listing.symbol_id if "symbol" in call.parameters else None
    return statement.positions(call.exchange, call.account, symbol_id)


def brackets(call: Call) -> Any:
    """Answer leverage tiers."""
    if "symbol" in call.parameters:
        return [statement.brackets(call.listing)]
    return [statement.brackets(listing) for listing in call.exchange.listings.values()]


def symbol_settings(call: Call) -> Any:
    """Answer leverage and margin mode, of one symbol or of all."""
    listings = [call.listing] if "symbol" in call.parameters else call.exchange.listings.values()
    return [statement.leverage(call.account, listing) for listing in listings]


def order(call: Call) -> Any:
    """Answer one order by either id, open or closed."""
    return trading.shown(call, trading.own_order(call, Code.NO_SUCH_ORDER))


def open_order(call: Call) -> Any:
    """Answer one order by either id while it is open."""
    own = trading.own_order(call, Code.NO_SUCH_ORDER)
    if own.order.status.is_closed:
        raise Refusal(Code.NO_SUCH_ORDER)
    return trading.shown(call, own)


def open_orders(call: Call) -> Any:
    """Answer open orders, of one symbol or of all."""
    symbol_id = call.listing.symbol_id if "symbol" in call.parameters else None
    return [trading.shown(call, own) for own in call.account.open.values() if symbol_id in (None, own.symbol_id)]


def all_orders(call: Call) -> Any:
    """Answer a symbol's orders, open and closed, from an order id or the newest."""
    account, symbol_id = call.account, call.listing.symbol_id
    kept = [own for own in (*account.closed.values(), *account.open.values()) if own.symbol_id == symbol_id]
    kept.sort(key=lambda own: own.order.order_id)
    start, end = call.whole("startTime", 0), call.whole("endTime", 1 << 60)
    kept = [own for own in kept if start <= own.time_ms <= end]
    limit = max(1, call.whole("limit", 500, most=_MOST_ROWS))
    if "orderId" not in call.parameters:
        return [trading.shown(call, own) for own in kept[-limit:]]
    first = call.whole("orderId")
    return [trading.shown(call, own) for own in kept if own.order.order_id >= first][:limit]


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


def income(call: Call) -> Any:
    """Answer changes of cash, filtered as the parameters ask: the first ones of a time range, or the newest."""
    wanted = call.parameters.get("incomeType") or None
    symbol_id = call.listing.symbol_id if "symbol" in call.parameters else None
    start, end = call.whole("startTime", 0), call.whole("endTime", 1 << 60)
    rows = [
        row
        for row in call.account.earned()
        if wanted in (None, row.kind.value) and symbol_id in (None, row.symbol_id) and start <= row.time_ms <= end
    ]
    limit, page = max(1, call.whole("limit", 100, most=_MOST_ROWS)), max(1, call.whole("page", 1))
    if "startTime" in call.parameters or page > 1:
        rows = rows[(page - 1) * limit : page * limit]
    return [statement.income(row) for row in rows[-limit:]]


def forced_orders(call: Call) -> Any:
    """Answer the orders that closed positions by force, the newest last."""
    symbol_id = call.listing.symbol_id if "symbol" in call.parameters else None
    start, end = call.whole("startTime", 0), call.whole("endTime", 1 << 60)
    # Nobody is ever deleveraged automatically here.
    wanted = call.parameters.get("autoCloseType", LIQUIDATION) == LIQUIDATION
    kept = [
        own
        for own in call.account.closed.values()
        if wanted
        and own.order_type == LIQUIDATION
        and symbol_id in (None, own.symbol_id)
        and start <= own.time_ms <= end
    ]
    limit = max(1, call.whole("limit", 50, most=100))
    return [trading.shown(call, own) for own in kept[-limit:]]


def nothing(call: Call) -> Any:
    """Answer an empty list where there is nothing to tell: currencies, margin pairs."""
    return []


def position_mode(call: Call) -> Any:
    """Answer one-way mode, the only one there is."""
    return {"dualSidePosition": False}


def assets_mode(call: Call) -> Any:
    """Answer single-asset mode, the only one there is."""
    return {"multiAssetsMargin": False}


def key_rights(call: Call) -> Any:
    """Answer what the key may do."""
    rights = call.account.rights
    return {
        "ipRestrict": rights.is_ip_restricted,
        "createTime": _MADE_MS,
        "enableReading": True,
        "enableFutures": rights.may_trade,
        "enableWithdrawals": rights.may_withdraw,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableSpotAndMarginTrading": False,
        "enableVanillaOptions": False,
        "permitsUniversalTransfer": False,
    }


def fee_rates(call: Call) -> Any:
    """Answer a symbol's fee rates."""
    return statement.fee_rates(call.listing)


def routes() -> dict[tuple[str, str], Route]:
    """Every signed endpoint by method and path."""
    signed = {
        ("GET", "/fapi/v2/account"): (balance, 5),
        ("GET", "/fapi/v3/account"): (balance, 5),
        ("GET", "/fapi/v2/balance"): (cash, 5),
        ("GET", "/fapi/v3/balance"): (cash, 5),
        ("GET", "/fapi/v2/positionRisk"): (positions, 5),
        ("GET", "/fapi/v3/positionRisk"): (positions, 5),
        ("GET", "/fapi/v1/leverageBracket"): (brackets, 1),
        ("GET", "/fapi/v1/symbolConfig"): (symbol_settings, 5),
        ("GET", "/fapi/v1/commissionRate"): (fee_rates, 20),
        ("GET", "/fapi/v1/positionSide/dual"): (position_mode, 30),
        ("GET", "/fapi/v1/multiAssetsMargin"): (assets_mode, 30),
        ("GET", "/fapi/v1/order"): (order, 1),
        ("GET", "/fapi/v1/openOrder"): (open_order, 1),
        ("GET", "/fapi/v1/openOrders"): (open_orders, 1),
        ("GET", "/fapi/v1/allOrders"): (all_orders, 5),
        ("GET", "/fapi/v1/forceOrders"): (forced_orders, 20),
        ("GET", "/fapi/v1/userTrades"): (fills, 5),
        ("GET", "/fapi/v1/income"): (income, 30),
        ("GET", "/sapi/v1/capital/config/getall"): (nothing, 1),
        ("GET", "/sapi/v1/margin/allPairs"): (nothing, 1),
        ("GET", "/sapi/v1/account/apiRestrictions"): (key_rights, 1),
    }
    return {path: Route(answer, weight, signed=True) for path, (answer, weight) in signed.items()} | trading.routes()
