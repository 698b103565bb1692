"""What a stored run came to: every figure of its report, from the trade log and the recording that it traded on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

import orjson
from sqlalchemy import Engine

from bot.config import Config, from_resolved
from bot.console.figures import iso
from bot.research.bootstrap import Estimate
from bot.research.performance.attribution import Attribution, attributed
from bot.research.performance.curves import Day, EquityCurve, days_of, equity_curve
from bot.research.performance.markouts import Markout, Tenth, markouts, tenths
from bot.research.performance.placebos import Placebos, is_placebo, placed
from bot.research.performance.prices import Prices, fill_columns
from bot.research.performance.sightings import Behind, SignalCurve
from bot.trading.engine import STOP
from bot.types import EquityPoint, Fill, Incident
from storage import tradelog
from storage.holdings import DIGITS
from storage.lane_ends import LaneEnds, lane_ends
from storage.tradelog import Run, Trade
from storage.why import ReasonCount, why

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class LaneResult:
    """One lane's run, money in quote currency.

    net = end - start. `turnover` is the notional of all fills. `parts` is None without a recording. `per_hour` has the
    uncertainty; `drawdown` is the deepest fall between equity points, which are some seconds apart.
    """

    lane: str
    start: Decimal
    end: Decimal
    net: Decimal
    per_hour: Estimate
    fees: Decimal
    funding: Decimal
    fills: int
    maker_share: float
    maker_notional_share: float
    turnover: Decimal
    drawdown: float
    parts: Attribution | None


@dataclass(frozen=True, slots=True)
class Interval:
    """Least and most net P&L over the lanes, with their lanes: what the answer hangs on is how orders fill."""

    least: Decimal
    least_lane: str
    most: Decimal
    most_lane: str


@dataclass(frozen=True, slots=True)
class Count:
    """How often something happened to the account's own lane, and why."""

    what: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class SymbolDecisions:
    """What the decisions about a symbol came to, in the account's own lane."""

    symbol: str
    counts: tuple[ReasonCount, ...]


@dataclass(frozen=True, slots=True)
class Performance:
    """A run judged. The first of `lanes` is the account's own; placebos are not among them.

    `recorded_ns` is the time between first and last that was recorded: gaps between tapes are not in it.
    `trades` are all fills of these lanes, `incidents` what befell them but the end of the run; `signals` what the
    account's own lane saw; `prices` None without a recording.
    `round_trips_ns` are those that the recording tells of, where orders took as long as measured.
    """

    run: Run
    config: Config
    first_ns: int
    last_ns: int
    recorded_ns: int
    interval: Interval
    placebos: Placebos | None
    lanes: tuple[LaneResult, ...]
    markouts: tuple[Markout, ...]
    tenths: tuple[Tenth, ...]
    counts: tuple[Count, ...]
    incidents: tuple[Incident, ...]
    days: tuple[Day, ...]
    decisions: tuple[SymbolDecisions, ...]
    curves: tuple[EquityCurve, ...]
    trades: tuple[Trade, ...]
    prices: Prices | None
    signals: Mapping[str, SignalCurve]
    round_trips_ns: tuple[int, ...]

    @property
    def own(self) -> LaneResult:
        """The account's own lane."""
        return self.lanes[0]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run saw, beyond what its trade log says: prices, signals over time and signals behind orders.

    `round_trips_ns` are those that its orders took, where they were measured.
    """

    prices: Prices | None
    signals: Mapping[str, SignalCurve]
    behind: Mapping[tuple[str, str], Behind]
    round_trips_ns: tuple[int, ...] = ()


def assess(engine: Engine, run: Run, seen: Seen) -> Performance:  # over 30 lines: one figure after the other
    """Judge a stored run.

    Raises:
        StorageError: the database cannot be read.
    """
    config = from_resolved(orjson.loads(run.config))
    with localcontext() as context:
        context.prec = DIGITS
        ends = lane_ends(engine, run.id)
        starts = {each.lane: _start(each, seen.prices) for each in ends}
        nets = {each.lane: _end(each, starts[each.lane]) - starts[each.lane] for each in ends}
        own = [each for each in ends if not is_placebo(each.lane)]
        trades = {each.lane: tradelog.fills(engine, run=run.id, lane=each.lane) for each in own}
        curves = [_curve(engine, run.id, each.lane, starts[each.lane]) for each in own]
        first_ns, last_ns = _span(curves)
        recorded_ns = last_ns - first_ns if seen.prices is None else seen.prices.recorded_ns(first_ns, last_ns)
        lanes = [
            _lane(each, starts[each.lane], trades[each.lane], curve, seen.prices, recorded_ns)
            for each, curve in zip(own, curves, strict=True)
        ]
        first = own[0].lane
        fills = {lane: [trade.fill for trade in found] for lane, found in trades.items()}
        marked = [] if seen.prices is None else _markouts(fills, seen.prices)
        grouped = [] if seen.prices is None else tenths(fills[first], seen.prices, seen.behind)
        return Performance(
            run=run,
            config=config,
            first_ns=first_ns,
            last_ns=last_ns,
            recorded_ns=recorded_ns,
            interval=interval_of({each.lane: each.net for each in lanes}),
            placebos=placed(nets),
            lanes=tuple(lanes),
            markouts=tuple(marked),
            tenths=tuple(grouped),
            counts=tuple(_counts_of(engine, run.id, first, trades[first])),
            incidents=tuple(_incidents(engine, run.id)),
            days=tuple(days_of(curves, _by_day(trades[first]))),
            decisions=tuple(_decisions(engine, run.id, first, config.exchange.symbols)),
            curves=tuple(curves),
            trades=tuple(trade for found in trades.values() for trade in found),
            prices=seen.prices,
            signals=seen.signals,
            round_trips_ns=seen.round_trips_ns,
        )


def _span(curves: Sequence[EquityCurve]) -> tuple[int, int]:
    times = [int(edge) for curve in curves if len(curve.time_ns) for edge in (curve.time_ns[0], curve.time_ns[-1])]
    return (min(times), max(times)) if times else (0, 0)


def interval_of(nets: Mapping[str, Decimal]) -> Interval:
    """Return the least and the most of the lanes' net P&L."""
    least, most = min(nets, key=lambda lane: nets[lane]), max(nets, key=lambda lane: nets[lane])
    return Interval(nets[least], least, nets[most], most)


