"""Two stored runs, compared record by record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.types import NS_PER_S, Command, Decision, Fill, Intent, OrderStatus, Record, Side
from storage.divergence import decision_counts, lanes_of, partings
from storage.journal import Journal
from storage.parity import stored_records
from tests.storage.samples import LANE, START_NS, begin, decision, denial, fill, intent, order_event, read, written

STOP_SEQ = 90


def records(run: int) -> list[Record]:
    """One of each kind; ids name their run, as those of a core do."""
    named = f"ib{run}-{LANE}-1"
    return [
        decision(1),
        decision(2, reason="the book leans"),
        replace(intent(2), client_id=named),
        replace(order_event(2, OrderStatus.FILLED, 10), client_id=named),
        replace(fill(3, Side.BUY, 10, 200), client_id=named, fill_id=f"{named}-1"),
        denial(4),
    ]


def store(
    journal: Journal,
    change: Callable[[Record], Record | None] = lambda record: record,
    more: Callable[[int], list[Record]] = lambda run: [],
) -> int:
    """Write a run whose records went through `change`, where None leaves one out, and `more` of its own."""
    run = begin(journal)
    journal.write([changed for record in records(run) if (changed := change(record)) is not None])
    journal.write(more(run))
    journal.write([Command(STOP_SEQ + run, START_NS + 99 * NS_PER_S, "stop", "run", f"ending {run}")])
    stopped = order_event(STOP_SEQ + run, OrderStatus.CANCELED)
    journal.write([replace(stopped, client_id=f"ib{run}-{LANE}-9", reason=f"ending {run}")])
    journal.commit(durable=True)
    journal.end_run(run, START_NS + 99 * NS_PER_S, f"ending {run}")
    return run


def test_two_runs_with_the_same_records_are_equal_whatever_stopped_them(tmp_path: Path) -> None:
    with written(tmp_path) as journal:
        first, second = store(journal), store(journal)

    with read(tmp_path) as engine:
        assert partings(engine, first, second, [LANE]) == []
        assert lanes_of(engine, first) == [LANE]
        assert decision_counts(engine, first) == {LANE: 2}


def _price(record: Record) -> Record:
    return replace(record, price_ticks=201) if isinstance(record, Intent) else record


def _no_fill(record: Record) -> Record | None:
    return None if isinstance(record, Fill) else record


def _number(record: Record) -> Record:
    return replace(record, seq=5) if isinstance(record, Fill) else record


@pytest.mark.parametrize(
    ("change", "kind", "field", "first", "second"),
    [
        (_price, "intent", "price_ticks", "200", "201"),
        (_number, "fill", "seq", "3", "5"),
    ],
)
def test_the_first_difference_is_told_with_both_values(
    tmp_path: Path, change: Callable[[Record], Record], kind: str, field: str, first: str, second: str
) -> None:
    with written(tmp_path) as journal:
        runs = store(journal), store(journal, change)

    with read(tmp_path) as engine:
        (found,) = partings(engine, *runs, [LANE])

    assert (found.kind, found.number, found.lane) == (kind, 1, LANE)
    assert (found.field, found.first, found.second) == (field, first, second)


def both(run: int) -> list[Record]:
    """Another lane's order between two of this one's."""
    return [replace(intent(7), lane="touch", client_id=f"ib{run}-touch-1"), intent(8, Side.SELL)]


def test_each_lane_is_compared_with_its_own_records_alone(tmp_path: Path) -> None:
    with written(tmp_path) as journal:
        first, second = store(journal), store(journal, more=both)

    with read(tmp_path) as engine:
        found = partings(engine, first, second, [LANE, "touch"])
        lanes = [[record.lane for record in stored_records(engine, second, Intent, lane)] for lane in (LANE, "touch")]

    assert [(each.lane, each.number, each.seq, each.first) for each in found] == [
        ("touch", 1, 7, "nothing"),
        (LANE, 2, 8, "nothing"),
    ]
    assert lanes == [[LANE, LANE], ["touch"]]


def test_a_record_that_one_run_lacks_is_told_whole(tmp_path: Path) -> None:
    with written(tmp_path) as journal:
        runs = store(journal), store(journal, _no_fill)

    with read(tmp_path) as engine:
        (found,) = partings(engine, *runs, [LANE])

    assert (found.kind, found.seq, found.field, found.second) == ("fill", 3, "the record", "nothing")
    assert "price_ticks 200" in found.first


def test_a_decision_that_differs_in_no_stored_row_is_found_by_the_hash(tmp_path: Path) -> None:
    def saw(lean: float) -> Callable[[Record], Record]:
        # The second of three equal decisions has no row of its own.
        def change(record: Record) -> Record:
            if not isinstance(record, Decision) or record.seq != 2:
                return record
            return replace(record, reason="no new opinion", signals={"ofi(10s)": lean, "depth_imbalance(5)": 0.0})

        return change

    with written(tmp_path) as journal:
        runs = store(journal, saw(1.0)), store(journal, saw(2.0))

    with read(tmp_path) as engine:
        (found,) = partings(engine, *runs, [LANE])

    assert (found.kind, found.number, found.field) == ("decision hash", 2, "digest")
