"""The tables on what signals were worth say what plain arithmetic says of the same small market."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.signal_worth import measure
from benchmarks.worth_sheets import Found, sheets
from bot.types import BPS, NS_PER_MS, NS_PER_S, Floats, Kind
from tests.market.reference import SYMBOL, Row
from tests.research.tapes import tape_of

EVERY_NS = 100 * NS_PER_MS
SECONDS = 60


@dataclass(frozen=True, slots=True)
class Touch:
    """The only level of each side from `ns` on."""

    ns: int
    bid: int
    bid_lots: int
    ask: int
    ask_lots: int

    @property
    def mid(self) -> float:
        """Mid in ticks."""
        return (self.bid + self.ask) / 2

    @property
    def imbalance(self) -> float:
        """Queue imbalance."""
        return (self.bid_lots - self.ask_lots) / (self.bid_lots + self.ask_lots)


def market() -> list[Touch]:
    """A minute of a market that now and then steps to where its book is thin."""
    rng = np.random.default_rng(5)
    touches = [Touch(EVERY_NS, 2_000, 5, 2_001, 5)]
    for number in range(2, 20 * SECONDS):
        old, (bid_lots, ask_lots) = touches[-1], rng.integers(1, 30, 2).tolist()
        step = int(np.sign(old.imbalance)) if rng.random() < 0.2 * abs(old.imbalance) + 0.05 else 0
        touches.append(Touch(EVERY_NS + number * 50 * NS_PER_MS, old.bid + step, bid_lots, old.ask + step, ask_lots))
    return touches


def rows(touches: list[Touch]) -> Iterator[Row]:
    """Each touch as one message that says what went and what stands."""
    yield Row(Kind.BID, touches[0].bid, touches[0].bid_lots, local_ns=touches[0].ns, last=False)
    yield Row(Kind.ASK, touches[0].ask, touches[0].ask_lots, local_ns=touches[0].ns)
    for number, (old, new) in enumerate(pairwise(touches)):
        said = [(Kind.BID, old.bid, 0), (Kind.ASK, old.ask, 0)] if new.bid != old.bid else []
        said += [(Kind.BID, new.bid, new.bid_lots), (Kind.ASK, new.ask, new.ask_lots)]
        for kind, price, size in said:
            yield Row(kind, price, size, local_ns=new.ns, last=False)
        yield Row(Kind.BUY if number % 3 else Kind.SELL, new.ask if number % 3 else new.bid, 1, local_ns=new.ns)


@pytest.fixture(scope="module")
def touches() -> list[Touch]:
    """The market as it was made."""
    return market()


@pytest.fixture(scope="module")
def found(touches: list[Touch], tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What is measured on its tape."""
    tape = tape_of(tmp_path_factory.mktemp("worth") / "tape", list(rows(touches)))
    return measure("made up", tape, SYMBOL, EVERY_NS)


def at(touches: list[Touch], ns: int) -> Touch:
    """The touch in force at a time."""
    return [touch for touch in touches if touch.ns <= ns][-1]


def event(old: Touch, new: Touch) -> float:
    """e of Cont, Kukanov and Stoikov (2014), in base currency: a lot is a quarter."""
    bid = (new.bid >= old.bid) * new.bid_lots - (new.bid <= old.bid) * old.bid_lots
    ask = (new.ask <= old.ask) * new.ask_lots - (new.ask >= old.ask) * old.ask_lots
    return 0.25 * (bid - ask)


def seconds_of(touches: list[Touch]) -> tuple[Floats, Floats]:
    """OFI and the mid's move in bps of every second, from the first decision on."""
    flows, moves = [], []
    ends = range(touches[0].ns, touches[-1].ns + EVERY_NS, NS_PER_S)
    for start, end in pairwise(ends):
        flows.append(sum(event(old, new) for old, new in pairwise(touches) if start < new.ns <= end))
        first, last = at(touches, start).mid, at(touches, end).mid
        moves.append(BPS * (last - first) / first)
    return np.array(flows), np.array(moves)


def ranks(values: Floats) -> Floats:
    """Ranks from 1, ties sharing their mean, by comparing all with all."""
    below, equal = (values[:, None] > values).sum(axis=1), (values[:, None] == values).sum(axis=1)
    shared: Floats = below + (equal + 1) / 2
    return shared


