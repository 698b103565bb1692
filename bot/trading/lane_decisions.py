"""Puts the decisions of lanes in machine code into words: the numbers that the kernel noted, and the lanes as objects.

What a decision did to the market is in the log; here is why, as `bot.trading.decision` says it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar

from bot.errors import LanesDisagree
from bot.market.lane import answer as said
from bot.market.lane import desk as d
from bot.market.lane import notes as noted
from bot.market.matching import layout
from bot.trading import wording
from bot.trading.compiled import CompiledStrategy, spoken
from bot.trading.contract import Hold, Quotes, Target
from bot.trading.decision import (
    DecisionRules,
    cold_signals,
    keep_protection,
    lost,
    protection_exit,
    room_of,
    unguarded,
)
from bot.trading.desk import Moment
from bot.trading.execution import Touch, quote_ticks, quotes_note, target_note
from bot.trading.guard import StrategyOverrun
from bot.trading.lane import Lane, Slot
from bot.trading.lane_desk import LaneDesk, Noted
from bot.trading.lane_orders import denial_of, intent_of
from bot.trading.lane_venue import SeatLog
from bot.trading.wording import Words
from bot.types import Decision, HaltState, Incident, InstrumentKind, Outcome, Overrun, Record
from risk.losses import first_breached

_BLIND: Final = (d.NO_BOOK, d.STALE_BOOK)
_DAY_NS: Final = 86_400_000_000_000
_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_TEXTS: Final = 4096  # quotes in words that are remembered


class Look(NamedTuple):
    """One decision as all lanes see it: its place among those noted, and the market then; prices in ticks.

    `failures` say what went wrong in plug-ins, by name.
    """

    at: int
    seq: int
    now_ns: int
    bid_ticks: int
    ask_ticks: int
    age_ns: int
    twice_mid: int
    signals: Mapping[str, float]
    failures: Mapping[str, str]


@dataclass(slots=True)
class LaneDecisions:
    """Says what every lane decided in one instrument; `compiled` are the strategies in machine code, by lane.

    `failure` is the text of the first strategy that failed.
    """

    symbol: str
    lanes: Sequence[Lane]
    rules: DecisionRules
    compiled: Sequence[CompiledStrategy | None]
    failure: str = ""
    _desk: LaneDesk | None = None
    _first: int = 0
    _is_healthy: bool = True
    _at: int = 0
    _moments: list[list[int]] = field(default_factory=list)
    _seats: list[list[list[int]]] = field(default_factory=list)
    _answers: list[list[list[float]]] = field(default_factory=list)
    _values: list[list[list[float]]] = field(default_factory=list)
    _settled: list[int] = field(default_factory=list)
    _texts: dict[tuple[str, int | None, float], str] = field(default_factory=dict)
    _quotes: dict[tuple[object, ...], tuple[str, str]] = field(default_factory=dict)
    _tick: float = field(init=False)

    def __post_init__(self) -> None:
        self._tick = float(self.lanes[0].slots[self.symbol].instrument.tick_size)

    def begin(self, noted: Noted) -> Iterator[Look]:
        """Take up the decisions that a desk has noted, one after the other."""
        (desk, first, stop), names = noted, tuple(self.rules.shown)
        notes, there = desk.notes, slice(first, stop)
        self._desk, self._first = desk, first
        self._is_healthy = desk.rules.counts.item(d.HEALTHY) == 1
        self._moments, self._seats = notes.moments[there].tolist(), notes.seats[there].tolist()
        self._answers, self._values = notes.answers[there].tolist(), notes.values[there].tolist()
        self._settled = [0] * len(self.lanes)
        signals = notes.signals[there, : len(names)].tolist()
        for at, (moment, row) in enumerate(zip(self._moments, signals, strict=True)):
            self._at = at
            seq, now_ns, bid, ask, age_ns, twice_mid = moment
            failures = desk.failed.get(first + at, _NONE) if desk.failed else _NONE
            yield Look(at, seq, now_ns, bid, ask, age_ns, twice_mid, dict(zip(names, row, strict=True)), failures)
        self._at = stop - first

    def end(self) -> None:
        """Leave each lane as the last decision left it."""
        for place, lane in enumerate(self.lanes):
            self.settle(place)
            lane.slots[self.symbol].fills.clear()
        self._moments, self._at = [], 0

    def mark(self, place: int, look: Look) -> None:
        """Value a lane's position as it was at a decision."""
        if look.twice_mid:
            self.lanes[place].portfolio.mids[self.symbol] = look.twice_mid

    def settle(self, place: int) -> None:
        """Let a lane observe its equity at the decisions before this one; call it before anything is booked.

        Nothing was booked between them: of a day's equities the largest is that at the best mid for its position.
        """
        before, self._settled[place : place + 1] = self._settled[place : place + 1], [self._at]
        moments = self._moments[before[0] : self._at] if before else []
        if not moments:
            return
        own, lots = self.lanes[place].portfolio, self.lanes[place].portfolio.positions[self.symbol].lots
        last = moments[-1]
        if own.day == moments[0][noted.NOW_NS] // _DAY_NS == last[noted.NOW_NS] // _DAY_NS:
            mids = [moment[noted.TWICE_MID] for moment in moments]
            moments = [moments[mids.index(max(mids) if lots > 0 else min(mids))]] if lots else [last]
        for moment in moments:
            if moment[noted.TWICE_MID]:
                own.mids[self.symbol] = moment[noted.TWICE_MID]
            own.observe(moment[noted.NOW_NS] // _DAY_NS, own.equity)
        if last[noted.TWICE_MID]:
            own.mids[self.symbol] = last[noted.TWICE_MID]

    def decide(
        self, place: int, look: Look, entries: Sequence[list[int]], logs: Mapping[tuple[str, str], SeatLog],
        records: list[Record],
    ) -> None:  # fmt: skip
        """Add the records of one lane's decision, of which `entries` is what the log has."""
        lane, seq, now_ns = self.lanes[place], look.seq, look.now_ns
        slot = lane.slots[self.symbol]
        if entries:
            records.extend(self._turned(place, slot, look, entries))
        came_to = self._seats[look.at][place][noted.CAME_TO]
        failure = ""
        if came_to == d.WANTS_NOTHING:
            failure = self._failure(place, look, records)
            reason, words = self._answered(place, slot, look) if not failure else ("", _failed(failure))
        else:
            words = self._waited(came_to, lane, slot, look)
            reason = words.reason
        outcome, why, answer, values = words
        records.append(Decision(lane.name, self.symbol, seq, now_ns, outcome, why, answer, look.signals, values))
        if failure:
            self.failure = self.failure or failure
            records.append(Incident(lane.name, self.symbol, seq, now_ns, "strategy_failed", failure))
        is_blind = came_to in _BLIND
        if slot.is_unguarded != (is_blind and lane.portfolio.positions[self.symbol].lots != 0):
            records.extend(unguarded(lane, slot, self._moment(look), is_blind, why))
        for entry in entries:
            if entry[layout.WHAT] != d.TURN:
                records.append(self._ordered(place, slot, look, entry, reason, logs))

    def _failure(self, place: int, look: Look, records: list[Record]) -> str:
        """How the strategy failed, '' when it did not."""
        if self._answers[look.at][place][said.KIND] != said.FAILED:
            return ""
        assert self._desk is not None
        failed = self._desk.said[self._first + look.at, place]
        if isinstance(failed, StrategyOverrun):
            records.append(Overrun(look.seq, look.now_ns, self.lanes[place].name, self.symbol))
        return str(failed)

    def _answered(self, place: int, slot: Slot, look: Look) -> tuple[str, Words]:
        """The reason that the strategy gave, and the words of the decision."""
        own = self._answers[look.at][place]
        kind = own[said.KIND]
        if kind == said.NOTHING:
            return wording.NO_OPINION, wording.held_still(None)
        compiled = self.compiled[place]
        if compiled is None:
            reason, values = self._told(place, look.at)
        else:
            reason, values = spoken(compiled.translation, own, self._values[look.at][place])
        if kind == said.HOLD:
            return reason, Words(Outcome.HOLD, reason, "", values)
        if slot.protection is not None or own[said.STOP_LOSS_BPS] or own[said.TAKE_PROFIT_BPS]:
            keep_protection(slot, own[said.STOP_LOSS_BPS], own[said.TAKE_PROFIT_BPS])
        if kind == said.TARGET:
            outcome, (answer, note) = Outcome.TARGET, self._targeted(place, slot, look, own)
        else:
            outcome, (answer, note) = Outcome.QUOTES, self._quoted(place, slot, look, own)
        return reason, Words(outcome, wording.with_note(reason, note), answer, values)

    def _told(self, place: int, at: int) -> tuple[str, dict[str, float]]:
        """Reason and numbers of an answer in plain Python."""
        assert self._desk is not None
        answer = self._desk.said[self._first + at, place]
        assert isinstance(answer, Hold | Target | Quotes)
        return answer.reason, wording.numbers(answer)

    def _targeted(self, place: int, slot: Slot, look: Look, own: list[float]) -> tuple[str, str]:
        lane, full, exposure = self.lanes[place], self._seats[look.at][place][noted.FULL], own[said.EXPOSURE]
        lots = lane.portfolio.positions[self.symbol].lots
        want, note = wording.reachable(exposure, full, lots, room_of(slot.instrument, lane.switch.state, lots))
        if not note:
            touch = Touch(look.bid_ticks, look.ask_ticks, self.rules.protection_bps)
            band, is_waiting = self.rules.no_trade_band, len(slot.blotter) > 0
            note = target_note(want, full, band, lots, is_waiting, touch, slot.instrument)
        return wording.target_text(exposure), note

    def _quoted(self, place: int, slot: Slot, look: Look, own: list[float]) -> tuple[str, str]:
        lane, (_, full, held_bid, held_ask) = self.lanes[place], self._seats[look.at][place]
        ticks = quote_ticks(own[said.BID], own[said.ASK], self._tick)
        shares = own[said.BID_SIZE], own[said.ASK_SIZE]
        state, lots = lane.switch.state, lane.portfolio.positions[self.symbol].lots
        is_bounded = state is HaltState.REDUCING or slot.instrument.kind is InstrumentKind.SPOT
        asked = (ticks, shares, full, state, lots if is_bounded else 0, held_bid, held_ask)
        words = self._quotes.get(asked)  # most decisions leave quotes as they were
        if words is None:
            room = room_of(slot.instrument, state, lots)
            if len(self._quotes) >= _TEXTS:
                self._quotes.clear()
            text = f"{self._quote('bid', ticks[0], shares[0])}, {self._quote('ask', ticks[1], shares[1])}"
            kept = (held_bid == 1, held_ask == 1)
            note = quotes_note(ticks, shares, full, slot.instrument, room, kept) if full else wording.NO_SIZE
            words = self._quotes[asked] = text, note
        return words

    def _quote(self, side: str, ticks: int | None, share: float) -> str:
        """A quote in words; the same ones come back again and again."""
        text = self._texts.get((side, ticks, share))
        if text is None:
            if len(self._texts) >= _TEXTS:
                self._texts.clear()
            instrument = self.lanes[0].slots[self.symbol].instrument
            text = self._texts[side, ticks, share] = wording.quote_text(side, ticks, share, instrument)
        return text

    def _waited(self, came_to: int, lane: Lane, slot: Slot, look: Look) -> Words:
        """The words of a decision for which the strategy was not asked."""
        if came_to == d.CLOSES:
            return Words(Outcome.TARGET, wording.closing(lane.switch), wording.CLOSED, {})
        if came_to == d.STOPPED:
            reason = protection_exit(lane, slot, look.bid_ticks, look.ask_ticks)
            return Words(Outcome.TARGET, _agreed(reason), wording.CLOSED, {})
        values: Mapping[str, float] = {}
        if came_to == d.NO_BOOK:
            reason = wording.NO_BOOK
        elif came_to == d.IS_HALTED:
            reason = wording.halted(lane.switch)
        elif came_to == d.STALE_BOOK:
            reason = wording.STALE if self._is_healthy else wording.UNHEALTHY
            values = {"book_age_s": look.age_ns / 1e9}
        elif came_to == d.UNPLUGGED:
            reason = wording.unplugged(look.failures)
        else:
            reason = wording.warming_up(cold_signals(lane, self._moment(look)))
        return Words(Outcome.WAITING, reason, "", values)

    def _turned(self, place: int, slot: Slot, look: Look, entries: Sequence[list[int]]) -> Iterator[Record]:
        """A loss limit was reached, when the log has it: say which, and by how much."""
        for entry in entries:
            if entry[layout.WHAT] == d.TURN and entry[d.TURNED_BY] != d.OWN_FAILURE:
                self.settle(place)
                self.mark(place, look)
                lane = self.lanes[place]
                breach = _agreed(first_breached(lane.terms.losses, lane.standing(slot, self._moment(look))))
                yield from lane.turn(self.rules.on_breach, breach.limit, lost(breach), look.seq, look.now_ns)

    def _ordered(
        self, place: int, slot: Slot, look: Look, entry: list[int], reason: str,
        logs: Mapping[tuple[str, str], SeatLog],
    ) -> Record:  # fmt: skip
        """The order that a row of the log says was sent, or why a limit refused it."""
        lane = self.lanes[place]
        intent = intent_of(lane, slot, entry, reason, look.now_ns, look.seq)
        if entry[layout.WHAT] == d.INTENT:
            lane.sent += 1
            slot.blotter.add(intent)
            logs[lane.name, self.symbol].add(entry[layout.OF], intent)
            return intent
        self.settle(place)
        self.mark(place, look)
        return _agreed(denial_of(lane, intent, entry, lane.standing(slot, self._moment(look))))

    def _moment(self, look: Look) -> Moment:
        assert self._desk is not None
        counts, row = self._desk.rules.counts, self._desk.notes.signals[self._first + look.at]
        cold = tuple(sorted(name for name, value in look.signals.items() if value != value))
        return Moment(
            now_ns=look.now_ns,
            seq=look.seq,
            row=row,
            signals=look.signals,
            cold=cold,
            failures=look.failures,
            quality=row.item(counts.item(d.QUALITY_AT)),
            volatility=row.item(counts.item(d.VOLATILITY_AT)),
            bid_ticks=look.bid_ticks,
            ask_ticks=look.ask_ticks,
            has_book=0 < look.bid_ticks < look.ask_ticks,
            book_age_ns=look.age_ns,
            healthy=self._is_healthy,
            skew_ns=counts.item(d.SKEW_NS),
        )


def _failed(failure: str) -> Words:
    return Words(Outcome.FAILED, wording.failed(failure), "", {})


_T = TypeVar("_T")


def _agreed(found: _T | None) -> _T:
    """What machine code came to has to be found in exact decimals too; tests hold the two together."""
    if found is None:
        raise LanesDisagree(
            "machine code should come to what exact decimals come to, did not: this is a fault of the bot, please "
            "report it with the tape; what came before it is stored"
        )
    return found
