"""The study of queues against truth: its truth is the exchange's, its simulations keep order, its figures hold."""

from __future__ import annotations

import math
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from benchmarks.marked_page import part, put
from benchmarks.queue_figures import Study, struck
from benchmarks.queue_market import Copy, Original, Struck, Truth, best_of, mid_of, truth
from benchmarks.queue_orders import HORIZONS_MS, REGIMES, REST_MS, Fate, Placement
from benchmarks.queue_sheets import MARKS, sheets, verdict
from benchmarks.queue_study import POLLED, TRUE, Sample, least_lots, run
from bot.exchange.books.order import Rule
from bot.exchange.exchange import Ticket
from bot.exchange.floor import STEP_MS
from bot.exchange.process import ExchangeSettings
from bot.exchange.virtual import VirtualExchange
from bot.types import Side
from tests.run.bots import ROOT

_, XRP, _, ATOM = REGIMES
MOMENTS = 12
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def markets() -> list[list[Sample]]:
    """Some two hundred and fifty orders on two markets of coarse ticks, where queues decide."""
    return [run(XRP, 11, MOMENTS), run(ATOM, 11, MOMENTS)]


@pytest.fixture(scope="module")
def samples(markets: list[list[Sample]]) -> list[Sample]:
    """All of them."""
    return [sample for market in markets for sample in market]


@pytest.fixture(scope="module")
def study(markets: list[list[Sample]]) -> Study:
    """The figures of all of them."""
    return Study(markets)


def _lived(turns: int, seed: int = 11) -> Original:
    original = Original(XRP, seed)
    for _ in range(turns):
        original.turn()
    return original


def _at_touch(original: Original, side: Side) -> Placement:
    listing = original.listing
    price = best_of(listing, side)
    return Placement(0, original.turns, side, price, least_lots(listing.instrument, price), 0)


def test_a_copy_without_an_order_goes_on_as_its_original_does() -> None:
    original = _lived(300)
    copy = Copy(original.saved(), original.turns)

    trades, mids, copied = [], [], []
    for _ in range(400):
        trades += original.turn()
        mids.append(mid_of(original.listing))
        copy.turn()
        copied.append(copy.mid_ticks)

    assert len(trades) > 50
    assert [one.trade_id for one in copy.public] == [one.trade_id for one in trades]
    assert [(one.price, one.lots) for one in copy.public] == [(one.price, one.lots) for one in trades]
    assert copied == mids


def test_the_truth_is_what_the_exchange_itself_does_with_the_same_order() -> None:
    filled = 0
    for turns, side in product((500, 700, 900), Side):
        original = _lived(turns)
        placement = _at_touch(original, side)
        exchange = VirtualExchange(ExchangeSettings(seed=11, symbols=(XRP.symbol,)))
        exchange.advance((turns - 1) * STEP_MS)  # it has made a turn already
        instrument, placed_ms = exchange.exchange.listings["XRPUSDT"].instrument, exchange.now_ms
        size, price = instrument.size(placement.lots), instrument.price(placement.price)
        exchange.place(Ticket("XRPUSDT", side.sign, size, price, Rule.GTX, False, "tiny"))
        exchange.advance(REST_MS)

        fills = exchange.account().fills
        fate = truth(original.saved(), placement).fate
        assert fate.fills == tuple((fill.time_ms - placed_ms, fill.lots) for fill in fills)
        filled += len(fills)
    assert filled >= 3


def test_fills_of_an_order_are_trades_of_its_market_at_its_price() -> None:
    original = _lived(700)
    placement = _at_touch(original, Side.BUY)
    copy = Copy(original.saved(), original.turns)
    own = copy.place(placement)
    while not own.order.status.is_closed:
        copy.turn()

    public = {one.trade_id: one for one in copy.public}
    fills = copy.account.fills
    assert sum(fill.lots for fill in fills) == placement.lots
    for fill in fills:
        trade = public[fill.trade_id]
        assert (trade.price, trade.lots, trade.sign) == (placement.price, fill.lots, -1)
        assert fill.maker


def test_an_order_starts_behind_all_that_its_level_shows() -> None:
    original = _lived(700)
    shown = original.listing.book.depth(1)[0][0][1]

    assert truth(original.saved(), _at_touch(original, Side.BUY)).fate.ahead[0] == shown > 0


@pytest.mark.parametrize("feed", ["", POLLED])
def test_an_order_alone_fills_no_less_by_touch_than_by_queue_nor_by_queue_than_by_through(
    samples: list[Sample], feed: str
) -> None:
    assert len(samples) > 200
    for sample in samples:
        for ms in range(0, REST_MS + 1, 500):
            through, queue, touch = (sample.fates[feed + name].lots_by(ms) for name in ("through", "queue", "touch"))
            assert 0 <= through <= queue <= touch <= sample.placement.lots


def test_the_plain_risk_averse_queue_is_the_kernels_fill_by_fill(samples: list[Sample]) -> None:
    filled = [sample for sample in samples if sample.fates["queue"].fills]

    assert len(filled) > 100
    for sample in samples:
        assert sample.fates["risk_averse"].fills == sample.fates["queue"].fills


