"""What a strategy is: it sees a `View` and says what it wants; it never sends an order.

A strategy is one file with one dataclass. Its fields are its parameters, declared with `param` so that configuration,
validation and sweeps know their bounds. It gets no exchange object, no keys and no clock. It may keep state in its
fields: the same views give the same state, in backtest, paper and live.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

from bot.types import BPS, NS_PER_S, Fill, Floats, Instrument, Side


@dataclass(frozen=True, slots=True)
class Target:
    """The position wanted, as a share of full size: -1 (fully short) to 1 (fully long).

    It is reached with protected immediate-or-cancel orders inside the no-trade band. `stop_loss_bps` and
    `take_profit_bps` (from the average entry price; 0 = the configured ones) are kept by the engine. `reason` is a
    short stable sentence; numbers go to `values`.
    """

    exposure: float
    reason: str = "target"
    values: Mapping[str, float] = field(default_factory=dict)
    stop_loss_bps: float = 0.0
    take_profit_bps: float = 0.0


@dataclass(frozen=True, slots=True)
class Quotes:
    """The two resting orders wanted, as prices in quote currency; None = no order on that side.

    Sizes are shares of full size, 0 to 1. The bid is rounded down and the ask up to the grid. A resting order is
    replaced only when its price or size changes. Stop-loss and take-profit as in `Target`.
    """

    bid: float | None
    ask: float | None
    bid_size: float = 1.0
    ask_size: float = 1.0
    reason: str = "quoting"
    values: Mapping[str, float] = field(default_factory=dict)
    stop_loss_bps: float = 0.0
    take_profit_bps: float = 0.0


@dataclass(frozen=True, slots=True)
class Hold:
    """No change wanted, and why: what `imbalance why` shows. `reason` is a short stable sentence."""

    reason: str
    values: Mapping[str, float] = field(default_factory=dict)


Answer = Target | Quotes | Hold | None


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """One order of ours that may still fill: resting, in flight, or `cancelling`."""

    client_id: str
    side: Side
    price: float
    remaining: float
    cancelling: bool = False


@dataclass(frozen=True, slots=True)
class Costs:
    """What trading costs in basis points of notional: fees by liquidity (negative = rebate)."""

    maker_bps: float
    taker_bps: float


@dataclass(frozen=True, slots=True)
class View:
    """Everything a strategy may know at one decision.

    `view["ofi(10s)"]` is a signal by the name the strategy asked for; `decide` is called only when each has a value.
    `position` is in base currency, signed; `exposure` is its share of full size (about -1 to 1). `fills` are those
    since the last decision. `equity` is in quote currency. `now_ns` is the local time of the event.
    """

    now_ns: int
    instrument: Instrument
    names: Mapping[str, int]
    row: Floats
    bid_ticks: int
    ask_ticks: int
    position_lots: int
    exposure: float
    entry: float
    open_orders: tuple[OpenOrder, ...]
    fills: tuple[Fill, ...]
    equity: Decimal
    costs: Costs

    def __getitem__(self, name: str) -> float:
        """Value of a signal the strategy listed in `signals`.

        Raises:
            KeyError: the strategy did not list it.
        """
        if name not in self.names:
            raise KeyError(f"signal {name!r} is not in this strategy's signals: {', '.join(self.names)}")
        return float(self.row[self.names[name]])

    @property
    def bid(self) -> float:
        """Best bid price in quote currency."""
        return self.bid_ticks * float(self.instrument.tick_size)

    @property
    def ask(self) -> float:
        """Best ask price in quote currency."""
        return self.ask_ticks * float(self.instrument.tick_size)

    @property
    def mid(self) -> float:
        """Middle of the best bid and ask, in quote currency."""
        return (self.bid_ticks + self.ask_ticks) * float(self.instrument.tick_size) / 2

    @property
    def tick(self) -> float:
        """Smallest price step, in quote currency."""
        return float(self.instrument.tick_size)

    @property
    def spread_bps(self) -> float:
        """Best ask minus best bid, in basis points of the mid."""
        return (self.ask - self.bid) / self.mid * BPS

    @property
    def position(self) -> float:
        """Position in base currency, signed."""
        return self.position_lots * float(self.instrument.lot_size)

    @property
    def round_trip_bps(self) -> float:
        """Cost of taking in and taking out again now: the whole spread and two taker fees, in basis points."""
        return self.spread_bps + 2 * self.costs.taker_bps

    @property
    def bid_order(self) -> float:
        """Price of our newest order to buy that is not being cancelled, in quote currency; NaN without one."""
        order = self._working(Side.BUY)
        return math.nan if order is None else order.price

    @property
    def ask_order(self) -> float:
        """Price of our newest order to sell that is not being cancelled, in quote currency; NaN without one."""
        order = self._working(Side.SELL)
        return math.nan if order is None else order.price

    @property
    def bid_order_size(self) -> float:
        """What of that order to buy may still fill, in base currency; 0 without one."""
        order = self._working(Side.BUY)
        return 0.0 if order is None else order.remaining

    @property
    def ask_order_size(self) -> float:
        """What of that order to sell may still fill, in base currency; 0 without one."""
        order = self._working(Side.SELL)
        return 0.0 if order is None else order.remaining

    @property
    def now_s(self) -> float:
        """Local time of the event in seconds since the epoch."""
        return self.now_ns / NS_PER_S

    def _working(self, side: Side) -> OpenOrder | None:
        for order in reversed(self.open_orders):
            if order.side is side and not order.cancelling:
                return order
        return None


@dataclass
class Strategy:
    """Base of every strategy: list `signals`, declare parameters with `param`, implement `decide`.

    One instance trades one instrument in one lane. `signals` may be a property when the names depend on parameters.
    `compiled` promises that `decide` is a pure function of the signals, the view's numbers and the parameters, written
    in what can be translated to machine code; `imbalance check strategy` says whether it holds.
    """

    signals: ClassVar[Any] = ()
    compiled: ClassVar[bool] = False

    def decide(self, see: View) -> Answer:
        """Answer with a `Target`, `Quotes`, a `Hold` with its reason, or None for "no new opinion"."""
        raise NotImplementedError(f"{type(self).__name__} should implement decide(self, see)")


def sign(value: float) -> float:
    """-1.0, 0.0 or 1.0; NaN stays NaN."""
    # NaN has a sign of its own and is true.
    return math.copysign(1.0, value) if value and not math.isnan(value) else value
