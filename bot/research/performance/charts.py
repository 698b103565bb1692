"""The pictures of a run: P&L and its band, price with fills, position, signals, markouts and placebos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bot.config_values import duration_text
from bot.research.bootstrap import Estimate
from bot.research.drawing import COLOURS, INK, clear_background, drawn
from bot.research.mids import mid_prices
from bot.research.performance.curves import band
from bot.research.performance.markouts import TENTHS, TENTHS_NS, Tenth
from bot.research.performance.performance import Performance
from bot.research.performance.placebos import Placebos
from bot.research.performance.thinning import every_nth, thinned
from bot.types import NS_PER_S, Fill, Floats, Int64s, Side

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH_IN: Final = 9.0
_MOST_POINTS: Final = 1_200  # of a curve: more than the picture has columns
_MOST_FILLS: Final = 300  # of one side: marks beyond that cover each other
_SIGNALS_SHOWN: Final = 3
_UP, _DOWN = COLOURS[2], COLOURS[4]
_PANEL_IN: Final = 2.1


def pnl_chart(found: Performance) -> str:
    """Net P&L of the lanes over time with the band between the least and the most, and the own lane's drawdown."""
    curves = [curve for curve in found.curves if len(curve.time_ns)]

    def draw() -> Figure:
        figure, (upper, lower) = _panels(2, (2, 1))
        times = np.unique(np.concatenate([curve.time_ns for curve in curves]))
        times = times[every_nth(len(times), _MOST_POINTS)]
        least, most = band(curves, times)
        upper.fill_between(_dates(times), least, most, color=COLOURS[0], alpha=0.18, linewidth=0)
        for number, curve in enumerate(curves):
            when, net = thinned(curve.time_ns, curve.net, _MOST_POINTS)
            upper.plot(_dates(when), net, color=COLOURS[number % len(COLOURS)], linewidth=1.1, label=curve.lane)
        upper.axhline(0, color=INK, linewidth=0.7)
        upper.set_ylabel(f"net P&L, {found.config.paper.currency}")
        _legend_above(figure, upper)
        when, fall = thinned(curves[0].time_ns, curves[0].drawdown, _MOST_POINTS)
        lower.fill_between(_dates(when), fall, 0, color=COLOURS[4], alpha=0.5, linewidth=0)
        lower.set_ylabel(f"drawdown, {curves[0].lane}")
        return figure

    return drawn("pnl", "Net P&L of each lane over time, and drawdown", draw)


def symbol_chart(found: Performance, symbol: str, number: int) -> str:
    """Mid with the own lane's fills, its position, and the first signals of the strategy, on one axis of time."""
    prices, path = found.prices, found.signals.get(symbol)
    names = path.names[:_SIGNALS_SHOWN] if path is not None else ()
    fills = [trade.fill for trade in found.trades if trade.fill.symbol == symbol and trade.fill.lane == found.own.lane]

    def draw() -> Figure:
        figure, panels = _panels(2 + len(names), (2, *([1] * (1 + len(names)))))
        if prices is not None and prices.knows(symbol):
            mids = prices.mids[symbol]
            when, mid = thinned(mids.time_ns, mid_prices(mids.half_ticks, prices.instruments[symbol]), _MOST_POINTS)
            when, mid = np.append(when, prices.spans_ns[-1][1]), np.append(mid, mid[-1:])
            panels[0].step(_dates(when), mid, where="post", color=INK, linewidth=0.7, label="mid")
        for side, mark, colour in ((Side.BUY, "^", _UP), (Side.SELL, "v", _DOWN)):
            _mark_fills(panels[0], [fill for fill in fills if fill.side is side], mark, colour, side)
        panels[0].set_ylabel("price")
        panels[0].ticklabel_format(axis="y", useOffset=False)
        _legend_above(figure, panels[0])
        _draw_position(panels[1], fills, found)
        for place, name in enumerate(names):
            if path is not None:
                when, value = thinned(path.time_ns, path.values[:, place], _MOST_POINTS)
                panels[2 + place].plot(_dates(when), value, color=COLOURS[place], linewidth=0.7)
                panels[2 + place].set_title(name, loc="left", fontsize=8, pad=2)
        return figure

    return drawn(f"symbol{number}", f"Price of {symbol} with fills, position and signals", draw)


def markout_chart(found: Performance) -> str:
    """Mean move of the mid after the own lane's fills, by horizon, makers and takers apart, with intervals."""

    def draw() -> Figure:
        figure, (ax,) = _panels(1, (1,), 2.8)
        ax.axhline(0, color=INK, linewidth=0.7)
        own = [each for each in found.markouts if each.lane == found.own.lane and each.fills]
        for number, liquidity in enumerate(dict.fromkeys(each.liquidity for each in own)):
            cells = [each for each in own if each.liquidity is liquidity]
            seconds = [each.horizon_ns / NS_PER_S * (1.04 if number else 1.0) for each in cells]
            arms = _arms([each.move_bps for each in cells])
            values = [each.move_bps.value for each in cells]
            ax.errorbar(
                seconds, values, arms, fmt="o-", color=COLOURS[number], markersize=4, label=f"{liquidity} fills"
            )
        ax.set_xscale("log")
        shown = sorted({each.horizon_ns for each in own})
        ax.set_xticks([each / NS_PER_S for each in shown], [duration_text(each) for each in shown])
        ax.minorticks_off()
        ax.set_xlabel("after the fill")
        ax.set_ylabel("mid in the fill's direction, bp")
        _legend_above(figure, ax)
        return figure

    return drawn("markouts", "Mean move of the mid after our fills", draw)


