"""What a lane owns, so that a run can begin where the one before it stopped."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from bot.types import Fill, Funding
from storage.rows import decimal_text

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Holding:
    """A lane's position in one symbol, open or flat, and what it has earned there.

    `lots` and `size` (base currency, contracts where the contract size is not 1) carry the sign of the position.
    `entry_cost` is what the open position cost in quote currency, with the same sign: exact, where an average would be
    rounded. `realised`, `fees` and `funding` (in the account's currency) run since the account began.
    """

    symbol: str
    lots: int = 0
    size: Decimal = _ZERO
    entry_cost: Decimal = _ZERO
    realised: Decimal = _ZERO
    fees: Decimal = _ZERO
    contract_size: Decimal = Decimal(1)
    funding: Decimal = _ZERO

    @property
    def average_entry(self) -> Decimal | None:
        """Average entry price in quote currency, rounded to the decimal context; None when flat."""
        return self.entry_cost / (self.size * self.contract_size) if self.lots else None

    def after(self, fill: Fill, contract_size: Decimal, fee: Decimal) -> Holding:
        """Return the holding after one more fill; `fee` is the part of its fee in the account's currency.

        Cost held = bought - sold + realised, which holds for openings, closings and turns alike, and whichever way
        `fill.realised` was rounded.
        """
        size = fill.side.sign * fill.size
        lots = self.lots + fill.side.sign * fill.lots
        cost = self.entry_cost + size * fill.price * contract_size + fill.realised
        return Holding(
            symbol=self.symbol,
            lots=lots,
            size=self.size + size if lots else _ZERO,
            entry_cost=cost,
            realised=self.realised + fill.realised,
            fees=self.fees + fee,
            contract_size=contract_size,
            funding=self.funding,
        )

    def funded(self, funding: Funding) -> Holding:
        """Return the holding after it paid or received funding."""
        return replace(self, funding=self.funding + funding.amount)


@dataclass(frozen=True, slots=True)
class LaneState:
    """What a lane owns at one moment.

    Money is in the account's currency and runs since the account began: cash = opening balance + realised - fees +
    funding. `other_fees` were paid in other assets and are in no sum. `last_client_id` and `last_fill_id` are the
    newest ids of the lane, empty when it has none; `intents` and `fills` count them over the account's life.
    `peak_equity` is the highest equity point so far, `day` the UTC day (since 1970) of the last one, -1 before the
    first, and `day_equity` that day's first, so that loss limits outlive a restart.
    """

    lane: str
    cash: Decimal
    realised: Decimal = _ZERO
    fees: Decimal = _ZERO
    funding: Decimal = _ZERO
    peak_equity: Decimal = _ZERO
    day: int = -1
    day_equity: Decimal = _ZERO
    holdings: tuple[Holding, ...] = ()
    other_fees: tuple[tuple[str, Decimal], ...] = ()
    last_client_id: str = ""
    last_fill_id: str = ""
    intents: int = 0
    fills: int = 0


def new_lane(lane: str, balance: Decimal) -> LaneState:
    """Return the state of a lane that has done nothing yet."""
    return LaneState(lane, cash=balance, peak_equity=balance, day_equity=balance)


def opening_row(state: LaneState) -> dict[str, Any]:
    """Return the columns of `openings` for a state."""
    names = ("cash", "realised", "fees", "funding", "peak_equity", "day_equity")
    exact = {name: decimal_text(getattr(state, name), name) for name in names}
    return {"lane": state.lane, "day": int(state.day), **exact}


def holding_row(lane: str, holding: Holding) -> dict[str, Any]:
    """Return the columns of `opening_positions` for a holding."""
    names = ("size", "entry_cost", "realised", "fees", "contract_size", "funding")
    exact = {name: decimal_text(getattr(holding, name), name) for name in names}
    return {"lane": lane, "symbol": holding.symbol, "lots": int(holding.lots), **exact}
