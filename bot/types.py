"""The nouns every room shares: instruments, event batches, orders, fills and the records a run leaves behind.

All are frozen: a change is a new message. Prices are integer ticks and sizes integer lots inside the core;
`Instrument` is the only crossing to `Decimal`. Every stored form is lower-case English.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from enum import IntEnum, StrEnum, unique
from typing import Final, overload

import numpy as np
from numpy.typing import NDArray

Int64s = NDArray[np.int64]
UInt8s = NDArray[np.uint8]
Floats = NDArray[np.float64]

NS_PER_S: Final = 1_000_000_000
NS_PER_MS: Final = 1_000_000
BPS: Final = 10_000


@unique
class Side(StrEnum):
    """Direction of an order, a fill or a trade's aggressor."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for BUY, -1 for SELL."""
        return 1 if self is Side.BUY else -1


@unique
class TimeInForce(StrEnum):
    """How long an order may rest: till it is cancelled (GTC) or till a date (GTD), or not at all.

    What of an IOC order can't trade at once expires; a FOK order trades whole or not at all.
    """

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    GTD = "gtd"


@unique
class Liquidity(StrEnum):
    """Whether a fill added to the book (maker) or took from it (taker)."""

    MAKER = "maker"
    TAKER = "taker"


@unique
class OrderStatus(StrEnum):
    """Where an order stands at the venue. A *denied* intent never becomes an order."""

    IN_FLIGHT = "in_flight"
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    UNKNOWN = "unknown"

    @property
    def is_closed(self) -> bool:
        """True when the venue will do nothing more with the order."""
        return self in _CLOSED


_CLOSED: Final = frozenset({OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED})


@unique
class InstrumentKind(StrEnum):
    """Spot, or a perpetual settled in the quote (linear) or in the base currency (inverse)."""

    SPOT = "spot"
    LINEAR = "linear"
    INVERSE = "inverse"


