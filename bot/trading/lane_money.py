"""The money of lanes that run in machine code, exact: made of the kernel's whole numbers when somebody asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from bot.market.lane import desk as d
from bot.market.lane.desk import Crew
from bot.market.matching import layout
from bot.market.matching.layout import Seats
from bot.trading.contract import Costs
from bot.trading.lane_funding import LaneFunding
from bot.trading.lane_views import Label
from bot.types import BPS, EquityPoint, Fill, Instrument, Liquidity, Side

ZERO = Decimal(0)


class HasSeats(Protocol):
    """One instrument's seats, and what they were last marked at."""

    @property
    def instrument(self) -> Instrument: ...

    @property
    def seats(self) -> Seats: ...

    @property
    def crew(self) -> Crew: ...

    @property
    def funding(self) -> LaneFunding: ...


@dataclass(frozen=True, slots=True)
class LaneMoney:
    """What lanes began with and what trading costs them; fees in basis points, negative = rebate."""

    opening: Decimal
    maker_bps: Decimal
    taker_bps: Decimal

    @property
    def costs(self) -> Costs:
        """What a strategy sees of the costs."""
        return Costs(float(self.maker_bps), float(self.taker_bps))

    def equity(self, lane: int, desks: Mapping[str, HasSeats]) -> Decimal:
        """Return a lane's equity in quote currency: opening + realised + unrealised - fees + funding."""
        made = [self.made(lane, desk) - self.fees(lane, desk) for desk in desks.values()]
        return self.opening + sum(made, self.funding(lane, desks))

    def funding(self, lane: int, desks: Mapping[str, HasSeats]) -> Decimal:
        """Return what a lane received as funding, in quote currency; below 0 when it paid."""
        return sum([desk.funding.received.get(lane, ZERO) for desk in desks.values()], ZERO)

    def point(self, lane: int, name: str, desks: Mapping[str, HasSeats], seq: int, now_ns: int) -> EquityPoint:
        """Return what a lane is worth, under the name it is stored by."""
        fees = sum([self.fees(lane, desk) for desk in desks.values()], ZERO)
        realised = sum([self.realised(lane, desk) for desk in desks.values()], ZERO)
        unrealised = sum([self.made(lane, desk) for desk in desks.values()], ZERO) - realised
        funding = self.funding(lane, desks)
        cash = self.opening + realised - fees + funding
        return EquityPoint(name, seq, now_ns, cash + unrealised, cash, realised, unrealised, fees, funding)

    def realised(self, lane: int, desk: HasSeats) -> Decimal:
        """Return what a lane realised in one instrument before fees, in quote currency."""
        return desk.instrument.notional(1, 1) * int(desk.seats.accounts[lane, layout.REALISED])

    def made(self, lane: int, desk: HasSeats) -> Decimal:
        """Return what a lane made in one instrument before fees, realised and unrealised, in quote currency."""
        account, mid = desk.seats.accounts[lane].tolist(), desk.crew.held.item(lane, d.MID)
        twice: int = 2 * account[layout.REALISED]
        if account[layout.POSITION] and mid:
            twice += account[layout.POSITION] * mid - 2 * account[layout.COST]
        return desk.instrument.notional(1, 1) * twice / 2

    def fees(self, lane: int, desk: HasSeats) -> Decimal:
        """Return what a lane paid in one instrument, in quote currency."""
        account = desk.seats.accounts[lane].tolist()
        weighed: Decimal = account[layout.MADE] * self.maker_bps + account[layout.TOOK] * self.taker_bps
        return desk.instrument.notional(1, 1) * Decimal(weighed) / BPS

    def fills(self, lane: int, desk: HasSeats) -> int:
        """Return how often a lane traded in one instrument."""
        return int(desk.seats.accounts[lane, layout.EXECUTIONS])

    def turnover(self, lane: int, desk: HasSeats) -> Decimal:
        """Return what a lane traded in one instrument, in quote currency."""
        account = desk.seats.accounts[lane].tolist()
        return desk.instrument.notional(1, 1) * int(account[layout.MADE] + account[layout.TOOK])

    def fill(self, instrument: Instrument, entry: list[int], label: Label | None = None) -> Fill:
        """Return the fill that a row of the log tells of; without a `label` a lane is called by its number."""
        label = label or Label(str(entry[layout.SEAT]))
        is_maker, price, lots = entry[layout.IS_MAKER] == 1, entry[layout.FILL_PRICE], entry[layout.FILL_LOTS]
        bps = self.maker_bps if is_maker else self.taker_bps
        number = f"{label.prefix}{entry[layout.OF]}"
        return Fill(
            lane=label.lane,
            symbol=instrument.symbol,
            client_id=number,
            fill_id=f"{number}-{entry[layout.NTH]}",
            seq=entry[layout.ROW],
            local_ns=entry[layout.AT_NS],
            side=Side.BUY if entry[layout.FILL_SIDE] > 0 else Side.SELL,
            price_ticks=price,
            lots=lots,
            price=instrument.price(price),
            size=instrument.size(lots),
            fee=instrument.notional(price, lots) * bps / BPS,
            fee_asset=instrument.quote,
            liquidity=Liquidity.MAKER if is_maker else Liquidity.TAKER,
            realised=instrument.notional(1, 1) * entry[layout.GAIN],
            position_lots=entry[layout.AFTER],
        )
