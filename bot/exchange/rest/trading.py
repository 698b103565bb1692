"""Signed endpoints that change something: orders one by one and by the handful, leverage, the dead man's switch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import orjson

from bot.exchange.accounts import order_entry
from bot.exchange.accounts.account import Account, OwnOrder
from bot.exchange.accounts.brackets import most_notional
from bot.exchange.accounts.margin import Margin
from bot.exchange.accounts.notice import LeverageNotice
from bot.exchange.accounts.order_entry import Ticket
from bot.exchange.books.order import Rule, SelfTrade
from bot.exchange.refusal import Code, Refusal
from bot.exchange.rest import statement
from bot.exchange.rest.call import Call, Route

_SIGNS: Final = {"BUY": 1, "SELL": -1}
_ONE_WAY: Final = "BOTH"  # the position side of one-way mode
_PLACED_AT_ONCE: Final = 5
_CANCELLED_AT_ONCE: Final = 10


def place(call: Call) -> Any:
    """Place an order and answer how it stands after matching."""
    own = call.exchange.place(_trader(call), _ticket(call), call.now_ms)
    return shown(call, own)


def amend(call: Call) -> Any:
    """Change price and size of an open order and answer how it stands after matching."""
    account, own = _trader(call), own_order(call, Code.NO_SUCH_ORDER)
    if _SIGNS.get(call.text("side")) != own.order.sign:
        raise Refusal(Code.INVALID_SIDE)
    return shown(call, call.exchange.amend(account, own, call.number("quantity"), call.number("price"), call.now_ms))


def cancel(call: Call) -> Any:
    """Cancel an order by either id."""
    account, own = _trader(call), own_order(call, Code.CANCEL_REJECTED)
    return shown(call, call.exchange.cancel(account, own, call.now_ms))


def cancel_all(call: Call) -> Any:
    """Cancel every open order of a symbol."""
    call.exchange.cancel_all(_trader(call), call.listing.symbol_id, call.now_ms)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def place_several(call: Call) -> Any:
    """Place up to five orders one after the other; each is answered by itself, as an order or as a refusal."""
    return [_answered(part, place) for part in _parts(call)]


def amend_several(call: Call) -> Any:
    """Change up to five orders one after the other; each is answered by itself."""
    return [_answered(part, amend) for part in _parts(call)]


def cancel_several(call: Call) -> Any:
    """Cancel up to ten orders of a symbol by either id; each is answered by itself."""
    # Clients differ in how they write the names.
    call = replace(call, parameters={name.lower(): value for name, value in call.parameters.items()})
    name, single = "orderidlist", "orderId"
    if name not in call.parameters:
        name, single = "origclientorderidlist", "origClientOrderId"
    symbol = {"symbol": call.text("symbol")}
    return [
        _answered(replace(call, parameters=symbol | {single: str(one)}), cancel)
        for one in _listed(call, name, _CANCELLED_AT_ONCE)
    ]


def leverage(call: Call) -> Any:
    """Set a symbol's leverage."""
    account, symbol_id, wanted = _trader(call), call.listing.symbol_id, call.whole("leverage")
    order_entry.set_leverage(account, Margin(call.exchange.listings, account), symbol_id, wanted)
    call.exchange.settlement.tell(LeverageNotice(account.owner, symbol_id, wanted, call.now_ms))
    return {"symbol": symbol_id, "leverage": wanted, "maxNotionalValue": format(most_notional(wanted), "f")}


def margin_type(call: Call) -> Any:
    """Refuse politely: every position is crossed and stays so."""
    symbol_id, wanted = call.listing.symbol_id, call.text("marginType")
    if wanted == "CROSSED":
        raise Refusal(Code.NO_NEED_TO_CHANGE_MARGIN_TYPE)
    words = f"marginType of {symbol_id} should be CROSSED, was {wanted[:20]}; there is no isolated margin here."
    raise Refusal(Code.INVALID_PARAMETER, words)


def position_mode(call: Call) -> Any:
    """Refuse politely: there is one position per symbol and stays so."""
    _trader(call)
    if call.text("dualSidePosition").lower() == "false":
        raise Refusal(Code.NO_NEED_TO_CHANGE_POSITION_SIDE)
    raise Refusal(Code.INVALID_PARAMETER, "dualSidePosition should be false; there is no hedge mode here.")


