"""The pictures that set lanes side by side, and the axis that one wide interval does not flatten."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bot.research.bootstrap import NO_ESTIMATE, Estimate
from bot.research.drawing import drawn
from bot.research.performance.attribution import Attribution
from bot.research.performance.charts import markout_chart
from bot.research.performance.lane_charts import parts_chart, share_chart, signed_parts
from bot.research.performance.page import page
from bot.research.performance.panels import LIQUIDITY_COLOURS, bound_axis, fitted, panels
from bot.research.performance.performance import Performance, assess
from bot.research.performance.tables import main_tables
from bot.types import Liquidity
from storage import tradelog
from tests.research.performance.worked import seen, store
from tests.storage.samples import LANE, read

NOTHING = Attribution(*([Decimal(0)] * 5))


@pytest.fixture
def judged(tmp_path: Path) -> Performance:
    run = store(tmp_path)
    with read(tmp_path) as engine:
        return assess(engine, tradelog.run(engine, run), seen())


def bars(picture: str, colour: str) -> list[tuple[float, float]]:
    """From where to where the bars of a colour go across the picture, in their order."""
    corners = re.findall(rf'<path d="([^"]*)"[^>]*style="fill: {colour}; opacity: 0.75', picture)
    found = [[float(x) for x in re.findall(r"[\d.]+", each)[::2]] for each in corners]
    return [(min(xs), max(xs)) for xs in found]


def around(value: float, arm: float) -> Estimate:
    return Estimate(value, value - arm, value + arm, 0.5)


def axis_of(cells: Sequence[Estimate]) -> Axes:
    ax = Figure().subplots()
    values = [each.value for each in cells]
    ax.errorbar(range(len(cells)), values, [[each.high - each.value for each in cells]] * 2)
    bound_axis(ax, list(range(len(cells))), cells)
    return ax


def test_the_parts_of_each_lane_follow_each_other_to_its_net(judged: Performance) -> None:
    parts = judged.own.parts
    assert parts is not None
    picture = parts_chart(judged)

    assert sum(signed_parts(parts)) == parts.net == Decimal("1.59")
    told = re.findall(r">([+−]?\d\.\d{4})<", picture)
    assert told[:6] == ["+0.1000", "+0.8000", "+0.7000", "−0.0600", "+0.0500", "+1.5900"]
    assert told[6:] == ["0.0000", "0.0000", "−2.0000", "0.0000", "0.0000", "−2.0000"]
    assert [f">{lane}<" in picture for lane in (LANE, "touch")] == [True, True]
    spread, adverse, inventory, funding = bars(picture, "#1f9e77")
    lost = bars(picture, "#d4553f")
    fees = next(bar for bar in lost if bar[1] == pytest.approx(inventory[1], abs=0.01))
    for before, after in pairwise((spread, adverse, inventory)):
        assert after[0] == pytest.approx(before[1], abs=0.01)
    assert funding[0] == pytest.approx(fees[0], abs=0.01)
    unit = adverse[1] - adverse[0]
    assert (funding[1] - spread[0]) / unit == pytest.approx(1.59 / 0.8, abs=0.01)


def test_shares_are_of_fills_and_of_notional_and_a_lane_without_fills_says_so(judged: Performance) -> None:
    picture = share_chart(judged)

    assert all(f">{share}<" in picture for share in ("67%", "33%", "70%", "30%"))
    made, taken = (
        [bar for bar in bars(picture, LIQUIDITY_COLOURS[each]) if bar[1] > bar[0] + 1]
        for each in (Liquidity.MAKER, Liquidity.TAKER)
    )
    lengths = [[right - left for left, right in each[:2]] for each in (made, taken)]
    assert lengths[0][0] / lengths[1][0] == pytest.approx(2, abs=0.01)
    assert lengths[0][1] / lengths[1][1] == pytest.approx(140.3 / 60.3, abs=0.01)
    assert picture.count(">no fills<") == 2  # the other lane's


def test_a_run_without_fills_is_drawn_all_the_same(judged: Performance) -> None:
    idle = [replace(lane, fills=0, parts=NOTHING, net=Decimal(0)) for lane in judged.lanes]
    found = replace(judged, lanes=tuple(idle), trades=(), markouts=(), tenths=())
    whole, parts = page(found), parts_chart(found)

    assert whole.count(">no fills<") == 4
    assert parts in whole
    assert parts.count(">0.0000<") == 2 * 6


def test_an_order_that_the_lane_took_back_has_a_reason(judged: Performance) -> None:
    (orders,) = (table for table in main_tables(judged) if table.title.startswith("Orders of lane"))

    assert ("order canceled", "1", "taken back by a decision of the lane's own") in orders.rows
    assert ("order filled", "3", "–") in orders.rows


def test_a_picture_keeps_its_words_and_a_curve_its_form_in_few_letters() -> None:
    heights = np.sin(np.arange(600) / 50)

    def draw() -> Figure:
        figure = Figure(figsize=(9, 3))
        ax = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        ax.plot(heights)
        ax.set_xlim(0, 599)
        ax.set_ylim(-1, 1)
        figure.text(0.5, 0.5, "60000.123456 L 7.125")
        return figure

    picture = drawn("wave", "A wave", draw)

    assert ">60000.123456 L 7.125<" in picture
    assert "<!--" not in picture
    longest = max(re.findall(r' d="M([^"]*)"', picture), key=len)
    points = np.array(longest.split(), float).reshape(-1, 2)
    assert len(longest) < 12 * len(points)
    assert points[-1, 0] == pytest.approx(9 * 72, abs=0.06)
    nearest = np.rint(points[:, 0] / 648 * 599).astype(int)
    assert points[:, 1] == pytest.approx((1 - heights[nearest]) * 108, abs=0.1)


def test_one_wide_interval_does_not_flatten_the_others() -> None:
    cells = [*(around(value, 0.3) for value in (0.1, -0.2, 0.4, 0.5)), around(0.6, 80.0)]

    ax = axis_of(cells)

    low, high = ax.get_ylim()
    assert -3 < low <= -0.5
    assert 0.8 <= high < 3
    assert ax.get_title(loc="left") == "1 of 5 intervals reaches beyond the axis: −79.4 to 80.6"


def test_intervals_that_are_alike_are_shown_whole_and_nothing_is_said() -> None:
    ax = axis_of([around(value, arm) for value, arm in ((0.1, 2.0), (0.5, 2.5), (-0.3, 3.5), (1.0, 4.0))])

    low, high = ax.get_ylim()
    assert (low < -3.8, high > 5.0) == (True, True)
    assert ax.get_title(loc="left") == ""


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(0, 1e4)), min_size=1, max_size=12))
def test_every_mean_is_on_the_axis_and_what_is_not_is_told(pairs: list[tuple[float, float]]) -> None:
    cells = [around(*pair) for pair in pairs]

    ax = axis_of(cells)

    low, high = ax.get_ylim()
    assert all(low <= each.value <= high for each in cells)
    slack = 1e-9 * (1 + max(abs(low), abs(high)))
    beyond = sum(each.low < low - slack or each.high > high + slack for each in cells)
    told = ax.get_title(loc="left")
    assert beyond == 0 or told.startswith(tuple(f"{count} of" for count in range(beyond, len(cells) + 1)))


def test_the_markouts_of_a_report_say_what_reaches_beyond(judged: Performance) -> None:
    arms = np.where(np.arange(len(judged.markouts)) == 4, 500.0, 0.2)
    wide = [replace(each, fills=9, move_bps=around(0.1, arm)) for each, arm in zip(judged.markouts, arms, strict=True)]
    unknown = [replace(each, fills=0, move_bps=NO_ESTIMATE) for each in judged.markouts]

    assert "1 of 10 intervals reaches beyond the axis: −499.9 to 500.1" in markout_chart(
        replace(judged, markouts=tuple(wide))
    )
    assert "beyond" not in markout_chart(judged)
    assert "<svg" in markout_chart(replace(judged, markouts=tuple(unknown)))


@pytest.mark.parametrize("top", [3.0, 0.003, 640_123.5, 0.000_012_345])
def test_numbers_at_the_left_stay_clear_of_the_label_and_on_the_picture(top: float) -> None:
    with rc_context({"font.size": 9}):  # as in the page
        sheet, axes = panels(2, (2, 1))
        for ax in axes:
            ax.plot([0, 1], [-top, top])
            ax.ticklabel_format(style="plain", useOffset=False)
            ax.set_ylabel("position")

        fitted(sheet)
        FigureCanvasAgg(sheet).draw()  # type: ignore[no-untyped-call] # of matplotlib

    for ax in axes:
        label = ax.yaxis.label.get_window_extent()
        assert label.x0 >= 0
        assert label.x1 < min(each.get_window_extent().x0 for each in ax.get_yticklabels())


def test_a_picture_keeps_its_width_on_a_phone_and_is_scrolled(judged: Performance) -> None:
    drawn_page = page(judged)

    assert drawn_page.count('<div class="wide"><svg') == drawn_page.count("<svg")
    assert re.search(r"svg \{[^}]*min-width: \d+rem", drawn_page)
