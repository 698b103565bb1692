"""Watches a run's records go by, so that a screen can be drawn at any moment without touching the core."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from bot.console.figures import clock
from bot.console.screen import FillLine, LaneLine, MarketLine, OrderLine, PositionLine, ReasonLine, Screen
from bot.trading.desk import Desk
from bot.trading.engine import Engine
from bot.trading.portfolio import Portfolio
from bot.types import BPS, NS_PER_S, Decision, EquityPoint, Fill, HaltState, Incident, Liquidity, Record

_FILLS_SHOWN = 8
_INCIDENTS_SHOWN = 3
# The head of the screen has the state of now with its reason; one that is over would only take room.
_HALT_STATES = frozenset(f"{state.value}{flat}" for state in HaltState for flat in ("", "_flat"))


@dataclass(slots=True)
class _Reason:
    decision: Decision
    since_ns: int


@dataclass(slots=True)
class Watch:
    """What the account's own lane (`lane`) did lately, and counts of all lanes."""

    lane: str
    decisions: int = 0
    asked: int = 0
    maker_fills: int = 0
    fills: Counter[str] = field(default_factory=Counter)
    _last_fills: deque[Fill] = field(default_factory=lambda: deque(maxlen=_FILLS_SHOWN))
    _incidents: deque[Incident] = field(default_factory=lambda: deque(maxlen=_INCIDENTS_SHOWN))
    _reasons: dict[str, _Reason] = field(default_factory=dict)
    _fees: dict[str, Decimal] = field(default_factory=dict)
    _first_equity: dict[str, Decimal] = field(default_factory=dict)

    def take(self, records: Sequence[Record]) -> None:
        """Follow records in order."""
        for record in records:
            if isinstance(record, Decision) and record.lane == self.lane:
                self._decided(record)
            elif isinstance(record, Fill):
                self._filled(record)
            elif isinstance(record, Incident) and record.lane in ("", self.lane) and record.kind not in _HALT_STATES:
                self._incidents.append(record)
            elif isinstance(record, EquityPoint):
                self._first_equity.setdefault(record.lane, record.equity)

    def markets(self, engine: Engine) -> Iterator[MarketLine]:
        """Describe each instrument's market as it stands."""
        for symbol, desk in engine.desks.items():
            tick = float(engine.lanes[0].slots[symbol].instrument.tick_size)
            yield self._market(symbol, desk, tick, engine.now_ns)

    def reasons(self, now_ns: int) -> Iterator[ReasonLine]:
        """Say for each instrument why it is or is not traded."""
        for symbol, reason in self._reasons.items():
            decided = reason.decision
            since_s = (now_ns - reason.since_ns) / NS_PER_S
            yield ReasonLine(symbol, decided.outcome.value, decided.reason, since_s, decided.values)

    def fill_lines(self) -> tuple[FillLine, ...]:
        """Return the account's last fills, newest first."""
        return tuple(
            FillLine(f.local_ns, f.symbol, f.side.value, f.price, f.size, f.fee, f.liquidity.value, f.realised)
            for f in reversed(self._last_fills)
        )

    def incidents(self) -> tuple[str, ...]:
        """Return the last incidents in words, each with its time in UTC."""
        return tuple(f"{clock(each.local_ns)[:8]} UTC {each.kind}: {each.text}" for each in self._incidents)

    def fees(self, lane: str) -> Decimal:
        """Return what a lane paid in fees in this run, in quote currency."""
        return self._fees.get(lane, Decimal(0))

    def before(self, lane: str, portfolio: Portfolio) -> Decimal:
        """Return the net P&L that a lane's account had when this run first noted its equity; until then, that of now.

        A position held since an earlier run counts at its first mid of this one; the run has earned what came since. So
        it is for a report, which begins at the same point.
        """
        return self._first_equity.get(lane, portfolio.equity) - portfolio.opening

    def _decided(self, decision: Decision) -> None:
        self.decisions += 1
        before = self._reasons.get(decision.symbol)
        same = before is not None and (before.decision.outcome, before.decision.reason) == (
            decision.outcome,
            decision.reason,
        )
        since_ns = before.since_ns if before is not None and same else decision.local_ns
        self._reasons[decision.symbol] = _Reason(decision, since_ns)

    def _filled(self, fill: Fill) -> None:
        self.fills[fill.lane] += 1
        self._fees[fill.lane] = self.fees(fill.lane) + fill.fee
        if fill.lane == self.lane:
            self._last_fills.append(fill)
            self.maker_fills += fill.liquidity is Liquidity.MAKER

    def _market(self, symbol: str, desk: Desk, tick: float, now_ns: int) -> MarketLine:
        market, reason = desk.market, self._reasons.get(symbol)
        signals = dict(reason.decision.signals) if reason is not None else {}
        if not market.has_book:
            return MarketLine(symbol, math.nan, math.nan, math.nan, math.nan, signals, math.nan, 0.0, desk.healthy)
        bid, ask = market.bid_ticks * tick, market.ask_ticks * tick
        mid = (bid + ask) / 2
        age_s = (now_ns - market.book_local_ns) / NS_PER_S
        return MarketLine(symbol, bid, ask, mid, (ask - bid) / mid * BPS, signals, age_s, desk.quality, desk.healthy)


