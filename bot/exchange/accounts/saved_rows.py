"""How accounts, the house and listings stand in the files of a state folder, and how they are made from them again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from bot.exchange.accounts.account import Account, Income, IncomeKind, OwnFill, OwnOrder, Position
from bot.exchange.accounts.house import House
from bot.exchange.books.order import Order, Rule, SelfTrade
from bot.exchange.listing import Listing
from bot.types import OrderStatus

Row = list[Any]


def account_row(account: Account) -> dict[str, Any]:
    """All of an account but what is over. A revoked key is whole again after a restart, as nobody could mend it."""
    return {
        "owner": account.owner,
        "cash": str(account.cash),
        "leverage": account.leverage,
        "positions": _positions(account.positions),
        "open": [order_row(account.key, own) for own in account.open.values()],
        "countdowns": account.countdowns,
        "is_warned": account.is_warned,
    }


def restore_account(account: Account, saved: Mapping[str, Any], listings: Mapping[str, Listing]) -> None:
    """Bring an account back; its open orders are in the books already.

    Raises:
        KeyError, TypeError, ValueError, ArithmeticError: the row is not one of this account.
    """
    account.cash = Decimal(saved["cash"])
    account.leverage = {name: int(value) for name, value in saved["leverage"].items()}
    account.positions |= _held(saved["positions"])
    for row in saved["open"]:
        track(account, row, listings[row[1]].book.orders[row[2]])
    # The first format knew neither.
    listed = {name: int(due_ms) for name, due_ms in saved.get("countdowns", {}).items() if name in listings}
    account.countdowns |= listed
    account.is_warned = bool(saved.get("is_warned", False))


def order_row(key: str, own: OwnOrder) -> Row:
    """An order, open or closed."""
    order = own.order
    asked = [own.symbol_id, order.order_id, own.client_id, own.order_type, own.rule.value, own.time_ms, own.updated_ms]
    stands = [
        order.sign,
        order.price,
        order.lots,
        order.left,
        order.reduce_only,
        order.status.value,
        own.self_trade.value,
    ]
    return [key, *asked, str(own.quote), *stands]


def track(account: Account, row: Row, order: Order | None = None) -> None:
    """Let an account know an order again; a closed one (`order` None) has no order in a book any more."""
    _, symbol_id, order_id, client_id, order_type, rule, time_ms, updated_ms, quote = row[:9]
    if order is None:
        sign, price, lots, left, reduce_only, status = row[9:15]
        order = Order(order_id, account.owner, sign, price, lots, left, reduce_only, OrderStatus(status))
    self_trade = SelfTrade(row[15]) if len(row) > 15 else SelfTrade.NONE  # the first format had none
    money = (Decimal(quote), order.lots - order.left)
    account.track(
        OwnOrder(order, symbol_id, client_id, order_type, Rule(rule), time_ms, updated_ms, *money, self_trade)
    )


def fill_row(key: str, own: OwnFill) -> Row:
    """A fill."""
    money = [str(own.quote), str(own.realised), str(own.fee)]
    return [
        key,
        own.trade_id,
        own.order_id,
        own.symbol_id,
        own.sign,
        own.price,
        own.lots,
        *money,
        own.maker,
        own.time_ms,
    ]


def add_fill(account: Account, row: Row) -> None:
    """Let an account know a fill again."""
    _, trade_id, order_id, symbol_id, sign, price, lots, quote, realised, fee, maker, time_ms = row
    money = (Decimal(quote), Decimal(realised), Decimal(fee))
    account.fills.append(OwnFill(trade_id, order_id, symbol_id, sign, price, lots, *money, maker, time_ms))


def income_row(key: str, own: Income) -> Row:
    """A change of cash that no fill brought."""
    return [key, own.number, own.kind.value, own.symbol_id, str(own.amount), own.time_ms]


def add_income(account: Account, row: Row) -> None:
    """Let an account know a change of cash again."""
    _, number, kind, symbol_id, amount, time_ms = row
    account.income.append(Income(number, IncomeKind(kind), symbol_id, Decimal(amount), time_ms))


def house_row(house: House) -> dict[str, Any]:
    """The books of everybody without an account."""
    return {
        "flow": [str(house.flow.cash), _positions(house.flow.positions)],
        "fund": [str(house.fund.cash), _positions(house.fund.positions)],
        "fees": str(house.fees),
        "rounding": str(house.rounding),
    }


def restore_house(house: House, saved: Mapping[str, Any]) -> None:
    """Bring the house's books back.

    Raises:
        KeyError, TypeError, ValueError, ArithmeticError: the row is not one.
    """
    for purse, (cash, positions) in ((house.flow, saved["flow"]), (house.fund, saved["fund"])):
        purse.cash = Decimal(cash)
        purse.positions |= _held(positions)
    house.fees, house.rounding = Decimal(saved["fees"]), Decimal(saved["rounding"])


def listing_row(listing: Listing) -> dict[str, Any]:
    """What a listing knows beside its book. A halt is over after a restart, as nobody could lift it."""
    filters = listing.filters
    return {
        "filters": [str(filters.tick_size), str(filters.lot_size), str(filters.min_notional), filters.epoch],
        "price": listing.price.snapshot(),
        "funding": listing.funding.snapshot(),
    }


def restore_listing(listing: Listing, saved: Mapping[str, Any]) -> None:
    """Bring a listing back; its book is restored by its market.

    Raises:
        KeyError, TypeError, ValueError, ArithmeticError: the row is not one.
    """
    tick, lot, least, epoch = saved["filters"]
    listing.filters = replace(
        listing.filters, tick_size=Decimal(tick), lot_size=Decimal(lot), min_notional=Decimal(least), epoch=int(epoch)
    )
    listing.price.restore(saved["price"])
    listing.funding.restore(saved["funding"])


def _positions(positions: Mapping[str, Position]) -> dict[str, Row]:
    return {
        symbol_id: [held.lots, str(held.cost), held.updated_ms]
        for symbol_id, held in positions.items()
        if held.lots or held.cost
    }


def _held(saved: Mapping[str, Row]) -> dict[str, Position]:
    return {
        symbol_id: Position(int(lots), Decimal(cost), int(updated_ms))
        for symbol_id, (lots, cost, updated_ms) in saved.items()
    }
