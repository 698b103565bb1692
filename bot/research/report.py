"""The report as one page that needs nothing else: verdicts first, then the pictures, then every number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from bot.config_values import duration_text
from bot.research.decay import Decay
from bot.research.discovery import FALSE_SHARE
from bot.research.markup import NONE, interval, number, page_of, table, words
from bot.research.plots import explanation_chart, ranking_chart, signal_chart, slowest
from bot.research.sampling import MEANING, PointAuc
from bot.research.verdict import FEWEST_WINDOWS, SILENT, bps_text
from bot.research.worth import Ahead, Present, SignalWorth, Validity
from bot.types import NS_PER_S


def page(validity: Validity) -> str:
    """Return the report as one HTML document without scripts, links or anything to fetch."""
    heard = [worth for worth in validity.signals if worth.rows]
    body = [
        f"<h1>What the signals of {escape(validity.symbol)} are worth</h1>",
        _opening(validity),
        "<h2>Verdicts</h2>",
        _verdicts(validity),
        *((_pictures(validity),) if heard else ()),
        "<h2>Direction of the next move of the mid</h2>",
        _aucs(validity),
        *(_details(worth, number) for number, worth in enumerate(heard)),
        _method(validity),
    ]
    title = f"Signal validity, {escape(validity.symbol)}"
    return page_of(title, body)


def _opening(validity: Validity) -> str:
    asked = validity.questions
    span_s = (validity.last_ns - validity.first_ns) / NS_PER_S
    began = f"{datetime.fromtimestamp(validity.first_ns // NS_PER_S, UTC):%Y-%m-%d %H:%M:%S}"
    words = (
        f"{began} UTC, {span_s:,.0f} s; a look every {duration_text(validity.every_ns)}, {validity.rows:,} in all; the "
        f"mid moved {validity.mid_moves:,} times; mean spread {bps_text(validity.spread_bps)} bp; fees a side: taker "
        f"{asked.taker_fee_bps:g} bp, maker {asked.maker_fee_bps:g} bp."
    )
    tried = (
        f"{validity.tests} questions were asked (signals × horizons × latencies); {validity.survivors} answers are "
        f"told from chance when all of them are counted (Benjamini-Hochberg: {FALSE_SHARE:.0%} of them may be luck)."
    )
    return f"<p>{words}</p><p>{tried}</p>"


def _verdicts(validity: Validity) -> str:
    rows = []
    for worth in validity.signals:
        if not worth.rows:
            rows.append([words(worth.name), *([NONE] * 6), words(SILENT.sentence)])
        for cell in slowest(worth):
            now = next(each for each in worth.present if each.horizon_ns == cell.horizon_ns)
            rows.append(
                [
                    words(worth.name),
                    duration_text(cell.horizon_ns),
                    f"{cell.windows:,}",
                    number(now.line.r2, 3),
                    *ahead_texts(worth, cell),
                    f'<span class="{"kept words" if cell.survives else "words"}">{escape(_sentence(cell))}</span>',
                ]
            )
    headings = ("", "horizon", "windows", "R² now", "R² next", "rank IC", "half-life", "verdict")
    late = duration_text(max(validity.questions.latencies_ns))
    note = (
        f"Forecasts begin {late} after the signal. R² next is out of sample. “Predicts” is of the signal's highest and "
        "lowest tenth, before costs. Green: told from chance."
    )
    return f'<p class="dim">{note}</p>' + table(headings, rows, (0, 7))


def _pictures(validity: Validity) -> str:
    return (
        "<h2>Explaining and predicting</h2><p>A signal can explain the move it was made of and say nothing of the "
        "next. Only the second can be traded.</p>"
        f"{explanation_chart(validity)}<h3>How well each ranks the moves to come</h3>{ranking_chart(validity)}"
    )


def _aucs(validity: Validity) -> str:
    points = "; ".join(f"<b>{point.value.replace('_', ' ')}</b>: {words}" for point, words in MEANING.items())
    rows = [_auc_row(worth.name, worth.aucs) for worth in validity.signals if worth.rows]
    rows.append(_auc_row("queue_imbalance at every change of the touch", validity.touch_aucs))
    explained = f"AUC: chance that the signal before a rise is above that before a fall; 0.5 says nothing. {points}."
    return f"<p>{explained}</p>" + table(("", "after move", "clock", "before move", "looks", "moves"), rows, (0,))


def _auc_row(name: str, aucs: Sequence[PointAuc]) -> list[str]:
    clock = aucs[1]
    return [words(name), *(interval(one.auc, 2) for one in aucs), f"{clock.looks:,}", f"{clock.moves:,}"]


def _details(worth: SignalWorth, number: int) -> str:
    return (
        f"<h2>{escape(worth.name)}</h2><p class='dim'>{worth.rows:,} looks with a value.</p>"
        f"{signal_chart(worth, number)}"
        f"<h3>The moves up to the signal</h3>{_present_table(worth.present)}"
        f"<h3>The moves after it</h3>{_ahead_table(worth.ahead)}{_gain_table(worth.ahead)}"
    )


def _present_table(present: Iterable[Present]) -> str:
    rows = [
        [
            duration_text(each.horizon_ns),
            f"{each.line.windows:,}",
            number(each.line.r2, 3),
            number(each.line.adjusted_r2, 3),
            f"{number(each.chance.median, 4)} / {number(each.chance.high, 4)}",
            number(each.line.t, 1),
            number(each.line.rmse, 3),
        ]
        for each in present
    ]
    return table(("interval", "windows", "R²", "adjusted", "shuffled: median / 95 %", "t (White)", "RMSE, bp"), rows)


def _ahead_table(ahead: Iterable[Ahead]) -> str:
    rows = [
        [
            duration_text(cell.horizon_ns),
            duration_text(cell.latency_ns),
            f"{cell.windows:,}",
            number(cell.line.r2, 4),
            number(cell.line.adjusted_r2, 4),
            f"{number(cell.chance.median, 4)} / {number(cell.chance.high, 4)}",
            number(cell.line.t, 1),
            number(cell.out_r2, 4),
            f"{number(cell.line.rmse, 3)} / {number(cell.out_rmse_bps, 3)}",
            interval(cell.rank_ic, 2),
            number(cell.rank_ic.p, 3) + (" ✓" if cell.survives else ""),
        ]
        for cell in ahead
    ]
    headings = ("horizon", "latency", "windows", "R²", "adjusted", "shuffled: median / 95 %", "t (White)")
    return table((*headings, "R² out of sample", "RMSE, bp: in / out", "rank IC", "p"), rows)


def _gain_table(ahead: Iterable[Ahead]) -> str:
    rows = [
        [
            duration_text(cell.horizon_ns),
            duration_text(cell.latency_ns),
            interval(cell.hit_rate, 2),
            interval(cell.gain_bps, 3),
            number(cell.rising, 2),
            bps_text(cell.cost.taker_bps),
            bps_text(cell.cost.maker_bps),
            number(cell.break_even_fee_bps, 3),
            f'<span class="words">{escape(_sentence(cell))}</span>',
        ]
        for cell in ahead
    ]
    headings = ("horizon", "latency", "hit rate if moved", "gain before costs, bp", "tenths rising", "taker pays, bp")
    return table((*headings, "maker pays, bp", "break-even taker fee, bp", "verdict"), rows, (8,))


def _method(validity: Validity) -> str:
    lines = (
        "Windows of one row of numbers never overlap; a label begins when the signal was known plus the latency.",
        "Out of sample: six parts in order of time, each after the first judged by fits, tenths and directions of "
        "those before it, whose moves had all ended; R² against the mean of the earlier moves.",
        "Intervals are of 95 %, from blocks of neighbouring windows drawn anew (circular block bootstrap, 999 draws), "
        "block length by Politis and White (2004). Shuffled: blocks of the signal in another order, 100 draws.",
        "Hit rate: how often the direction learnt was right, over the windows in which the mid moved at all.",
        "Gain: mean mid-to-mid move in the direction learnt, over windows in the highest and lowest tenth of earlier "
        "values. It is also the round-trip cost at which nothing is left. Taker: half the spread and a fee, in and "
        "out. Maker: two fees less the spread; that a maker's quotes are met when it suits others is not in it.",
        "Half-life: the latency that leaves half of the rank IC. Decay curves and tenths are shown, not tested.",
        "Not in any of this: size beyond the touch, one's own influence, and other days than those on the tape.",
    )
    return "<h2>How it was measured</h2><ul>" + "".join(f"<li>{line}</li>" for line in lines) + "</ul>"


def ahead_texts(worth: SignalWorth, cell: Ahead) -> tuple[str, str, str]:
    """Write R² out of sample, rank IC and half-life (`2.7s`, `> 10s`); dashes where there is none, or too little."""
    if cell.windows < FEWEST_WINDOWS:
        return NONE, NONE, NONE
    decay = next(each for each in worth.decays if each.horizon_ns == cell.horizon_ns)
    return number(cell.out_r2, 3), number(cell.rank_ic.value, 2), _half_life(decay)


def _half_life(decay: Decay) -> str:
    if decay.outlives:
        return f"> {duration_text(decay.latencies_ns[-1])}"
    if math.isnan(decay.half_life_ns):
        return NONE
    seconds = decay.half_life_ns / NS_PER_S
    return f"{seconds:.2g}s" if seconds < 10 else f"{seconds:.0f}s"


def _sentence(cell: Ahead) -> str:
    return cell.verdict.sentence if cell.verdict is not None else ""
