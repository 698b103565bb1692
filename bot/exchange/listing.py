"""One listed instrument: its book, and the trades the public may see."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, NamedTuple, Protocol

from bot.exchange.books.order import RECORDED, Order, Rule, SelfTrade, Trade
from bot.exchange.funding import FundingMeter
from bot.exchange.mark import MarkPrice
from bot.types import Instrument, OrderStatus

_KEPT: Final = 5_000  # public trades of an instrument in memory: minutes at a busy pace; older ones are not served


class Book(Protocol):
    """What the exchange asks of a book, be it matched here or replayed from a tape."""

    orders: dict[int, Order]
    positions: dict[int, int]
    next_order_id: int
    next_trade_id: int

    @property
    def update_id(self) -> int:
        """Id of the newest change."""

    def place(
        self,
        owner: int,
        sign: int,
        price: int | None,
        lots: int,
        rule: Rule = Rule.GTC,
        *,
        reduce_only: bool = False,
        self_trade: SelfTrade = SelfTrade.NONE,
    ) -> Order:
        """Match an order and let the rest of it rest, expire or be rejected."""

    def amend(
        self, order_id: int, price: int, lots: int, rule: Rule = Rule.GTC, *, self_trade: SelfTrade = SelfTrade.NONE
    ) -> bool:
        """Change price and size of a resting order; False when it is not there."""

    def cancel(self, order_id: int, status: OrderStatus = OrderStatus.CANCELED) -> bool:
        """Take a resting order out; False when it is not there."""

    def drain(self) -> list[Trade]:
        """Trades since the last call."""

    def touch(self) -> tuple[int | None, int | None]:
        """Best bid and best ask in ticks."""

    def depth(self, limit: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Bids and asks as (ticks, lots), best first."""

    def changes(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Bid and ask levels that changed since the last call, as (ticks, lots); 0 lots when a level is gone."""

    def room(self, owner: int, sign: int) -> int:
        """Lots an order of `sign` may still take off the owner's position."""


class PublicTrade(NamedTuple):
    """Matches of one aggressor at one price, with the first and the last of their ids; `sign` is the aggressor's."""

    trade_id: int
    price: int
    lots: int
    sign: int
    first_id: int
    last_id: int
    time_ms: int


def _nobody(trade: PublicTrade) -> None:
    """Nobody asked to be told."""


@dataclass(slots=True)
class TradeLog:
    """The newest public trades of one instrument, single (`trades`) and by aggressor and price (`aggregates`).

    `witness` is told every single trade, in order.
    """

    next_id: int = 1
    witness: Callable[[PublicTrade], None] = _nobody
    trades: deque[PublicTrade] = field(default_factory=lambda: deque(maxlen=_KEPT))
    aggregates: deque[PublicTrade] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def add(self, trade: PublicTrade) -> None:
        """Append a single trade."""
        self.trades.append(trade)
        self.witness(trade)

    def record(self, matches: Sequence[Trade], time_ms: int) -> None:
        """Append matches in their order; those with an order of a tape are left out, as the tape has its own trades."""
        taker_id = -1
        aggregates = self.aggregates
        for match in matches:
            if RECORDED in (match.taker_id, match.maker_id):
                continue
            price, lots, sign = match.price, match.lots, match.sign
            self.add(PublicTrade(match.trade_id, price, lots, sign, match.trade_id, match.trade_id, time_ms))
            if match.taker_id == taker_id and aggregates[-1].price == price:
                grown = aggregates.pop()
                aggregates.append(grown._replace(lots=grown.lots + lots, last_id=match.trade_id))
                continue
            taker_id = match.taker_id
            aggregates.append(PublicTrade(self.next_id, price, lots, sign, match.trade_id, match.trade_id, time_ms))
            self.next_id += 1


@dataclass(slots=True)
class Listing:
    """An instrument with its book and its public trades. `symbol_id` is the exchange's own name (`BTCUSDT`).

    `instrument` has the units of the book, which never change. `filters` is the grid that orders are held to: multiples
    of it. `last_mid` stands in while a side is empty. `index` is the market's own fair price in ticks, None where it
    has none: the mid stands in. `taped_mark` is the mark price that a tape tells, in quote currency; `taped_interest`
    is the open interest that it tells, in base currency. While it `is_halted`, no order is accepted (cancels are).
    """

    instrument: Instrument
    book: Book
    log: TradeLog
    last_mid: Decimal
    is_halted: bool = False
    index: float | None = None
    taped_mark: Decimal | None = None
    taped_interest: Decimal | None = None
    filters: Instrument = field(init=False)
    price: MarkPrice = field(default_factory=MarkPrice)
    funding: FundingMeter = field(default_factory=FundingMeter)

    def __post_init__(self) -> None:
        self.filters = self.instrument

    @property
    def symbol_id(self) -> str:
        """The exchange's name of the instrument."""
        return self.instrument.base + self.instrument.quote

    def mid(self) -> Decimal:
        """Middle of the best bid and ask in quote currency, or the last one while a side is empty."""
        bid, ask = self.book.touch()
        if bid is not None and ask is not None:
            self.last_mid = self.instrument.tick_size * (bid + ask) / 2
        return self.last_mid

    def mark(self) -> Decimal:
        """Mark price in quote currency: a tape's, or as of the last full second, or the mid before there is one."""
        return self.taped_mark or self.price.value or self.mid()

    def index_price(self) -> Decimal:
        """Index price in quote currency as of the last full second, the mid before there is one."""
        return self.price.index or self.mid()

    def open_interest(self) -> Decimal:
        """What is held, each contract counted once, in base currency: a tape's, or the sum of all long positions.

        The market's own traders are one owner here: what they hold among themselves is not known and not counted.
        """
        held = sum(lots for lots in self.book.positions.values() if lots > 0)
        return self.instrument.size(held) if self.taped_interest is None else self.taped_interest

    def observe(self, now_ms: int) -> None:
        """Sample index, mark and premium, if a second of market time has begun since the last sample."""
        if self.price.is_current(now_ms):
            return
        mid = self.mid()
        if mid <= 0:
            return
        index = mid
        if self.index is not None and math.isfinite(self.index) and self.index > 0:
            index = Decimal(self.index) * self.instrument.tick_size
        seconds = self.price.observe(now_ms, mid, index)
        if seconds:
            self.funding.observe(mid / self.price.index - 1, seconds)
