"""What the report is made of: questions, and what was measured of each signal. All of it goes to JSON as it is."""

from __future__ import annotations

from dataclasses import dataclass

from bot.research.bootstrap import Estimate
from bot.research.cost import RoundTrip
from bot.research.decay import Decay
from bot.research.deciles import Decile
from bot.research.regression import ChanceLevel, Line
from bot.research.sampling import PointAuc
from bot.research.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked of every signal. Fees are of one side in bps, the maker's negative when the exchange pays it."""

    horizons_ns: tuple[int, ...]
    latencies_ns: tuple[int, ...]
    taker_fee_bps: float
    maker_fee_bps: float
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Present:
    """A signal against the moves (bps) over the `horizon_ns` that end when it is known: explanation, no forecast."""

    horizon_ns: int
    line: Line
    chance: ChanceLevel


@dataclass(frozen=True, slots=True)
class Ahead:
    """A signal against the moves (bps) over the `horizon_ns` that begin `latency_ns` after it is known.

    `line` and `chance` are in sample; `out_r2`, `out_rmse_bps`, `hit_rate`, `gain_bps`, `groups` and `rising` are of
    windows judged by what was learnt before them. `gain_bps` is what leaning the learnt way brought before costs, a
    window in the highest or the lowest tenth, mid to mid; it is also the round-trip cost at which nothing is left.
    `hit_rate` leaves out windows without a move. `rising` is the monotonicity of the tenths.
    """

    horizon_ns: int
    latency_ns: int
    windows: int
    line: Line
    chance: ChanceLevel
    out_r2: float
    out_rmse_bps: float
    rank_ic: Estimate
    hit_rate: Estimate
    gain_bps: Estimate
    groups: tuple[Decile, ...]
    rising: float
    cost: RoundTrip
    break_even_fee_bps: float
    survives: bool = False
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class SignalWorth:
    """All that was measured of one signal; `rows` are those with a value. Without any, all else is empty."""

    name: str
    rows: int
    present: tuple[Present, ...] = ()
    ahead: tuple[Ahead, ...] = ()
    decays: tuple[Decay, ...] = ()
    aucs: tuple[PointAuc, ...] = ()


@dataclass(frozen=True, slots=True)
class Validity:
    """The whole report. `tests` counts the questions asked (signal by horizon by latency), `survivors` those answered.

    `touch_aucs` are of the queue imbalance at every change of the touch, whatever signals were chosen.
    """

    symbol: str
    first_ns: int
    last_ns: int
    every_ns: int
    rows: int
    mid_moves: int
    spread_bps: float
    questions: Questions
    tests: int
    survivors: int
    signals: tuple[SignalWorth, ...]
    touch_aucs: tuple[PointAuc, ...]
