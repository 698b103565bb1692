"""What the pictures of a report share: panels of one size and look, their legend, and means with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bot.console.figures import counted, figure
from bot.research.bootstrap import Estimate
from bot.research.drawing import COLOURS, INK, clear_background
from bot.types import Floats, Liquidity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH_IN: Final = 9.0
LIQUIDITY_COLOURS: Final[Mapping[Liquidity, str]] = MappingProxyType(
    {Liquidity.MAKER: COLOURS[0], Liquidity.TAKER: COLOURS[1]}
)
"""One colour each, in all pictures."""

_PANEL_IN: Final = 2.1
_BELOW_IN: Final = 0.4
_RIGHT: Final = 0.99  # of the width
_TICK_IN, _DIGIT_IN, _LABEL_IN = 0.18, 0.08, 0.25  # a tick's mark, a digit and a line of words
_USUAL: Final = 5  # digits that always have room: the panels of a report begin at one place
_WHOLE: Final = 0.75  # of the intervals' arms, which an axis shows in full where a few would flatten the rest
_WORTH_IT: Final = 2.0  # times as long has an axis of all of them to be, or it is left alone


def panels(count: int, heights: Sequence[float], first_in: float = _PANEL_IN) -> tuple[Figure, list[Axes]]:
    """Return panels below each other that share their axis of time; `heights` in units of half a usual panel."""
    from matplotlib.figure import Figure as NewFigure

    height_in = first_in if count == 1 else sum(heights) * 0.5 * first_in + 0.7
    sheet = NewFigure(figsize=(_WIDTH_IN, height_in))
    made: Any = sheet.subplots(count, 1, sharex=True, height_ratios=list(heights), squeeze=False)
    # Margins in inches: leaving them to a layout engine takes three times as long.
    sheet.subplots_adjust(right=_RIGHT, top=1 - 0.3 / height_in, bottom=0.5 / height_in, hspace=0.22)
    clear_background(sheet)
    return sheet, list(made[:, 0])


def fitted(sheet: Figure) -> Figure:
    """Make room for the numbers at the left of panels that are drawn, and for their labels left of all of them."""
    numbers = [ax.yaxis.get_major_formatter().format_ticks(list(ax.get_yticks())) for ax in sheet.axes]
    longest = max(len(number) for each in numbers for number in each)
    room_in = _TICK_IN + _DIGIT_IN * max(longest, _USUAL)
    left = (room_in + _LABEL_IN) / _WIDTH_IN
    sheet.subplots_adjust(left=left)
    for ax in sheet.axes:
        ax.yaxis.set_label_coords(-room_in / _WIDTH_IN / (_RIGHT - left), 0.5)
    return sheet


def columns(count: int, rows_in: float, above_in: float) -> tuple[Figure, list[Axes]]:
    """Return panels beside each other that share both axes, `rows_in` inches high and with `above_in` above them."""
    from matplotlib.figure import Figure as NewFigure

    height_in = above_in + rows_in + _BELOW_IN
    sheet = NewFigure(figsize=(_WIDTH_IN, height_in))
    made: Any = sheet.subplots(1, count, sharex=True, sharey=True, squeeze=False)
    edges = {"top": 1 - above_in / height_in, "bottom": _BELOW_IN / height_in}
    sheet.subplots_adjust(left=0.155, right=0.975, wspace=0.1, **edges)
    clear_background(sheet)
    return sheet, list(made[0])


def legend_above(sheet: Figure, ax: Axes) -> None:
    """Put the legend above all panels, where it hides nothing."""
    handles, labels = ax.get_legend_handles_labels()
    if handles:
        sheet.legend(handles, labels, loc="upper right", ncols=6, fontsize=8)


def arms(cells: Sequence[Estimate]) -> Floats:
    """Return how far the intervals reach below and above their means, (2, cells); 0 where there is none."""
    found = np.array([(each.value - each.low, each.high - each.value) for each in cells]).reshape(-1, 2).T
    return np.where(np.isfinite(found), np.maximum(found, 0.0), 0.0)


def bound_axis(ax: Axes, places: Sequence[float], cells: Sequence[Estimate]) -> None:
    """Cut the axis where a few wide intervals would flatten all others, and say so above the panel.

    Every mean and 0 stay on it, and three quarters of the intervals' arms. `places` (cells,) are their own on the other
    axis.
    """
    values, reach = np.array([each.value for each in cells]), arms(cells)
    if not reach.any():
        return
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    most = max(high - low, float(np.quantile(reach, _WHOLE)))
    bottoms, tops = values - reach[0], values + reach[1]
    floor = min(low, float(np.maximum(bottoms, values - most).min()))
    ceiling = max(high, float(np.minimum(tops, values + most).max()))
    if max(high, tops.max()) - min(low, bottoms.min()) < _WORTH_IT * (ceiling - floor):
        return
    margin = 0.06 * (ceiling - floor)
    ax.set_ylim(floor - margin, ceiling + margin)
    for beyond, edge, mark in ((tops > ceiling, ceiling + margin, "^"), (bottoms < floor, floor - margin, "v")):
        ax.plot(np.array(places)[beyond], np.full(beyond.sum(), edge), mark, color=INK, markersize=5, clip_on=False)
    count = int(((tops > ceiling) | (bottoms < floor)).sum())
    widest = cells[int(np.argmax(reach.sum(axis=0)))]
    words = f"{count} of {counted(len(cells), 'interval')} {'reaches' if count == 1 else 'reach'} beyond the axis"
    span = f"{figure(widest.low)} to {figure(widest.high)}"
    ax.set_title(f"{words}{', the widest' if count > 1 else ''}: {span}", loc="left", fontsize=8, pad=4)
