"""List every signal there is: what it measures, where the formula comes from, and when it has no value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum, unique
from typing import Final

from bot.types import NS_PER_MS, NS_PER_S


@unique
class Code(IntEnum):
    """What the kernel computes; the numbers live in no file and may change."""

    MID = 1
    SPREAD = 2
    SPREAD_TICKS = 3
    MICROPRICE = 4
    IMBALANCE = 5
    WEIGHTED_IMBALANCE = 6
    OFI = 7
    TRADE_FLOW = 8
    CVD = 9
    TRADE_COUNT = 10
    REALIZED_VOLATILITY = 11
    BOOK_AGE = 12
    QUALITY = 13
    FORECAST = 14
    FORECAST_ERROR = 15


@unique
class ParameterKind(StrEnum):
    """How a parameter is written: `5`, `250ms` (also s, m, h), or `0.5`."""

    COUNT = "count"
    DURATION = "duration"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a signal, with its bounds (inclusive; durations in ns) and an example as it is written."""

    name: str
    kind: ParameterKind
    low: float
    high: float
    example: str


@dataclass(frozen=True, slots=True)
class Signal:
    """A catalogue entry. `low` and `high` bound its value in `unit`; `no_value` says when it is NaN.

    `known_at` is the moment from which the value could have been used.
    """

    name: str
    code: Code
    parameters: tuple[Parameter, ...]
    formula: str
    source: str
    unit: str
    low: float
    high: float
    warm_up: str
    no_value: str
    known_at: str = "the decision: made of events received before it"

    @property
    def example(self) -> str:
        """The signal as it is written, with example arguments."""
        return self.written([parameter.example for parameter in self.parameters])

    def written(self, arguments: Sequence[str]) -> str:
        """Return the signal as it is written with these arguments."""
        return f"{self.name}({', '.join(arguments)})" if self.parameters else self.name


_LEVELS: Final = Parameter("n", ParameterKind.COUNT, 1, 50, "5")
_RANK: Final = Parameter("n", ParameterKind.COUNT, 1, 10, "3")
_DECAY: Final = Parameter("decay", ParameterKind.NUMBER, 0, 10, "0.5")
_WINDOW: Final = Parameter("window", ParameterKind.DURATION, 10 * NS_PER_MS, 3600 * NS_PER_S, "10s")
_HORIZON: Final = Parameter("horizon", ParameterKind.DURATION, 10 * NS_PER_MS, 3600 * NS_PER_S, "5s")

_NO_BOOK: Final = "the book is empty on a side, or crossed"
_FIRST_BOOK: Final = "the first book"
_ONE_WINDOW: Final = "a decision at least one window ago"
_NOT_WARM: Final = "not warm"
_LABELS: Final = "enough labels that do not overlap (`ForecastSpec.warm_labels`)"
_INF: Final = math.inf

# The price, spread and imbalance of the book as it stands.
_STANDING: Final = (
    Signal("mid", Code.MID, (), "(Pb + Pa) / 2", "definition", "quote currency", 0, _INF, _FIRST_BOOK, _NO_BOOK),
    Signal("spread", Code.SPREAD, (), "1e4 (Pa - Pb) / mid", "definition", "bps", 0, 20_000, _FIRST_BOOK, _NO_BOOK),
    Signal("spread_ticks", Code.SPREAD_TICKS, (), "Pa - Pb", "definition", "ticks", 1, _INF, _FIRST_BOOK, _NO_BOOK),
    Signal(
        "microprice",
        Code.MICROPRICE,
        (),
        "(Pb qa + Pa qb) / (qb + qa): the size-weighted mid, not Stoikov's fitted micro-price",
        "weighted mid as in Stoikov (2018), Quantitative Finance 18(12), where it is what the fitted one improves on",
        "quote currency",
        0,
        _INF,
        _FIRST_BOOK,
        _NO_BOOK,
    ),
    Signal(
        "queue_imbalance",
        Code.IMBALANCE,
        (),
        "(qb - qa) / (qb + qa) at the touch",
        "Gould and Bonart (2016), Market Microstructure and Liquidity 2(2)",
        "ratio",
        -1,
        1,
        _FIRST_BOOK,
        _NO_BOOK,
    ),
    Signal(
        "depth_imbalance",
        Code.IMBALANCE,
        (_LEVELS,),
        "(sum qb - sum qa) / (sum qb + sum qa) over the best n populated levels a side, fewer where there are fewer",
        "queue imbalance over n ranks",
        "ratio",
        -1,
        1,
        _FIRST_BOOK,
        _NO_BOOK,
    ),
    Signal(
        "weighted_imbalance",
        Code.WEIGHTED_IMBALANCE,
        (_LEVELS, _DECAY),
        "depth_imbalance with the sizes of rank m weighted exp(-decay (m - 1))",
        "rank-weighted queue imbalance",
        "ratio",
        -1,
        1,
        _FIRST_BOOK,
        _NO_BOOK,
    ),
)

