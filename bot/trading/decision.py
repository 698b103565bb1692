"""One decision of one lane in one instrument, from the gates before the strategy to the orders after it.

Every path ends in exactly one `Decision` with a reason, so that "why did it not trade?" always has an answer.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field

from bot.errors import StrategyFailed
from bot.trading.contract import Answer, Hold, Quotes, Target
from bot.trading.desk import Desk
from bot.trading.execution import Plan, Touch, plan_nothing, plan_quotes, plan_target
from bot.trading.guard import Deadline, StrategyOverrun, ask
from bot.trading.lane import Lane, Slot
from bot.types import Decision, Floats, HaltState, Incident, Outcome, Overrun, Record
from risk.limits import Breach
from risk.losses import first_breached
from risk.protection import Protection
from risk.standing import Standing

QUALITY = "quality"
VOLATILITY = "realized_volatility(1m)"
ENGINE_SIGNALS = (QUALITY, VOLATILITY)
"""What the engine itself looks at, beside what the strategy lists: the first shrinks size, the second scales it."""

_QUALITY_STEPS = 4


@dataclass(frozen=True, slots=True)
class DecisionRules:
    """What holds for every lane. `every_ns` 0 decides on every message; `names` are the strategy's own signals."""

    every_ns: int
    names: tuple[str, ...]
    deadline: Deadline
    no_trade_band: float
    protection_bps: float
    max_book_age_ns: int
    on_error: str
    on_breach: str
    indexes: dict[str, int] = field(default_factory=dict)

    def next_due_ns(self, now_ns: int) -> int:
        """Due time of the decision after one made at `now_ns`: the next point of the grid."""
        return 0 if self.every_ns == 0 else (now_ns // self.every_ns + 1) * self.every_ns

    def quality(self, row: Floats) -> float:
        """Quality of the signals in a sampled row, 0 to 1; 0 when it has no value."""
        value = float(row[self.indexes[QUALITY]])
        return value if value == value else 0.0


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What a decision came to, before its orders are sent."""

    outcome: Outcome
    reason: str
    answer: str
    plan: Plan
    values: Mapping[str, float]


def decide(
    lane: Lane, desk: Desk, symbol: str, row: Floats, rules: DecisionRules, now_ns: int, seq: int
) -> Generator[Record, None, str]:  # fmt: skip
    """Make one decision; yield its records (the decision, then what it caused); return a failure's text or ''."""
    slot = lane.slots[symbol]
    volatility = float(row[rules.indexes[VOLATILITY]])
    standing = lane.standing(slot, desk.market, now_ns, desk.skew_ns, desk.healthy, volatility)
    lane.portfolio.observe(_utc_day(now_ns), standing.equity)
    breach = first_breached(lane.terms.losses, standing)
    if breach is not None and lane.switch.state is not HaltState.HALTED:
        yield from lane.turn(rules.on_breach, breach.limit, _lost(breach), seq, now_ns)
        standing = lane.standing(slot, desk.market, now_ns, desk.skew_ns, desk.healthy, volatility)
    failure = ""
    try:
        verdict = _gate(lane, slot, desk, standing, rules) or _strategy(lane, slot, standing, row, rules, seq)
    except StrategyFailed as failed:
        if isinstance(failed, StrategyOverrun):
            yield Overrun(seq, now_ns, lane.name, symbol)
        failure = str(failed)
        verdict = _Verdict(Outcome.FAILED, f"strategy failed: {failure}", "", plan_nothing(slot.blotter), {})
    signals = {name: float(row[rules.indexes[name]]) for name in rules.names}
    yield Decision(
        lane.name, symbol, seq, now_ns, verdict.outcome, verdict.reason, verdict.answer, signals, verdict.values
    )
    if failure:
        yield Incident(lane.name, symbol, seq, now_ns, "strategy_failed", failure)
    yield from lane.carry_out(slot, verdict.plan, standing, seq)
    return failure


def _lost(breach: Breach) -> str:
    return f"{breach.reason}: {breach.value}, limit {breach.bound}"


def _gate(lane: Lane, slot: Slot, desk: Desk, standing: Standing, rules: DecisionRules) -> _Verdict | None:
    """Why the strategy is not asked at all, or None."""
    if not desk.market.has_book:
        return _waiting("there is no two-sided book", slot)
    if lane.switch.wants_flat and standing.position_lots:
        reason = f"closing the position: {lane.switch.by}"
        return _Verdict(Outcome.TARGET, reason, "target +0.00", _way_to(0, 1, slot, standing, rules, reason), {})
    if lane.switch.state is HaltState.HALTED:
        return _waiting(f"halted by {lane.switch.by}: {lane.switch.reason}", slot)
    if not desk.healthy or standing.book_age_ns > rules.max_book_age_ns:
        why = "the book is stale" if desk.healthy else "the feed is not healthy"
        return _waiting(why, slot, {"book_age_s": standing.book_age_ns / 1e9})
    cold = set(desk.market.cold_signals()) & set(rules.names)
    if cold:
        return _Verdict(Outcome.WAITING, f"signals are warming up: {', '.join(sorted(cold))}", "", Plan(), {})
    return None


def _waiting(reason: str, slot: Slot, values: Mapping[str, float] | None = None) -> _Verdict:
    return _Verdict(Outcome.WAITING, reason, "", plan_nothing(slot.blotter), values or {})


def _strategy(lane: Lane, slot: Slot, standing: Standing, row: Floats, rules: DecisionRules, seq: int) -> _Verdict:
    full_lots = _full_lots(lane, standing, rules.quality(row))
    exit_reason = _protection_exit(lane, slot, standing)
    if exit_reason is not None:
        plan = _way_to(0, 1, slot, standing, rules, exit_reason)
        return _Verdict(Outcome.TARGET, exit_reason, "target +0.00", plan, {})
    fills = tuple(slot.fills)
    slot.fills.clear()
    see = lane.view(slot, standing, rules.indexes, row, full_lots, fills)
    answer = ask(slot.strategy, see, rules.deadline, (lane.name, slot.instrument.symbol, seq))
    return _answered(answer, lane, slot, standing, rules, full_lots)


def _answered(
    answer: Answer, lane: Lane, slot: Slot, standing: Standing, rules: DecisionRules, full_lots: int
) -> _Verdict:
    match answer:
        case None:
            return _Verdict(Outcome.HOLD, "no new opinion", "", Plan(), {})
        case Hold(reason=reason, values=values):
            return _Verdict(Outcome.HOLD, reason, "", Plan(), values)
        case Target():
            _keep_protection(slot, answer)
            want = round(abs(answer.exposure) * full_lots) * (1 if answer.exposure >= 0 else -1)
            plan = _way_to(want, full_lots, slot, standing, rules, answer.reason)
            text = f"target {answer.exposure:+.2f}"
            reason = f"{answer.reason}; {plan.note}" if plan.note else answer.reason
            return _Verdict(Outcome.TARGET, reason, text, plan, answer.values)
        case Quotes():
            _keep_protection(slot, answer)
            plan = plan_quotes(answer, full_lots, slot.blotter, slot.instrument)
            return _Verdict(Outcome.QUOTES, answer.reason, _quoted(answer), plan, answer.values)


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
    entry = lane.portfolio.positions[slot.instrument.symbol].entry_ticks * slot.instrument.tick_size
    keeper = slot.protection or lane.terms.protection
    return keeper.exit_reason(standing.position_lots, entry, standing.bid_ticks, standing.ask_ticks, slot.instrument)


def _quoted(quotes: Quotes) -> str:
    bid = "no bid" if quotes.bid is None else f"bid {quotes.bid:.8g} x {quotes.bid_size:.2f}"
    ask = "no ask" if quotes.ask is None else f"ask {quotes.ask:.8g} x {quotes.ask_size:.2f}"
    return f"{bid}, {ask}"


def _utc_day(now_ns: int) -> int:
    return now_ns // 86_400_000_000_000
