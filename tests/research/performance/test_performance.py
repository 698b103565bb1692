"""Every figure of a run's report, against numbers worked out by hand (see `worked`)."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from decimal import Decimal
from html import escape
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.console.documents import as_text, plain
from bot.console.verdicts import summary
from bot.research.mids import NO_MID, Mids
from bot.research.performance.attribution import attributed
from bot.research.performance.curves import at_times, band, days_of, equity_curve
from bot.research.performance.document import document
from bot.research.performance.limits import UNSEEN
from bot.research.performance.markouts import HORIZONS_NS, markouts, tenths
from bot.research.performance.page import page
from bot.research.performance.performance import Performance, Seen, assess
from bot.research.performance.placebos import placed
from bot.research.performance.prices import Prices, fill_columns
from bot.research.performance.tables import about, headline, main_tables
from bot.research.performance.thinning import every_nth, thinned
from bot.types import NS_PER_S, EquityPoint, Liquidity, Side
from storage import tradelog
from tests.research.performance.worked import behind, fills, prices, seen, store
from tests.storage.samples import BTC, LANE, START_NS, fill, read


@pytest.fixture
def judged(tmp_path: Path) -> Performance:
    run = store(tmp_path)
    with read(tmp_path) as engine:
        return assess(engine, tradelog.run(engine, run), seen())


def test_the_parts_of_the_pnl_are_those_worked_out_by_hand_and_sum_to_the_net(judged: Performance) -> None:
    parts = judged.own.parts

    assert parts is not None
    assert parts.spread == Decimal("0.5") + Decimal("0.2") - Decimal("0.6")
    assert parts.adverse == Decimal("0.5") + 0 + Decimal("0.3")
    assert parts.inventory == Decimal("0.7")  # 0.4 (101.5 - 100.5) + 0.6 (101 - 100.5)
    assert (parts.fees, parts.funding) == (Decimal("0.06"), Decimal("0.05"))
    assert parts.net == judged.own.net == Decimal("1.59")


def test_the_interval_goes_from_the_least_lane_to_the_most_and_leaves_placebos_out(judged: Performance) -> None:
    interval = judged.interval

    assert (interval.least, interval.least_lane) == (Decimal(-2), "touch")
    assert (interval.most, interval.most_lane) == (Decimal("1.59"), LANE)
    assert [lane.lane for lane in judged.lanes] == [LANE, "touch"]


def test_a_fill_at_the_start_of_a_second_recording_is_not_held_against_the_mid_of_the_first() -> None:
    first, second = (START_NS + second * NS_PER_S for second in (0, 86_400))
    mids = Mids(np.array([5, 30]), np.array([first, second + 2 * NS_PER_S]), np.array([400, 800]))  # twice as dear
    two = Prices({BTC.symbol: mids}, {BTC.symbol: BTC}, ((first, first + 40 * NS_PER_S), (second, second + 10**11)))
    (columns,) = fill_columns([fill(20, Side.SELL, 100, 200, position_lots=-100, at_s=86_401)], two)

    parts = attributed([columns], two, Decimal(-100), Decimal(0), Decimal(0))

    assert (parts.spread, parts.adverse, parts.inventory) == (Decimal(0), Decimal(0), Decimal(-100))
    assert all(each.fills == 0 for each in markouts(LANE, [columns], two))


def test_a_lane_is_counted_up(judged: Performance) -> None:
    own = judged.own

    assert (own.start, own.end) == (Decimal(10_000), Decimal("10001.59"))
    assert own.fills == 3
    assert own.maker_share == pytest.approx(2 / 3)
    assert own.turnover == Decimal("99.5") + Decimal("40.8") + Decimal("60.3")
    assert own.maker_notional_share == pytest.approx(140.3 / 200.6)
    assert own.drawdown == pytest.approx(1.5)
    assert own.per_hour.value == pytest.approx(1.59 * 3600 / 35)  # from its first equity point, at 5 s, to the end
    assert math.isnan(own.per_hour.low)  # four points are too few for an interval


def test_the_strategy_stands_among_its_placebos(judged: Performance) -> None:
    own = judged.placebos

    assert own is not None
    assert sorted(own.nets) == [-1, 1, 2]
    assert (own.lane, own.net, own.rank, own.p) == (LANE, Decimal("1.59"), 2, 0.5)


def test_a_placebo_that_earned_as_much_counts_against_the_strategy_and_without_placebos_there_is_no_rank() -> None:
    even = placed({"queue": Decimal(1), "placebo-01": Decimal(1), "placebo-02": Decimal(0)})

    assert even is not None
    assert even.rank == 1
    assert even.p == pytest.approx(2 / 3)
    assert placed({"queue": Decimal(1), "touch": Decimal(2)}) is None


def test_markouts_are_moves_of_the_mid_in_the_direction_of_the_fill_by_liquidity(judged: Performance) -> None:
    of = {(each.liquidity, each.horizon_ns // NS_PER_S): each for each in judged.markouts if each.lane == LANE}

    assert len(judged.markouts) == 2 * len(HORIZONS_NS)  # the other lane has no fill
    assert of[Liquidity.MAKER, 1].move_bps.value == 0
    assert of[Liquidity.MAKER, 5].move_bps.value == pytest.approx((50 + 0) / 2)
    assert of[Liquidity.TAKER, 5].move_bps.value == pytest.approx(2 / 406 * 10_000)  # sold, and it fell
    assert of[Liquidity.MAKER, 5].fills == 2


def test_a_horizon_beyond_the_end_of_the_recording_is_no_markout(judged: Performance) -> None:
    makers = {each.horizon_ns // NS_PER_S: each for each in judged.markouts if each.liquidity is Liquidity.MAKER}

    assert makers[30].fills == 1  # of 10 s and 20 s only the first
    assert makers[30].move_bps.value == pytest.approx(100)
    assert makers[300].fills == 0
    assert math.isnan(makers[300].move_bps.value)


def test_fills_of_one_moment_are_one_observation_and_have_no_interval() -> None:
    at_once = [fill(20, Side.BUY, 10, 199, at_s=10) for _ in range(30)]
    (columns,) = fill_columns(at_once, prices())

    found = markouts(LANE, [columns], prices())

    assert [(each.fills, math.isnan(each.move_bps.low)) for each in found[:4]] == [(30, True)] * 4
    assert found[2].move_bps.value == pytest.approx(50)


def test_a_markout_over_few_of_the_fills_says_over_how_many(judged: Performance) -> None:
    cells = [replace(each, fills=57 if each.horizon_ns <= NS_PER_S else 4) for each in judged.markouts]
    (table,) = (each for each in main_tables(replace(judged, markouts=tuple(cells))) if each.title == "Markouts")

    assert all(row[-1].endswith(", 4 fills") for row in table.rows)
    assert not any("fills" in cell for row in table.rows for cell in row[2:5])


def test_a_run_that_rests_on_a_handful_of_fills_says_so_at_the_top(judged: Performance) -> None:
    many = replace(judged, lanes=tuple(replace(lane, fills=30) for lane in judged.lanes))

    assert "It rests on 3 fills in one lane: too few to tell anything from chance." in headline(judged)
    assert not any("too few" in line for line in headline(many))


def test_a_recording_that_ends_early_ends_adverse_selection_with_it() -> None:
    early = prices((0, 14))  # the mid at 14 s is that of 12 s
    (columns,) = fill_columns(fills()[:1], early)

    parts = attributed([columns], early, Decimal(0), Decimal(0), Decimal(0))

    assert parts.adverse == Decimal("0.5")
    assert markouts(LANE, [columns], early)[2].fills == 0  # 15 s is not on it


def test_the_mid_of_a_fill_is_the_one_before_its_own_message() -> None:
    mids = Mids(np.array([10, 20]), np.array([0, 5]), np.array([400, 500]))

    assert mids.before(np.array([10, 11, 20, 21])).tolist() == [NO_MID, 400, 400, 500]
    assert mids.at(np.array([-1, 0, 4, 5])).tolist() == [NO_MID, 400, 400, 500]


def test_tenths_pair_each_fill_with_the_signal_behind_its_order(judged: Performance) -> None:
    found = {each.low: each for each in judged.tenths}

    assert sorted(found) == [-0.5, 0.25, 0.5]
    assert {each.signal for each in judged.tenths} == {"lean"}
    assert found[0.5].buys == 1
    assert found[0.5].buy_move_bps.value == pytest.approx(50)
    assert found[-0.5].sells == 1
    assert found[-0.5].sell_move_bps.value == 0
    assert found[-0.5].number == 1
    assert found[0.5].number == 10


def test_fills_whose_decision_is_not_known_are_in_no_tenth() -> None:
    known = behind()
    del known[LANE, "ib-20"]

    assert sum(each.buys + each.sells for each in tenths(fills(), prices(), known)) == 2
    assert tenths(fills(), prices(), {}) == []


def test_what_happened_is_counted_by_reason(judged: Performance) -> None:
    counts = {(each.what, each.reason): each.count for each in judged.counts}

    assert counts["fill", "maker: quoting both sides"] == 2
    assert counts["fill", "taker: stop-loss"] == 1
    assert counts["order filled", ""] == 3
    assert counts["order canceled", ""] == 1
    assert counts["denied by max_position", "too much"] == 1
    (decided,) = judged.decisions
    assert [(one.outcome, one.count) for one in decided.counts if one.outcome != "denied"] == [
        ("quotes", 2),
        ("waiting", 2),
    ]


def test_a_day_is_what_equity_did_in_it() -> None:
    day = 86_400
    first = START_NS // NS_PER_S // day * day
    points = [(first + 10, "101"), (first + 20, "99"), (first + day + 5, "102"), (first + day + 9, "98")]
    curve = equity_curve(LANE, Decimal(100), [_worth(second, worth) for second, worth in points])
    other = equity_curve("touch", Decimal(100), [_worth(first + day + 9, "103")])

    days = days_of([curve, other], {"2023-11-14": (3, Decimal(200), Decimal("0.1"))})

    assert [(each.day, each.net, each.least, each.most, each.drawdown) for each in days] == [
        ("2023-11-14", -1, -1, 0, 2),
        ("2023-11-15", -1, -1, 3, 4),
    ]
    assert (days[0].fills, days[1].fills) == (3, 0)


def test_the_band_is_the_least_and_the_most_of_the_curves() -> None:
    low = equity_curve("queue", Decimal(0), [_worth(10, "-1"), _worth(20, "-2")])
    high = equity_curve("touch", Decimal(0), [_worth(15, "3")])
    times = np.array([5, 10, 15, 20], np.int64) * NS_PER_S

    least, most = band([low, high], times)

    assert least.tolist() == [0, -1, -1, -2]
    assert most.tolist() == [0, 0, 3, 3]
    assert at_times(low, times).tolist() == [0, -1, -1, -2]


def test_without_a_recording_the_money_is_told_and_the_prices_are_not(tmp_path: Path) -> None:
    run = store(tmp_path)
    with read(tmp_path) as engine:
        found = assess(engine, tradelog.run(engine, run), Seen(None, {}, {}))

    assert found.own.net == Decimal("1.59")
    assert found.own.parts is None
    assert not found.markouts
    assert not found.tenths
    assert "left no recording" in page(found)


@given(
    st.lists(
        st.tuples(st.sampled_from(Side), st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 60)),
        min_size=1,
        max_size=20,
    ),
    st.integers(-(10**9), 10**9),
)
def test_the_parts_always_sum_to_the_net_exactly(deals: list[tuple[Side, int, int, int]], cents: int) -> None:
    own = [fill(n, side, lots, ticks, at_s=at_s) for n, (side, lots, ticks, at_s) in enumerate(deals)]
    trading, fees, funding = Decimal(cents) / 100, Decimal("0.000000001") * len(own), Decimal("-0.37")
    known: Prices = prices()

    parts = attributed(fill_columns(own, known), known, trading, fees, funding)

    assert parts.net == trading - fees + funding


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=400), st.integers(4, 40))
def test_a_thinned_curve_keeps_its_peak_its_trough_and_its_ends(values: list[float], most: int) -> None:
    times = np.arange(len(values), dtype=np.int64) * NS_PER_S

    when, kept = thinned(times, np.array(values), most)

    assert len(kept) <= max(most, 1) + 2
    assert (kept.min(), kept.max()) == (min(values), max(values))
    assert (when[0], when[-1]) == (times[0], times[-1])
    assert len(every_nth(len(values), most)) <= most


def test_the_page_leads_with_the_interval_needs_nothing_else_and_says_what_it_cannot_show(judged: Performance) -> None:
    drawn = page(judged)

    (title,) = re.findall(r"<h1>(.*?)</h1>", drawn)
    assert "P&amp;L interval −2.00 to +1.59 USDT (touch to queue)" in title
    assert "Rank 2 of 4 among its placebos (lane queue, p = 0.50): not told from chance." in drawn
    assert not re.search(r"<script|<link|<img|src=|http", drawn)
    assert drawn.count("<svg") == 7  # placebos, shares, P&L, the symbol, its parts, markouts, one signal's tenths
    assert drawn.count("<svg") == drawn.count('role="img"')
    assert "What this simulation cannot show" in drawn
    assert all(escape(each.what) in drawn for each in UNSEEN)


@pytest.mark.parametrize(
    ("latency", "told_ns", "words"),
    [
        ("50ms", (), "round trip 50ms, maker"),
        ((Decimal("48.2"), Decimal(61), Decimal(52)), (), "round trip 52ms (median of 3 to draw from), maker"),
        ("measured", (), "round trip as measured (50ms until the first), maker"),
        (
            "measured",
            (812_345, 12_500_000, 1_320_000_000, 9_000_000),
            "round trip as measured, from 0.8123ms to 1,320ms, median 9ms (50ms until the first), maker",
        ),
    ],
)
def test_it_is_said_how_long_orders_took(
    judged: Performance, latency: object, told_ns: tuple[int, ...], words: str
) -> None:
    paper = judged.config.paper.model_copy(update={"latency": latency})
    found = replace(judged, config=judged.config.model_copy(update={"paper": paper}), round_trips_ns=told_ns)

    assert words in about(found)
    assert document(found)["round_trips_ns"] == (
        {"least": 812_345, "median": 9_000_000, "most": 1_320_000_000, "count": 4} if told_ns else None
    )


def test_recordings_with_time_between_them_are_told_with_it(judged: Performance) -> None:
    day_ns = 86_400 * NS_PER_S
    known = prices()
    ((first, last),) = known.spans_ns
    spans = ((first, last - 30 * NS_PER_S), (last - 25 * NS_PER_S, last), (last + day_ns, last + day_ns + 1))

    assert "40s from" not in about(replace(judged, prices=replace(known, spans_ns=spans)))
    assert " UTC in 3 stretches, up to 1d00h apart;" in about(replace(judged, prices=replace(known, spans_ns=spans)))
    assert "recordings" not in about(judged)


def test_names_in_a_page_are_text_whatever_they_hold(judged: Performance) -> None:
    hostile = replace(judged, run=replace(judged.run, strategy_name="<b>x</b>", end_reason="<script>"))

    assert "<b>x" not in page(hostile)
    assert "<script>" not in page(hostile)


def test_text_and_document_say_the_same(judged: Performance) -> None:
    text = as_text(summary(judged, whole=True))
    told = json.loads(json.dumps(plain(document(judged))))

    assert text.startswith("P&L interval −2.00 to +1.59 USDT (touch to queue)")
    assert re.search(r"queue +\+0\.1000 +\+0\.8000 +\+0\.7000 +−0\.0600 +\+0\.0500 +\+1\.5900", text)
    parts = {name: Decimal(value) for name, value in told["lanes"][0]["parts"].items()}
    assert list(parts) == ["spread", "adverse", "inventory", "fees", "funding"]
    assert parts["spread"] + parts["adverse"] + parts["inventory"] - parts["fees"] + parts["funding"] == Decimal("1.59")
    assert told["interval"] == {"least": "-2", "least_lane": "touch", "most": "1.59", "most_lane": "queue"}
    assert told["equity"]["queue"][-1][1] == pytest.approx(1.59)
    assert len(told["not_shown"]) == len(UNSEEN)


def _worth(second: int, equity: str) -> EquityPoint:
    zero = Decimal(0)
    return EquityPoint(LANE, second, second * NS_PER_S, Decimal(equity), Decimal(equity), zero, zero, zero, zero)
