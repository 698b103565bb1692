"""What a signal of the user's own is: it looks at the market once a decision and says a number.

It is one file with one dataclass, named wherever a signal of the catalogue could be. Its fields are its parameters,
declared with `param`. It gets no exchange object, no keys and no clock, and is computed by the same code live, in
replay and in research: the same looks give the same numbers. This is not a sandbox: the file's code is code.
"""

from __future__ import annotations

import dataclasses
import math
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from bot.types import Floats, Instrument, Int64s, Side

T = TypeVar("T", int, float, str, bool)


def param(default: T, *, low: T | None = None, high: T | None = None, doc: str = "") -> T:
    """Declare a parameter: its default, its inclusive bounds and one line of documentation."""
    metadata = {"low": low, "high": high, "doc": doc}
    declared: T = field(default=default, metadata=metadata)
    return declared


def parameters(cls: type[Any]) -> dict[str, dataclasses.Field[Any]]:
    """Return the parameters of a plug-in's dataclass by name, in the order they were declared."""
    return {entry.name: entry for entry in dataclasses.fields(cls) if entry.init}


class Book(Protocol):
    """The part of a market that a signal may look at."""

    @property
    def bid_ticks(self) -> int:
        """Best bid, 0 without one."""
        ...

    @property
    def ask_ticks(self) -> int:
        """Best ask, 0 without one."""
        ...

    @property
    def has_book(self) -> bool:
        """Whether both sides have a level and they do not cross."""
        ...

    def levels(self, side: Side, count: int) -> tuple[Int64s, Int64s]:
        """Ticks and lots of the best levels."""
        ...


@dataclass(frozen=True, slots=True)
class Look:
    """What a signal sees at one decision; it is good for that decision only.

    `look["ofi(1s)"]` is a signal that it listed in `uses`, NaN when that has no value. `now_ns` is the local time of
    the decision. Prices are in ticks and sizes in lots of `instrument`, unless a name says otherwise.
    """

    now_ns: int
    instrument: Instrument
    book: Book
    seen: Mapping[str, float]

    def __getitem__(self, name: str) -> float:
        """Value of a signal that is listed in `uses`.

        Raises:
            KeyError: it is not.
        """
        if name not in self.seen:
            raise KeyError(f"signal {name!r} is not in this signal's uses: {', '.join(self.seen) or 'none'}")
        return self.seen[name]

    @property
    def mid(self) -> float:
        """Middle of the best bid and ask in quote currency, NaN without a book or when it is crossed."""
        if not self.book.has_book:
            return math.nan
        return 0.5 * (self.book.bid_ticks + self.book.ask_ticks) * float(self.instrument.tick_size)

    def levels(self, side: Side, count: int) -> tuple[Int64s, Int64s]:
        """Return ticks and lots of the best `count` levels of a side (BUY is the bid side), best first, or fewer."""
        return self.book.levels(side, count)


@dataclass
class CustomSignal(ABC):
    """Base of every signal of the user's own: say what it `uses`, declare parameters with `param`, implement `value`.

    `uses` names the signals of the catalogue that it looks at, forecasts excepted; it may be a property when the names
    depend on parameters. `low` and `high` bound the value in `unit`: one outside is refused. A parameter that is a time
    ends in `_ns` and is written as a duration. One instance serves one instrument; it may keep state in its fields.
    """

    uses: ClassVar[Any] = ()
    unit: ClassVar[str] = "1"
    low: ClassVar[float] = -math.inf
    high: ClassVar[float] = math.inf

    @abstractmethod
    def value(self, see: Look) -> float:
        """Return the signal's value, NaN for none; it is called exactly once a decision, in order of time."""


class Model(Protocol):
    """What learns to forecast: any scikit-learn regressor is one."""

    def fit(self, X: Floats, y: Floats, /) -> object:  # noqa: N803 (scikit-learn's name)
        """Learn from features (n, k) and the moves that followed them (n,), in bps."""
        ...

    def predict(self, X: Floats, /) -> Any:  # noqa: N803 (scikit-learn's name)
        """Return the expected moves (n,) in bps for features (n, k)."""
        ...


Making = Callable[[], CustomSignal]
"""Makes a signal that has seen nothing yet: each market has an instance of its own."""


def fault(error: BaseException) -> str:
    """Say in one line what a plug-in raised, and where."""
    frames = traceback.extract_tb(error.__traceback__)[1:]  # without the line of ours that called it
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return " ".join(f"{type(error).__name__}: {error}{where}".split())
