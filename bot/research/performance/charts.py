"""The pictures of a run: P&L and its band, price with fills, position, signals, markouts and placebos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bot.config_values import duration_text
from bot.research.bootstrap import Estimate
from bot.research.drawing import COLOURS, INK, drawn
from bot.research.mids import mid_prices
from bot.research.performance.curves import band
from bot.research.performance.markouts import TENTHS, TENTHS_NS, Tenth
from bot.research.performance.panels import LIQUIDITY_COLOURS, arms, bound_axis, fitted, legend_above, panels
from bot.research.performance.performance import Performance
from bot.research.performance.placebos import Placebos
from bot.research.performance.thinning import every_nth, thinned
from bot.types import NS_PER_S, Fill, Int64s, Liquidity, Side

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_POINTS: Final = 600  # of a curve: more than the picture has points across
_MOST_FILLS: Final = 200  # of one side: marks beyond that cover each other
_SIGNALS_SHOWN: Final = 3
_UP, _DOWN = COLOURS[2], COLOURS[4]


def pnl_chart(found: Performance) -> str:
    """Net P&L of the lanes over time with the band between the least and the most, and the own lane's drawdown."""
    curves = [curve for curve in found.curves if len(curve.time_ns)]

    def draw() -> Figure:
        figure, (upper, lower) = panels(2, (2, 1))
        times = np.unique(np.concatenate([curve.time_ns for curve in curves]))
        times = times[every_nth(len(times), _MOST_POINTS)]
        least, most = band(curves, times)
        upper.fill_between(_dates(times), least, most, color=COLOURS[0], alpha=0.18, linewidth=0)
        for number, curve in enumerate(curves):
            when, net = thinned(curve.time_ns, curve.net, _MOST_POINTS)
            upper.plot(_dates(when), net, color=COLOURS[number % len(COLOURS)], linewidth=1.1, label=curve.lane)
        upper.axhline(0, color=INK, linewidth=0.7)
        upper.set_ylabel(f"net P&L, {found.config.paper.currency}")
        legend_above(figure, upper)
        when, fall = thinned(curves[0].time_ns, curves[0].drawdown, _MOST_POINTS)
        lower.fill_between(_dates(when), fall, 0, color=COLOURS[4], alpha=0.5, linewidth=0)
        lower.set_ylabel(f"drawdown, {curves[0].lane}")
        return fitted(figure)

    return drawn("pnl", "Net P&L of each lane over time, and drawdown", draw)


def symbol_chart(found: Performance, symbol: str, number: int) -> str:
    """Mid with the own lane's fills, its position, and the first signals of the strategy, on one axis of time."""
    prices, path = found.prices, found.signals.get(symbol)
    names = path.names[:_SIGNALS_SHOWN] if path is not None else ()
    fills = [trade.fill for trade in found.trades if trade.fill.symbol == symbol and trade.fill.lane == found.own.lane]

    def draw() -> Figure:
        figure, axes = panels(2 + len(names), (2, *([1] * (1 + len(names)))))
        if prices is not None and prices.knows(symbol):
            mids = prices.mids[symbol]
            when, mid = thinned(mids.time_ns, mid_prices(mids.half_ticks, prices.instruments[symbol]), _MOST_POINTS)
            when, mid = np.append(when, prices.spans_ns[-1][1]), np.append(mid, mid[-1:])
            axes[0].step(_dates(when), mid, where="post", color=INK, linewidth=0.7, label="mid")
        for side, mark, colour in ((Side.BUY, "^", _UP), (Side.SELL, "v", _DOWN)):
            _mark_fills(axes[0], [fill for fill in fills if fill.side is side], mark, colour, side)
        axes[0].set_ylabel("price")
        axes[0].ticklabel_format(axis="y", useOffset=False)
        legend_above(figure, axes[0])
        _draw_position(axes[1], fills, found)
        for place, name in enumerate(names):
            if path is not None:
                when, value = thinned(path.time_ns, path.values[:, place], _MOST_POINTS)
                axes[2 + place].plot(_dates(when), value, color=COLOURS[place], linewidth=0.7)
                axes[2 + place].set_title(name, loc="left", fontsize=8, pad=2)
        return fitted(figure)

    return drawn(f"symbol{number}", f"Price of {symbol} with fills, position and signals", draw)