@unique
class HaltState(StrEnum):
    """ACTIVE trades; REDUCING only lets a position shrink; HALTED sends nothing but cancels."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


@unique
class FillAssumption(StrEnum):
    """When a resting paper order fills: once its price trades, after the queue ahead, or only when traded through."""

    TOUCH = "touch"
    QUEUE = "queue"
    THROUGH = "through"


@unique
class Outcome(StrEnum):
    """What became of one decision."""

    WAITING = "waiting"  # the strategy was not asked: signals not warm, book missing
    HOLD = "hold"  # it was asked and wants nothing changed
    TARGET = "target"
    QUOTES = "quotes"
    FAILED = "failed"


class Kind(IntEnum):
    """Kind of a market event; the stored form is the number.

    BID and ASK carry the absolute size of a level (0 deletes it). BEST_BID and BEST_ASK carry the best quote: levels
    better than it are gone. BUY and SELL are trades, named by the aggressor. CLEAR restarts the book; levels follow.
    CLOCK says that time passed and nothing else happened.
    """

    BID = 1
    ASK = 2
    BEST_BID = 3
    BEST_ASK = 4
    BUY = 5
    SELL = 6
    CLEAR = 7
    CLOCK = 8


@dataclass(frozen=True, slots=True)
class Instrument:
    """What is traded, and the grid its prices and sizes lie on.

    `symbol` is ccxt's unified name (`BTC/USDT:USDT`). `tick_size` is in quote currency, `lot_size` in base currency
    (in contracts for INVERSE), `min_notional` in quote currency, `contract_size` in base currency a lot unit (1 for
    spot and Binance USDⓈ-M; in quote currency for INVERSE). `epoch` counts changes of the grid.
    """

    symbol: str
    kind: InstrumentKind
    base: str
    quote: str
    tick_size: Decimal
    lot_size: Decimal
    min_notional: Decimal = Decimal(0)
    contract_size: Decimal = Decimal(1)
    epoch: int = 0

    def price(self, ticks: int) -> Decimal:
        """Price in quote currency of an integer number of ticks, exact."""
        return self.tick_size * ticks

    def size(self, lots: int) -> Decimal:
        """Size in base currency (contracts for INVERSE) of an integer number of lots, exact."""
        return self.lot_size * lots

    def notional(self, ticks: int, lots: int) -> Decimal:
        """Value in quote currency of `lots` at `ticks`, exact; the sign follows `lots`. Linear and spot only."""
        return self.price(ticks) * self.size(lots) * self.contract_size

    def ticks(self, price: Decimal) -> int:
        """Ticks of a price that lies on the grid.

        Raises:
            ValueError: the price is off the grid.
        """
        return _on_grid(price, self.tick_size, "price", self.symbol)

    def lots(self, size: Decimal) -> int:
        """Lots of a size that lies on the grid.

        Raises:
            ValueError: the size is off the grid.
        """
        return _on_grid(size, self.lot_size, "size", self.symbol)

    def lots_for(self, notional: Decimal, ticks: float) -> int:
        """Largest whole number of lots worth at most `notional` quote currency at `ticks`; 0 when none fits."""
        value_of_lot = self.tick_size * Decimal(ticks) * self.lot_size * self.contract_size
        return int((notional / value_of_lot).to_integral_value(ROUND_DOWN)) if value_of_lot > 0 else 0


def _on_grid(value: Decimal, step: Decimal, noun: str, symbol: str) -> int:
    steps = value / step
    whole = int(steps.to_integral_value())
    if whole != steps:
        raise ValueError(f"{noun} of {symbol} should be a multiple of {step}, was {value}")
    return whole


@dataclass(frozen=True, slots=True)
class Batch:
    """Market events of one instrument, as columns of equal length n >= 1, in run-wide order of `seq`.

    `exchange_ns` and `local_ns` are two clocks (never subtract one from the other); `exchange_ns` 0 means the exchange
    gave none. `id` is the update or trade id (0 when there is none). `price` is in ticks, `size` in lots. `kind` is a
    `Kind`. `last` is 1 on the final event of a message: only then is the book consistent; the last row has it set.
    """

    symbol: str
    seq: Int64s
    exchange_ns: Int64s
    local_ns: Int64s
    id: Int64s
    price: Int64s
    size: Int64s
    kind: UInt8s
    last: UInt8s

    def __len__(self) -> int:
        return int(self.seq.shape[0])


@dataclass(frozen=True, slots=True)
class Batches:
    """Batches of several instruments that follow one another, as columns of equal length over all of them.

    `owners` (batches,) says whose each batch is, a place in `symbols`, and `stops` (batches,) the row after its last.
    The columns are those of `Batch`, in run-wide order of `seq`.
    """

    symbols: Sequence[str]
    owners: Int64s
    stops: Int64s
    seq: Int64s
    exchange_ns: Int64s
    local_ns: Int64s
    id: Int64s
    price: Int64s
    size: Int64s
    kind: UInt8s
    last: UInt8s

    def __len__(self) -> int:
        return int(self.seq.shape[0])

    def split(self) -> Iterator[Batch]:
        """Return the batches, one after the other."""
        columns = (self.seq, self.exchange_ns, self.local_ns, self.id, self.price, self.size, self.kind, self.last)
        start = 0
        for owner, stop in zip(self.owners.tolist(), self.stops.tolist(), strict=True):
            yield Batch(self.symbols[owner], *(column[start:stop] for column in columns))  # type: ignore[arg-type]
            start = stop


@overload
def apart(inputs: Iterable[Batch | Batches]) -> Iterator[Batch]: ...


@overload
def apart(inputs: Iterable[Batch | Batches | Fact | FeedReport]) -> Iterator[Batch | Fact | FeedReport]: ...


def apart(inputs: Iterable[Batch | Batches | Fact | FeedReport]) -> Iterator[Batch | Fact | FeedReport]:
    """Return inputs of which batches that came together are given one after the other."""
    for received in inputs:
        if isinstance(received, Batches):
            yield from received.split()
        else:
            yield received


@dataclass(frozen=True, slots=True)
class Fact:
    """A rare market fact beside the batches.

    `name` is `funding_rate` (per interval), `funding_interval_h`, `mark_price`, `index_price`, `open_interest` (as the
    exchange counts it), `round_trip_ms` (of a small request to the exchange, as the feed measured it) or `sampling` (1:
    every event is seen, 0: snapshots).
    """

    seq: int
    local_ns: int
    symbol: str
    name: str
    value: Decimal


@dataclass(frozen=True, slots=True)
class Command:
    """An order from a person or a watchdog to the run: `action` is `halt`, `reduce`, `resume` or `flatten`."""

    seq: int
    local_ns: int
    action: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class FeedReport:
    """The state of one symbol's feed as its watchdog saw it; every field is a running total but `healthy`.

    `refused` counts answers refused at the edge, `missed` updates the exchange made between polls that were not seen,
    `failed` requests that raised, `jitter_ns` is the recent mean deviation of the poll interval.
    """

    seq: int
    local_ns: int
    symbol: str
    healthy: bool
    refused: int
    missed: int
    failed: int
    jitter_ns: int
    skew_ns: int


@dataclass(frozen=True, slots=True)
class Overrun:
    """A strategy call that was cut off because it took too long; recorded so that replay cuts it off too."""

    seq: int
    local_ns: int
    lane: str
    symbol: str


Input = Batch | Fact | Command | FeedReport


@dataclass(frozen=True, slots=True)
class Intent:
    """An order the bot wants at the venue, written down before it is sent.

    `price_ticks` is the limit (for IOC the protection price), `lots` > 0. `post_only` orders are rejected rather than
    take. `reason` says in words why it was sent. Stamps are those of the input that caused it. `expires_ns` (local
    time) is that of a GTD order, 0 for the others.
    """

    lane: str
    symbol: str
    client_id: str
    seq: int
    local_ns: int
    side: Side
    price_ticks: int
    lots: int
    time_in_force: TimeInForce
    post_only: bool
    reduce_only: bool
    reason: str
    expires_ns: int = 0


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """A change of one order's state, as the venue told it. `filled_lots` is cumulative."""

    lane: str
    symbol: str
    client_id: str
    seq: int
    local_ns: int
    status: OrderStatus
    filled_lots: int
    reason: str


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution as the venue tells it, before the portfolio has booked it. `fee` is positive when paid."""

    symbol: str
    client_id: str
    fill_id: str
    seq: int
    local_ns: int
    side: Side
    price_ticks: int
    lots: int
    fee: Decimal
    fee_asset: str
    liquidity: Liquidity


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of ours. `fee` is in `fee_asset`, positive when paid, negative when it was a rebate.

    `fill_id` is unique within the account. `realised` is the P&L this fill closed, before fees, in quote currency;
    `position_lots` is the position after it.
    """

    lane: str
    symbol: str
    client_id: str
    fill_id: str
    seq: int
    local_ns: int
    side: Side
    price_ticks: int
    lots: int
    price: Decimal
    size: Decimal
    fee: Decimal
    fee_asset: str
    liquidity: Liquidity
    realised: Decimal
    position_lots: int


