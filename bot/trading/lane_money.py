"""The money of lanes that run in machine code, exact: made of the kernel's whole numbers when somebody asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple, Protocol

from bot.market.matching import layout
from bot.market.matching.layout import Seats
from bot.trading.contract import Costs
from bot.trading.lane_views import Label
from bot.types import BPS, EquityPoint, Fill, Instrument, Liquidity, Side

ZERO = Decimal(0)


class Stake(NamedTuple):
    """What one lane has in one instrument at one moment.

    `unit` is the quote currency of a tick·lot and `funding` what was received of it; `twice_mid` is bid + ask in ticks
    at the last decision with a book, 0 before one; `account` are the bytes of the lane's row of `Seats.accounts`.
    `forced` are the tick·lots that the exchange closed by force.
    """

    unit: Decimal
    funding: Decimal
    twice_mid: int
    account: bytes
    forced: int = 0

    @property
    def numbers(self) -> Sequence[int]:
        """The account's numbers, by the columns of `bot.market.matching.layout`."""
        return memoryview(self.account).cast("q")

    @property
    def gain(self) -> Decimal:
        """What was made before fees, realised and unrealised, in quote currency."""
        own = self.numbers
        twice = 2 * own[layout.REALISED]
        if own[layout.POSITION] and self.twice_mid:
            twice += own[layout.POSITION] * self.twice_mid - 2 * own[layout.COST]
        return self.unit * twice / 2


class HasSeats(Protocol):
    """One instrument's seats, and what each lane has in it."""

    @property
    def instrument(self) -> Instrument: ...

    @property
    def seats(self) -> Seats: ...

    def stake(self, lane: int) -> Stake: ...


@dataclass(frozen=True, slots=True)
class LaneMoney:
    """What lanes began with and what trading costs them; fees in basis points, negative = rebate.

    `liquidation_bps` come on top of the taker fee where the exchange closes a position by force.
    """

    opening: Decimal
    maker_bps: Decimal
    taker_bps: Decimal
    liquidation_bps: Decimal = ZERO
    costs: Costs = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "costs", Costs(float(self.maker_bps), float(self.taker_bps)))

    def equity(self, lane: int, desks: Mapping[str, HasSeats]) -> Decimal:
        """Return a lane's equity in quote currency: opening + realised + unrealised - fees + funding."""
        return self.worth([desk.stake(lane) for desk in desks.values()])

    def worth(self, stakes: Sequence[Stake]) -> Decimal:
        """Return the equity of a lane that has these stakes, one an instrument, in quote currency."""
        made = [stake.gain - self._fees(stake) for stake in stakes]
        return self.opening + sum(made, sum([stake.funding for stake in stakes], ZERO))

    def funding(self, lane: int, desks: Mapping[str, HasSeats]) -> Decimal:
        """Return what a lane received as funding, in quote currency; below 0 when it paid."""
        return sum([desk.stake(lane).funding for desk in desks.values()], ZERO)

    def point(self, lane: int, name: str, desks: Mapping[str, HasSeats], seq: int, now_ns: int) -> EquityPoint:
        """Return what a lane is worth, under the name it is stored by."""
        stakes = [desk.stake(lane) for desk in desks.values()]
        fees = sum([self._fees(stake) for stake in stakes], ZERO)
        realised = sum([stake.unit * stake.numbers[layout.REALISED] for stake in stakes], ZERO)
        unrealised = sum([stake.gain for stake in stakes], ZERO) - realised
        funding = self.funding(lane, desks)
        cash = self.opening + realised - fees + funding
        return EquityPoint(name, seq, now_ns, cash + unrealised, cash, realised, unrealised, fees, funding)

    def fees(self, lane: int, desk: HasSeats) -> Decimal:
        """Return what a lane paid in one instrument, in quote currency."""
        return self._fees(desk.stake(lane))

    def _fees(self, stake: Stake) -> Decimal:
        own = stake.numbers
        weighed: Decimal = own[layout.MADE] * self.maker_bps + own[layout.TOOK] * self.taker_bps
        return stake.unit * (weighed + stake.forced * self.liquidation_bps) / BPS

    def charged(self, stake: Stake) -> Decimal:
        """Return what a lane received beside trading: funding, less what it paid on top where it was liquidated."""
        return stake.funding - stake.unit * stake.forced * self.liquidation_bps / BPS

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
        if entry[layout.IS_MAKER] == layout.BY_FORCE:
            bps += self.liquidation_bps
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
