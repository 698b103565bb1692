"""Views made at random and at the edges: signals in their ranges, positions of both signs, prices of all sizes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Final

import numpy as np

from bot.market.signals.naming import parse_signal
from bot.trading.contract import Costs, OpenOrder, Strategy, View
from bot.types import BPS, NS_PER_S, Instrument, InstrumentKind, Side

QUOTE: Final = "quote currency"
"""Unit of signals that are prices."""

_COSTS: Final = (Costs(2.0, 5.0), Costs(0.0, 0.0), Costs(-1.0, 3.0), Costs(10.0, 10.0))
_EQUITIES: Final = tuple(Decimal(text) for text in ("10000", "0", "-12.345678", "0.00000001", "123456789.987654321"))
_GRIDS: Final = tuple(
    Instrument(f"{base}/USDT:USDT", InstrumentKind.LINEAR, base, "USDT", Decimal(tick), Decimal(lot))
    for base, tick, lot in (("BTC", "0.1", "0.001"), ("DOGE", "0.00001", "1"), ("ETH", "0.01", "0.001"))
)


@dataclass(frozen=True, slots=True)
class Span:
    """The range of one signal; a price lies near the market's."""

    name: str
    low: float
    high: float
    is_price: bool


def span_of(name: str) -> Span:
    """Return the range of a signal of the catalogue.

    Raises:
        ConfigError: the name is that of no signal.
    """
    signal = parse_signal(name).signal
    return Span(name, signal.low, signal.high, signal.unit == QUOTE)


def near(strategy: Strategy) -> tuple[float, ...]:
    """Return the numbers among a strategy's parameters: where it may decide otherwise."""
    return tuple(float(value) for value in vars(strategy).values() if isinstance(value, int | float))


def made_views(random: Random, signals: Sequence[Span], near: Sequence[float], count: int) -> list[View]:
    """Make `count` views. `near` are numbers at which a strategy may change its mind: some are met, or just missed."""
    names = {span.name: place for place, span in enumerate(signals)}
    edges = [beside for each in near for beside in _beside(each)]
    return [_view(random, signals, names, edges) for _ in range(count)]


def _beside(value: float) -> tuple[float, ...]:
    return tuple(
        edge
        for each in (value, -value)
        for edge in (math.nextafter(each, -math.inf), each, math.nextafter(each, math.inf))
    )


def _view(random: Random, signals: Sequence[Span], names: dict[str, int], edges: Sequence[float]) -> View:
    grid = random.choice(_GRIDS)
    bid = int(10 ** random.uniform(0, 9))
    ask = bid + random.choice((1, 1, 2, 3, 10, 500))
    tick = float(grid.tick_size)
    many = int(10 ** random.uniform(0, 8))
    lots = random.choice((0, 0, 1, -1, many, -many))
    row = [
        _price(random, bid * tick, ask * tick) if span.is_price else _drawn(random, span.low, span.high, edges)
        for span in signals
    ]
    return View(
        now_ns=1_700_000_000 * NS_PER_S + random.randrange(10**17),
        instrument=grid,
        names=names,
        row=np.array(row),
        bid_ticks=bid,
        ask_ticks=ask,
        position_lots=lots,
        exposure=math.copysign(_drawn(random, 0.0, 2.0, edges), lots) if lots else 0.0,
        entry=bid * tick * random.uniform(0.9, 1.1) if lots else 0.0,
        open_orders=tuple(_orders(random, bid, ask, grid)),
        fills=(),
        equity=random.choice(_EQUITIES),
        costs=random.choice(_COSTS),
    )


def _price(random: Random, bid: float, ask: float) -> float:
    near = bid * (1 + random.gauss(0.0, 5.0) / BPS)
    return random.choice((bid, ask, (bid + ask) / 2, random.uniform(bid, ask), near))


def _drawn(random: Random, low: float, high: float, edges: Sequence[float]) -> float:
    """A number from `low` to `high`: now and then an end of it, zero, or one of the edges."""
    choice = random.random()
    if choice < 0.4:
        corner = random.choice((low, high, 0.0, -0.0, 1.0, -1.0, *edges))
        if low <= corner <= high and math.isfinite(corner):
            return corner
    if high - low < math.inf:
        return random.uniform(low, high)
    most = 12 if choice < 0.6 else 3
    size = 10 ** random.uniform(-most, most)
    return min(max(size if random.random() < 0.5 else -size, low), high)


def _orders(random: Random, bid: int, ask: int, grid: Instrument) -> Iterator[OpenOrder]:
    for number in range(random.choice((0, 0, 1, 2, 4))):
        side = random.choice((Side.BUY, Side.SELL))
        away = random.choice((0, 0, 1, 3, 40))
        ticks = max(1, bid - away if side is Side.BUY else ask + away)
        size = float(grid.size(random.randrange(1, 10**6)))
        yield OpenOrder(f"made-{number}", side, float(grid.price(ticks)), size, random.random() < 0.3)