def markout_chart(found: Performance) -> str:
    """Mean move of the mid after the own lane's fills, by horizon, makers and takers apart, with intervals."""

    def draw() -> Figure:
        figure, (ax,) = panels(1, (1,), 2.8)
        ax.axhline(0, color=INK, linewidth=0.7)
        own = [each for each in found.markouts if each.lane == found.own.lane and each.fills]
        seconds = [each.horizon_ns / NS_PER_S * (1.04 if each.liquidity is Liquidity.TAKER else 1.0) for each in own]
        for liquidity, colour in LIQUIDITY_COLOURS.items():
            places = [place for place, each in enumerate(own) if each.liquidity is liquidity]
            if places:
                when, cells = [seconds[place] for place in places], [own[place].move_bps for place in places]
                values = [each.value for each in cells]
                ax.errorbar(when, values, arms(cells), fmt="o-", color=colour, markersize=4, label=f"{liquidity} fills")
        bound_axis(ax, seconds, [each.move_bps for each in own])
        ax.set_xscale("log")
        shown = sorted({each.horizon_ns for each in own})
        ax.set_xticks([each / NS_PER_S for each in shown], [duration_text(each) for each in shown])
        ax.minorticks_off()
        ax.set_xlabel("after the fill")
        ax.set_ylabel("mid in the fill's direction, bp")
        legend_above(figure, ax)
        return fitted(figure)

    return drawn("markouts", "Mean move of the mid after our fills", draw)


def tenths_chart(groups: Sequence[Tenth], number: int) -> str:
    """Mean move after fills by tenth of one signal at the decision behind them, buys and sells apart."""

    def draw() -> Figure:
        figure, (ax,) = panels(1, (1,), 2.3)
        ax.axhline(0, color=INK, linewidth=0.7)
        sides = (("buys", _UP, -0.18), ("sells", _DOWN, 0.18))
        placed: list[tuple[float, Estimate]] = []
        for label, colour, shift in sides:
            cells = [(each.number, each.buy_move_bps if label == "buys" else each.sell_move_bps) for each in groups]
            there = [(place, cell) for place, cell in cells if np.isfinite(cell.value)]
            own = [cell for _, cell in there]
            places, values = [place + shift for place, _ in there], [cell.value for cell in own]
            ax.errorbar(places, values, arms(own), fmt="o", color=colour, markersize=4, label=f"after {label}")
            placed += zip(places, own, strict=True)
        bound_axis(ax, [place for place, _ in placed], [cell for _, cell in placed])
        ax.set_xticks(range(1, TENTHS + 1))
        ax.set_xlabel(f"tenth of {groups[0].signal} at the decision behind the fill")
        ax.set_ylabel(f"bp over {duration_text(TENTHS_NS)}")
        legend_above(figure, ax)
        return fitted(figure)

    return drawn(f"tenths{number}", f"Mean move after fills by tenth of {groups[0].signal}", draw)


def placebo_chart(placebos: Placebos, currency: str) -> str:
    """Histogram of the placebos' net P&L, with the strategy's own."""

    def draw() -> Figure:
        figure, (ax,) = panels(1, (1,), 2.3)
        nets = [float(net) for net in placebos.nets]
        ax.hist(nets, bins=max(5, min(20, len(nets) // 2)), color=COLOURS[0], alpha=0.6, label="placebos")
        ax.axvline(float(placebos.net), color=COLOURS[4], linewidth=2, label=f"the strategy ({placebos.lane})")
        ax.set_xlabel(f"net P&L, {currency}")
        ax.set_ylabel("placebos")
        ax.locator_params(axis="y", integer=True)
        legend_above(figure, ax)
        return fitted(figure)

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


def _dates(time_ns: Int64s) -> Any:
    return time_ns.astype("datetime64[ns]")
