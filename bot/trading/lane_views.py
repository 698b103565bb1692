"""What strategies in plain Python see of lanes in machine code, and how their answers are written for the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from struct import Struct
from typing import Final

from bot.market.lane import answer as said
from bot.market.matching.layout import CANCELS_NS, FILLED, LOTS, NEVER_NS, NUMBER, PRICE, SIDE
from bot.trading.contract import Answer, OpenOrder, Quotes, Target
from bot.types import Fill, Instrument, Side

_NONE: Final = float("nan")
_WANTED: Final = Struct(f"{said.TAKE_PROFIT_BPS + 1}d")  # the first numbers of an answer, up to that one
_ROW_BYTES: Final = 8 * said.SIZE


@dataclass(frozen=True, slots=True)
class Label:
    """What a lane is called, and what its order ids begin with."""

    lane: str
    prefix: str = ""


def write_answer(answers: memoryview, lane: int, answer: Answer) -> None:
    """Write a lane's answer as the kernel reads it, into `answers` of all lanes: see `bot.market.lane.answer`."""
    if isinstance(answer, Quotes):
        bid = _NONE if answer.bid is None else answer.bid
        ask = _NONE if answer.ask is None else answer.ask
        sizes, guards = (answer.bid_size, answer.ask_size), (answer.stop_loss_bps, answer.take_profit_bps)
        _WANTED.pack_into(answers, lane * _ROW_BYTES, said.QUOTES, 0.0, bid, ask, *sizes, *guards)
    elif isinstance(answer, Target):
        guards = answer.stop_loss_bps, answer.take_profit_bps
        wanted = (said.TARGET, answer.exposure, _NONE, _NONE, 0.0, 0.0, *guards)
        _WANTED.pack_into(answers, lane * _ROW_BYTES, *wanted)
    else:
        answers[lane * said.SIZE + said.KIND] = said.NOTHING if answer is None else said.HOLD


def entry_price(lots: int, cost: int, instrument: Instrument, twice_mid: int) -> float:
    """Return the average entry price of a position, 0 when flat; mirrored at the mid where twice of it is given.

    It is of whole numbers, which a cost beyond 2^53 is in Python alone.
    """
    if not lots:
        return 0.0
    tick = float(instrument.tick_size)
    entry = cost / lots * tick
    return 2.0 * (twice_mid * tick / 2) - entry if twice_mid else entry


def open_orders(
    rows: Sequence[list[int]], label: Label, instrument: Instrument, twice_mid: int
) -> tuple[OpenOrder, ...]:
    """Return the working orders of a lane, oldest first; mirrored at the mid where twice of it is given, in ticks."""
    # Whole numbers divided have the bits of the exact decimal.
    tick, tick_parts = instrument.tick_size.as_integer_ratio()
    lot, lot_parts = instrument.lot_size.as_integer_ratio()
    return tuple(
        [
            OpenOrder(
                f"{label.prefix}{order[NUMBER]}",
                Side.BUY if (order[SIDE] > 0) == (twice_mid == 0) else Side.SELL,
                (twice_mid - order[PRICE] if twice_mid else order[PRICE]) * tick / tick_parts,
                (order[LOTS] - order[FILLED]) * lot / lot_parts,
                order[CANCELS_NS] != NEVER_NS,
            )
            for order in sorted(rows, key=itemgetter(NUMBER))
        ]
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
