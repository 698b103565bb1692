"""What a venue does to lanes in machine code on its own: funding at its times, and liquidation when the margin is gone.

The kernel only suspects that a lane is short of margin. Then the lane is opened as objects, and what
`bot.trading.settlement` does to any lane is done to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from bot.market.lane import desk as d
from bot.market.lane.desk import Lanes
from bot.market.lane.margin import FAR_MARK
from bot.market.matching.arriving import arrive
from bot.market.matching.layout import DUE_NS
from bot.market.runner import Runner
from bot.trading.lane import Lane
from bot.trading.lane_accounts import STATES
from bot.trading.lane_desk import LaneDesk, Settled
from bot.trading.lane_money import LaneMoney
from bot.trading.settlement import liquidated
from bot.types import Fact, Funding, Incident, Record


@dataclass(slots=True)
class LaneSettlement:
    """Charges and liquidates lanes; `account` opens one, with all that happened to it so far."""

    desks: Mapping[str, LaneDesk]
    lanes: Lanes
    money: LaneMoney
    runner: Runner
    account: Callable[[int], Lane]

    def pay(self, desk: LaneDesk, now_ns: int, seq: int) -> Iterator[Funding | Incident | Settled]:
        """Charge each funding due up to `now_ns` on the positions just before its time; tell what it did to each lane.

        Orders of ours that arrive before it count: what came of them is told, or is in the log by then. `seq` is that
        of the first input at or after the time.
        """
        own = desk.funding
        while 0 < own.clock.due_ns <= now_ns:
            due_ns = own.clock.due_ns
            yield from self._arrive(desk, due_ns - 1, seq)
            terms = own.terms(desk.market)
            if terms is None:
                yield from own.unpaid(desk.seats, seq)
            else:
                paid = own.charge(desk.seats, seq, *terms)
                for lane, each in paid.items():
                    self._charge(desk, lane)
                    self.lanes.worths[lane, desk.rules.counts[d.PLACE]] += float(each.amount)
                equities = self.lanes.purses[:, d.OPENING] + self.lanes.worths.sum(axis=1)
                if not np.all(equities >= desk.rules.reals[d.AMPLE]):
                    self._watch()
                short = self._short(desk)
                for lane in range(len(equities)):
                    if lane in paid:
                        yield paid[lane]
                    if lane in short:
                        yield self._liquidated(lane, due_ns, seq)
            own.clock.move_on()

    def mark(self, desk: LaneDesk, fact: Fact) -> Iterator[Settled]:
        """Value the positions of an instrument at a new mark from now on, and look at every lane's margin."""
        own, reals = desk.instrument, desk.rules.reals
        reals[d.MARKED] = float(fact.value * own.lot_size * own.contract_size)
        mid = reals[d.UNIT] * desk.crew.held[0, d.MID] / 2
        if abs(reals[d.MARKED] - mid) > FAR_MARK * mid > 0:
            self._watch()
        for lane in self._short(desk):
            yield self._liquidated(lane, fact.local_ns, fact.seq)

    def look(self, now_ns: int, seq: int) -> Iterator[Settled]:
        """Look at the lanes that the kernel suspects to be short of margin, before they decide."""
        for lane in self._suspected():
            yield self._liquidated(lane, now_ns, seq)._replace(decides=True)

    def _watch(self) -> None:
        if not self.lanes.course[d.IS_WATCHED]:
            self.lanes.course[[d.IS_WATCHED, d.IS_STAKED]] = 1, 0

    def _short(self, desk: LaneDesk) -> list[int]:
        """The lanes that may be short of margin now that a desk has changed."""
        if self.lanes.course[d.IS_WATCHED] and self.runner.look(desk.rules.counts.item(d.PLACE)):
            return self._suspected()
        return []

    def _suspected(self) -> list[int]:
        lanes: list[int] = np.flatnonzero(self.lanes.states[:, d.SHORT]).tolist()
        return lanes

    def _arrive(self, desk: LaneDesk, until_ns: int, seq: int) -> Iterator[Settled]:
        """Let requests arrive; where margin or cash could run short, as far as exact decimals say it goes."""
        due = np.flatnonzero(desk.seats.accounts[:, DUE_NS] <= until_ns).tolist()
        for lane in due:
            if self.lanes.course[d.IS_WATCHED]:
                own = self._open(lane)
                slot = own.slots[desk.instrument.symbol]
                yield Settled(lane, list(own.arrive(slot, until_ns, seq, desk.market)))
                self.lanes.course[d.IS_STAKED] = 0
            else:
                arrive(desk.seats, lane, until_ns, 0, desk.market.book, desk.market.flow)
            worth = self.money.worth([desk.stake(lane)]) - self.money.opening
            self.lanes.worths[lane, desk.rules.counts[d.PLACE]] = float(worth)

    def _open(self, lane: int) -> Lane:
        own = self.account(lane)
        for symbol, desk in self.desks.items():
            twice_mid, mark = desk.crew.held.item(lane, d.MID), desk.funding.clock.mark
            if twice_mid:
                own.portfolio.mids[symbol] = twice_mid
            if mark is not None:
                own.portfolio.marks[symbol] = mark
        own.is_liquidating = bool(self.lanes.states[lane, d.LIQUIDATING])
        return own

    def _liquidated(self, lane: int, now_ns: int, seq: int) -> Settled:
        """Liquidate a lane whose margin is gone in exact decimals; tell nothing when it is not."""
        own, states = self._open(lane), self.lanes.states[lane]
        records: list[Record] = list(liquidated(self.desks, own, now_ns, seq))
        states[d.LIQUIDATING] = own.is_liquidating
        states[d.HALT], states[d.WANTS_FLAT] = STATES.index(own.switch.state), own.switch.wants_flat
        for desk in self.desks.values():
            self._charge(desk, lane)
        self.lanes.course[d.IS_STAKED] = 0
        return Settled(lane, records)

    def _charge(self, desk: LaneDesk, lane: int) -> None:
        """Write down what a lane received beside trading, for the kernel."""
        charged = self.money.charged(desk.stake(lane))
        self.lanes.charged[lane, desk.rules.counts[d.PLACE]] = float(charged)
