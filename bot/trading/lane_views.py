"""What strategies in plain Python see of lanes in machine code, and how their answers are written for the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Final

from bot.market.lane import answer as said
from bot.market.matching.layout import CANCELS_NS, COST, FILLED, LOTS, NEVER_NS, NUMBER, POSITION, PRICE, SIDE
from bot.trading.contract import Answer, Hold, OpenOrder, Quotes, Target
from bot.types import Fill, Floats, Instrument, Side

_NONE: Final = float("nan")


@dataclass(frozen=True, slots=True)
class Label:
    """What a lane is called, and what its order ids begin with."""

    lane: str
    prefix: str = ""


def write_answer(row: Floats, answer: Answer) -> None:
    """Write an answer as the kernel reads it: see `bot.market.lane.answer`."""
    match answer:
        case None:
            row[said.KIND] = said.NOTHING
        case Hold():
            row[said.KIND] = said.HOLD
        case Target():
            row[said.KIND] = said.TARGET
            row[said.EXPOSURE] = answer.exposure
            row[said.STOP_LOSS_BPS], row[said.TAKE_PROFIT_BPS] = answer.stop_loss_bps, answer.take_profit_bps
        case Quotes():
            row[said.KIND] = said.QUOTES
            row[said.BID] = _NONE if answer.bid is None else answer.bid
            row[said.ASK] = _NONE if answer.ask is None else answer.ask
            row[said.BID_SIZE], row[said.ASK_SIZE] = answer.bid_size, answer.ask_size
            row[said.STOP_LOSS_BPS], row[said.TAKE_PROFIT_BPS] = answer.stop_loss_bps, answer.take_profit_bps


def entry_price(own: list[int], instrument: Instrument, twice_mid: int) -> float:
    """Return the average entry price of an account, 0 when flat; mirrored at the mid where twice of it is given.

    It is of whole numbers, which a cost beyond 2^53 is in Python alone.
    """
    if not own[POSITION]:
        return 0.0
    tick = float(instrument.tick_size)
    entry = own[COST] / own[POSITION] * tick
    return 2.0 * (twice_mid * tick / 2) - entry if twice_mid else entry


def open_orders(
    rows: Sequence[list[int]], label: Label, instrument: Instrument, twice_mid: int
) -> tuple[OpenOrder, ...]:
    """Return the working orders of a lane, oldest first; mirrored at the mid where twice of it is given, in ticks."""
    return tuple(
        OpenOrder(
            f"{label.prefix}{order[NUMBER]}",
            Side.BUY if (order[SIDE] > 0) == (twice_mid == 0) else Side.SELL,
            float(instrument.price(twice_mid - order[PRICE] if twice_mid else order[PRICE])),
            float(instrument.size(order[LOTS] - order[FILLED])),
            order[CANCELS_NS] != NEVER_NS,
        )
        for order in sorted(rows, key=itemgetter(NUMBER))
    )


def mirrored(fill: Fill, twice_mid: int, instrument: Instrument) -> Fill:
    """Return the fill of the other side at the price mirrored at the mid."""
    ticks = twice_mid - fill.price_ticks
    return replace(
        fill,
        side=Side.SELL if fill.side is Side.BUY else Side.BUY,
        price_ticks=ticks,
        price=instrument.price(ticks),
        position_lots=-fill.position_lots,
    )