def test_what_is_proven_bounds_every_model(samples: list[Sample]) -> None:
    for sample in samples:
        for ms in HORIZONS_MS:
            least = sample.fates["risk_averse"].lots_by(ms)
            most = sample.fates["touch"].lots_by(ms)
            for name in ("uniform", "log", "power(2)", "power(3)"):
                assert least <= sample.fates[name].lots_by(ms) <= most, (name, sample.placement)


@pytest.mark.parametrize(("feed", "least"), [("", 0.96), (POLLED, 0.95)])
def test_the_true_fate_lies_between_through_and_touch(study: Study, feed: str, least: float) -> None:
    where = study.resting & ~study.rejected
    for ms in HORIZONS_MS:
        inside, missed, false = study.coverage(ms, where, feed)
        assert inside >= least
        assert inside + missed + false == pytest.approx(1)


def test_an_assumption_that_ignores_the_queue_is_far_from_the_truth_and_a_queue_is_near(study: Study) -> None:
    at_touch = study.away == 0
    errors = {name: study.rate_error(name, 5_000, at_touch).value for name in ("through", "queue", "uniform", "touch")}

    assert errors["through"] < -0.12
    assert errors["touch"] > 0.12
    assert abs(errors["queue"]) < 0.12
    assert abs(errors["uniform"]) < 0.12


def test_every_table_has_its_place_in_the_page(study: Study, tmp_path: Path) -> None:
    page = tmp_path / "fills.md"
    page.write_text((ROOT / "docs" / "fills.md").read_text())

    assert ("verdict", *(mark for mark, _ in sheets(study))) == MARKS
    for mark, sheet in sheets(study):
        assert part(page, mark)
        put(page, mark, sheet.as_markdown())
        assert sheet.headings[0] in part(page, mark)
    assert part(page, "verdict")
    assert "points" in verdict(study)


def test_a_page_without_the_marks_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- verdict -->\n\n<!-- /verdict -->\n")
    words = [sys.executable, "-m", "benchmarks", "queue_truth", "--out", str(page)]

    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    assert "should have the marks <!-- rates -->" in done.stderr
    assert "Traceback" not in done.stderr


def _sample(away: int, moment: int, **done_ms: float) -> Sample:
    """One order of two lots; those names that are not told never fill."""
    names = (TRUE, "touch", "queue", "through", f"{POLLED}queue")
    fates = {
        name: Fate(((int(done_ms[name]), 2),) if name in done_ms else ((100, 1),), (10.0, math.nan, math.nan))
        for name in names
    }
    placement = Placement(moment, moment, Side.BUY, 100, 2, away)
    return Sample("X", placement, fates, dict.fromkeys(names, (1.0, -1.0)), (), None, ())


def test_figures_of_four_orders_worked_by_hand() -> None:
    study = Study(
        [
            [
                _sample(0, 1, truth=1_000, touch=500, queue=3_000, through=4_000),
                _sample(0, 1, truth=2_000, queue=1_500),  # a fill that touch lacks
                _sample(0, 2, touch=900, queue=900, through=900),  # none, and through has one
                _sample(1, 2, touch=400),
            ]
        ]
    )
    everything = study.away >= 0

    assert study.rate(TRUE, 1_000, everything).value == 0.25
    assert study.rate("queue", 5_000, everything).value == 0.75
    assert study.rate_error("queue", 5_000, everything).value == 0.25
    assert study.wrong("queue", 1_000, everything) == 0.5  # the first, and the third
    assert study.timing("queue", everything) == ((2_000 - 500) / 2, (2_000 + 500) / 2, 2)
    assert study.coverage(5_000, everything) == (0.5, 0.25, 0.25)
    assert study.cell_error("queue", everything) == pytest.approx((1 / 6) * (0 + 1 / 3 + 1 / 3))
    interval = study.rate(TRUE, 5_000, everything)
    assert (interval.low, interval.high) == (0.0, 1.0)  # two moments: one with all fills, one without


def test_what_traded_ahead_of_an_order_is_not_counted_as_cancelled() -> None:
    original = _lived(900)
    placement = _at_touch(original, Side.SELL)
    copy = Copy(original.saved(), original.turns)
    own = copy.place(placement)
    found = Truth(placement, own)
    found.note(copy, 0, ())
    traded = cancelled = ms = 0
    while copy.queue(own)[0] and ms < REST_MS:
        front, back = copy.queue(own)
        ms += STEP_MS
        copy.public.clear()
        copy.turn()
        found.note(copy, ms, copy.public)
        left = sum(copy.queue(own)[0].values())
        if front and back and left:
            taken = sum(one.lots for one in copy.public if one.price == placement.price)
            traded += taken
            cancelled += sum(front.values()) - left - taken

    assert traded > 1_000
    assert sum(one.lots_ahead for one in found.struck) == cancelled


def test_cancels_are_counted_where_they_struck() -> None:
    original = _lived(700)
    found = truth(original.saved(), _at_touch(original, Side.BUY))
    assert found.struck
    for one in found.struck:
        assert 0 < one.ahead < 1
        assert one.lots_ahead >= 0
        assert one.lots_behind >= 0

    sample = _sample(0, 1)._replace(struck=(Struck(0.5, 3, 1), Struck(0.5, 0, 4), Struck(0.9, 1, 0)))
    rows = struck(Study([[sample]]), (0.0, 0.8, 1.0), Study([[sample]]).away == 0)
    assert rows == [pytest.approx((0.5, 3 / 8, 2)), pytest.approx((0.9, 1.0, 1))]
