"""The catalogue of signals as a page: what each measures, how it is written, and when it has no value.

`python -m benchmarks signal_pages` prints it; with `--out docs/signals.md` it goes between the page's marks. A test
fails when the page is not that of the catalogue.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from benchmarks.marked_page import put
from bot.config_values import duration_text
from bot.market.consolidated_entries import ENTRIES as CONSOLIDATED
from bot.market.signals import family
from bot.market.signals.catalogue import CATALOGUE
from bot.market.signals.entry import Paid, Parameter, ParameterKind, Signal
from bot.market.signals.family import FAMILY

MARK: Final = "catalogue"
_USUALLY_KNOWN: Final = CATALOGUE["mid"].known_at

_TITLES: Final[Mapping[int, tuple[str, str]]] = {
    family.FAIR_PRICE: ("Fair price", "Where the price is, and where the touch says it leans."),
    family.BOOK_IMBALANCE: ("Book imbalance", "Which side of the book is heavier, as it stands now."),
    family.ORDER_FLOW: ("Order flow", "What was added to, cancelled from and taken out of the book over a window."),
    family.TOXICITY: ("Toxicity", "How one-sided the trading was, on the clock of volume."),
    family.IMPACT: ("Impact", "What trading does to the price, estimated over a window."),
    family.MARKOUT: ("Markouts and spreads", "What those who rested lost or kept after each trade."),
    family.LIQUIDITY: ("Liquidity", "How much there is to trade with, and at what price."),
    family.RESILIENCE: ("Resilience", "How the book behaves when it is hit: whether it comes back, hides or flees."),
    family.STATE: ("State of the market", "Volatility, trend, activity and time of day."),
    family.CROSS: ("Across markets", "What other instruments say. Any signal may be written `name@SYMBOL`."),
    family.PERPETUAL: ("Perpetuals", "Funding, premium and open interest, as the exchange tells them."),
    family.FORECAST: ("Forecast", "The expected move, learnt online from signals of your choice, and its error."),
    family.QUALITY: ("Quality of what is seen", "How far the other signals can be believed."),
}

_VENUES: Final = (
    "Several venues together",
    "One book and one flow of several markets of a coin. They are of no single market, so they have a table of their"
    " own: `bot.research.consolidated.consolidated_table`, live `bot.market.consolidated.Consolidated`.",
)

_PAID: Final[Mapping[Paid, str]] = {
    Paid.DECISION: "at each decision",
    Paid.TRADE: "at each trade too",
    Paid.MESSAGE: "at each book message too",
    Paid.TRADE_AND_MESSAGE: "at each trade and book message too",
    Paid.LEVEL: "at each changed level too",
}


def main() -> None:
    """Print the catalogue as Markdown, or put it into a page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks signal_pages")
    parser.add_argument("--out", type=Path, help="Markdown page to put it into, between its marks")
    chosen, _ = parser.parse_known_args()
    if chosen.out is None:
        sys.stdout.write(catalogue_page())
    else:
        put(chosen.out, MARK, catalogue_page())


def catalogue_page() -> str:
    """Return the catalogue as Markdown, family by family.

    Raises:
        KeyError: a signal's family has no title here.
    """
    families: dict[int, list[Signal]] = {}
    for signal in CATALOGUE.values():
        families.setdefault(signal.code // FAMILY, []).append(signal)
    parts = [f"{len(CATALOGUE)} signals in {len(families)} families, and {len(CONSOLIDATED)} of several venues.\n"]
    parts += [_section(*_TITLES[number], signals) for number, signals in families.items()]
    return "\n".join([*parts, _section(*_VENUES, CONSOLIDATED)])


def _section(title: str, says: str, signals: Iterable[Signal]) -> str:
    entries = "\n".join(line for signal in signals for line in _entry(signal))
    return f"### {title}\n\n{says}\n\n{entries}\n"


def _entry(signal: Signal) -> Iterator[str]:
    written = signal.written([parameter.name for parameter in signal.parameters])
    bounds = "; ".join(_bounds(parameter) for parameter in signal.parameters)
    example = f" ({bounds}), such as `{signal.example}`" if bounds else ""
    yield f"- **`{written}`**{example}: {signal.formula}."
    yield f"  - {signal.unit}, {bound(signal.low)} to {bound(signal.high)}; costs time {_PAID[signal.paid]}"
    yield f"  - no value: {signal.no_value}; first value: {signal.warm_up}"
    if signal.known_at != _USUALLY_KNOWN:
        yield f"  - known at: {signal.known_at}"
    yield f"  - source: {signal.source}"


def _bounds(parameter: Parameter) -> str:
    is_time = parameter.kind is ParameterKind.DURATION
    low, high = (duration_text(int(value)) if is_time else f"{value:,g}" for value in (parameter.low, parameter.high))
    return f"{parameter.name} {low} to {high}"


def bound(value: float) -> str:
    """Write a bound of a range, infinity as its sign."""
    return f"{value:,g}".replace("inf", "∞").replace("-", "−")