# What flowed over a window; a window without events is a value, 0.
_FLOWS: Final = (
    Signal(
        "ofi",
        Code.OFI,
        (_WINDOW,),
        "sum of e_1 over the window's messages, one event a message: snapshots give snapshot OFI",
        "Cont, Kukanov and Stoikov (2014), J. Financial Econometrics 12(1)",
        "base currency",
        -_INF,
        _INF,
        _ONE_WINDOW,
        _NOT_WARM,
    ),
    Signal(
        "mlofi",
        Code.OFI,
        (_RANK, _WINDOW),
        "sum of e_n over the window's messages, e_n that of the n-th populated level",
        "Xu, Gould and Howison (2018), Market Microstructure and Liquidity 4(3-4)",
        "base currency",
        -_INF,
        _INF,
        _ONE_WINDOW,
        _NOT_WARM,
    ),
    Signal(
        "trade_flow",
        Code.TRADE_FLOW,
        (_WINDOW,),
        "volume of aggressive buys less volume of aggressive sells over the window",
        "Silantyev (2019), Digital Finance 1",
        "base currency",
        -_INF,
        _INF,
        _ONE_WINDOW,
        _NOT_WARM,
    ),
    Signal(
        "cvd",
        Code.CVD,
        (),
        "the same since the run's start: the level is arbitrary, only differences mean something; never reset",
        "cumulative volume delta",
        "base currency",
        -_INF,
        _INF,
        "none",
        "never",
    ),
    Signal(
        "trade_count",
        Code.TRADE_COUNT,
        (_WINDOW,),
        "number of trades over the window",
        "definition",
        "trades",
        0,
        _INF,
        _ONE_WINDOW,
        _NOT_WARM,
    ),
    Signal(
        "realized_volatility",
        Code.REALIZED_VOLATILITY,
        (_WINDOW,),
        "sqrt(sum of squared log mid moves from decision to decision / the window's seconds), bounce included",
        "realized variance, Andersen and Bollerslev (1998)",
        "bps per square root of a second",
        0,
        _INF,
        _ONE_WINDOW,
        "not warm, or there was no mid yet a window ago",
    ),
)

# How far the others can be trusted, and what was learnt from them.
_JUDGED: Final = (
    Signal(
        "book_age",
        Code.BOOK_AGE,
        (),
        "local time since the last message with a book row, also one that changed nothing",
        "definition",
        "seconds",
        0,
        _INF,
        _FIRST_BOOK,
        "no book message yet",
    ),
    Signal(
        "quality",
        Code.QUALITY,
        (),
        "healthy * min(1, 2 s / book_age) / sqrt(1 + missed per seen) / (1 + refused + failed) / (1 + jitter in s),"
        " the counts since the last but one feed report; chosen, not derived",
        "this project",
        "ratio",
        0,
        1,
        _FIRST_BOOK,
        "no book message yet",
    ),
    Signal(
        "forecast",
        Code.FORECAST,
        (_HORIZON,),
        "w'x: least squares without intercept of 1e4 (mid(t + horizon) - mid(t)) / mid(t) on the scaled features",
        "recursive least squares with exponential forgetting; ridge of one label a feature",
        "bps",
        -_INF,
        _INF,
        _LABELS,
        "not warm, or a feature has no value",
        "the decision; a label enters at the first decision at or after t + horizon",
    ),
    Signal(
        "forecast_error",
        Code.FORECAST_ERROR,
        (_HORIZON,),
        "standard error of the forecast's mean: sqrt(s² x'A⁻¹x (sum w² / sum w) max(1, horizon / label spacing)),"
        " s² from the errors of the forecasts as they were given",
        "weighted least squares; the last factor widens it for overlapping labels",
        "bps",
        0,
        _INF,
        _LABELS,
        "not warm, or a feature has no value",
        "the decision; a label enters at the first decision at or after t + horizon",
    ),
)

CATALOGUE: Final = {signal.name: signal for signal in (*_STANDING, *_FLOWS, *_JUDGED)}