def countdown(call: Call) -> Any:
    """Set a symbol's dead man's switch: its orders are cancelled in so many ms unless it is set again; 0 stops it."""
    account, symbol_id, after_ms = _trader(call), call.listing.symbol_id, call.whole("countdownTime")
    account.countdowns.pop(symbol_id, None)
    if after_ms:
        account.countdowns[symbol_id] = call.now_ms + after_ms
    call.exchange.dirty = True
    return {"symbol": symbol_id, "countdownTime": str(after_ms)}


def routes() -> dict[tuple[str, str], Route]:
    """Every endpoint of this module by method and path."""
    signed = {
        ("POST", "/fapi/v1/order"): (place, 0),
        ("PUT", "/fapi/v1/order"): (amend, 0),
        ("DELETE", "/fapi/v1/order"): (cancel, 1),
        ("DELETE", "/fapi/v1/allOpenOrders"): (cancel_all, 1),
        ("POST", "/fapi/v1/batchOrders"): (place_several, 5),
        ("PUT", "/fapi/v1/batchOrders"): (amend_several, 5),
        ("DELETE", "/fapi/v1/batchOrders"): (cancel_several, 1),
        ("POST", "/fapi/v1/leverage"): (leverage, 1),
        ("POST", "/fapi/v1/marginType"): (margin_type, 1),
        ("POST", "/fapi/v1/positionSide/dual"): (position_mode, 1),
        ("POST", "/fapi/v1/countdownCancelAll"): (countdown, 10),
    }
    return {path: Route(answer, weight, signed=True) for path, (answer, weight) in signed.items()}


def own_order(call: Call, missing: Code) -> OwnOrder:
    """The order that `orderId` or `origClientOrderId` names.

    Raises:
        Refusal: `missing`, there is none; or neither parameter was sent.
    """
    account, symbol_id = call.account, call.listing.symbol_id
    if "orderId" in call.parameters:
        own = account.find(symbol_id, call.whole("orderId"))
    else:
        own = account.by_client_id.get((symbol_id, call.text("origClientOrderId")))
    if own is None:
        raise Refusal(missing)
    return own


def shown(call: Call, own: OwnOrder) -> Any:
    """An order as it goes over the wire."""
    return statement.order(own, call.exchange.listings[own.symbol_id].instrument)


def _trader(call: Call) -> Account:
    account = call.account
    if not account.rights.may_trade:
        raise Refusal(Code.REJECTED_KEY)
    return account


def _ticket(call: Call) -> Ticket:
    sign = _SIGNS.get(call.text("side"))
    if sign is None:
        raise Refusal(Code.INVALID_SIDE)
    if call.text("positionSide", _ONE_WAY) != _ONE_WAY:
        raise Refusal(Code.POSITION_SIDE_NOT_MATCH)
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
    self_trade = call.text("selfTradePreventionMode", SelfTrade.NONE.value)
    if self_trade not in SelfTrade.__members__:
        raise Refusal(Code.INVALID_PARAMETER, f"selfTradePreventionMode should be one of {', '.join(SelfTrade)}.")
    size, reduce_only = call.number("quantity"), call.flag("reduceOnly")
    return Ticket(symbol_id, sign, size, price, rule, reduce_only, client_id, SelfTrade(self_trade))


def _listed(call: Call, name: str, most: int) -> list[Any]:
    try:
        rows = orjson.loads(call.text(name))
    except ValueError:
        rows = None
    if not isinstance(rows, list) or not 1 <= len(rows) <= most:
        raise Refusal(Code.INVALID_PARAMETER, f"{name} should be a JSON list of 1 to {most} entries.")
    return rows


def _parts(call: Call) -> list[Call]:
    # All of them are read before the first one is done: a batch that is refused as a whole has done nothing.
    return [_part(call, row) for row in _listed(call, "batchOrders", _PLACED_AT_ONCE)]


def _part(call: Call, row: Any) -> Call:
    if not isinstance(row, dict):
        raise Refusal(Code.INVALID_PARAMETER, "Every entry of batchOrders should be an object.")
    texts = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in row.items()}
    return replace(call, parameters=texts)


def _answered(call: Call, answer: Callable[[Call], Any]) -> Any:
    try:
        return answer(call)
    except Refusal as refusal:
        return {"code": int(refusal.code), "msg": refusal.words}
