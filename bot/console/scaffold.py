"""Write a new strategy or signal, and its test, from a template that uses the contract as it is."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from string import Template
from typing import Final

from bot.errors import UserError

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,40}")

_STRATEGY: Final = Template('''"""Says in one line what $name bets on; `imbalance paper --strategy $name` trades it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bot.trading import Answer, Hold, Strategy, Target, View, param, sign


@dataclass
class $class_name(Strategy):
    """Long or short when the book leans one way, flat when the lean is gone."""

    signals: ClassVar[tuple[str, ...]] = ("depth_imbalance(5)",)

    enter: float = param(0.60, low=0.0, high=1.0, doc="least book imbalance, either way, to open a position")
    leave: float = param(0.10, low=0.0, high=1.0, doc="book imbalance below which a position is closed")

    def decide(self, see: View) -> Answer:
        """Answer with the position wanted, or with the reason for leaving things as they are."""
        lean = see["depth_imbalance(5)"]
        values = {"lean": lean, "cost_bps": see.round_trip_bps}
        if abs(lean) >= self.enter:
            return Target(exposure=sign(lean), reason="the book leans far enough", values=values)
        if see.position and abs(lean) <= self.leave:
            return Target(exposure=0.0, reason="the lean is gone", values=values)
        return Hold("the book does not lean far enough", values)
''')

_TEST: Final = Template('''"""What $name should do: a view goes in, an answer comes out."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bot.errors import ConfigError
from bot.trading import Answer, Costs, Hold, Strategy, Target, View
from bot.trading.loading import load
from bot.types import Instrument, InstrumentKind

FOLDER = Path(__file__).resolve().parents[1] / "$folder"
BTC = Instrument("BTC/USDT:USDT", InstrumentKind.LINEAR, "BTC", "USDT", Decimal("0.1"), Decimal("0.001"))


def make(**parameters: float) -> Strategy:
    return load("$name", [FOLDER]).build(parameters)


def ask(strategy: Strategy, lean: float, position_lots: int = 0) -> Answer:
    names = {name: column for column, name in enumerate(strategy.signals)}
    see = View(
        now_ns=1,
        instrument=BTC,
        names=names,
        row=np.full(len(names), lean),
        bid_ticks=999_999,
        ask_ticks=1_000_001,
        position_lots=position_lots,
        exposure=float(np.sign(position_lots)),
        entry=100_000.0 if position_lots else 0.0,
        open_orders=(),
        fills=(),
        equity=Decimal(10_000),
        costs=Costs(maker_bps=2.0, taker_bps=5.0),
    )
    return strategy.decide(see)


@pytest.mark.parametrize(("lean", "exposure"), [(0.9, 1.0), (-0.9, -1.0)])
def test_goes_the_way_the_book_leans(lean: float, exposure: float) -> None:
    answer = ask(make(), lean)

    assert isinstance(answer, Target)
    assert answer.exposure == exposure


def test_closes_its_position_when_the_lean_is_gone() -> None:
    answer = ask(make(), 0.0, position_lots=10)

    assert isinstance(answer, Target)
    assert answer.exposure == 0.0


def test_says_why_it_does_nothing() -> None:
    answer = ask(make(), 0.3)

    assert isinstance(answer, Hold)
    assert answer.reason == "the book does not lean far enough"


def test_a_parameter_outside_its_bounds_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"strategy\\.params\\.enter"):
        make(enter=2.0)
''')


_SIGNAL: Final = Template('''"""Says in one line what $name measures; a strategy writes it as $name(5)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from bot.trading import CustomSignal, Look, param
from bot.types import Side


@dataclass
class $class_name(CustomSignal):
    """How much more is bid than asked near the touch, and by how much that grew since the last decision."""

    uses: ClassVar[tuple[str, ...]] = ("queue_imbalance",)
    unit: ClassVar[str] = "ratio"
    low: ClassVar[float] = -3.0
    high: ClassVar[float] = 3.0

    ranks: int = param(5, low=1, high=50, doc="levels a side that are added up")

    def __post_init__(self) -> None:
        """Remember nothing at first: a field that is no parameter is made here."""
        self._before = math.nan

    def value(self, see: Look) -> float:
        """Return the signal, or NaN when it has no value; called once a decision, in order of time."""
        bid = int(see.levels(Side.BUY, self.ranks)[1].sum())
        ask = int(see.levels(Side.SELL, self.ranks)[1].sum())
        if not bid or not ask:
            return math.nan
        lean = (bid - ask) / (bid + ask)
        growth, self._before = lean - self._before, lean
        return growth + see["queue_imbalance"]