@dataclass(frozen=True, slots=True)
class Denial:
    """An intent that a limit of ours refused: which one, where it lies, and what the value was."""

    lane: str
    symbol: str
    seq: int
    local_ns: int
    side: Side
    price_ticks: int
    lots: int
    limit: str
    bound: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer of a strategy, or why it was not asked.

    `reason` is a short stable sentence (numbers go to `values`); `answer` is the target or the quotes in words;
    `signals` holds every signal the strategy names, NaN where it had no value.
    """

    lane: str
    symbol: str
    seq: int
    local_ns: int
    outcome: Outcome
    reason: str
    answer: str
    signals: Mapping[str, float]
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """What a lane is worth, in quote currency.

    equity = cash + unrealised, and cash = opening balance + realised - fees + funding.
    """

    lane: str
    seq: int
    local_ns: int
    equity: Decimal
    cash: Decimal
    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    funding: Decimal


@dataclass(frozen=True, slots=True)
class Funding:
    """What a position paid (`amount` < 0) or received at one funding time of its venue, `local_ns`.

    `price` is the mark the position was valued at, in quote currency, `rate` the fraction of that value for the whole
    interval, `amount` in quote currency. `seq` is that of the first input at or after the time.
    """

    lane: str
    symbol: str
    seq: int
    local_ns: int
    position_lots: int
    price: Decimal
    rate: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Incident:
    """Something out of the ordinary that a person should be able to find later: a halt, a refused answer, an outage."""

    lane: str
    symbol: str
    seq: int
    local_ns: int
    kind: str
    text: str


Record = Decision | Intent | OrderEvent | Fill | Funding | Denial | EquityPoint | Incident | Overrun