def _start(ends: LaneEnds, prices: Prices | None) -> Decimal:
    """What a lane was worth when the run began; a position held from before counts at its first mid."""
    worth = ends.cash
    for holding in ends.held:
        mid = prices.first_mid(holding.symbol) if prices is not None else None
        if mid is None:
            return ends.first.equity if ends.first is not None else worth
        worth += mid * holding.size * holding.contract_size - holding.entry_cost
    return worth


def _end(ends: LaneEnds, start: Decimal) -> Decimal:
    return start if ends.last is None else ends.last.equity


def _curve(engine: Engine, run: int, lane: str, start: Decimal) -> EquityCurve:
    points: list[EquityPoint] = [entry.record for entry in tradelog.equity(engine, run=run, lane=lane)]
    return equity_curve(lane, start, points)


def _lane(
    ends: LaneEnds, start: Decimal, trades: Sequence[Trade], curve: EquityCurve, prices: Prices | None, recorded_ns: int
) -> LaneResult:
    end = _end(ends, start)
    fees, funding = (
        (_ZERO, _ZERO) if ends.last is None else (ends.last.fees - ends.fees, ends.last.funding - ends.funding)
    )
    turnover = sum((trade.notional for trade in trades), _ZERO)
    made = sum((trade.notional for trade in trades if trade.fill.liquidity == "maker"), _ZERO)
    parts = None
    if prices is not None:
        columns = fill_columns([trade.fill for trade in trades], prices)
        parts = attributed(columns, prices, end - start + fees - funding, fees, funding)
    return LaneResult(
        lane=ends.lane,
        start=start,
        end=end,
        net=end - start,
        per_hour=curve.per_hour(recorded_ns),
        fees=fees,
        funding=funding,
        fills=ends.fills,
        maker_share=ends.maker_fills / ends.fills if ends.fills else 0.0,
        maker_notional_share=float(made / turnover) if turnover else 0.0,
        turnover=turnover,
        drawdown=curve.worst,
        parts=parts,
    )


def _markouts(fills: Mapping[str, Sequence[Fill]], prices: Prices) -> list[Markout]:
    return [each for lane, own in fills.items() for each in markouts(lane, fill_columns(own, prices), prices)]


def _incidents(engine: Engine, run: int) -> list[Incident]:
    found = [entry.record for entry in tradelog.incidents(engine, run=run)]
    return [each for each in found if each.kind != STOP]


def _counts_of(engine: Engine, run: int, lane: str, trades: Sequence[Trade]) -> list[Count]:
    filled = Counter(("fill", f"{trade.fill.liquidity}: {trade.reason}") for trade in trades)
    orders = Counter(
        (f"order {order.status}", order.status_reason) for order in tradelog.orders(engine, run=run, lane=lane)
    )
    denied = Counter(
        (f"denied by {entry.record.limit}", entry.record.reason)
        for entry in tradelog.denials(engine, run=run, lane=lane)
    )
    return [Count(*key, count) for found in (filled, orders, denied) for key, count in found.most_common()]


def _by_day(trades: Sequence[Trade]) -> Mapping[str, tuple[int, Decimal, Decimal]]:
    days: dict[str, tuple[int, Decimal, Decimal]] = {}
    for trade in trades:
        day = iso(trade.fill.local_ns)[:10]
        count, notional, fees = days.get(day, (0, _ZERO, _ZERO))
        days[day] = (count + 1, notional + trade.notional, fees + trade.fill.fee)
    return days


def _decisions(engine: Engine, run: int, lane: str, symbols: Sequence[str]) -> list[SymbolDecisions]:
    return [SymbolDecisions(symbol, why(engine, run, symbol, 0, lane=lane).counts) for symbol in symbols]
