"""What a lane owns: cash, positions and their P&L, exact.

A position's cost is an integer number of tick·lots, so no division ever loses money: when part of a position is
closed, the released cost is rounded to a whole tick·lot (half to even) and the rest stays with what is still open.
The identity equity = opening + realised + unrealised - fees + funding holds to the last digit at every moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from bot.errors import UserError
from bot.trading.tiers import utc_day
from bot.types import Execution, Fill, Instrument

ZERO = Decimal(0)


@dataclass(slots=True)
class Position:
    """Signed `lots` held at a total `cost` in tick·lots (same sign), and what was realised on the way (tick·lots)."""

    lots: int = 0
    cost: int = 0
    realised: int = 0

    def book(self, signed_lots: int, price_ticks: int) -> int:
        """Add a fill of `signed_lots` at `price_ticks`; return the tick·lots it realised, before fees."""
        closing = _closing(self.lots, signed_lots)
        gain = 0
        if closing:
            released = _share(self.cost, closing, self.lots)
            gain = closing * price_ticks - released
            self.cost -= released
            self.lots -= closing
        opening = signed_lots + closing
        self.lots += opening
        self.cost += opening * price_ticks
        self.realised += gain
        return gain

    def unrealised(self, mid_half_ticks: int) -> Decimal:
        """Gain in tick·lots were all of it valued at a mid given in half ticks (bid + ask); exact."""
        return Decimal(self.lots * mid_half_ticks - 2 * self.cost) / 2

    @property
    def entry_ticks(self) -> Decimal:
        """Average entry price in ticks; 0 when flat."""
        return Decimal(self.cost) / Decimal(self.lots) if self.lots else ZERO


def _closing(lots: int, signed_lots: int) -> int:
    """Part of a position of `lots` (with its sign) that a trade of `signed_lots` closes."""
    if lots * signed_lots >= 0:
        return 0
    size = min(abs(lots), abs(signed_lots))
    return size if lots > 0 else -size


def _share(cost: int, part: int, whole: int) -> int:
    """`cost * part / whole`, rounded half to even to a whole tick·lot; exact when all is closed."""
    product, divisor = cost * part, whole
    if divisor < 0:
        product, divisor = -product, -divisor
    quotient, rest = divmod(product, divisor)
    if 2 * rest > divisor or (2 * rest == divisor and quotient % 2):
        quotient += 1
    return quotient


@dataclass(slots=True)
class Portfolio:
    """Cash and positions of one lane, in one quote currency.

    `opening` is the balance the account began with, `carried` what it realised in instruments no longer traded.
    `volumes` is what it traded on each UTC day (since 1970), in quote currency; `marks` the mark prices told last.
    """

    instruments: Mapping[str, Instrument]
    opening: Decimal
    carried: Decimal = ZERO
    positions: dict[str, Position] = field(default_factory=dict)
    mids: dict[str, int] = field(default_factory=dict)
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    peak: Decimal = ZERO
    day: int = -1
    day_equity: Decimal = ZERO
    volumes: dict[int, Decimal] = field(default_factory=dict)
    marks: dict[str, Decimal] = field(default_factory=dict)
    _units: dict[str, Decimal] = field(init=False)

    def __post_init__(self) -> None:
        # Quote currency of one tick·lot.
        self._units = {symbol: instrument.notional(1, 1) for symbol, instrument in self.instruments.items()}
        for symbol in self.instruments:
            self.positions.setdefault(symbol, Position())
        self.peak = max(self.peak, self.opening)
        self.day_equity = self.day_equity or self.opening

    def book(self, execution: Execution, lane: str) -> Fill:
        """Book one execution and return it as a fill with what it realised and the position after it."""
        instrument = self.instruments[execution.symbol]
        position = self.positions[execution.symbol]
        gain = position.book(execution.side.sign * execution.lots, execution.price_ticks)
        self.fees += execution.fee
        day = utc_day(execution.local_ns)
        traded = instrument.notional(execution.price_ticks, execution.lots)
        self.volumes[day] = self.volumes.get(day, ZERO) + traded
        return Fill(
            lane=lane,
            symbol=execution.symbol,
            client_id=execution.client_id,
            fill_id=execution.fill_id,
            seq=execution.seq,
            local_ns=execution.local_ns,
            side=execution.side,
            price_ticks=execution.price_ticks,
            lots=execution.lots,
            price=instrument.price(execution.price_ticks),
            size=instrument.size(execution.lots),
            fee=execution.fee,
            fee_asset=execution.fee_asset,
            liquidity=execution.liquidity,
            realised=self._units[execution.symbol] * gain,
            position_lots=position.lots,
        )

    def fund(self, amount: Decimal) -> None:
        """Book what a position received as funding, in quote currency; below 0 when it paid."""
        self.funding += amount

    def lot_value(self, symbol: str) -> Decimal:
        """Value of one lot in quote currency for margin: at the mark told last, else at the last mid, else 0."""
        if symbol in self.marks:
            instrument = self.instruments[symbol]
            return self.marks[symbol] * instrument.lot_size * instrument.contract_size
        return self._units[symbol] * self.mids.get(symbol, 0) / 2

    def cost_of(self, symbol: str) -> Decimal:
        """What the open position in an instrument cost, in quote currency, with its sign."""
        return self._units[symbol] * self.positions[symbol].cost

    def mark(self, symbol: str, bid_ticks: int, ask_ticks: int) -> None:
        """Value the position in `symbol` at the mid from now on."""
        self.mids[symbol] = bid_ticks + ask_ticks

    @property
    def realised(self) -> Decimal:
        """P&L closed so far, before fees, in quote currency."""
        return sum([self._units[symbol] * own.realised for symbol, own in self.positions.items()], self.carried)

    @property
    def unrealised(self) -> Decimal:
        """P&L of what is open, at the last mids, in quote currency."""
        return sum([self.unrealised_of(symbol) for symbol in self.positions], ZERO)

    def unrealised_of(self, symbol: str) -> Decimal:
        """P&L of what is open in one instrument, at its last mid; 0 before the first mid."""
        position = self.positions[symbol]
        if not position.lots or symbol not in self.mids:
            return ZERO
        return position.unrealised(self.mids[symbol]) * self._units[symbol]

    @property
    def cash(self) -> Decimal:
        """Opening balance plus all that is realised, in quote currency."""
        return self.opening + self.realised - self.fees + self.funding

    @property
    def is_valued(self) -> bool:
        """True once every open position has its first mid: until then equity lacks an unrealised part."""
        return not [symbol for symbol, own in self.positions.items() if own.lots and symbol not in self.mids]

    @property
    def equity(self) -> Decimal:
        """Cash plus unrealised P&L, in quote currency."""
        return self.cash + self.unrealised

    def observe(self, day: int, equity: Decimal) -> bool:
        """Keep the peak and, on a new UTC day, that day's opening equity; return whether equity is whole.

        Nothing is kept while it is not. A day never begins twice: instruments' batches may overlap in time.
        """
        if not self.is_valued:
            return False
        if day > self.day:
            self.day = day
            self.day_equity = equity
        self.peak = max(self.peak, equity)
        return True

    def forgive(self) -> None:
        """Measure losses from here on: the peak and the day's opening become the equity of now."""
        self.peak = self.day_equity = self.equity


def tick_lots(instrument: Instrument, money: Decimal) -> int:
    """Return an amount of quote currency as a whole number of tick·lots.

    Raises:
        UserError: it does not lie on the instrument's grid, which must have changed since the amount was made.
    """
    number = money / instrument.notional(1, 1)
    if number != int(number):
        raise UserError(
            f"the price or size grid of {instrument.symbol} changed and the open position does not lie on it: "
            "close it under the old grid or start a new account with --fresh"
        )
    return int(number)
