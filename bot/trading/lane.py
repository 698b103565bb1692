"""One account's side of the market: its strategies, orders, positions and halt switch, over all instruments.

All lanes see the same batches. Lanes that differ only in their fill assumption give the P&L interval; which lanes
there are is decided by whoever builds the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from bot.market.market import Market
from bot.trading.blotter import Blotter
from bot.trading.contract import Shown, Strategy, View, whole_view
from bot.trading.desk import Moment
from bot.trading.execution import Plan, Touch, Wish, closing_cost
from bot.trading.funding import funding_amount
from bot.trading.margin import UNBOUNDED, MarginTerms, Stake, is_liquidated, most_cost, most_lots
from bot.trading.portfolio import Portfolio
from bot.trading.tiers import FeeSchedule
from bot.trading.venue import Venue
from bot.types import (
    EquityPoint,
    Execution,
    Fill,
    Floats,
    Funding,
    HaltState,
    Incident,
    Instrument,
    InstrumentKind,
    Intent,
    OrderEvent,
    OrderStatus,
    Record,
    Side,
)
from risk.halt import HaltSwitch
from risk.limits import Limit, check_all
from risk.losses import LossLimit
from risk.protection import Protection
from risk.sizing import Sizing
from risk.standing import Standing


@dataclass(slots=True)
class Slot:
    """One lane in one instrument; `steps` are the sizes of a tick and a lot as floats."""

    instrument: Instrument
    strategy: Strategy
    venue: Venue
    blotter: Blotter = field(default_factory=Blotter)
    fills: list[Fill] = field(default_factory=list)
    protection: Protection | None = None
    denied: frozenset[tuple[Side, str]] = frozenset()
    is_unguarded: bool = False
    steps: tuple[float, float] = field(init=False)

    def __post_init__(self) -> None:
        self.steps = float(self.instrument.tick_size), float(self.instrument.lot_size)


@dataclass(frozen=True, slots=True)
class LaneTerms:
    """How a lane sizes, what it may do, and on what margin; without margin terms it may owe as much as it likes."""

    sizing: Sizing
    limits: Sequence[Limit]
    losses: Sequence[LossLimit]
    protection: Protection
    margin: MarginTerms | None = None


@dataclass(slots=True)
class Lane:
    """Everything one account owns; changed only by the engine, record by record.

    `is_liquidating` holds from the moment the margin is gone until it suffices again.
    """

    name: str
    terms: LaneTerms
    portfolio: Portfolio
    slots: dict[str, Slot]
    switch: HaltSwitch
    fees: FeeSchedule
    run: str = "0"
    sent: int = 0
    is_liquidating: bool = False

    def arrive(self, slot: Slot, until_ns: int, seq: int, market: Market) -> Iterator[Record]:
        """Let the orders, cancels and changes due by `until_ns` meet the book, as far as margin and cash go."""
        if slot.venue.next_due_ns <= until_ns:
            yield from self.absorb(slot, slot.venue.arrive(until_ns, seq, market, lambda: self.bounds(slot)))

    def absorb(self, slot: Slot, events: Iterable[OrderEvent | Execution]) -> Iterator[Record]:
        """Book what the venue told, in order; yield the records of it."""
        for event in events:
            if isinstance(event, OrderEvent):
                slot.blotter.apply(event)
                yield event
            else:
                slot.blotter.fill(event)
                fill = self.portfolio.book(event, self.name)
                slot.fills.append(fill)
                yield fill

    def standing(self, slot: Slot, moment: Moment) -> Standing:
        """Gather what sizing and limits look at."""
        return Standing(
            instrument=slot.instrument,
            now_ns=moment.now_ns,
            position_lots=self.portfolio.positions[slot.instrument.symbol].lots,
            open_buy_lots=slot.blotter.lots(Side.BUY),
            open_sell_lots=slot.blotter.lots(Side.SELL),
            open_orders=len(slot.blotter),
            bid_ticks=moment.bid_ticks,
            ask_ticks=moment.ask_ticks,
            book_age_ns=moment.book_age_ns,
            skew_ns=moment.skew_ns,
            feed_healthy=moment.healthy,
            equity=self.portfolio.equity,
            day_equity=self.portfolio.day_equity,
            peak_equity=self.portfolio.peak,
            volatility_bps=moment.volatility,
            halt=self.switch.state,
            wants_flat=self.switch.wants_flat,
        )

    def view(
        self,
        slot: Slot,
        standing: Standing,
        names: Mapping[str, int],
        row: Floats,
        full_lots: int,
        fills: tuple[Fill, ...],
    ) -> View:
        """Show a strategy what it may know."""
        instrument, (tick, lot) = slot.instrument, slot.steps
        position, costs = self.portfolio.positions[instrument.symbol], self.fees.costs_at(standing.now_ns)
        touch = standing.bid_ticks, standing.ask_ticks
        return whole_view(
            Shown(standing.now_ns, instrument, names, row, row.tolist(), *touch, tick, lot, costs),
            position.lots,
            exposure=position.lots / full_lots if full_lots else 0.0,
            entry=position.cost / position.lots * tick if position.lots else 0.0,
            open_orders=tuple(order.shown(instrument) for order in slot.blotter.orders.values()),
            fills=fills,
            equity=standing.equity,
        )

    def carry_out(self, slot: Slot, plan: Plan, standing: Standing, seq: int) -> Iterator[Record]:
        """Send a plan's cancels, then the wishes that the limits let pass; yield intents and denials.

        The same refusal is recorded once, until the decision before did not meet it.
        """
        for client_id in plan.cancels:
            slot.blotter.orders[client_id].cancelling = True
            slot.venue.cancel(client_id, standing.now_ns)
        denied: set[tuple[Side, str]] = set()
        for wish in plan.wishes:
            intent = self.intent(slot, wish, standing.now_ns, seq)
            denial = check_all(self.terms.limits, intent, standing)
            if denial is None:
                self.sent += 1
                slot.blotter.add(intent)
                slot.venue.submit(intent)
                if wish is not plan.wishes[-1]:
                    standing = _with_order(standing, wish)
                yield intent
            else:
                denied.add((denial.side, denial.limit))
                if (denial.side, denial.limit) not in slot.denied:
                    yield denial
        slot.denied = frozenset(denied)

    def drop_orders(self, slot: Slot, now_ns: int, seq: int, reason: str) -> Iterator[Record]:
        """Close every working order at once because no more events will come: the end of a run."""
        symbol, closed = slot.instrument.symbol, OrderStatus.CANCELED
        for client_id, order in list(slot.blotter.orders.items()):
            event = OrderEvent(self.name, symbol, client_id, seq, now_ns, closed, order.filled, reason)
            slot.blotter.apply(event)
            yield event

    def turn(self, action: str, by: str, reason: str, seq: int, now_ns: int) -> Iterator[Record]:
        """Turn the halt switch and yield the incident; its kind is the new state, so that a restart can restore it."""
        before = (self.switch.state, self.switch.wants_flat)
        state = self.switch.apply(action, by, reason)
        if state is HaltState.ACTIVE and before[0] is not HaltState.ACTIVE:
            # A person who resumes accepts what was lost: measured from the old peak, the loss limit would halt again.
            self.portfolio.forgive()
        if (state, self.switch.wants_flat) != before:
            kind = f"{state.value}_flat" if self.switch.wants_flat else state.value
            yield Incident(self.name, "", seq, now_ns, kind, f"{by}: {reason}")

    def stakes(self) -> dict[str, Stake]:
        """Return the lane's part in each instrument, as its margin sees it."""
        return {symbol: _with_orders(_stake(self.portfolio, slot), slot) for symbol, slot in self.slots.items()}

    def bounds(self, slot: Slot) -> tuple[int, int]:
        """Return the lots and the tick·lots that the account can afford in one instrument: see `bot.trading.margin`."""
        terms = self.terms.margin
        if terms is None:
            return UNBOUNDED, UNBOUNDED
        stakes = self.stakes()
        own = stakes.pop(slot.instrument.symbol)
        others, cash, taker_bps = tuple(stakes.values()), self.portfolio.cash, self.fees.taker_bps
        if own.is_spot:
            return UNBOUNDED, most_cost(own, others, cash, terms, taker_bps, slot.instrument.notional(1, 1))
        return most_lots(own, others, cash, terms, taker_bps), UNBOUNDED

    @property
    def is_short_of_margin(self) -> bool:
        """True when the venue would close the lane's positions by force."""
        terms = self.terms.margin
        held = [symbol for symbol, own in self.portfolio.positions.items() if own.lots]
        if terms is None or not held:
            return False
        # Orders bind margin and need no maintenance: they are not looked at, at each decision.
        stakes = [_stake(self.portfolio, self.slots[symbol]) for symbol in held]
        return is_liquidated(self.portfolio.cash, stakes, terms)

    def fund(self, slot: Slot, due_ns: int, seq: int, price: Decimal, rate: Decimal) -> Iterator[Funding]:
        """Pay or receive the funding due at `due_ns` on the position as it is; flat pays nothing."""
        symbol = slot.instrument.symbol
        lots = self.portfolio.positions[symbol].lots
        if lots:
            amount = funding_amount(slot.instrument, lots, price, rate)
            self.portfolio.fund(amount)
            yield Funding(self.name, symbol, seq, due_ns, lots, price, rate, amount)

    def closing_costs(self, markets: Mapping[str, Market]) -> dict[str, Decimal]:
        """Return what closing each open position now would cost, in quote currency, by symbol."""
        costs = {}
        for symbol, market in markets.items():
            lots = self.portfolio.positions[symbol].lots
            if lots and market.has_book:
                touch = Touch(market.bid_ticks, market.ask_ticks, 0.0)
                costs[symbol] = closing_cost(lots, touch, self.slots[symbol].instrument, self.fees.costs.taker_bps)
        return costs

    def equity_point(self, seq: int, now_ns: int) -> EquityPoint:
        """State what the lane is worth now."""
        own = self.portfolio
        realised, unrealised = own.realised, own.unrealised
        return EquityPoint(self.name, seq, now_ns, own.equity, own.cash, realised, unrealised, own.fees, own.funding)

    def order_id(self, number: int | str) -> str:
        """Return our id of the order with this number in the run; of none, what the ids of the lane begin with."""
        return f"ib{self.run}-{self.name}-{number}"

    def intent(self, slot: Slot, wish: Wish, now_ns: int, seq: int) -> Intent:
        """Return a wish as the next order; `sent` counts it once it is under way."""
        return Intent(
            lane=self.name,
            symbol=slot.instrument.symbol,
            client_id=self.order_id(self.sent + 1),
            seq=seq,
            local_ns=now_ns,
            side=wish.side,
            price_ticks=wish.price_ticks,
            lots=wish.lots,
            time_in_force=wish.time_in_force,
            post_only=wish.post_only,
            reduce_only=wish.reduce_only,
            reason=wish.reason,
        )


def _stake(portfolio: Portfolio, slot: Slot) -> Stake:
    symbol = slot.instrument.symbol
    return Stake(
        symbol=symbol,
        is_spot=slot.instrument.kind is InstrumentKind.SPOT,
        lots=portfolio.positions[symbol].lots,
        cost=portfolio.cost_of(symbol),
        lot_value=portfolio.lot_value(symbol),
    )


def _with_orders(stake: Stake, slot: Slot) -> Stake:
    buys, sells = slot.blotter.resting(Side.BUY), slot.blotter.resting(Side.SELL)
    return replace(
        stake,
        buy_lots=sum([order.remaining for order in buys]),
        sell_lots=sum([order.remaining for order in sells]),
        buy_cost=slot.instrument.notional(1, sum([order.intent.price_ticks * order.remaining for order in buys])),
    )


def _with_order(standing: Standing, wish: Wish) -> Standing:
    bought, sold = (wish.lots, 0) if wish.side is Side.BUY else (0, wish.lots)
    return replace(
        standing,
        open_buy_lots=standing.open_buy_lots + bought,
        open_sell_lots=standing.open_sell_lots + sold,
        open_orders=standing.open_orders + 1,
    )
