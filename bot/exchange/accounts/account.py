"""An account on the exchange: cash, positions, its orders and fills, exact in Decimal.

Every amount is a product of ticks, lots and rates. The two roundings there are, both to 1e-8 USDT: fees (half up), and
the part of a position's cost that a partial close realises; what is rounded off stays in the cost of the rest, so that
cash plus cost is conserved to the last digit.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum, unique
from typing import Final

from bot.exchange.books.order import Order, Rule, SelfTrade
from bot.exchange.keys import ApiKey
from bot.types import Instrument

MAKER_RATE: Final = Decimal("0.0002")
TAKER_RATE: Final = Decimal("0.0005")
OPENING_CASH: Final = Decimal(10_000)
CENT: Final = Decimal("0.00000001")  # the least amount of money
_LEVERAGE: Final = 20  # what Binance gives a new account
UNFILLED_KEPT: Final = 10_000  # Binance forgets them after three days; who quotes all day would fill the memory


@dataclass(slots=True, eq=False)
class Position:
    """Net lots (negative when short) and their signed cost in quote currency: lots times average entry price."""

    lots: int = 0
    cost: Decimal = Decimal(0)
    updated_ms: int = 0

    def entry_price(self, instrument: Instrument) -> Decimal:
        """Average entry price in quote currency, 0 when flat."""
        return self.cost / instrument.size(self.lots) if self.lots else Decimal(0)

    def unrealised(self, instrument: Instrument, mark: Decimal) -> Decimal:
        """What closing at `mark` would bring, in quote currency before fees."""
        return instrument.size(self.lots) * mark - self.cost

    def trade(self, sign: int, lots: int, quote: Decimal) -> Decimal:
        """Change by a trade of `lots` > 0 worth `quote` > 0; the realised P&L comes back."""
        # All lots of a trade have one price, so that `quote / lots` is exact; a product before it might not be.
        realised = Decimal(0)
        closing = min(lots, abs(self.lots)) if self.lots * sign < 0 else 0
        if closing:
            whole = closing == abs(self.lots)
            cost = self.cost if whole else (self.cost * closing / abs(self.lots)).quantize(CENT)
            realised = -sign * (quote / lots) * closing - cost
            self.cost -= cost
            self.lots += sign * closing
        opening = lots - closing
        if opening:
            self.cost += sign * (quote / lots) * opening
            self.lots += sign * opening
        return realised


@dataclass(slots=True, eq=False)
class OwnOrder:
    """An account's order: what it asked for, and the book's order underneath, which knows how it stands.

    `quote` is the value filled so far in quote currency and `filled` the lots, both as settled; `order_type` is LIMIT,
    MARKET or LIQUIDATION. `self_trade` says what becomes of it where it meets another of its owner's.
    """

    order: Order
    symbol_id: str
    client_id: str
    order_type: str
    rule: Rule
    time_ms: int
    updated_ms: int
    quote: Decimal = Decimal(0)
    filled: int = 0
    self_trade: SelfTrade = SelfTrade.NONE


@dataclass(frozen=True, slots=True)
class OwnFill:
    """One fill of an account's order; `trade_id` is the exchange's and unique in its symbol."""

    trade_id: int
    order_id: int
    symbol_id: str
    sign: int
    price: int
    lots: int
    quote: Decimal
    realised: Decimal
    fee: Decimal
    maker: bool
    time_ms: int


@unique
class IncomeKind(StrEnum):
    """Why cash changed, in the wire's words."""

    REALIZED_PNL = "REALIZED_PNL"
    COMMISSION = "COMMISSION"
    FUNDING_FEE = "FUNDING_FEE"
    INSURANCE_CLEAR = "INSURANCE_CLEAR"


@dataclass(frozen=True, slots=True)
class Income:
    """One change of cash: `amount` in USDT, negative when paid; `number` is unique among those of its kind."""

    number: int
    kind: IncomeKind
    symbol_id: str
    amount: Decimal
    time_ms: int
    trade_id: int = 0