''')

_SIGNAL_TEST: Final = Template('''"""What $name should be: a market goes in, a number comes out."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bot.errors import ConfigError
from bot.market.market import Market
from bot.trading.signal_loading import load_signals
from bot.types import Batch, Instrument, InstrumentKind, Kind

FOLDER = Path(__file__).resolve().parents[1] / "$folder"
BTC = Instrument("BTC/USDT:USDT", InstrumentKind.LINEAR, "BTC", "USDT", Decimal("0.1"), Decimal("0.001"))


def market(name: str) -> Market:
    return Market(BTC, [name], None, load_signals([name], [FOLDER]))


def show(shown: Market, bid_lots: int, ask_lots: int, now_ns: int) -> float:
    """Let a book of one level a side arrive, and take a decision."""
    two = np.array([now_ns, now_ns])
    sizes = np.array([bid_lots, ask_lots])
    kinds, last = np.array([Kind.BID, Kind.ASK], dtype=np.uint8), np.array([0, 1], dtype=np.uint8)
    shown.step(Batch(BTC.symbol, two, two, two, two, np.array([1000, 1001]), sizes, kinds, last), 0)
    return float(shown.sample(now_ns)[0])


def test_follows_the_book() -> None:
    shown = market("$name(5)")

    assert math.isnan(show(shown, 3, 1, now_ns=1))  # nothing to compare with yet
    assert show(shown, 1, 1, now_ns=2) == -0.5  # the lean fell from 1/2 to 0, and the queues are level


def test_has_no_value_without_a_book() -> None:
    assert math.isnan(market("$name(5)").sample(1)[0])


def test_a_parameter_outside_its_bounds_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"ranks should be from 1 to 50, was 51"):
        market("$name(51)")
''')


def write_strategy(name: str, folder: Path, tests: Path) -> tuple[Path, Path]:
    """Write `folder/name.py` and `tests/test_name.py`, and return both paths.

    Raises:
        UserError: the name is none for a Python module, or one of the files exists; nothing was written.
    """
    return _write("strategy", name, folder, tests, (_STRATEGY, _TEST))


def write_signal(name: str, folder: Path, tests: Path) -> tuple[Path, Path]:
    """Write `folder/name.py` and `tests/test_name.py`, and return both paths.

    Raises:
        UserError: as for a strategy, or the catalogue has a signal of this name.
    """
    from bot.market.signals.catalogue import CATALOGUE

    if name in CATALOGUE:
        raise UserError(f"a signal's name should not be one of the catalogue's, was {name!r}: that one would be meant")
    return _write("signal", name, folder, tests, (_SIGNAL, _SIGNAL_TEST))


def _write(noun: str, name: str, folder: Path, tests: Path, templates: tuple[Template, Template]) -> tuple[Path, Path]:
    if _NAME.fullmatch(name) is None or keyword.iskeyword(name) or keyword.issoftkeyword(name):
        near = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        hint = f"; {near} would do" if _NAME.fullmatch(near) and not keyword.iskeyword(near) else ""
        raise UserError(f"a {noun}'s name should be small letters, digits and _, as in my_alpha, was {name!r}{hint}")
    class_name = "".join(part.capitalize() for part in name.split("_"))
    words = {"name": name, "class_name": class_name, "folder": folder.as_posix()}
    source, test = folder / f"{name}.py", tests / f"test_{name}.py"
    for path in (source, test):
        if path.exists():
            raise UserError(f"{path} exists already and is left as it is: choose another name")
    for path, template in zip((source, test), templates, strict=True):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(template.substitute(words), encoding="utf-8")
        except OSError as error:
            raise UserError(f"{path} cannot be written ({error.strerror}): check the folder") from error
    return source, test
