"""One decision of one lane in one instrument, from the gates before the strategy to the orders after it.

Every path ends in exactly one `Decision` with a reason, so that "why did it not trade?" always has an answer.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from bot.errors import StrategyFailed
from bot.trading import wording
from bot.trading.contract import Answer, Hold, Quotes, Target
from bot.trading.desk import Desk, Moment
from bot.trading.execution import (
    UNBOUNDED,
    Plan,
    Room,
    Touch,
    plan_hold,
    plan_nothing,
    plan_quotes,
    plan_target,
    quoted_ticks,
    selling_what_is_held,
    shrinking,
)
from bot.trading.guard import Deadline, StrategyOverrun, ask
from bot.trading.lane import Lane, Slot
from bot.trading.wording import Words
from bot.types import Decision, HaltState, Incident, Instrument, InstrumentKind, Outcome, Overrun, Record
from risk.halt import HaltAction
from risk.limits import Breach
from risk.losses import first_breached
from risk.protection import Protection
from risk.sizing import VolatilityTarget
from risk.standing import Standing

QUALITY = "quality"
VOLATILITY = "realized_volatility(1m)"
ENGINE_SIGNALS = (QUALITY, VOLATILITY)
"""What the engine itself looks at, beside what the strategy lists: the first shrinks size, the second scales it."""

_QUALITY_STEPS = 4


@dataclass(frozen=True, slots=True)
class DecisionRules:
    """What holds for every lane. `every_ns` 0 decides on every message; `names` are the strategy's own signals.

    `indexes` says where each signal stands in a sampled row, the engine's own among them.
    """

    every_ns: int
    names: tuple[str, ...]
    deadline: Deadline
    no_trade_band: float
    protection_bps: float
    max_book_age_ns: int
    on_error: str
    on_breach: str
    indexes: dict[str, int] = field(default_factory=dict)
    shown: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shown", MappingProxyType({name: self.indexes[name] for name in self.names}))

    def next_due_ns(self, now_ns: int) -> int:
        """Due time of the decision after one made at `now_ns`: the next point of the grid."""
        return 0 if self.every_ns == 0 else (now_ns // self.every_ns + 1) * self.every_ns

    def moment(self, desk: Desk, now_ns: int, seq: int) -> Moment:
        """Sample the market for every lane at once; nobody can change what they are shown."""
        market = desk.market
        row = desk.sample(now_ns)
        values = row.tolist()
        signals = {name: values[index] for name, index in self.shown.items()}
        quality = values[self.indexes[QUALITY]]
        return Moment(
            now_ns=now_ns,
            seq=seq,
            row=row,
            signals=signals,
            cold=tuple(sorted(name for name, value in signals.items() if value != value)),
            failures=market.failures,
            quality=quality if quality == quality else 0.0,
            volatility=values[self.indexes[VOLATILITY]],
            bid_ticks=market.bid_ticks,
            ask_ticks=market.ask_ticks,
            has_book=market.has_book,
            book_age_ns=now_ns - market.book_local_ns,
            healthy=desk.healthy,
            skew_ns=desk.skew_ns,
        )


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What a decision came to, before its orders are sent. `is_blind`: prices are not to be believed."""

    words: Words
    plan: Plan
    is_blind: bool = False


def decide(lane: Lane, symbol: str, moment: Moment, rules: DecisionRules) -> Generator[Record, None, str]:
    """Make one decision; yield its records (the decision, then what it caused); return a failure's text or ''."""
    slot, now_ns, seq = lane.slots[symbol], moment.now_ns, moment.seq
    standing = lane.standing(slot, moment)
    is_whole = lane.portfolio.observe(_utc_day(now_ns), standing.equity)
    breach = first_breached(lane.terms.losses, standing) if is_whole else None
    if breach is not None and _turns(lane, rules.on_breach):
        yield from lane.turn(rules.on_breach, breach.limit, lost(breach), seq, now_ns)
        standing = lane.standing(slot, moment)
    failure = ""
    try:
        verdict = _gate(lane, slot, standing, moment, rules) or _strategy(lane, slot, standing, moment, rules)
    except StrategyFailed as failed:
        if isinstance(failed, StrategyOverrun):
            yield Overrun(seq, now_ns, lane.name, symbol)
        failure = str(failed)
        verdict = _Verdict(Words(Outcome.FAILED, wording.failed(failure), "", {}), plan_nothing(slot.blotter))
    words = verdict.words
    yield Decision(
        lane.name, symbol, seq, now_ns, words.outcome, words.reason, words.answer, moment.signals, words.values
    )
    if failure:
        yield Incident(lane.name, symbol, seq, now_ns, "strategy_failed", failure)
    yield from unguarded(lane, slot, moment, verdict.is_blind, words.reason)
    yield from lane.carry_out(slot, verdict.plan, standing, seq)
    return failure


