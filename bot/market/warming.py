"""Compile the kernels before they are needed, and no more of them than what runs needs: it takes a minute, once."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum, unique

import numpy as np

from bot.market import ladder
from bot.market.lane.desk import idle_lane
from bot.market.lane.notes import empty_notes
from bot.market.market import Market
from bot.market.runner import Runner
from bot.market.signals.catalogue import CATALOGUE
from bot.market.signals.forecast import ForecastSpec
from bot.types import NS_PER_S, Batch, Instrument, InstrumentKind, Kind, Side


@unique
class Kernels(StrEnum):
    """What is compiled: for everyday signals alone or for all, and for a live market, signal tables too, or lanes."""

    EVERYDAY = "everyday"
    WHOLE = "whole"
    EVERYDAY_TABLES = "everyday-tables"
    WHOLE_TABLES = "whole-tables"
    EVERYDAY_LANES = "everyday-lanes"
    WHOLE_LANES = "whole-lanes"

    @property
    def is_everyday(self) -> bool:
        """True when everyday signals alone are compiled."""
        return self in (Kernels.EVERYDAY, Kernels.EVERYDAY_TABLES, Kernels.EVERYDAY_LANES)

    @property
    def has_tables(self) -> bool:
        """True when signal tables are compiled too."""
        return self in (Kernels.EVERYDAY_TABLES, Kernels.WHOLE_TABLES)

    @property
    def has_lanes(self) -> bool:
        """True when whole lanes are compiled."""
        return self in (Kernels.EVERYDAY_LANES, Kernels.WHOLE_LANES)


def kernels_for(names: Sequence[str], *, tables: bool) -> Kernels:
    """Return what these signals need; a name that is not in the catalogue may need anything."""
    if all(_is_everyday(name) for name in names):
        return Kernels.EVERYDAY_TABLES if tables else Kernels.EVERYDAY
    return Kernels.WHOLE_TABLES if tables else Kernels.WHOLE


def lane_kernels_for(names: Sequence[str]) -> Kernels:
    """Return what lanes need whose strategies name these signals."""
    return Kernels.EVERYDAY_LANES if all(_is_everyday(name) for name in names) else Kernels.WHOLE_LANES


def warm_up(kernels: Kernels) -> None:
    """Compile them, or load them from the cache, so that the first message does not wait for it."""
    grid = Instrument("WARM/UP", InstrumentKind.SPOT, "WARM", "UP", Decimal(1), Decimal(1))
    if kernels.is_everyday:
        market = Market(grid, ("depth_imbalance(20)",))
    else:
        market = Market(grid, ("depth_imbalance(20)", "forecast(1s)"), ForecastSpec(NS_PER_S, ("queue_imbalance",)))
    stamps = np.array([1, 1], dtype=np.int64)
    kinds = np.array([Kind.BID, Kind.ASK], dtype=np.uint8)
    prices = np.array([1, 2], dtype=np.int64)
    batch = Batch("WARM/UP", stamps, stamps, stamps, stamps, prices, stamps, kinds, np.array([0, 1], dtype=np.uint8))
    if kernels.has_lanes:
        runner = Runner([(market, *idle_lane(), empty_notes())])
        runner.begin(batch, np.array([[0, len(batch)]], np.int64))
        runner.go_on()
        return
    ladder.warm_up()
    market.step(batch, 0)
    market.sample(1)
    if kernels.has_tables:
        market.scan(batch, len(batch), np.array([2], dtype=np.int64))
    market.size_at(Side.BUY, 1)
    market.levels(Side.BUY, 1)


def _is_everyday(name: str) -> bool:
    signal = CATALOGUE.get(name.partition("(")[0].strip())
    return signal is not None and signal.is_everyday and "@" not in name
