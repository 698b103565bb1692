"""Makes a lane of objects out of the numbers of a lane in machine code, for what is rare and has to be exact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from bot.market.lane import desk as d
from bot.market.lane.desk import Lanes
from bot.market.matching import layout
from bot.trading.blotter import Blotter, WorkingOrder
from bot.trading.contract import Answer, Strategy, View
from bot.trading.lane import Lane, LaneTerms, Slot
from bot.trading.lane_desk import LaneDesk
from bot.trading.lane_money import ZERO, LaneMoney
from bot.trading.lane_venue import FORCES, LaneVenue, SeatLog
from bot.trading.portfolio import Portfolio, Position
from bot.trading.tiers import FeeSchedule, FeeTier
from bot.types import HaltState, Instrument, Intent, OrderStatus, Side
from risk.halt import HaltSwitch

STATES: Final = (HaltState.ACTIVE, HaltState.REDUCING, HaltState.HALTED)
"""The states of a lane's halt, by the kernel's words."""


class _Nobody(Strategy):
    """Is never asked: the kernel asks the strategies itself."""

    def decide(self, see: View) -> Answer:
        return None


@dataclass(frozen=True, slots=True)
class LaneAccounts:
    """Opens the accounts of lanes in machine code; `log` makes what reads the kernel's log of one in an instrument."""

    desks: Mapping[str, LaneDesk]
    lanes: Lanes
    money: LaneMoney
    terms: LaneTerms
    log: Callable[[str, Instrument], SeatLog]

    def open(self, lane: int) -> Lane:
        """Return the account of a lane as it is now; its orders and fills are booked here and in the kernel alike."""
        name, states = str(lane), self.lanes.states[lane]
        instruments = {symbol: desk.instrument for symbol, desk in self.desks.items()}
        portfolio = Portfolio(
            instruments,
            self.money.opening,
            positions={symbol: _position(desk, lane) for symbol, desk in self.desks.items()},
            fees=sum([self.money.fees(lane, desk) for desk in self.desks.values()], ZERO),
            funding=self.money.funding(lane, self.desks),
        )
        fees = FeeSchedule((FeeTier(ZERO, self.money.maker_bps, self.money.taker_bps),), portfolio.volumes)
        switch = HaltSwitch(STATES[states.item(d.HALT)], wants_flat=bool(states[d.WANTS_FLAT]))
        own = Lane(name, self.terms, portfolio, {}, switch, fees, sent=states.item(d.SENT))
        for symbol, desk in self.desks.items():
            own.slots[symbol] = self._slot(own, desk, lane)
        return own

    def _slot(self, own: Lane, desk: LaneDesk, lane: int) -> Slot:
        log, seats = self.log(own.name, desk.instrument), desk.seats
        slot = Slot(desk.instrument, _Nobody(), LaneVenue(desk, lane, self.lanes.states[lane], log), Blotter())
        rows = seats.orders[lane, : seats.accounts.item(lane, layout.COUNT)].tolist()
        for order in sorted(rows, key=itemgetter(layout.NUMBER)):
            intent = _intent(own, desk.instrument.symbol, order)
            log.add(order[layout.NUMBER], intent)
            working = WorkingOrder(intent, order[layout.LOTS] - order[layout.FILLED], _status(order))
            working.executed = order[layout.FILLED]
            slot.blotter.orders[intent.client_id] = working
        return slot


def _position(desk: LaneDesk, lane: int) -> Position:
    account = desk.seats.accounts[lane].tolist()
    return Position(account[layout.POSITION], account[layout.COST], account[layout.REALISED])


def _status(order: list[int]) -> OrderStatus:
    return OrderStatus.OPEN if order[layout.STATE] == layout.RESTS else OrderStatus.IN_FLIGHT


def _intent(own: Lane, symbol: str, order: list[int]) -> Intent:
    return Intent(
        lane=own.name,
        symbol=symbol,
        client_id=own.order_id(order[layout.NUMBER]),
        seq=0,
        local_ns=0,
        side=Side.BUY if order[layout.SIDE] > 0 else Side.SELL,
        price_ticks=order[layout.PRICE],
        lots=order[layout.LOTS],
        time_in_force=FORCES[order[layout.FORCE]],
        post_only=order[layout.FLAGS] & layout.POST_ONLY != 0,
        reduce_only=order[layout.FLAGS] & layout.REDUCE_ONLY != 0,
        reason="",
    )