@dataclass(frozen=True, slots=True)
class Caption:
    """What stays the same on every screen of a run."""

    title: str
    run_id: int
    account: str
    exchange: str
    strategy: str
    currency: str


def screen(
    caption: Caption, watch: Watch, engine: Engine, elapsed_s: float, notes: Sequence[str], tape_rows: int
) -> Screen:
    """Draw the screen of this moment; the first lane is the account itself."""
    own = engine.lanes[0]
    return Screen(
        title=caption.title,
        run_id=caption.run_id,
        account=caption.account,
        exchange=caption.exchange,
        strategy=caption.strategy,
        elapsed_s=elapsed_s,
        decisions=watch.decisions,
        fills_count=watch.fills[own.name],
        maker_fills=watch.maker_fills,
        currency=caption.currency,
        opening=own.portfolio.opening,
        lanes=tuple(_lane_lines(engine, watch)),
        halt=own.switch.state,
        halt_reason=f"{own.switch.by}: {own.switch.reason}" if own.switch.by else "",
        markets=tuple(watch.markets(engine)),
        positions=tuple(_positions(engine)),
        orders=tuple(_orders(engine)),
        fills=watch.fill_lines(),
        reasons=tuple(watch.reasons(engine.now_ns)),
        notes=(*notes, *watch.incidents()),
        tape_rows=tape_rows,
    )


def _lane_lines(engine: Engine, watch: Watch) -> Iterator[LaneLine]:
    for lane in engine.lanes:
        own = lane.portfolio
        net, fills = own.equity - own.opening, watch.fills[lane.name]
        yield LaneLine(lane.name, own.equity, net, watch.fees(lane.name), fills, watch.before(lane.name, own))


def _positions(engine: Engine) -> Iterator[PositionLine]:
    own = engine.lanes[0].portfolio
    for symbol, position in own.positions.items():
        if position.lots and symbol in own.mids:
            instrument = own.instruments[symbol]
            yield PositionLine(
                symbol=symbol,
                size=instrument.size(position.lots),
                # An average price has no last digit; a tenth of a tick is all a person needs.
                entry=(position.entry_ticks * instrument.tick_size).quantize(instrument.tick_size / 10),
                mark=own.mids[symbol] * instrument.tick_size / 2,
                unrealised=own.unrealised_of(symbol),
                realised=position.realised * instrument.notional(1, 1),
            )


def _orders(engine: Engine) -> Iterator[OrderLine]:
    for symbol, slot in engine.lanes[0].slots.items():
        for order in slot.blotter.orders.values():
            yield OrderLine(
                symbol=symbol,
                side=order.intent.side.value,
                price=slot.instrument.price(order.intent.price_ticks),
                size=slot.instrument.size(order.intent.lots),
                filled=slot.instrument.size(order.filled),
                status="cancelling" if order.cancelling else order.status.value,
                age_s=(engine.now_ns - order.intent.local_ns) / NS_PER_S,
            )
