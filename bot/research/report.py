"""The report as one page that needs nothing else: verdicts first, then the pictures, then every number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final

from bot.config_values import duration_text
from bot.research.bootstrap import Estimate
from bot.research.decay import Decay
from bot.research.discovery import FALSE_SHARE
from bot.research.plots import explanation_chart, ranking_chart, signal_chart, slowest
from bot.research.sampling import MEANING, PointAuc
from bot.research.verdict import FEWEST_WINDOWS, SILENT, bps_text
from bot.research.worth import Ahead, Present, SignalWorth, Validity
from bot.types import NS_PER_S

_CSS: Final = """
:root { color-scheme: light dark; --ink: #1c2024; --page: #ffffff; --dim: #667; --rule: #d5d9de; --good: #14774f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #dfe3e8; --page: #14171a; --dim: #98a1ac; --rule: #363c43; --good: #5ecb9b; }
}
body { color: var(--ink); background: var(--page); font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto;
  max-width: 62rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.4rem; } h3 { font-size: 1rem; margin-top: 1.6rem; }
table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; width: 100%; }
th, td { border-bottom: 1px solid var(--rule); padding: 0.25rem 0.6rem 0.25rem 0; text-align: right;
  vertical-align: top; }
th { color: var(--dim); font-weight: 500; } .words { text-align: left; } .kept { color: var(--good); }
p.dim, .dim { color: var(--dim); } div.wide { overflow-x: auto; } svg { width: 100%; height: auto; display: block; }
"""
_NONE: Final = "–"


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
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_CSS}</style></head>\n'
        f"<body>\n{chr(10).join(body)}\n</body></html>\n"
    )


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
            rows.append([_words(worth.name), *([_NONE] * 6), _words(SILENT.sentence)])
        for cell in slowest(worth):
            now = next(each for each in worth.present if each.horizon_ns == cell.horizon_ns)
            rows.append(
                [
                    _words(worth.name),
                    duration_text(cell.horizon_ns),
                    f"{cell.windows:,}",
                    _number(now.line.r2, 3),
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
    return f'<p class="dim">{note}</p>' + _table(headings, rows, (0, 7))


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
    return f"<p>{explained}</p>" + _table(("", "after move", "clock", "before move", "looks", "moves"), rows, (0,))


def _auc_row(name: str, aucs: Sequence[PointAuc]) -> list[str]:
    clock = aucs[1]
    return [_words(name), *(_interval(one.auc, 2) for one in aucs), f"{clock.looks:,}", f"{clock.moves:,}"]


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
            _number(each.line.r2, 3),
            _number(each.line.adjusted_r2, 3),
            f"{_number(each.chance.median, 4)} / {_number(each.chance.high, 4)}",
            _number(each.line.t, 1),
            _number(each.line.rmse, 3),
        ]
        for each in present
    ]
    return _table(("interval", "windows", "R²", "adjusted", "shuffled: median / 95 %", "t (White)", "RMSE, bp"), rows)


def _ahead_table(ahead: Iterable[Ahead]) -> str:
    rows = [
        [
            duration_text(cell.horizon_ns),
            duration_text(cell.latency_ns),
            f"{cell.windows:,}",
            _number(cell.line.r2, 4),
            _number(cell.line.adjusted_r2, 4),
            f"{_number(cell.chance.median, 4)} / {_number(cell.chance.high, 4)}",
            _number(cell.line.t, 1),
            _number(cell.out_r2, 4),
            f"{_number(cell.line.rmse, 3)} / {_number(cell.out_rmse_bps, 3)}",
            _interval(cell.rank_ic, 2),
            _number(cell.rank_ic.p, 3) + (" ✓" if cell.survives else ""),
        ]
        for cell in ahead
    ]
    headings = ("horizon", "latency", "windows", "R²", "adjusted", "shuffled: median / 95 %", "t (White)")
    return _table((*headings, "R² out of sample", "RMSE, bp: in / out", "rank IC", "p"), rows)


def _gain_table(ahead: Iterable[Ahead]) -> str:
    rows = [
        [
            duration_text(cell.horizon_ns),
            duration_text(cell.latency_ns),
            _interval(cell.hit_rate, 2),
            _interval(cell.gain_bps, 3),
            _number(cell.rising, 2),
            bps_text(cell.cost.taker_bps),
            bps_text(cell.cost.maker_bps),
            _number(cell.break_even_fee_bps, 3),
            f'<span class="words">{escape(_sentence(cell))}</span>',
        ]
        for cell in ahead
    ]
    headings = ("horizon", "latency", "hit rate if moved", "gain before costs, bp", "tenths rising", "taker pays, bp")
    return _table((*headings, "maker pays, bp", "break-even taker fee, bp", "verdict"), rows, (8,))


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
        return _NONE, _NONE, _NONE
    decay = next(each for each in worth.decays if each.horizon_ns == cell.horizon_ns)
    return _number(cell.out_r2, 3), _number(cell.rank_ic.value, 2), _half_life(decay)


def _half_life(decay: Decay) -> str:
    if decay.outlives:
        return f"> {duration_text(decay.latencies_ns[-1])}"
    if math.isnan(decay.half_life_ns):
        return _NONE
    seconds = decay.half_life_ns / NS_PER_S
    return f"{seconds:.2g}s" if seconds < 10 else f"{seconds:.0f}s"


def _sentence(cell: Ahead) -> str:
    return cell.verdict.sentence if cell.verdict is not None else ""


def _interval(one: Estimate, digits: int) -> str:
    if math.isnan(one.value):
        return _NONE
    return (
        f"{one.value:.{digits}f} <span class='dim'>({_number(one.low, digits)} to {_number(one.high, digits)})</span>"
    )


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}" if math.isfinite(value) else _NONE


def _words(text: str) -> str:
    return f'<span class="words">{escape(text)}</span>'


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[int] = ()) -> str:
    def line(tag: str, cells: Sequence[str]) -> str:
        marks = (' class="words"' if number in left else "" for number in range(len(cells)))
        return (
            "<tr>" + "".join(f"<{tag}{mark}>{cell}</{tag}>" for mark, cell in zip(marks, cells, strict=True)) + "</tr>"
        )

    body = "\n".join(line("td", row) for row in rows)
    return f'<div class="wide"><table><thead>{line("th", headings)}</thead><tbody>\n{body}\n</tbody></table></div>'
