"""The report of a run as one page that needs nothing else: the interval first, the limits of simulation last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from bot.research.markup import page_of, table
from bot.research.performance.charts import markout_chart, placebo_chart, pnl_chart, symbol_chart, tenths_chart
from bot.research.performance.lane_charts import parts_chart, share_chart
from bot.research.performance.limits import UNSEEN
from bot.research.performance.markouts import Tenth
from bot.research.performance.performance import Performance
from bot.research.performance.tables import PARTS, Table, about, headline, main_tables, tenths_table

_TENTHS_NOTE = (
    "Fills of the account's own lane by tenth of each signal at the decision that sent their orders; the tenths are of "
    "these values, so they describe and do not test. A signal is worth having where buys do better in its high tenths."
)


def page(found: Performance) -> str:
    """Return the report as one HTML document without scripts, links or anything to fetch."""
    return page_of(f"{escape(found.run.strategy_name)}, run {found.run.id}", list(_body(found)))


def _body(found: Performance) -> Iterator[str]:
    first, *others = headline(found)
    yield f"<h1>{escape(found.run.strategy_name)}: {escape(first)}</h1>"
    yield from (f"<p>{escape(line)}</p>" for line in others)
    if found.placebos is not None:
        yield placebo_chart(found.placebos, found.config.paper.currency)
    yield f'<p class="dim">{escape(about(found))}</p>'
    lanes, *rest = main_tables(found)
    yield _shown(lanes)
    yield share_chart(found)
    if any(len(curve.time_ns) > 1 for curve in found.curves):
        yield pnl_chart(found)
    if found.prices is None:
        yield "<p>The run left no recording: prices, markouts and the parts of the P&amp;L are not known.</p>"
    for number, symbol in enumerate(found.config.exchange.symbols):
        yield f"<h2>{escape(symbol)}</h2>"
        yield symbol_chart(found, symbol, number)
    for each in rest:
        yield _shown(each)
        if each.title.startswith(PARTS):
            yield parts_chart(found)
        if each.title == "Markouts":
            yield markout_chart(found)
            yield from _tenths(found.tenths)
    yield "<h2>What this simulation cannot show</h2>"
    rows = [(escape(each.what), escape(each.effect), escape(each.look)) for each in UNSEEN]
    yield table(("", "the P&amp;L here is", "how to look at it"), rows, (0, 1, 2))


def _tenths(tenths: Sequence[Tenth]) -> Iterator[str]:
    names = list(dict.fromkeys(each.signal for each in tenths))
    if names:
        yield f'<h2>Markouts by signal</h2><p class="dim">{_TENTHS_NOTE}</p>'
    for number, name in enumerate(names):
        own = [each for each in tenths if each.signal == name]
        yield f"<h3>{escape(name)}</h3>{tenths_chart(own, number)}{_cells(tenths_table(own))}"


def _shown(one: Table) -> str:
    note = f'<p class="dim">{escape(one.note)}</p>' if one.note else ""
    return f"<h2>{escape(one.title)}</h2>{note}{_cells(one)}"


def _cells(one: Table) -> str:
    headings = [escape(heading) for heading in one.headings]
    return table(headings, [[escape(cell) for cell in row] for row in one.rows], one.words)
