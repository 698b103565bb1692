"""What the exchange tells the owner of an account when something of it changes; the user stream puts it on the wire.

A notice is a copy: the order it speaks of goes on changing.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum, unique

from bot.exchange.accounts.account import OwnFill, OwnOrder
from bot.types import OrderStatus


@unique
class Happening(StrEnum):
    """Why an order notice is sent, in the wire's words (`x`); CALCULATED is a fill of a liquidation."""

    NEW = "NEW"
    TRADE = "TRADE"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    AMENDMENT = "AMENDMENT"
    CALCULATED = "CALCULATED"


@unique
class Cause(StrEnum):
    """Why a balance or a position changed, in the wire's words (`m`)."""

    ORDER = "ORDER"
    FUNDING_FEE = "FUNDING_FEE"
    INSURANCE_CLEAR = "INSURANCE_CLEAR"
    ADJUSTMENT = "ADJUSTMENT"


@dataclass(frozen=True, slots=True)
class OrderNotice:
    """One change of one order: `own` for what never changes of it, the rest as it stood at that moment.

    `left` in lots, `quote` the value filled so far in quote currency, `fill` is the one that caused a TRADE.
    """

    owner: int
    own: OwnOrder
    happening: Happening
    status: OrderStatus
    left: int
    quote: Decimal
    time_ms: int
    fill: OwnFill | None = None


@dataclass(frozen=True, slots=True)
class PositionStand:
    """A position at the moment of a notice: net lots and signed cost in quote currency."""

    symbol_id: str
    lots: int
    cost: Decimal
    unrealised: Decimal


@dataclass(frozen=True, slots=True)
class AccountNotice:
    """A change of cash or of positions: `cash` after it, `changed` by it (not counting fees and realised P&L)."""

    owner: int
    cause: Cause
    cash: Decimal
    changed: Decimal
    positions: tuple[PositionStand, ...]
    time_ms: int


@dataclass(frozen=True, slots=True)
class MarginCall:
    """The account's equity came close to its maintenance margin: `cash` and both in quote currency."""

    owner: int
    cash: Decimal
    positions: tuple[PositionStand, ...]
    time_ms: int


@dataclass(frozen=True, slots=True)
class LeverageNotice:
    """The account's leverage in a symbol was set."""

    owner: int
    symbol_id: str
    leverage: int
    time_ms: int


Notice = OrderNotice | AccountNotice | MarginCall | LeverageNotice
