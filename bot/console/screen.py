"""What a running bot shows a person, as plain frozen messages: the dashboard knows nothing of engines or lanes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from bot.types import HaltState


@dataclass(frozen=True, slots=True)
class MarketLine:
    """One instrument now. Prices are in quote currency; `quality` is 0 (no trust in the signals) to 1."""

    symbol: str
    bid: float
    ask: float
    mid: float
    spread_bps: float
    signals: Mapping[str, float]
    book_age_s: float
    quality: float
    healthy: bool


@dataclass(frozen=True, slots=True)
class PositionLine:
    """One position of the account: size in base currency, signed; P&L in quote currency, before fees."""

    symbol: str
    size: Decimal
    entry: Decimal
    mark: Decimal
    unrealised: Decimal
    realised: Decimal


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One order that may still fill."""

    symbol: str
    side: str
    price: Decimal
    size: Decimal
    filled: Decimal
    status: str
    age_s: float


@dataclass(frozen=True, slots=True)
class FillLine:
    """One fill of the account. `fee` is positive when paid."""

    local_ns: int
    symbol: str
    side: str
    price: Decimal
    size: Decimal
    fee: Decimal
    liquidity: str
    realised: Decimal


@dataclass(frozen=True, slots=True)
class ReasonLine:
    """Why a symbol is or is not traded: the last decision's outcome and reason, and for how long it has been so."""

    symbol: str
    outcome: str
    reason: str
    since_s: float
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LaneLine:
    """What one lane is worth. `net` is the P&L of its account after fees and funding, `before` what that was at first.

    `fees` (what it paid) and `fills` are of this run alone.
    """

    name: str
    equity: Decimal
    net: Decimal
    fees: Decimal
    fills: int
    before: Decimal = Decimal(0)

    @property
    def gained(self) -> Decimal:
        """Net P&L of this run."""
        return self.net - self.before


@dataclass(frozen=True, slots=True)
class Screen:
    """Everything on the first screen at one moment.

    The first of `lanes` is the account itself; the others differ from it only in their fill assumption, so least and
    most over all of them are its P&L interval. `fills` and `reasons` are newest first, or in the order to be shown.
    `notes` are warnings, incidents and feed counters. Money is in `currency`.
    """

    title: str
    run_id: int
    account: str
    exchange: str
    strategy: str
    elapsed_s: float
    decisions: int
    fills_count: int
    maker_fills: int
    currency: str
    opening: Decimal
    lanes: tuple[LaneLine, ...]
    halt: HaltState
    halt_reason: str
    markets: tuple[MarketLine, ...]
    positions: tuple[PositionLine, ...]
    orders: tuple[OrderLine, ...]
    fills: tuple[FillLine, ...]
    reasons: tuple[ReasonLine, ...]
    notes: tuple[str, ...]
    tape_rows: int

    @property
    def net_interval(self) -> tuple[LaneLine, LaneLine]:
        """The lanes with the least and the most net P&L of this run: the kindest to fills may be either.

        Raises:
            ValueError: there is no lane.
        """
        return min(self.lanes, key=lambda lane: lane.gained), max(self.lanes, key=lambda lane: lane.gained)