def tenths_chart(groups: Sequence[Tenth], number: int) -> str:
    """Mean move after fills by tenth of one signal at the decision behind them, buys and sells apart."""

    def draw() -> Figure:
        figure, (ax,) = _panels(1, (1,), 2.3)
        ax.axhline(0, color=INK, linewidth=0.7)
        sides = (("buys", _UP, -0.18), ("sells", _DOWN, 0.18))
        for label, colour, shift in sides:
            cells = [(each.number, each.buy_move_bps if label == "buys" else each.sell_move_bps) for each in groups]
            there = [(place, cell) for place, cell in cells if np.isfinite(cell.value)]
            places = [place + shift for place, _ in there]
            values, arms = [cell.value for _, cell in there], _arms([cell for _, cell in there])
            ax.errorbar(places, values, arms, fmt="o", color=colour, markersize=4, label=f"after {label}")
        ax.set_xticks(range(1, TENTHS + 1))
        ax.set_xlabel(f"tenth of {groups[0].signal} at the decision behind the fill")
        ax.set_ylabel(f"bp over {duration_text(TENTHS_NS)}")
        _legend_above(figure, ax)
        return figure

    return drawn(f"tenths{number}", f"Mean move after fills by tenth of {groups[0].signal}", draw)


def placebo_chart(placebos: Placebos, currency: str) -> str:
    """Histogram of the placebos' net P&L, with the strategy's own."""

    def draw() -> Figure:
        figure, (ax,) = _panels(1, (1,), 2.3)
        nets = [float(net) for net in placebos.nets]
        ax.hist(nets, bins=max(5, min(20, len(nets) // 2)), color=COLOURS[0], alpha=0.6, label="placebos")
        ax.axvline(float(placebos.net), color=COLOURS[4], linewidth=2, label=f"the strategy ({placebos.lane})")
        ax.set_xlabel(f"net P&L, {currency}")
        ax.set_ylabel("placebos")
        ax.locator_params(axis="y", integer=True)
        _legend_above(figure, ax)
        return figure

    return drawn("placebos", "Net P&L of the strategy among its placebos", draw)


def _mark_fills(ax: Axes, fills: Sequence[Fill], mark: str, colour: str, side: Side) -> None:
    if not fills:
        return
    shown = every_nth(len(fills), _MOST_FILLS)
    times = np.array([fills[place].local_ns for place in shown], np.int64)
    levels = [float(fills[place].price) for place in shown]
    left_out = f" (1 in {shown[1]} of {len(fills):,})" if len(shown) < len(fills) else f" ({len(fills)})"
    words = f"{'bought' if side is Side.BUY else 'sold'}{left_out}"
    ax.plot(_dates(times), levels, mark, color=colour, markersize=4, markeredgewidth=0, label=words)


def _draw_position(ax: Axes, fills: Sequence[Fill], found: Performance) -> None:
    times = np.array([found.first_ns, *(fill.local_ns for fill in fills), found.last_ns], np.int64)
    sizes = [float(fill.size / fill.lots * fill.position_lots) for fill in fills]
    lot = float(fills[0].size / fills[0].lots) if fills else 0.0
    before = sizes[0] - fills[0].side.sign * fills[0].lots * lot if fills else 0.0
    held = np.array([before, *sizes, sizes[-1] if sizes else before])
    when, size = thinned(times, held, _MOST_POINTS)
    ax.step(_dates(when), size, where="post", color=COLOURS[5], linewidth=1.0)
    ax.axhline(0, color=INK, linewidth=0.7)
    ax.set_ylabel("position")


def _panels(count: int, heights: Sequence[float], first_in: float = _PANEL_IN) -> tuple[Figure, list[Axes]]:
    """Panels below each other that share their axis of time; `heights` in units of half a usual panel."""
    from matplotlib.figure import Figure as NewFigure

    height_in = first_in if count == 1 else sum(heights) * 0.5 * first_in + 0.7
    figure = NewFigure(figsize=(_WIDTH_IN, height_in))
    made: Any = figure.subplots(count, 1, sharex=True, height_ratios=list(heights), squeeze=False)
    # Margins in inches: leaving them to a layout engine takes three times as long.
    figure.subplots_adjust(left=0.085, right=0.99, top=1 - 0.3 / height_in, bottom=0.5 / height_in, hspace=0.22)
    clear_background(figure)
    axes: list[Axes] = list(made[:, 0])
    for ax in axes:
        ax.yaxis.set_label_coords(-0.065, 0.5)
    return figure, axes


def _legend_above(figure: Figure, ax: Axes) -> None:
    """Above all panels, where it hides nothing."""
    handles, labels = ax.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="upper right", ncols=6, fontsize=8)


def _dates(time_ns: Int64s) -> Any:
    return time_ns.astype("datetime64[ns]")


def _arms(cells: Sequence[Estimate]) -> Floats:
    found = np.array([(each.value - each.low, each.high - each.value) for each in cells]).reshape(-1, 2).T
    return np.where(np.isfinite(found), np.maximum(found, 0.0), 0.0)
