"""What a strategy is: it sees a `View` and says what it wants; it never sends an order.

A strategy is one file with one dataclass. Its fields are its parameters, declared with `param` so that configuration,
validation and sweeps know their bounds. It gets no exchange object, no keys and no clock. It may keep state in its
fields: the same views give the same state, in backtest, paper and live.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, Protocol

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


class Later(Protocol):
    """The numbers of one decision, of which what few strategies look at is made when one does."""

    def made(self, name: str) -> object:
        """Return what a `View` of the decision has under this name."""
        ...


_LATER: Final = frozenset(("entry", "open_orders", "fills", "equity"))


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
    _later: Later | None = field(default=None, init=False, repr=False, compare=False)
    _values: Sequence[float] = field(init=False, repr=False, compare=False)
    _tick: float = field(init=False, repr=False, compare=False)
    _lot: float = field(init=False, repr=False, compare=False)
    _working: Sequence[float] = field(init=False, repr=False, compare=False)

    if not TYPE_CHECKING:  # to a type checker a misspelt name stays an error

        def __getattr__(self, name: str) -> Any:
            # Only what was not filled in is asked for here, once: most strategies look at little of it.
            if name == "_tick":
                made = float(self.instrument.tick_size)
            elif name == "_lot":
                made = float(self.instrument.lot_size)
            elif name == "_values":
                made = [float(value) for value in self.row]
            elif name == "_working":
                made = _working(self.open_orders)
            elif name in _LATER and self._later is not None:
                made = self._later.made(name)
            else:
                raise AttributeError(f"'View' object has no attribute {name!r}", name=name, obj=self)
            object.__setattr__(self, name, made)
            return made

    def __getitem__(self, name: str) -> float:
        """Value of a signal the strategy listed in `signals`.

        Raises:
            KeyError: the strategy did not list it.
        """
        if name not in self.names:
            raise KeyError(f"signal {name!r} is not in this strategy's signals: {', '.join(self.names)}")
        return self._values[self.names[name]]

    @property
    def bid(self) -> float:
        """Best bid price in quote currency."""
        return self.bid_ticks * self._tick

    @property
    def ask(self) -> float:
        """Best ask price in quote currency."""
        return self.ask_ticks * self._tick

    @property
    def mid(self) -> float:
        """Middle of the best bid and ask, in quote currency."""
        return (self.bid_ticks + self.ask_ticks) * self._tick / 2

    @property
    def tick(self) -> float:
        """Smallest price step, in quote currency."""
        return self._tick

    @property
    def spread_bps(self) -> float:
        """Best ask minus best bid, in basis points of the mid."""
        return (self.ask - self.bid) / self.mid * BPS

    @property
    def position(self) -> float:
        """Position in base currency, signed."""
        return self.position_lots * self._lot

    @property
    def round_trip_bps(self) -> float:
        """Cost of taking in and taking out again now: the whole spread and two taker fees, in basis points."""
        return self.spread_bps + 2 * self.costs.taker_bps

    @property
    def bid_order(self) -> float:
        """Price of our newest order to buy that is not being cancelled, in quote currency; NaN without one."""
        return self._working[0]

    @property
    def ask_order(self) -> float:
        """Price of our newest order to sell that is not being cancelled, in quote currency; NaN without one."""
        return self._working[1]

    @property
    def bid_order_size(self) -> float:
        """What of that order to buy may still fill, in base currency; 0 without one."""
        return self._working[2]

    @property
    def ask_order_size(self) -> float:
        """What of that order to sell may still fill, in base currency; 0 without one."""
        return self._working[3]

    @property
    def now_s(self) -> float:
        """Local time of the event in seconds since the epoch."""
        return self.now_ns / NS_PER_S


def _working(orders: Sequence[OpenOrder]) -> tuple[float, float, float, float]:
    """Prices of our newest orders to buy and to sell that are not being cancelled, and what of them may still fill."""
    bid_price = ask_price = math.nan
    bid_size = ask_size = 0.0
    for order in orders:  # oldest first: the newest has the last word
        if order.cancelling:
            continue
        if order.side is Side.BUY:
            bid_price, bid_size = order.price, order.remaining
        else:
            ask_price, ask_size = order.price, order.remaining
    return bid_price, ask_price, bid_size, ask_size


class Shown(NamedTuple):
    """What the strategies of all lanes see alike at one decision.

    `values` is `row` as a list, `tick` and `lot` are the sizes of both in quote and base currency.
    """

    now_ns: int
    instrument: Instrument
    names: Mapping[str, int]
    row: Floats
    values: Sequence[float]
    bid_ticks: int
    ask_ticks: int
    tick: float
    lot: float
    costs: Costs


class _Unfrozen:
    """A `View` while it is made: a frozen class takes its fields one by one at five times the cost."""

    __slots__ = View.__slots__

    def __init__(self, shown: Shown, position_lots: int, exposure: float, later: Later | None) -> None:
        self.now_ns, self.instrument, self.names, self.row, self._values = shown[:5]
        self.bid_ticks, self.ask_ticks, self._tick, self._lot, self.costs = shown[5:]
        self.position_lots, self.exposure, self._later = position_lots, exposure, later


def glimpse(shown: Shown, position_lots: int, exposure: float, working: Sequence[float], later: Later) -> View:
    """Return a view of which `later` makes the rest when it is looked at.

    `working` are the prices that `bid_order` and `ask_order` show, and the sizes of both.
    """
    see: Any = _Unfrozen(shown, position_lots, exposure, later)
    see._working = working
    see.__class__ = View
    return see  # type: ignore[no-any-return]


def whole_view(
    shown: Shown, position_lots: int, exposure: float, entry: float, open_orders: tuple[OpenOrder, ...],
    fills: tuple[Fill, ...], equity: Decimal,
) -> View:  # fmt: skip
    """Return a view with all that there is to see."""
    see: Any = _Unfrozen(shown, position_lots, exposure, None)
    see.entry, see.open_orders, see.fills, see.equity = entry, open_orders, fills, equity
    see.__class__ = View
    return see  # type: ignore[no-any-return]


@dataclass
class Strategy:
    """Base of every strategy: list `signals`, declare parameters with `param`, implement `decide`.

    One instance trades one instrument in one lane. `signals` may be a property when the names depend on parameters.
    Backtests run `decide` as machine code wherever its source can be translated. `compiled` True promises that it can:
    that it is a pure function of the signals, the view's numbers and the parameters. False has it asked in plain Python
    everywhere. `imbalance check strategy` says which it is.
    """

    signals: ClassVar[Any] = ()
    compiled: ClassVar[bool | None] = None

    def decide(self, see: View) -> Answer:
        """Answer with a `Target`, `Quotes`, a `Hold` with its reason, or None for "no new opinion"."""
        raise NotImplementedError(f"{type(self).__name__} should implement decide(self, see)")


def sign(value: float) -> float:
    """-1.0, 0.0 or 1.0; NaN stays NaN."""
    # NaN has a sign of its own and is true.
    return math.copysign(1.0, value) if value and not math.isnan(value) else value
