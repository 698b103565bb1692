"""The tables on what signals were worth, made of what was measured on each session."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from benchmarks.sheet import Cell, Sheet
from bot.config_values import duration_text
from bot.research.bootstrap import Estimate
from bot.research.verdict import FEWEST_WINDOWS, bps_text
from bot.research.worth import Ahead, SignalWorth, Validity
from bot.types import NS_PER_S

_NONE: Final = "–"


@dataclass(frozen=True, slots=True)
class Explained:
    """R² of a signal with the mid's moves over its own window, in sample and out of sample, of `windows` windows."""

    windows: int
    r2: float
    out_r2: float


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured on a session: `explained` by signal, `validity` of what may forecast."""

    name: str
    explained: Mapping[str, Explained]
    validity: Validity


def sheets(found: Sequence[Found]) -> list[Sheet]:
    """Return the tables in the order in which they are read."""
    return [_sessions(found), _present(found), _next(found), _direction(found), _ranks(found)]


def _sessions(found: Sequence[Found]) -> Sheet:
    headings = ("session", "minutes", "looks every", "looks", "mid moves", "mean spread, bps", "taker round trip, bps")
    sheet = Sheet("The sessions", headings)
    for one in found:
        seen = one.validity
        minutes = (seen.last_ns - seen.first_ns) / NS_PER_S / 60
        taker = seen.spread_bps + 2 * seen.questions.taker_fee_bps
        cells = (seen.rows, seen.mid_moves, bps_text(seen.spread_bps), f"{taker:.2f}")
        sheet.rows.append((one.name, f"{minutes:.1f}", duration_text(seen.every_ns), *cells))
    fee = found[0].validity.questions.taker_fee_bps
    sheet.notes.append(f"a taker's round trip: the spread, and a fee of {fee:g} bps twice; your fee may differ")
    return sheet


def _present(found: Sequence[Found]) -> Sheet:
    names = _in_order(name for one in found for name in one.explained)
    sheet = Sheet("The present: R² of the mid's move over the signal's own window", ("session", *names))
    for one in found:
        sheet.rows.append((one.name, *(_pair(one, name) for name in names)))
    sheet.notes += [
        "in sample / out of sample: each part judged by a line through those before it; below 0 is worse than the mean",
        "this explains moves that are over: it is no forecast, and nobody can trade it",
        f"windows of 10 s: {_span([one.explained['ofi(10s)'].windows for one in found])} a session",
    ]
    return sheet


def _pair(one: Found, name: str) -> str:
    cell = one.explained.get(name)
    return _NONE if cell is None else f"{_two(cell.r2)} / {_two(cell.out_r2)}"


def _next(found: Sequence[Found]) -> Sheet:
    names = ("ofi(1s)", "queue_imbalance")
    each = [f"{name}: {what}" for name in names for what in ("R²", "shuffled, 95 %", "out of sample")]
    best = ("best move of all signals, bps", "by", "taker round trip, bps")
    sheet = Sheet("The next second: R², and the best move against what it costs", ("session", *each, *best))
    for one in found:
        cells: list[Cell] = []
        for name in names:
            ahead = _ahead(_worth(one.validity, name), NS_PER_S)
            cells += [_three(ahead.line.r2), _three(ahead.chance.high), _three(ahead.out_r2)]
        sheet.rows.append((one.name, *cells, *_best(one.validity)))
    sheet.notes += [
        "shuffled: 95 % of a hundred shuffles of the signal stay below this R²",
        "best move: mean move, the learnt way, after values in the highest or lowest tenth of earlier values, mid to"
        f" mid, no latency; the largest of all signals and horizons with {FEWEST_WINDOWS} windows or more: the luckiest"
        " of some twenty, so too large",
    ]
    return sheet


def _best(seen: Validity) -> tuple[str, str, str]:
    cells = [(worth.name, cell) for worth in seen.signals for cell in worth.ahead if cell.windows >= FEWEST_WINDOWS]
    known = [(name, cell) for name, cell in cells if math.isfinite(cell.gain_bps.value)]
    if not known:
        return _NONE, _NONE, _NONE
    name, cell = max(known, key=lambda pair: pair[1].gain_bps.value)
    gain = cell.gain_bps
    text = f"{bps_text(gain.value)} ({bps_text(gain.low)} to {bps_text(gain.high)})"
    return text, f"{name}, {duration_text(cell.horizon_ns)}", f"{cell.cost.taker_bps:.2f}"


def _direction(found: Sequence[Found]) -> Sheet:
    names = ("queue_imbalance", "depth_imbalance(5)", "weighted_mid - mid", "microprice_lean(1h)")
    sheet = Sheet("The next move of the mid: AUC", ("session", *names, "looks that lean knows"))
    for one in found:
        worths = [_worth(one.validity, name) for name in names]
        clock = worths[-1].aucs[1].looks if worths[-1].aucs else 0
        share = f"{clock / max(1, one.validity.rows):.0%}"
        sheet.rows.append((one.name, *(_aucs(worth) for worth in worths), share))
    sheet.notes += [
        "at every look of the clock with its 95 % interval: what a trader gets",
        "in brackets: at the first look after each move / at the last look before the next one, which is hindsight",
        "looks that lean knows: share of looks at which microprice_lean has a value and the next move is known",
    ]
    return sheet


def _aucs(worth: SignalWorth) -> str:
    if not worth.aucs:
        return _NONE
    after, clock, before = (point.auc for point in worth.aucs)
    return f"{_between(clock)} [{_two(after.value)} / {_two(before.value)}]"


def _ranks(found: Sequence[Found]) -> Sheet:
    names = _in_order(worth.name for one in found for worth in one.validity.signals)
    names = [name for name in names if name not in ("weighted_mid - mid", "microprice_lean(1h)")]
    horizons_ns = found[0].validity.questions.horizons_ns
    sheet = Sheet("The moves that follow: rank IC", ("horizon", "session", "windows", *names))
    for horizon_ns, one in product(horizons_ns, found):
        by_name = {worth.name: worth for worth in one.validity.signals}
        cells = [_ic(by_name[name], horizon_ns) if name in by_name else _NONE for name in names]
        windows = _ahead(by_name["queue_imbalance"], horizon_ns).windows
        sheet.rows.append((duration_text(horizon_ns), one.name, windows, *cells))
    sheet.notes.append(
        "Spearman's correlation of signal and move, with its 95 % interval by block bootstrap, no latency"
    )
    return sheet


def _ic(worth: SignalWorth, horizon_ns: int) -> str:
    return _between(_ahead(worth, horizon_ns).rank_ic) if worth.ahead else _NONE


def _worth(seen: Validity, name: str) -> SignalWorth:
    return next(worth for worth in seen.signals if worth.name == name)


def _ahead(worth: SignalWorth, horizon_ns: int) -> Ahead:
    return next(cell for cell in worth.ahead if cell.horizon_ns == horizon_ns)


def _in_order(names: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _between(found: Estimate) -> str:
    return f"{_two(found.value)} ({_two(found.low)} to {_two(found.high)})" if math.isfinite(found.value) else _NONE


def _two(value: float) -> str:
    return _signed(f"{value:.2f}") if math.isfinite(value) else _NONE


def _three(value: float) -> str:
    return _signed(f"{value:.3f}") if math.isfinite(value) else _NONE


def _signed(text: str) -> str:
    return text.replace("-", "−") if float(text) else text.removeprefix("-")


def _span(counts: Sequence[int]) -> str:
    return f"{min(counts):,} to {max(counts):,}"