@dataclass(slots=True, eq=False)
class Account:
    """What one API key owns. `owner` is its number in every book, > 0; orders are keyed by (symbol id, order id).

    `rights` are what its key may do; one that `is_revoked` is not accepted any more.

    `closed`, `fills` and `income` are in the order they came to be; `income` has what no fill brought. Of closed orders
    that never traded only the newest `UNFILLED_KEPT` are known (`unfilled`); `forgotten` counts the others.
    `countdowns` are the times in ms since 1970 at which a symbol's orders are cancelled. `is_warned` since a
    margin call.
    """

    owner: int
    key: str
    secret: str
    cash: Decimal = OPENING_CASH
    rights: ApiKey = field(default_factory=lambda: ApiKey("", ""))
    is_revoked: bool = False
    positions: dict[str, Position] = field(default_factory=dict)
    leverage: dict[str, int] = field(default_factory=dict)
    open: dict[tuple[str, int], OwnOrder] = field(default_factory=dict)
    closed: dict[tuple[str, int], OwnOrder] = field(default_factory=dict)
    unfilled: deque[tuple[str, int]] = field(default_factory=deque)
    forgotten: int = 0
    by_client_id: dict[tuple[str, str], OwnOrder] = field(default_factory=dict)
    fills: list[OwnFill] = field(default_factory=list)
    income: list[Income] = field(default_factory=list)
    countdowns: dict[str, int] = field(default_factory=dict)
    is_warned: bool = False

    @classmethod
    def of(cls, owner: int, key: ApiKey) -> Account:
        """Open the account of a key."""
        return cls(owner, key.key, key.secret, key.cash, key)

    def leverage_of(self, symbol_id: str) -> int:
        """Leverage set for a symbol, 1 to 125."""
        return self.leverage.get(symbol_id, _LEVERAGE)

    def track(self, own: OwnOrder) -> None:
        """Know an order from now on, by both its ids."""
        named = self.by_client_id.get((own.symbol_id, own.client_id))
        # A client id may come again once its order is closed: it then means the newer one, in whatever order they come.
        if named is None or named.order.order_id < own.order.order_id:
            self.by_client_id[own.symbol_id, own.client_id] = own
        key = (own.symbol_id, own.order.order_id)
        if own.order.status.is_closed:
            self._retire(key, own)
        else:
            self.open[key] = own

    def find(self, symbol_id: str, order_id: int) -> OwnOrder | None:
        """The order with the exchange's id, open or closed."""
        return self.open.get((symbol_id, order_id)) or self.closed.get((symbol_id, order_id))

    def close_done(self, now_ms: int) -> list[OwnOrder]:
        """Move the orders that the book is done with, and whose fills are booked, from `open` to `closed`.

        They come back. One whose fills still wait to be settled, as those of another symbol may, stays open until then.
        """
        done = [
            (key, own)
            for key, own in self.open.items()
            if own.order.status.is_closed and own.filled == own.order.lots - own.order.left
        ]
        for key, own in done:
            del self.open[key]
            own.updated_ms = now_ms
            self._retire(key, own)
        return [own for _, own in done]

    def receive(self, kind: IncomeKind, symbol_id: str, amount: Decimal, now_ms: int) -> None:
        """Add an amount to the cash (negative: pay it) that no fill brings."""
        self.cash += amount
        self.income.append(Income(len(self.income) + 1, kind, symbol_id, amount, now_ms))

    def earned(self) -> list[Income]:
        """Every change of cash in the order of time: those of the fills, and the others."""
        rows = list(self.income)
        for number, fill in enumerate(self.fills, start=1):
            at = (fill.symbol_id, fill.time_ms, fill.trade_id)
            if fill.realised:
                rows.append(_income(number, IncomeKind.REALIZED_PNL, fill.realised, *at))
            if fill.fee:
                rows.append(_income(number, IncomeKind.COMMISSION, -fill.fee, *at))
        return sorted(rows, key=lambda row: row.time_ms)

    def fill(
        self,
        own: OwnOrder,
        instrument: Instrument,
        *,
        trade_id: int,
        price: int,
        lots: int,
        maker: bool,
        now_ms: int,
        rate: Decimal | None = None,
    ) -> OwnFill:
        """Book one fill of `lots` at `price` ticks: position, realised P&L, fee and cash change together.

        The fee is `rate` of the value, the maker's or taker's when it is None.
        """
        position = self.positions.setdefault(own.symbol_id, Position())
        quote = instrument.notional(price, lots)
        realised = position.trade(own.order.sign, lots, quote)
        position.updated_ms = now_ms
        if rate is None:
            rate = MAKER_RATE if maker else TAKER_RATE
        fee = (quote * rate).quantize(CENT, ROUND_HALF_UP)
        self.cash += realised - fee
        own.quote += quote
        own.filled += lots
        own.updated_ms = now_ms
        ids = (trade_id, own.order.order_id, own.symbol_id)
        booked = OwnFill(*ids, own.order.sign, price, lots, quote, realised, fee, maker, now_ms)
        self.fills.append(booked)
        return booked

    def _retire(self, key: tuple[str, int], own: OwnOrder) -> None:
        self.closed[key] = own
        if own.filled:
            return
        self.unfilled.append(key)
        if len(self.unfilled) > UNFILLED_KEPT:
            gone = self.closed.pop(self.unfilled.popleft())
            self.forgotten += 1
            named = (gone.symbol_id, gone.client_id)
            if self.by_client_id[named] is gone:
                del self.by_client_id[named]


def _income(number: int, kind: IncomeKind, amount: Decimal, symbol_id: str, time_ms: int, trade_id: int) -> Income:
    return Income(number, kind, symbol_id, amount, time_ms, trade_id)
