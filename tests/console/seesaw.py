"""A made-up market of forty seconds and a strategy that buys in the first half of it, for commands that trade on tapes.

The book stands at 100.0 / 100.2 and jumps to 101.0 / 101.2 after twenty seconds.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from bot.types import NS_PER_S, Instrument, InstrumentKind, Kind
from tests.market.reference import Row
from tests.research.tapes import tape_of

START_S = 1_700_000_000
GRID = Instrument("BTC/USDT", InstrumentKind.SPOT, "BTC", "USDT", Decimal("0.1"), Decimal("0.001"))
STRATEGY = '''"""Long below a price, flat above it."""

from dataclasses import dataclass
from typing import ClassVar

from bot.trading import Answer, Strategy, Target, View, param


@dataclass
class Seesaw(Strategy):
    """Long below `above`, flat from there on."""

    signals: ClassVar[tuple[str, ...]] = ("mid",)
    above: float = param(100.5, low=0.0, high=1000.0, doc="price from which on it is flat")

    def decide(self, see: View) -> Answer:
        """Answer with a target."""
        return Target(1.0, "cheap") if see["mid"] < self.above else Target(0.0, "dear")
'''


def write(folder: Path) -> None:
    """Write the strategy, a configuration and the tape `seesaw`."""
    (folder / "strategies").mkdir()
    (folder / "strategies" / "seesaw.py").write_text(STRATEGY)
    (folder / "config.toml").write_text('[strategy]\nuse = "seesaw"\nevery = "1s"\n')
    record(folder / "data" / "tapes" / "seesaw")


def record(folder: Path, start_s: int = START_S) -> None:
    """Write the market as a tape that begins at `start_s`."""
    rows = _book(start_s, 1_000)
    for second in range(1, 40):
        if second == 20:
            rows += _book(start_s + second, 1_010)
        else:
            rows += [Row(Kind.BID, 900, 50 + second, local_ns=(start_s + second) * NS_PER_S)]  # far from the touch
    tape_of(folder, rows, instruments=(GRID,), symbol=GRID.symbol)


def _book(second: int, bid: int) -> list[Row]:
    at_ns = second * NS_PER_S
    levels = [(Kind.BID, bid, 90_000), (Kind.ASK, bid + 2, 90_000), (Kind.BID, 900, 50)]
    rows = [Row(kind, price, size, local_ns=at_ns, last=False) for kind, price, size in levels]
    rows[-1] = Row(Kind.BID, 900, 50, local_ns=at_ns)
    return [Row(Kind.CLEAR, local_ns=at_ns, last=False), *rows]