def test_r2_of_the_same_second_is_that_of_plain_arithmetic(found: Found, touches: list[Touch]) -> None:
    x, y = seconds_of(touches)

    cell = found.explained["ofi(1s)"]

    assert cell.windows == len(x) == SECONDS
    assert cell.r2 == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2)
    assert cell.r2 > 0.05


def test_out_of_sample_no_window_is_judged_by_a_line_that_it_is_part_of(found: Found, touches: list[Touch]) -> None:
    x, y = seconds_of(touches)
    borders = np.linspace(0, len(x), 7).astype(int)
    left = mean_left = 0.0
    for start, stop in pairwise(borders[1:]):
        slope, intercept = np.polyfit(x[:start], y[:start], 1)
        left += float(((y[start:stop] - intercept - slope * x[start:stop]) ** 2).sum())
        mean_left += float(((y[start:stop] - y[:start].mean()) ** 2).sum())

    assert found.explained["ofi(1s)"].out_r2 == pytest.approx(1 - left / mean_left)


def test_auc_is_the_share_of_pairs_that_are_told_apart(found: Found, touches: list[Touch]) -> None:
    rises: list[float] = []
    falls: list[float] = []
    for ns in range(touches[0].ns, touches[-1].ns + EVERY_NS, EVERY_NS):
        now = at(touches, ns)
        later = next((touch.mid for touch in touches if touch.ns > ns and touch.mid != now.mid), now.mid)
        if later != now.mid:
            (rises if later > now.mid else falls).append(now.imbalance)
    higher = np.subtract.outer(np.array(rises), np.array(falls))

    clock = found.validity.signals[0].aucs[1]

    assert found.validity.signals[0].name == "queue_imbalance"
    assert clock.looks == len(rises) + len(falls)
    assert clock.auc.value == pytest.approx(float(((higher > 0) + (higher == 0) / 2).mean()))


def test_rank_ic_is_of_windows_side_by_side(found: Found, touches: list[Touch]) -> None:
    starts = [touches[0].ns + number * NS_PER_S for number in range(SECONDS)]
    x = np.array([at(touches, ns).imbalance for ns in starts])
    mids = [(at(touches, ns).mid, at(touches, ns + NS_PER_S).mid) for ns in starts]
    y = np.array([BPS * (last - first) / first for first, last in mids])

    cell = next(cell for cell in found.validity.signals[0].ahead if cell.horizon_ns == NS_PER_S)

    assert cell.windows == SECONDS
    assert cell.rank_ic.value == pytest.approx(np.corrcoef(ranks(x), ranks(y))[0, 1])


def test_the_tables_hold_these_numbers(found: Found) -> None:
    explained, ahead = found.explained["ofi(1s)"], found.validity.signals[0].ahead[1]
    sessions, present, following, direction, ranking = sheets([found])

    assert sessions.rows[0][:3] == ("made up", "1.0", "100ms")
    assert present.rows[0][2] == f"{explained.r2:.2f} / {explained.out_r2:.2f}".replace("-", "−")
    assert following.rows[0][4] == f"{ahead.line.r2:.3f}"
    assert str(direction.rows[0][1]).startswith(f"{found.validity.signals[0].aucs[1].auc.value:.2f} (")
    assert [row[:2] for row in ranking.rows] == [(horizon, "made up") for horizon in ("100ms", "1s", "10s")]
    assert all(sheet.as_markdown().count("\n|") == 1 + len(sheet.rows) + 1 for sheet in sheets([found]))


def test_windows_shorter_than_the_looks_are_left_out(found: Found, touches: list[Touch], tmp_path: Path) -> None:
    seldom = measure("seldom", tape_of(tmp_path / "tape", list(rows(touches))), SYMBOL, NS_PER_S)
    present = sheets([found, seldom])[1]

    assert list(found.explained)[:2] == ["ofi(100ms)", "ofi(1s)"]
    assert next(iter(seldom.explained)) == "ofi(1s)"
    assert present.headings[1] == "ofi(100ms)"
    assert present.rows[1][1] == "–"
