"""The report's pictures as SVG that stands inside a page: its lines and words take the page's colour, dark or light."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bot.config_values import duration_text
from bot.research.bootstrap import Estimate
from bot.research.drawing import COLOURS, INK, clear_background, drawn
from bot.research.verdict import bps_text
from bot.research.worth import Ahead, SignalWorth, Validity
from bot.types import NS_PER_S

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH_IN: Final = 9.0
_FAR: Final = 3.0  # a cost this many times the largest bar would flatten all bars: it is told in words


def slowest(worth: SignalWorth) -> list[Ahead]:
    """Return the cells of a signal at the longest latency asked for, one a horizon."""
    latest = max((cell.latency_ns for cell in worth.ahead), default=0)
    return [cell for cell in worth.ahead if cell.latency_ns == latest]


def explanation_chart(validity: Validity) -> str:
    """R² of each signal with the moves up to it and, out of sample, with those after it, beside that of shuffles.

    An R² below 0 has no bar: it is worse than no forecast, however much.
    """
    worths = [worth for worth in validity.signals if worth.rows]
    horizons = validity.questions.horizons_ns

    def draw(axes: Sequence[Axes]) -> None:
        for ax, number in zip(axes, range(len(horizons)), strict=True):
            places = np.arange(len(worths))
            now = [worth.present[number] for worth in worths]
            later = [slowest(worth)[number] for worth in worths]
            ax.barh(places - 0.2, [_or_0(one.line.r2) for one in now], 0.36, color=COLOURS[0], label="up to the signal")
            ahead = [max(_or_0(cell.out_r2), 0.0) for cell in later]
            ax.barh(places + 0.2, ahead, 0.36, color=COLOURS[1], label="after it, out of sample")
            for shift, cells in ((-0.2, now), (0.2, later)):
                chance = [_or_0(one.chance.high) for one in cells]
                ax.plot(chance, places + shift, "|", color=INK, label="chance, 95 %" if shift < 0 else None)
            ax.set_yticks(places, [worth.name for worth in worths] if number == 0 else [""] * len(worths))
            ax.invert_yaxis()
            ax.set_title(f"over {duration_text(horizons[number])}")
            ax.set_xlabel("R²")
        _draw_legend(axes[-1])

    return _drawn("explanation", "R² of the moves up to and after each signal", _Sheet(len(horizons), worths), draw)


def ranking_chart(validity: Validity) -> str:
    """Rank IC of each signal at each horizon with its 95 % interval, at the longest latency."""
    worths = [worth for worth in validity.signals if worth.rows]
    horizons = validity.questions.horizons_ns

    def draw(axes: Sequence[Axes]) -> None:
        ax = axes[0]
        ax.axvline(0, color=INK, linewidth=0.8)
        for number, horizon_ns in enumerate(horizons):
            cells = [slowest(worth)[number] for worth in worths]
            places = np.arange(len(worths)) + (number - (len(horizons) - 1) / 2) * 0.6 / max(len(horizons), 1)
            _whiskers(ax, places, [cell.rank_ic for cell in cells], number, duration_text(horizon_ns))
        ax.set_yticks(np.arange(len(worths)), [worth.name for worth in worths])
        ax.invert_yaxis()
        ax.set_xlabel("rank IC with the moves after the signal, 95 % interval")
        _draw_legend(ax)

    return _drawn("ranking", "Rank IC of each signal by horizon", _Sheet(1, worths), draw)


def signal_chart(worth: SignalWorth, number: int) -> str:
    """Mean move after each tenth of a signal, one panel a horizon, and last its rank IC by latency."""
    cells = slowest(worth)

    def draw(axes: Sequence[Axes]) -> None:
        for ax, cell in zip(axes[:-1], cells, strict=True):
            _draw_tenths(ax, cell)
        _draw_decay(axes[-1], worth)

    title = f"Mean move after each tenth of {worth.name}, and its rank IC by latency"
    return _drawn(f"signal{number}", title, _Sheet(len(cells) + 1), draw)


def _draw_tenths(ax: Axes, cell: Ahead) -> None:
    filled = [group for group in cell.groups if group.windows]
    numbers, moves = [group.number for group in filled], np.array([group.move_bps.value for group in filled])
    arms = np.array([_arms(group.move_bps) for group in filled]).reshape(-1, 2).T
    ax.bar(numbers, moves, 0.75, color=COLOURS[0])
    ax.errorbar(numbers, moves, arms, fmt="none", ecolor=INK, elinewidth=0.9)
    ax.axhline(0, color=INK, linewidth=0.8)
    ax.set_title(f"bp over {duration_text(cell.horizon_ns)}", loc="left")
    ax.set_xlabel("tenth of the signal")
    ax.set_xticks((1, 5, 10))
    _draw_cost(ax, cell.cost.taker_bps, float(np.abs(moves).max(initial=0.0)))


def _draw_decay(ax: Axes, worth: SignalWorth) -> None:
    ax.axhline(0, color=INK, linewidth=0.8)
    for place, decay in enumerate(worth.decays):
        late_s = np.array(decay.latencies_ns) / NS_PER_S
        colour = COLOURS[place % len(COLOURS)]
        ax.plot(late_s, decay.rank_ics, "o-", color=colour, markersize=3, label=duration_text(decay.horizon_ns))
    longest_s = max(decay.latencies_ns[-1] for decay in worth.decays) / NS_PER_S
    ax.set_xscale("symlog", linthresh=0.05)
    shown = [late for late in (0.0, 0.1, 1.0, 10.0, 60.0) if late <= longest_s]
    ax.set_xticks(shown, [f"{late:g}" for late in shown])
    ax.minorticks_off()
    ax.set_title("rank IC", loc="left")
    ax.set_xlabel("seconds late")
    ax.legend(title="horizon", fontsize=8)


def _draw_legend(ax: Axes) -> None:
    """Above all panels, where it hides nothing."""
    figure: Any = ax.figure
    figure.legend(*ax.get_legend_handles_labels(), loc="upper right", ncols=6, fontsize=8)


def _draw_cost(ax: Axes, cost_bps: float, largest_bps: float) -> None:
    if largest_bps > 0 and 0 < cost_bps <= _FAR * largest_bps:
        for sign in (-1, 1):
            ax.axhline(sign * cost_bps, color=COLOURS[4], linestyle="--", linewidth=1)
        words = f"taker pays {bps_text(cost_bps)} (dashed)"
    else:
        times = f": {cost_bps / largest_bps:.0f} × the longest" if largest_bps > 0 else ""
        words = f"taker pays {bps_text(cost_bps)}{times}"
    ax.annotate(words, (0.02, 0.99), xycoords="axes fraction", va="top", fontsize=7, color=COLOURS[4])
    ax.margins(y=0.2)  # room for the words


def _whiskers(ax: Axes, places: Any, estimates: Sequence[Estimate], number: int, label: str) -> None:
    values = np.array([one.value for one in estimates])
    arms = np.array([_arms(one) for one in estimates]).reshape(-1, 2).T
    colour = COLOURS[number % len(COLOURS)]
    ax.errorbar(values, places, xerr=arms, fmt="o", color=colour, markersize=4, elinewidth=1.2, label=label)


def _arms(one: Estimate) -> tuple[float, float]:
    arms = (one.value - one.low, one.high - one.value)
    return (max(arms[0], 0.0), max(arms[1], 0.0)) if np.isfinite(arms).all() else (0.0, 0.0)


def _or_0(value: float) -> float:
    return value if np.isfinite(value) else 0.0


@dataclass(frozen=True, slots=True)
class _Sheet:
    """How many panels stand side by side; with `worths`, one line a signal with its name at the left."""

    panels: int
    worths: Sequence[SignalWorth] = ()

    def figure(self) -> Figure:
        from matplotlib.figure import Figure

        height_in = 1.4 + 0.42 * len(self.worths) if self.worths else 2.6
        figure = Figure(figsize=(_WIDTH_IN, height_in))
        # Margins in inches: leaving them to a layout engine takes three times as long.
        longest = max((len(worth.name) for worth in self.worths), default=0)
        left_in = 0.25 + 0.075 * longest if self.worths else 0.65
        top, bottom = 1 - (0.6 if self.worths else 0.3) / height_in, 0.5 / height_in
        space = 0.12 if self.worths else 0.32
        figure.subplots_adjust(left=left_in / _WIDTH_IN, right=0.99, top=top, bottom=bottom, wspace=space)
        return figure


def _drawn(name: str, title: str, sheet: _Sheet, draw: Callable[[Sequence[Axes]], None]) -> str:
    def figure() -> Figure:
        made = sheet.figure()
        axes = list(np.atleast_1d(np.asarray(made.subplots(1, sheet.panels), dtype=object)))
        clear_background(made)
        draw(axes)
        return made

    return drawn(name, title, figure)
