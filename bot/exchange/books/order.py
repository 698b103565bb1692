"""Orders and trades as a book knows them: integer ticks and lots, and the rules an order comes with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final, NamedTuple

from bot.types import OrderStatus

FLOW: Final = 0
RECORDED: Final = 0  # the id of an order that is on a tape and in no queue; ids here start at 1


@unique
class Rule(StrEnum):
    """How long an order may rest, in the wire's words; GTX is post-only."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTX = "GTX"


@unique
class SelfTrade(StrEnum):
    """What an order does when it meets one of its own owner's, in the wire's words; NONE lets them trade."""

    NONE = "NONE"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"


@dataclass(slots=True, eq=False)
class Order:
    """One order as the book knows it; `left` and `status` change while it lives, `price` and `lots` when it is amended.

    `sign` is +1 for a buy and -1 for a sell, `price` in ticks (0 for a market order), 0 <= `left` <= `lots`.
    """

    order_id: int
    owner: int
    sign: int
    price: int
    lots: int
    left: int
    reduce_only: bool = False
    status: OrderStatus = OrderStatus.OPEN


class Trade(NamedTuple):
    """One match; `sign` is the aggressor's. A plain tuple underneath: thousands are made a second."""

    trade_id: int
    price: int
    lots: int
    sign: int
    taker_id: int
    taker_owner: int
    maker_id: int
    maker_owner: int