def _turns(lane: Lane, action: str) -> bool:
    """Whether a breach changes the halt: a lane that was halted before still closes when that is what was asked for."""
    return lane.switch.state is not HaltState.HALTED or (action == HaltAction.FLATTEN and not lane.switch.wants_flat)


def lost(breach: Breach) -> str:
    """Return why a loss limit halts a lane."""
    return f"{breach.reason}: {breach.value}, limit {breach.bound}"


def unguarded(lane: Lane, slot: Slot, moment: Moment, is_blind: bool, reason: str) -> Iterator[Incident]:
    """Say once that a position is held while no stop-loss and no loss limit can be kept for it, and why."""
    symbol = slot.instrument.symbol
    lots = lane.portfolio.positions[symbol].lots
    was, slot.is_unguarded = slot.is_unguarded, is_blind and lots != 0
    if slot.is_unguarded and not was:
        text = wording.unguarded(reason, slot.instrument, lots)
        yield Incident(lane.name, symbol, moment.seq, moment.now_ns, "unguarded", text)


def _gate(lane: Lane, slot: Slot, standing: Standing, moment: Moment, rules: DecisionRules) -> _Verdict | None:
    """Why the strategy is not asked at all, or None."""
    if not moment.has_book:
        return _waiting(wording.NO_BOOK, slot, is_blind=True)
    if lane.switch.wants_flat and standing.position_lots:
        return _closing(wording.closing(lane.switch), slot, standing, rules)
    if lane.switch.state is HaltState.HALTED:
        return _waiting(wording.halted(lane.switch), slot)
    if not moment.healthy or standing.book_age_ns > rules.max_book_age_ns:
        why = wording.STALE if moment.healthy else wording.UNHEALTHY
        return _waiting(why, slot, {"book_age_s": standing.book_age_ns / 1e9}, is_blind=True)
    exit_reason = protection_exit(lane, slot, standing.bid_ticks, standing.ask_ticks)
    if exit_reason is not None:
        return _closing(exit_reason, slot, standing, rules)
    if moment.failures:
        return _waiting(wording.unplugged(moment.failures), slot)
    cold = cold_signals(lane, moment)
    if cold:
        # Quotes without anybody to mind them are withdrawn, however short the gap may turn out to be.
        return _waiting(wording.warming_up(cold), slot)
    return None


def cold_signals(lane: Lane, moment: Moment) -> tuple[str, ...]:
    """Return the signals that a lane waits for; that of its sizing too, without which full size would be 0."""
    waits = isinstance(lane.terms.sizing, VolatilityTarget) and moment.volatility != moment.volatility
    return (*moment.cold, VOLATILITY) if waits and VOLATILITY not in moment.cold else moment.cold


def _waiting(reason: str, slot: Slot, values: Mapping[str, float] | None = None, *, is_blind: bool = False) -> _Verdict:
    return _Verdict(Words(Outcome.WAITING, reason, "", values or {}), plan_nothing(slot.blotter), is_blind)


def _closing(reason: str, slot: Slot, standing: Standing, rules: DecisionRules) -> _Verdict:
    words = Words(Outcome.TARGET, reason, wording.CLOSED, {})
    return _Verdict(words, _way_to(0, 1, slot, standing, rules, reason))


