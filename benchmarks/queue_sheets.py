"""The tables of the study of queues against truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from benchmarks.queue_figures import MARKOUT_NAMES, Bools, Interval, Study, struck
from benchmarks.queue_models import MODELS
from benchmarks.queue_orders import CHECKS_MS, HORIZONS_MS, INSIDE, PLACES
from benchmarks.queue_study import POLLED, TRUE
from benchmarks.sheet import Cell, Sheet

MARKS: Final = (*("verdict", "rates", "errors", "polled", "coverage", "markouts", "queues", "cancels", "disturbance"),)
"""Where the page takes the verdict and the tables, in its order."""

_NAMES: Final = ("through", "risk_averse", "power(3)", "power(2)", "uniform", "log", "touch")
_EDGES: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_LEVEL_LOTS: Final = 100_000.0  # log depends on the size itself: such a level stands for all
_MIDDLE_MS: Final = HORIZONS_MS[1]


def sheets(study: Study) -> Iterator[tuple[str, Sheet]]:
    """Return every table with the mark of its place in the page: those of `MARKS` after the first."""
    yield "rates", _rates(study)
    yield "errors", _errors(study, "")
    yield "polled", _errors(study, POLLED)
    yield "coverage", _coverage(study)
    yield "markouts", _markouts(study)
    yield "queues", _queues(study)
    yield "cancels", _cancels(study)
    yield "disturbance", _disturbance(study)


def _regimes(study: Study) -> list[str]:
    return list(dict.fromkeys(study.regime.tolist()))


def _where(away: int) -> str:
    return "inside the spread" if away == INSIDE else "at the touch" if away == 0 else f"{away} behind"


def _percent(share: float) -> str:
    return "" if np.isnan(share) else f"{share:.1%}".replace("%", " %")


def _rates(study: Study) -> Sheet:
    sheet = Sheet(
        f"Share of orders filled whole within {_seconds(_MIDDLE_MS)}", ("market", "placed", "orders", TRUE, *_NAMES)
    )
    for regime in _regimes(study):
        for away in (INSIDE, *PLACES):
            where = study.of(regime, away)
            if not where.any():
                continue
            true = study.rate(TRUE, _MIDDLE_MS, where)
            half = (true.high - true.low) / 2
            told = [_percent(study.rate(name, _MIDDLE_MS, where).value) for name in _NAMES]
            sheet.rows.append(
                (regime, _where(away), int(where.sum()), f"{true.value:.1%} ± {half:.1%}".replace("%", ""), *told)
            )
    sheet.notes.append("Truth in % with half the width of its 95 % interval, by the bootstrap over times of placement.")
    parts = [one.fates[TRUE].fills for one in study.samples]
    whole = study.filled(TRUE, HORIZONS_MS[-1])
    sheet.notes.append(
        f"{len(parts):,} orders. By {_seconds(HORIZONS_MS[-1])} {int(whole.sum()):,} were filled whole,"
        f" {sum(len(one) > 1 for one in parts):,} of all in several parts, and"
        f" {sum(bool(one) and not done for one, done in zip(parts, whole, strict=True)):,} in part only."
    )
    return sheet


def _errors(study: Study, feed: str) -> Sheet:
    source = "the polled feed" if feed else "the stream of events"
    headings = (
        *("simulation", "rate error", *(f"at {_seconds(ms)}" for ms in HORIZONS_MS), "by cell"),
        *("wrong at 5 s", "late by, mean ms", "off by, median ms", "inside: rate error"),
    )
    sheet = Sheet(f"Errors on {source}, in percentage points", headings)
    accepted: Bools = ~study.rejected if feed else np.ones(len(study.away), np.bool_)
    where, inside = study.resting & accepted, ~study.resting & accepted
    for name in ("queue", *_NAMES):
        told = "paper venue's queue" if name == "queue" else name
        sheet.rows.append((told, *_error_row(study, feed + name, where, inside)))
    sheet.notes.append(
        f"{int(where.sum()):,} orders at the touch and behind it, {int(inside.sum()):,} inside the spread (at 5 s)."
    )
    if feed:
        sheet.notes.append(
            f"Left out: {int(study.rejected.sum()):,} orders that the polled book, older than the placement, says"
            f" would have taken ({int((study.rejected & ~study.resting).sum()):,} of them inside the spread)."
        )
    return sheet


def _error_row(study: Study, name: str, where: Bools, inside: Bools) -> tuple[str, ...]:
    pooled = np.mean([study.filled(name, ms).astype(float) - study.filled(TRUE, ms) for ms in HORIZONS_MS], axis=0)
    timing = study.timing(name, where)
    return (
        _points(study.mean(pooled, where)),
        *(_points(study.rate_error(name, ms, where)) for ms in HORIZONS_MS),
        f"{study.cell_error(name, where) * 100:.2f}",
        f"{study.wrong(name, _MIDDLE_MS, where) * 100:.1f}",
        f"{timing.bias_ms:+.0f}",
        f"{timing.median_ms:.0f}",
        _points(study.rate_error(name, _MIDDLE_MS, inside)),
    )


def _coverage(study: Study) -> Sheet:
    sheet = Sheet(
        "Share of orders whose true fate lies between through and touch",
        ("market", "placed", *(f"at {_seconds(ms)}" for ms in HORIZONS_MS), "filled, touch not", "not, through filled"),
    )
    groups = [(regime, away, study.of(regime, away)) for regime in _regimes(study) for away in (INSIDE, *PLACES)]
    for regime, away, where in groups:
        if where.any():
            sheet.rows.append((regime, _where(away), *_covered(study, where, "")))
    sheet.rows.append(("all", "at the touch and behind", *_covered(study, study.resting, "")))
    accepted = study.resting & ~study.rejected
    sheet.rows.append(("all, polled feed", "at the touch and behind", *_covered(study, accepted, POLLED)))
    sheet.notes.append(f"The last two columns are the others, at {_seconds(HORIZONS_MS[-1])}.")
    return sheet


def _covered(study: Study, where: Bools, feed: str) -> Sequence[str]:
    shares = [study.coverage(ms, where, feed) for ms in HORIZONS_MS]
    return [_percent(one[0]) for one in shares] + [_percent(share) for share in shares[-1][1:]]


def _markouts(study: Study) -> Sheet:
    names = (TRUE, *_NAMES)
    sheet = Sheet("Markout of filled orders in bps, at the touch and behind it", ("market", "after", *names))
    for regime in _regimes(study):
        where = study.resting & (study.regime == regime)
        for number, after in enumerate(MARKOUT_NAMES):
            cells = []
            for name in names:
                found = study.markout(name, number, where)
                cells.append(
                    f"{found.value:+.2f} ± {(found.high - found.low) / 2:.2f}"
                    if name == TRUE
                    else f"{found.value:+.2f}"
                )
            sheet.rows.append((regime, after, *cells))
    sheet.notes.append("Against the mid so long after the whole fill, before fees; negative is adverse selection.")
    return sheet


def _queues(study: Study) -> Sheet:
    headings: list[str] = ["model"]
    for ms in CHECKS_MS[1:]:
        headings += [f"mean error at {_seconds(ms)}", f"mean size at {_seconds(ms)}"]
    sheet = Sheet("Lots ahead as estimated less the true ones, in % of those at placement", tuple(headings))
    where = study.away == 0
    counts = ""
    for name in MODELS:
        row: list[Cell] = [name]
        orders = []
        for check in range(1, len(CHECKS_MS)):
            error, size, count = study.queue_error(name, check, where)
            row += [_points(error), f"{size * 100:.1f}"]
            orders.append(f"{count:,}")
        counts = counts or " and ".join(orders)
        sheet.rows.append(tuple(row))
    sheet.notes.append(f"Orders at the touch that still rest by truth and by risk_averse: {counts}.")
    return sheet


def _cancels(study: Study) -> Sheet:
    sheet = Sheet(
        "Where cancels struck",
        ("level ahead of the order", "truly ahead", *(name for name in MODELS), "turns"),
    )
    for ahead, gone, turns in struck(study, _EDGES, study.away == 0):
        lots = (_LEVEL_LOTS * ahead, _LEVEL_LOTS * (1 - ahead))
        told = [_percent(1 - model(*lots)) for model in MODELS.values()]
        sheet.rows.append((_percent(ahead), _percent(gone), *told, int(turns)))
    sheet.notes.append(
        "Share of cancelled lots that stood ahead of an order placed at the touch, while a level remained."
    )
    return sheet


def _disturbance(study: Study) -> Sheet:
    sheet = Sheet(
        "The market with one tiny order in it, beside the same market without",
        (
            "market",
            *(f"mid differs at {_seconds(ms)}" for ms in HORIZONS_MS),
            "twice the size: another fate at 5 s",
            "orders",
        ),
    )
    for regime in _regimes(study):
        rows = [one for one in study.samples if one.regime == regime and one.aparts]
        aparts = np.array([one.aparts for one in rows])
        differs, moved = (np.sqrt((aparts[:, :, part] ** 2).mean(axis=0)) for part in (0, 1))
        shares = np.divide(differs, moved, out=np.full(len(moved), np.nan), where=moved > 0)
        other = [
            (one.twin.done_ms(2 * one.placement.lots) <= _MIDDLE_MS)
            != (one.fates[TRUE].done_ms(one.placement.lots) <= _MIDDLE_MS)
            for one in rows
            if one.twin is not None
        ]
        sheet.rows.append((regime, *(_percent(share) for share in shares), _percent(float(np.mean(other))), len(rows)))
    sheet.notes.append("Root mean square difference of the mid in % of the root mean square move of the mid by then.")
    return sheet


def _points(found: Interval) -> str:
    return f"{found.value * 100:+.1f} ± {(found.high - found.low) * 50:.1f}"


def _seconds(ms: int) -> str:
    return f"{ms // 1000} s"


def verdict(study: Study) -> str:
    """Name the simulation with the least error of fill rates by cell on each feed, and say how large it is."""
    lines = []
    for feed, told in (("", "On the stream of events"), (POLLED, "On the polled feed")):
        accepted: Bools = ~study.rejected if feed else np.ones(len(study.away), np.bool_)
        errors = {name: study.cell_error(feed + name, study.resting & accepted) * 100 for name in _NAMES}
        best, *others = sorted(errors, key=lambda name: errors[name])
        rest = ", ".join(f"`{name}` {errors[name]:.2f}" for name in others)
        lines.append(f"{told} `{best}` is closest to the truth: {errors[best]:.2f} points by cell;\nthen {rest}.")
    return "\n\n".join(lines)
