"""The answer of a sweep as a person reads it, as a document, as rows of a spreadsheet, and its map as a picture."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from bot.config_values import duration_text
from bot.console.figures import NO_VALUE, day_and_clock, figure, money, printable
from bot.console.ledgers import listing
from bot.console.panels import gain
from bot.research.answer import Answer
from bot.research.evaluation import LANES
from bot.research.heat_map import HeatMap
from bot.research.sweep_verdict import verdict

_SHOWN_SETS: Final = 5
_SHADES: Final = (52, 88, 94, 100, 64, 28)  # of a terminal's 256 colours, from red over brown to green


def answer_table(found: Answer, sweep: int, strategy: str) -> RenderableType:
    """The answer, worst news first."""
    sentences = verdict(found)
    head = Text(sentences[0], style="bold")
    parts: list[RenderableType] = [head, Text(f"Best in sample: {_set(found.moved(found.sets[found.best]))}"), Text()]
    parts += [_lanes(found), *([_folds(found)] if found.folds else []), _tests(found)]
    parts += [_sets(found), *([_map(found.map)] if found.map.down else [])]
    failed = f", {found.tried.failed} of them failed" if found.tried.failed else ""
    before = found.tried.in_all - found.tried.here
    tried = f"{found.tried.here:,} here{failed}, {before:,} in other sweeps of {printable(strategy)} on these tapes"
    doubts = Text("\n".join(sentences[1:]))
    return Group(*parts, Text(f"Sets tried: {found.tried.in_all:,} ({tried}). This is sweep {sweep}."), doubts)


def document(found: Answer, sweep: int, strategy: str) -> dict[str, Any]:
    """Return the answer with all digits."""
    terms = found.terms
    return {
        "sweep": sweep,
        "strategy": strategy,
        "objective": terms.objective.name,
        "period_ns": terms.period_ns,
        "periods": len(found.profit.start_ns),
        "verdict": verdict(found),
        "tried": found.tried,
        "best": {"params": dict(found.sets[found.best]), "score": found.least[found.best], "lanes": found.lanes},
        "neighbours": found.neighbours,
        "out_of_sample": dict(zip(LANES, found.out_of_sample, strict=False)),
        "folds": found.folds,
        "deflated_sharpe": found.deflation,
        "overfitting": found.overfitting,
        "map": {
            "down": {found.map.down: found.map.rows},
            "across": {found.map.across: found.map.columns},
            "cells": found.map.cells.tolist(),
        },
        "sets": [
            {"params": found.moved(found.sets[place]), "score": found.least[place], "net": _nets(found, place)}
            for place in found.ranking
        ],
    }


def sets_csv(found: Answer) -> str:
    """Return every set, best first, as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*found.swept, found.terms.objective.name, *(f"net_{lane}" for lane in LANES)])
    for place in found.ranking:
        own = found.moved(found.sets[place])
        writer.writerow([*own.values(), found.least[place], *_nets(found, place).values()])
    return text.getvalue()


