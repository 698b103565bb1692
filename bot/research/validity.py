"""Ask a signal table what each of its signals is worth: does it predict, for how long, and does it pay?

Every number of a forecast is of windows that do not overlap, begin no earlier than the signal was known plus the
latency, and were judged by what had been learnt before them.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from bot.research.bootstrap import (
    block_length,
)
from bot.research.cost import RoundTrip
from bot.research.decay import Decay, half_life, ladder, rank_ics
from bot.research.deciles import deciles, mean_where, monotonicity
from bot.research.discovery import discoveries
from bot.research.labels import MidPath, independent_rows, mid_path, moves_bps
from bot.research.measures import chance, hit_rate, rank_ic
from bot.research.regression import fit_line, out_of_sample_r2
from bot.research.sampling import PointAuc, next_moves, point_aucs
from bot.research.table import SignalTable
from bot.research.touches import Touches
from bot.research.verdict import FEWEST_WINDOWS, Evidence, judge
from bot.research.walking import walk_forward
from bot.research.worth import Ahead, Present, Questions, SignalWorth, Validity
from bot.types import Floats, Int64s

Progress = Callable[[int, int], None]


def assess(table: SignalTable, touches: Touches, questions: Questions, progress: Progress | None = None) -> Validity:
    """Measure every signal of the table and judge it; the same arguments give the same report.

    `progress` is told how many of the signals are done, and of how many.

    Raises:
        ValueError: the table has fewer than two rows, or they are not equally far apart.
    """
    every_ns = _spacing(table.time_ns)
    path = mid_path(touches, max(table.time_ns[-1:].tolist() + touches.time_ns[-1:].tolist()))
    study = _Study(table.time_ns, every_ns, path, questions)
    worths = []
    for number, name in enumerate(table.names):
        if progress is not None:
            progress(number, len(table.names))
        worths.append(study.worth(name, table.values[:, number]))
    judged, tests, survivors = _judged(worths)
    return Validity(
        symbol=table.instrument.symbol,
        first_ns=int(table.time_ns[0]),
        last_ns=int(table.time_ns[-1]),
        every_ns=every_ns,
        rows=len(table),
        mid_moves=int((np.diff(path.mid[np.isfinite(path.mid)]) != 0).sum()),
        spread_bps=_mean(2 * path.half_spread_at(table.time_ns)),
        questions=questions,
        tests=tests,
        survivors=survivors,
        signals=judged,
        touch_aucs=_touch_aucs(touches, path, questions.seed),
    )


def _spacing(time_ns: Int64s) -> int:
    steps = np.diff(time_ns)
    if len(steps) == 0 or (steps != steps[0]).any() or steps[0] <= 0:
        raise ValueError(f"a signal table should have at least two rows, equally far apart, had {len(time_ns)} rows")
    return int(steps[0])


def _touch_aucs(touches: Touches, path: MidPath, seed: int) -> tuple[PointAuc, ...]:
    bid, ask = touches.bid_lots.astype(float), touches.ask_lots.astype(float)
    with np.errstate(invalid="ignore"):
        imbalance = np.where(np.isfinite(path.mid), (bid - ask) / (bid + ask), np.nan)
    direction = next_moves(path, np.arange(len(touches), dtype=np.int64))
    return point_aucs(imbalance, direction, np.random.default_rng([seed, 0]))


def _judged(worths: list[SignalWorth]) -> tuple[tuple[SignalWorth, ...], int, int]:
    cells = [cell for worth in worths for cell in worth.ahead]
    # What is too little to say anything is a question that was asked, and no answer.
    kept = iter(discoveries([cell.rank_ic.p if cell.windows >= FEWEST_WINDOWS else math.nan for cell in cells]))
    judged = []
    for worth in worths:
        present = {each.horizon_ns: each for each in worth.present}
        ahead = []
        for cell in worth.ahead:
            survives, now = next(kept), present[cell.horizon_ns]
            evidence = Evidence(
                horizon_ns=cell.horizon_ns,
                latency_ns=cell.latency_ns,
                windows=cell.windows,
                present_r2=now.line.r2,
                present_chance=now.chance.high,
                rank_ic=cell.rank_ic,
                survives=survives,
                gain_bps=cell.gain_bps,
                cost=cell.cost,
            )
            ahead.append(replace(cell, survives=survives, verdict=judge(evidence)))
        judged.append(replace(worth, ahead=tuple(ahead)))
    return tuple(judged), len(cells), sum(cell.survives for worth in judged for cell in worth.ahead)


@dataclass(frozen=True, slots=True)
class _Study:
    """One tape's clock and prices, and what is asked of its signals."""

    time_ns: Int64s
    every_ns: int
    path: MidPath
    questions: Questions

    def worth(self, name: str, values: Floats) -> SignalWorth:
        rows = int(np.isfinite(values).sum())
        if rows == 0:
            return SignalWorth(name, 0)
        # Its own random numbers for each signal: leaving one out changes nothing about the others.
        rng = np.random.default_rng([self.questions.seed, zlib.crc32(name.encode())])
        ahead = tuple(self._ahead(values, rng))
        return SignalWorth(
            name=name,
            rows=rows,
            present=tuple(self._present(values, horizon_ns, rng) for horizon_ns in self.questions.horizons_ns),
            ahead=ahead,
            decays=tuple(self._decays(values, ahead)),
            aucs=point_aucs(values, next_moves(self.path, self.path.rows_at(self.time_ns)), rng),
        )

    def _rows(self, values: Floats, horizon_ns: int) -> Int64s:
        first = int(np.flatnonzero(np.isfinite(values))[0])
        return independent_rows(first, len(values), self.every_ns, horizon_ns)

    def _present(self, values: Floats, horizon_ns: int, rng: np.random.Generator) -> Present:
        rows = self._rows(values, horizon_ns)
        x, y = values[rows], moves_bps(self.path, self.time_ns[rows] - horizon_ns, horizon_ns)
        known = np.isfinite(x) & np.isfinite(y)
        return Present(horizon_ns, fit_line(x[known], y[known]), chance(x[known], y[known], rng))

    def _ahead(self, values: Floats, rng: np.random.Generator) -> Iterator[Ahead]:
        for horizon_ns in self.questions.horizons_ns:
            for latency_ns in self.questions.latencies_ns:
                yield self._cell(values, horizon_ns, latency_ns, rng)

    def _cell(self, values: Floats, horizon_ns: int, latency_ns: int, rng: np.random.Generator) -> Ahead:
        rows = self._rows(values, horizon_ns)
        y = moves_bps(self.path, self.time_ns[rows] + latency_ns, horizon_ns)
        known = np.isfinite(values[rows]) & np.isfinite(y)
        rows, y = rows[known], y[known]
        x, known_ns = values[rows], self.time_ns[rows]
        start_ns = known_ns + latency_ns
        walk = walk_forward(x, y, known_ns, start_ns + horizon_ns)
        moves = y[walk.row]
        taken = walk.extreme != 0
        gains = walk.extreme * moves
        gain = mean_where(taken, gains, block_length(gains) if len(gains) else 1, rng)
        cost = self._cost(start_ns[walk.row][taken] if taken.any() else start_ns, horizon_ns)
        groups = deciles(walk, moves, block_length(moves) if len(moves) else 1, rng)
        return Ahead(
            horizon_ns=horizon_ns,
            latency_ns=latency_ns,
            windows=len(x),
            line=fit_line(x, y),
            chance=chance(x, y, rng),
            out_r2=out_of_sample_r2(moves, walk.forecast, walk.base),
            out_rmse_bps=float(np.sqrt(_mean((moves - walk.forecast) ** 2))),
            rank_ic=rank_ic(x, y, rng),
            hit_rate=hit_rate(walk.lean, moves, rng),
            gain_bps=gain,
            groups=groups,
            rising=monotonicity(groups),
            cost=cost,
            break_even_fee_bps=cost.break_even_fee_bps(gain.value),
        )

    def _cost(self, start_ns: Int64s, horizon_ns: int) -> RoundTrip:
        halves = self.path.half_spread_at(start_ns) + self.path.half_spread_at(start_ns + horizon_ns)
        return RoundTrip(_mean(halves), self.questions.taker_fee_bps, self.questions.maker_fee_bps)

    def _decays(self, values: Floats, ahead: tuple[Ahead, ...]) -> Iterator[Decay]:
        for horizon_ns in self.questions.horizons_ns:
            latencies_ns = ladder(horizon_ns, int(self.time_ns[-1] - self.time_ns[0]))
            ics = rank_ics(values, self.time_ns, self.path, horizon_ns, self.every_ns, latencies_ns)
            # Half of nothing has no time: only an IC that is told from 0 is followed down.
            first = next(cell.rank_ic for cell in ahead if cell.horizon_ns == horizon_ns)
            told = first.low > 0 or first.high < 0
            half_ns = half_life(latencies_ns, ics) if told else math.nan
            outlives = math.isinf(half_ns)
            yield Decay(horizon_ns, latencies_ns, ics, math.nan if outlives else half_ns, outlives)


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
