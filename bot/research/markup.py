"""Parts of a page that needs nothing else: its style, its tables, and numbers as text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from bot.research.bootstrap import Estimate

NONE: Final = "–"
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
p.dim, .dim { color: var(--dim); } div.wide { overflow-x: auto; } svg { width: 100%; min-width: 38rem; height: auto;
  display: block; }
"""


def page_of(title: str, body: Sequence[str]) -> str:
    """Return one HTML document without scripts, links or anything to fetch."""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_CSS}</style></head>\n'
        f"<body>\n{chr(10).join(body)}\n</body></html>\n"
    )


def interval(one: Estimate, digits: int) -> str:
    """Write a number with its interval beside it; a dash when there is none."""
    if math.isnan(one.value):
        return NONE
    return f"{one.value:.{digits}f} <span class='dim'>({number(one.low, digits)} to {number(one.high, digits)})</span>"


def number(value: float, digits: int) -> str:
    """Write a number; a dash when there is none."""
    return f"{value:,.{digits}f}" if math.isfinite(value) else NONE


def words(text: str) -> str:
    """Return text for a cell of words, escaped."""
    return f'<span class="words">{escape(text)}</span>'


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[int] = ()) -> str:
    """Return a table of cells that are HTML; the columns `left` hold words."""

    def line(tag: str, cells: Sequence[str]) -> str:
        marks = (' class="words"' if number in left else "" for number in range(len(cells)))
        return (
            "<tr>" + "".join(f"<{tag}{mark}>{cell}</{tag}>" for mark, cell in zip(marks, cells, strict=True)) + "</tr>"
        )

    body = "\n".join(line("td", row) for row in rows)
    return f'<div class="wide"><table><thead>{line("th", headings)}</thead><tbody>\n{body}\n</tbody></table></div>'