def _strategy(lane: Lane, slot: Slot, standing: Standing, moment: Moment, rules: DecisionRules) -> _Verdict:
    full_lots = _full_lots(lane, standing, moment.quality)
    fills = tuple(slot.fills)
    slot.fills.clear()
    see = lane.view(slot, standing, rules.shown, moment.row, full_lots, fills)
    answer = ask(slot.strategy, see, rules.deadline, (lane.name, slot.instrument.symbol, moment.seq))
    room = room_of(slot.instrument, standing.halt, standing.position_lots)
    return _answered(answer, slot, standing, rules, full_lots, room)


def _answered(
    answer: Answer, slot: Slot, standing: Standing, rules: DecisionRules, full_lots: int, room: Room
) -> _Verdict:
    match answer:
        case None | Hold():
            return _Verdict(wording.held_still(answer), plan_hold(slot.blotter, room))
        case Target():
            keep_protection(slot, answer.stop_loss_bps, answer.take_profit_bps)
            want, note = wording.reachable(answer.exposure, full_lots, standing.position_lots, room)
            plan = _way_to(want, full_lots, slot, standing, rules, answer.reason)
            text, why = wording.target_text(answer.exposure), wording.with_note(answer.reason, note or plan.note)
            return _Verdict(Words(Outcome.TARGET, why, text, wording.numbers(answer)), plan)
        case Quotes():
            keep_protection(slot, answer.stop_loss_bps, answer.take_profit_bps)
            plan = plan_quotes(answer, full_lots, slot.blotter, slot.instrument, room)
            why = wording.with_note(answer.reason, plan.note if full_lots else wording.NO_SIZE)
            return _Verdict(Words(Outcome.QUOTES, why, _quoted(answer, slot.instrument), wording.numbers(answer)), plan)


def room_of(instrument: Instrument, halt: HaltState, position_lots: int) -> Room:
    """Return how far a position may move: while it may only shrink, or in spot, not everywhere."""
    if halt is HaltState.REDUCING:
        return shrinking(position_lots)
    return selling_what_is_held(position_lots) if instrument.kind is InstrumentKind.SPOT else UNBOUNDED


def _full_lots(lane: Lane, standing: Standing, quality: float) -> int:
    """Lots of full exposure, shrunk by the signals' quality in steps of a quarter so that quotes do not flutter."""
    share = int(quality * _QUALITY_STEPS + 0.5) / _QUALITY_STEPS
    return int(lane.terms.sizing.lots(1.0, standing) * share)


def _way_to(want: int, full: int, slot: Slot, standing: Standing, rules: DecisionRules, reason: str) -> Plan:
    touch = Touch(standing.bid_ticks, standing.ask_ticks, rules.protection_bps)
    return plan_target(
        want, full, rules.no_trade_band, standing.position_lots, slot.blotter, touch, slot.instrument, reason
    )


def keep_protection(slot: Slot, stop_loss_bps: float, take_profit_bps: float) -> None:
    """Keep the stop-loss and take-profit of an answer that names one, else the configured ones."""
    slot.protection = Protection(stop_loss_bps, take_profit_bps) if stop_loss_bps or take_profit_bps else None


def protection_exit(lane: Lane, slot: Slot, bid_ticks: int, ask_ticks: int) -> str | None:
    """Return why stop-loss or take-profit closes a lane's position now, None when they do not."""
    position = lane.portfolio.positions[slot.instrument.symbol]
    keeper = slot.protection or lane.terms.protection
    if not position.lots or not (keeper.stop_loss_bps or keeper.take_profit_bps):
        return None
    entry = position.entry_ticks * slot.instrument.tick_size
    return keeper.exit_reason(position.lots, entry, bid_ticks, ask_ticks, slot.instrument)


def _quoted(quotes: Quotes, instrument: Instrument) -> str:
    bid_ticks, ask_ticks = quoted_ticks(quotes, instrument)
    bid = wording.quote_text("bid", bid_ticks, quotes.bid_size, instrument)
    return f"{bid}, {wording.quote_text('ask', ask_ticks, quotes.ask_size, instrument)}"


def _utc_day(now_ns: int) -> int:
    return now_ns // 86_400_000_000_000
