"""One decision of one lane in one instrument, from the gates before the strategy to the orders after it.

Every path ends in exactly one `Decision` with a reason, so that "why did it not trade?" always has an answer.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from bot.errors import StrategyFailed
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
_NO_SIZE = "full size is less than one lot"


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

    outcome: Outcome
    reason: str
    answer: str
    plan: Plan
    values: Mapping[str, float]
    is_blind: bool = False


def decide(lane: Lane, symbol: str, moment: Moment, rules: DecisionRules) -> Generator[Record, None, str]:
    """Make one decision; yield its records (the decision, then what it caused); return a failure's text or ''."""
    slot, now_ns, seq = lane.slots[symbol], moment.now_ns, moment.seq
    standing = lane.standing(slot, moment)
    is_whole = lane.portfolio.observe(_utc_day(now_ns), standing.equity)
    breach = first_breached(lane.terms.losses, standing) if is_whole else None
    if breach is not None and _turns(lane, rules.on_breach):
        yield from lane.turn(rules.on_breach, breach.limit, _lost(breach), seq, now_ns)
        standing = lane.standing(slot, moment)
    failure = ""
    try:
        verdict = _gate(lane, slot, standing, moment, rules) or _strategy(lane, slot, standing, moment, rules)
    except StrategyFailed as failed:
        if isinstance(failed, StrategyOverrun):
            yield Overrun(seq, now_ns, lane.name, symbol)
        failure = str(failed)
        verdict = _Verdict(Outcome.FAILED, f"strategy failed: {failure}", "", plan_nothing(slot.blotter), {})
    yield Decision(
        lane.name, symbol, seq, now_ns, verdict.outcome, verdict.reason, verdict.answer, moment.signals, verdict.values
    )
    if failure:
        yield Incident(lane.name, symbol, seq, now_ns, "strategy_failed", failure)
    yield from _unguarded(lane, slot, standing, verdict, moment)
    yield from lane.carry_out(slot, verdict.plan, standing, seq)
    return failure


def failures_text(failures: Mapping[str, str]) -> str:
    """Say in one line what went wrong in plug-ins."""
    return "; ".join(f"{name}: {text}" for name, text in failures.items())


def _turns(lane: Lane, action: str) -> bool:
    """Whether a breach changes the halt: a lane that was halted before still closes when that is what was asked for."""
    return lane.switch.state is not HaltState.HALTED or (action == HaltAction.FLATTEN and not lane.switch.wants_flat)


def _lost(breach: Breach) -> str:
    return f"{breach.reason}: {breach.value}, limit {breach.bound}"


def _unguarded(lane: Lane, slot: Slot, standing: Standing, verdict: _Verdict, moment: Moment) -> Iterator[Incident]:
    """Say once that a position is held while no stop-loss and no loss limit can be kept for it."""
    was, slot.is_unguarded = slot.is_unguarded, verdict.is_blind and standing.position_lots != 0
    if slot.is_unguarded and not was:
        size = slot.instrument.size(standing.position_lots)
        text = f"{verdict.reason}: nothing guards the position of {size} {slot.instrument.base}"
        yield Incident(lane.name, slot.instrument.symbol, moment.seq, moment.now_ns, "unguarded", text)


def _gate(lane: Lane, slot: Slot, standing: Standing, moment: Moment, rules: DecisionRules) -> _Verdict | None:
    """Why the strategy is not asked at all, or None."""
    if not moment.has_book:
        return _waiting("there is no two-sided book", slot, is_blind=True)
    if lane.switch.wants_flat and standing.position_lots:
        return _closing(f"closing the position: {lane.switch.by}", slot, standing, rules)
    if lane.switch.state is HaltState.HALTED:
        return _waiting(f"halted by {lane.switch.by}: {lane.switch.reason}", slot)
    if not moment.healthy or standing.book_age_ns > rules.max_book_age_ns:
        why = "the book is stale" if moment.healthy else "the feed is not healthy"
        return _waiting(why, slot, {"book_age_s": standing.book_age_ns / 1e9}, is_blind=True)
    exit_reason = _protection_exit(lane, slot, standing)
    if exit_reason is not None:
        return _closing(exit_reason, slot, standing, rules)
    if moment.failures:
        return _waiting(f"signals failed: {failures_text(moment.failures)}", slot)
    cold = (*moment.cold, *_cold_sizing(lane, moment))
    if cold:
        # Quotes without anybody to mind them are withdrawn, however short the gap may turn out to be.
        return _waiting(f"signals are warming up: {', '.join(cold)}", slot)
    return None


def _cold_sizing(lane: Lane, moment: Moment) -> tuple[str, ...]:
    """The signal that sizing waits for: without it full size would be 0, and a held position closed at a cost."""
    waits = isinstance(lane.terms.sizing, VolatilityTarget) and moment.volatility != moment.volatility
    return (VOLATILITY,) if waits and VOLATILITY not in moment.cold else ()


def _waiting(reason: str, slot: Slot, values: Mapping[str, float] | None = None, *, is_blind: bool = False) -> _Verdict:
    return _Verdict(Outcome.WAITING, reason, "", plan_nothing(slot.blotter), values or {}, is_blind)