def map_svg(drawn: HeatMap, words: str) -> str:
    """Return the map as a picture that stands by itself; the mean score is written in every cell."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    rows, columns = drawn.cells.shape
    limit = float(np.nanmax(np.abs(drawn.cells), initial=0.0)) or 1.0
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "sweep", "font.size": 9}):
        sheet = Figure(figsize=(2.2 + 0.75 * columns, 1.5 + 0.42 * rows), layout="constrained")
        ax = sheet.subplots()
        # Red below 0 and blue above it: told apart by most eyes, and 0 is white whatever the largest is.
        image = ax.imshow(drawn.cells, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
        ax.set_xticks(range(columns), drawn.columns)
        ax.set_yticks(range(rows), drawn.rows)
        ax.set_xlabel(drawn.across)
        ax.set_ylabel(drawn.down)
        ax.set_title(f"Least over lanes of the {words}", fontsize=9)
        for (row, column), value in np.ndenumerate(drawn.cells):
            if math.isfinite(value):
                ink = "white" if abs(value) > 0.6 * limit else "black"
                ax.text(column, row, _score(value), ha="center", va="center", color=ink)
        sheet.colorbar(image, ax=ax)
        text = io.StringIO()
        sheet.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _lanes(found: Answer) -> RenderableType:
    title = "Best set, by what is assumed of fills"
    table = listing(
        title, "lane", f">{found.terms.objective.name}", ">net", ">fees", ">fills", ">turnover", ">drawdown"
    )
    for lane in found.lanes:
        sums = (gain(money(lane.net_pnl, signed=True)), money(lane.fees), f"{lane.fills:,}")
        table.add_row(str(lane.lane), _score(lane.score), *sums, money(lane.turnover), money(lane.max_drawdown))
    return table


def _folds(found: Answer) -> RenderableType:
    day = day_and_clock(found.folds[0].test_from_ns)[:10]
    several_days = day_and_clock(found.folds[-1].test_until_ns)[:10] != day
    nets = [f">net {lane}" for lane in LANES]
    title = f"Walk forward: best set before, and what it came to after, from {day} UTC"
    table = listing(title, "test", "~set chosen", ">before", ">after", *nets)
    for fold in found.folds:
        span = _span(fold.test_from_ns, fold.test_until_ns, several=several_days)
        scores = (_score(fold.score_before), _score(fold.score_after))
        table.add_row(span, Text(_set(fold.params)), *scores, *(_net(value) for value in fold.net))
    table.add_row("all tests", "", "", "", *(_net(value) for value in found.out_of_sample))
    return table


def _span(from_ns: int, until_ns: int, *, several: bool) -> str:
    """Times of day to the second, or days and minutes where there are several days."""
    shown = slice(5, 16) if several else slice(11, None)
    return f"{day_and_clock(from_ns)[shown]}-{day_and_clock(until_ns)[shown]}"


def _tests(found: Answer) -> RenderableType:
    own, cut = found.deflation, found.overfitting
    period = duration_text(found.terms.period_ns)
    table = listing("What that is worth", ">", "~")
    table.add_row(
        _share(own.probability),
        f"deflated Sharpe: probability of a true edge, given {found.tried.in_all:,} sets tried (0.95 is the usual bar)",
    )
    table.add_row(_share(cut.probability), f"probability of backtest overfitting, over {cut.cuts:,} cuts (0.5 is luck)")
    needed = f"{math.ceil(own.needed_periods):,}" if math.isfinite(own.needed_periods) else NO_VALUE
    table.add_row(needed, f"periods of {period} needed to tell it from luck; there are {own.returns.count:,}")
    return table


def _sets(found: Answer) -> RenderableType:
    table = listing(f"Best sets of {len(found.sets):,}", "~set", ">least", *(f">net {lane}" for lane in LANES))
    for place in found.ranking[:_SHOWN_SETS]:
        nets = _nets(found, place).values()
        table.add_row(Text(_set(found.moved(found.sets[place]))), _score(found.least[place]), *map(_net, nets))
    return table


def _map(drawn: HeatMap) -> RenderableType:
    corner = f"{drawn.down} \\ {drawn.across}" if drawn.across else drawn.down
    table = listing("Mean score by cell", corner, *(f">{name}" for name in drawn.columns))
    finite = drawn.cells[np.isfinite(drawn.cells)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    for name, row in zip(drawn.rows, drawn.cells.tolist(), strict=True):
        table.add_row(name, *(_shaded(value, low, high) for value in row))
    return table


def _shaded(value: float, low: float, high: float) -> Text:
    if not math.isfinite(value):
        return Text(NO_VALUE)
    share = (value - low) / (high - low) if high > low else 0.5
    return Text(_score(value), style=f"white on color({_SHADES[min(len(_SHADES) - 1, int(share * len(_SHADES)))]})")


def _nets(found: Answer, place: int) -> dict[str, float]:
    return {lane.value: float(found.profit.pnl[number, place].sum()) for number, lane in enumerate(LANES)}


def _set(params: Mapping[str, Any]) -> str:
    return " ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in params.items()
    )


def _score(value: float) -> str:
    return figure(value) if abs(value) >= 10 else f"{value:.3f}".replace("-", "−")


def _net(value: float) -> Text:
    return gain(f"{value:+,.2f}".replace("-", "−"))


def _share(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else NO_VALUE
