"""The pictures that set the lanes beside each other: who took whose liquidity, and where the P&L came from."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from bot.console.figures import counted, money
from bot.research.drawing import COLOURS, INK, drawn
from bot.research.performance.attribution import Attribution
from bot.research.performance.panels import LIQUIDITY_COLOURS, columns, legend_above
from bot.research.performance.performance import LaneResult, Performance
from bot.types import Liquidity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GAIN, _LOSS = COLOURS[2], COLOURS[4]
_PARTS: Final = ("spread earned", "adverse selection", "inventory", "fees", "funding")
_ROW_IN: Final = 0.27
_ROOM: Final = 0.32  # of the bars' width, right of them, for the words behind each
_LARGE: Final = 10.0  # money that needs no more than the usual two decimals
_LEAST_WRITTEN: Final = 0.1  # of a bar, which a percentage fits into


def share_chart(found: Performance) -> str:
    """Maker and taker share of each lane, by fills and by notional; a lane without fills says so."""
    lanes = found.lanes

    def draw() -> Figure:
        figure, axes = columns(2, _ROW_IN * len(lanes), 0.5)
        shares = ([lane.maker_share for lane in lanes], [lane.maker_notional_share for lane in lanes])
        for ax, title, makers in zip(axes, ("share of fills", "share of notional"), shares, strict=True):
            for row, (lane, made) in enumerate(zip(lanes, makers, strict=True)):
                if lane.fills:
                    _draw_shares(ax, row, made)
                else:
                    ax.text(0.01, row, "no fills", va="center", fontsize=8)
            ax.set_xlim(0, 1)
            ax.set_xticks([0, 0.25, 0.5, 0.75], ["0 %", "25 %", "50 %", "75 %"])
            ax.set_title(title, loc="left", fontsize=8, pad=2)
        for liquidity, colour in LIQUIDITY_COLOURS.items():
            axes[0].bar(0, 0, 0, color=colour, alpha=0.75, label=str(liquidity))
        _name_rows(axes, [f"{lane.lane} ({counted(lane.fills, 'fill')})" for lane in lanes])
        legend_above(figure, axes[0])
        return figure

    return drawn("shares", "Maker and taker share of each lane, by fills and by notional", draw)


def parts_chart(found: Performance) -> str:
    """Parts of each lane's P&L, each bar beginning where the one above it ends, so that they end at the net."""
    split = [(lane, lane.parts) for lane in found.lanes if lane.parts is not None]

    def draw() -> Figure:
        figure, axes = columns(len(split), _ROW_IN * (len(_PARTS) + 1), 0.25)
        edges = [float(edge) for _, parts in split for edge in _edges(signed_parts(parts))]
        width = max(edges) - min(edges) or 1.0  # nothing came of anything: an axis all the same
        places = 2 if width >= _LARGE else 4
        for ax, (lane, parts) in zip(axes, split, strict=True):
            _draw_parts(ax, lane, parts, places)
        axes[0].set_xlim(min(edges) - 0.04 * width, max(edges) + _ROOM * width * min(len(split), 3) / 2)
        axes[0].locator_params(axis="x", nbins=4)
        _name_rows(axes, [*_PARTS, "net P&L"])
        figure.text(0.985, 0.02, found.config.paper.currency, ha="right", fontsize=8)
        return figure

    return drawn("parts", "Parts of each lane's P&L, adding up to its net", draw)


def signed_parts(parts: Attribution) -> tuple[Decimal, ...]:
    """Return the parts in the order of the bars, costs below 0: they add up to the net."""
    return parts.spread, parts.adverse, parts.inventory, -parts.fees, parts.funding


def _edges(values: Sequence[Decimal]) -> list[Decimal]:
    """Where the bars begin and end: from 0, each from the end of the one before."""
    return list(accumulate(values, initial=Decimal(0)))


def _draw_parts(ax: Axes, lane: LaneResult, parts: Attribution, places: int) -> None:
    values = signed_parts(parts)
    edges = [float(edge) for edge in _edges(values)]
    ax.axvline(0, color=INK, linewidth=0.7)
    for row, (value, begin, end) in enumerate(zip(values, edges, edges[1:], strict=False)):
        ax.barh(row, end - begin, 0.62, left=begin, color=_GAIN if value > 0 else _LOSS, alpha=0.75)
        ax.plot([end, end], [row - 0.31, row + 1.31], color=INK, linewidth=0.5)  # where the next one begins
        _write(ax, max(begin, end, 0.0), row, money(value, signed=True, places=places))
    ax.barh(len(values), edges[-1], 0.62, color=INK, alpha=0.45)
    ax.plot(edges[-1], len(values), "D", color=INK, markersize=5)
    _write(ax, max(0.0, edges[-1]), len(values), money(parts.net, signed=True, places=places))
    ax.set_title(lane.lane, loc="left", fontsize=8, pad=2)


def _write(ax: Axes, place: float, row: int, text: str) -> None:
    ax.annotate(text, (place, row), xytext=(6, 0), textcoords="offset points", va="center", fontsize=7)


def _draw_shares(ax: Axes, row: int, made: float) -> None:
    shares = ((Liquidity.MAKER, 0.0, made), (Liquidity.TAKER, made, 1 - made))
    for liquidity, begin, share in shares:
        ax.barh(row, share, 0.62, left=begin, color=LIQUIDITY_COLOURS[liquidity], alpha=0.75)
        if share >= _LEAST_WRITTEN:
            ax.text(begin + share / 2, row, f"{share:.0%}", ha="center", va="center", fontsize=8)


def _name_rows(axes: Sequence[Axes], names: Sequence[str]) -> None:
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    for ax in axes:
        ax.tick_params(axis="y", length=0)
