"""Closing the positions of an account whose equity no longer covers its maintenance margin.

Every position is closed whole: first in the book, by an order that trades down to the bankruptcy price (where the
account would be worth nothing), and what the book does not take goes to the insurance fund at that price.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Final

from bot.exchange.accounts.account import CENT, Account, IncomeKind, OwnOrder
from bot.exchange.accounts.house import FUND
from bot.exchange.accounts.margin import Margin
from bot.exchange.accounts.notice import Cause
from bot.exchange.accounts.settlement import LIQUIDATION, Settlement
from bot.exchange.books.order import Rule
from bot.types import OrderStatus

LIQUIDATION_FEE: Final = Decimal("0.0125")  # of the value that the book took, as far as the cash goes
MARGIN_CALL_AT: Final = Decimal("0.8")  # of equity


def watch(settlement: Settlement, account: Account, now_ms: int) -> None:
    """Liquidate an account whose equity is down to its maintenance margin; warn it once from 80 % of that on."""
    if not any(position.lots for position in account.positions.values()):
        account.is_warned = False
        if account.cash < 0:
            # It closed its positions itself, at prices that cost more than it had.
            _move(settlement, account, "", -account.cash, now_ms)
        return
    ratio = Margin(settlement.listings, account).ratio()
    if ratio >= 1:
        liquidate(settlement, account, now_ms)
    elif ratio >= MARGIN_CALL_AT and not account.is_warned:
        account.is_warned = True
        settlement.tell_margin_call(account, now_ms)
    elif ratio < MARGIN_CALL_AT:
        account.is_warned = False


def liquidate(settlement: Settlement, account: Account, now_ms: int) -> None:
    """Cancel every order of an account, close its positions, and let the insurance fund pay what it still owes."""
    for own in account.open.values():
        settlement.listings[own.symbol_id].book.cancel(own.order.order_id, OrderStatus.EXPIRED)
    settlement.close_done(account, now_ms)
    limits = bankruptcy_ticks(settlement, account)
    closed = [_close(settlement, account, symbol_id, limit, now_ms) for symbol_id, limit in limits.items()]
    for symbol_id, traded in closed:
        fee = (traded * LIQUIDATION_FEE).quantize(CENT, ROUND_HALF_EVEN)
        _move(settlement, account, symbol_id, -min(fee, max(Decimal(0), account.cash)), now_ms)
    if account.cash < 0:
        # Commission was paid on top of the bankruptcy price.
        _move(settlement, account, closed[-1][0] if closed else "", -account.cash, now_ms)
    account.is_warned = False


def bankruptcy_ticks(settlement: Settlement, account: Account) -> dict[str, int]:
    """The price in ticks, by symbol with a position, at which closing all of them leaves the account with nothing.

    Equity E is shared among positions by value: price = mark - E * value / (sum of values) / size, rounded so that the
    account is left with 0 or a little more, and at least one tick.
    """
    margin = Margin(settlement.listings, account)
    balance = margin.balance()
    values = {name: margin.notional(name) for name, position in account.positions.items() if position.lots}
    total = sum(values.values(), Decimal(0))
    limits = {}
    for symbol_id, value in values.items():
        listing, lots = settlement.listings[symbol_id], account.positions[symbol_id].lots
        price = listing.mark() - balance * value / total / listing.instrument.size(lots)
        rounding = ROUND_CEILING if lots > 0 else ROUND_FLOOR
        limits[symbol_id] = max(1, int((price / listing.instrument.tick_size).to_integral_value(rounding)))
    return limits


def _close(settlement: Settlement, account: Account, symbol_id: str, limit: int, now_ms: int) -> tuple[str, Decimal]:
    """Close one position; its symbol comes back with the value that the book took."""
    listing, held = settlement.listings[symbol_id], account.positions[symbol_id].lots
    order = listing.book.place(account.owner, -1 if held > 0 else 1, limit, abs(held), Rule.IOC)
    own = OwnOrder(order, symbol_id, f"autoclose-{now_ms}", LIQUIDATION, Rule.IOC, now_ms, now_ms)
    if order.left:
        order.status = OrderStatus.PARTIALLY_FILLED  # what the book did not take is not over: the fund is next
    settlement.enter(account, own)
    settlement.settle(listing, now_ms)
    traded = own.quote
    if order.left:
        _take_over(settlement, account, own, limit, now_ms)
    settlement.close_done(account, now_ms)
    return symbol_id, traded


def _take_over(settlement: Settlement, account: Account, own: OwnOrder, limit: int, now_ms: int) -> None:
    listing, order = settlement.listings[own.symbol_id], own.order
    book, lots = listing.book, order.left
    trade_id = book.next_trade_id
    book.next_trade_id += 1
    order.left, order.status = 0, OrderStatus.FILLED
    book.positions[account.owner] = book.positions.get(account.owner, 0) + order.sign * lots
    book.positions[FUND] = book.positions.get(FUND, 0) - order.sign * lots
    fill = account.fill(
        own,
        listing.instrument,
        trade_id=trade_id,
        price=limit,
        lots=lots,
        maker=False,
        now_ms=now_ms,
        rate=Decimal(0),
    )
    settlement.house.fund.trade(own.symbol_id, -order.sign, lots, fill.quote)
    settlement.tell_fill(account, own, fill, now_ms)
    settlement.tell_account(account, Cause.ORDER, Decimal(0), (own.symbol_id,), now_ms)


def _move(settlement: Settlement, account: Account, symbol_id: str, amount: Decimal, now_ms: int) -> None:
    """Move an amount from the insurance fund to an account, or back when it is negative."""
    if not amount:
        return
    settlement.house.fund.cash -= amount
    account.receive(IncomeKind.INSURANCE_CLEAR, symbol_id, amount, now_ms)
    settlement.tell_account(account, Cause.INSURANCE_CLEAR, amount, (), now_ms)