def _closing(reason: str, slot: Slot, standing: Standing, rules: DecisionRules) -> _Verdict:
    return _Verdict(Outcome.TARGET, reason, "target +0.00", _way_to(0, 1, slot, standing, rules, reason), {})


def _strategy(lane: Lane, slot: Slot, standing: Standing, moment: Moment, rules: DecisionRules) -> _Verdict:
    full_lots = _full_lots(lane, standing, moment.quality)
    fills = tuple(slot.fills)
    slot.fills.clear()
    see = lane.view(slot, standing, rules.shown, moment.row, full_lots, fills)
    answer = ask(slot.strategy, see, rules.deadline, (lane.name, slot.instrument.symbol, moment.seq))
    room = _room(slot.instrument, standing)
    return _answered(answer, slot, standing, rules, full_lots, room)


def _answered(
    answer: Answer, slot: Slot, standing: Standing, rules: DecisionRules, full_lots: int, room: Room
) -> _Verdict:
    match answer:
        case None:
            return _Verdict(Outcome.HOLD, "no new opinion", "", plan_hold(slot.blotter, room), {})
        case Hold(reason=reason):
            return _Verdict(Outcome.HOLD, reason, "", plan_hold(slot.blotter, room), _numbers(answer))
        case Target():
            _keep_protection(slot, answer)
            want, note = _reachable(answer, full_lots, standing.position_lots, room)
            plan = _way_to(want, full_lots, slot, standing, rules, answer.reason)
            text, why = f"target {answer.exposure:+.2f}", _with_note(answer.reason, note or plan.note)
            return _Verdict(Outcome.TARGET, why, text, plan, _numbers(answer))
        case Quotes():
            _keep_protection(slot, answer)
            plan = plan_quotes(answer, full_lots, slot.blotter, slot.instrument, room)
            why = _with_note(answer.reason, plan.note if full_lots else _NO_SIZE)
            return _Verdict(Outcome.QUOTES, why, _quoted(answer, slot.instrument), plan, _numbers(answer))


def _room(instrument: Instrument, standing: Standing) -> Room:
    if standing.halt is HaltState.REDUCING:
        return shrinking(standing.position_lots)
    return selling_what_is_held(standing.position_lots) if instrument.kind is InstrumentKind.SPOT else UNBOUNDED


def _reachable(answer: Target, full_lots: int, position_lots: int, room: Room) -> tuple[int, str]:
    """Lots to go for, and what kept them from being what the strategy wants."""
    want = round(abs(answer.exposure) * full_lots) * (1 if answer.exposure >= 0 else -1)
    cut = min(max(want, position_lots - room.sell_lots), position_lots + room.buy_lots)
    if cut != want:
        return cut, room.note
    return want, _NO_SIZE if answer.exposure and not full_lots else ""


def _with_note(reason: str, note: str) -> str:
    return f"{reason}; {note}" if note else reason


def _numbers(answer: Target | Quotes | Hold) -> dict[str, float]:
    """Plain numbers of the core's own: a strategy may go on using the mapping it gave."""
    return {name: float(number) for name, number in answer.values.items()}


def _full_lots(lane: Lane, standing: Standing, quality: float) -> int:
    """Lots of full exposure, shrunk by the signals' quality in steps of a quarter so that quotes do not flutter."""
    share = int(quality * _QUALITY_STEPS + 0.5) / _QUALITY_STEPS
    return int(lane.terms.sizing.lots(1.0, standing) * share)


def _way_to(want: int, full: int, slot: Slot, standing: Standing, rules: DecisionRules, reason: str) -> Plan:
    touch = Touch(standing.bid_ticks, standing.ask_ticks, rules.protection_bps)
    return plan_target(
        want, full, rules.no_trade_band, standing.position_lots, slot.blotter, touch, slot.instrument, reason
    )


def _keep_protection(slot: Slot, answer: Target | Quotes) -> None:
    asked = answer.stop_loss_bps or answer.take_profit_bps
    slot.protection = Protection(answer.stop_loss_bps, answer.take_profit_bps) if asked else None


def _protection_exit(lane: Lane, slot: Slot, standing: Standing) -> str | None:
    keeper = slot.protection or lane.terms.protection
    if not standing.position_lots or not (keeper.stop_loss_bps or keeper.take_profit_bps):
        return None
    entry = lane.portfolio.positions[slot.instrument.symbol].entry_ticks * slot.instrument.tick_size
    return keeper.exit_reason(standing.position_lots, entry, standing.bid_ticks, standing.ask_ticks, slot.instrument)


def _quoted(quotes: Quotes, instrument: Instrument) -> str:
    bid_ticks, ask_ticks = quoted_ticks(quotes, instrument)
    bid = "no bid" if bid_ticks is None else f"bid {instrument.price(bid_ticks)} for {quotes.bid_size:.2f} of full size"
    ask = "no ask" if ask_ticks is None else f"ask {instrument.price(ask_ticks)} for {quotes.ask_size:.2f} of full size"
    return f"{bid}, {ask}"


def _utc_day(now_ns: int) -> int:
    return now_ns // 86_400_000_000_000
