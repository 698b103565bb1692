"""Compare two stored runs, record by record, and say where they first part."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, Final

from sqlalchemy import Engine, func, select

from bot.types import Command, Denial, Fill, Intent, OrderEvent
from storage import schema, tradelog
from storage.database import reading
from storage.decisions import Checkpoint, StretchStart
from storage.parity import KIND_NAMES, flat, same, shown, stored_checkpoints, stored_records

_KINDS: Final = (StretchStart, Intent, OrderEvent, Fill, Denial)
_RUN_OF_ID: Final = re.compile(r"^ib\d+-")  # ids name their run, which is all that may differ in them
_STOP: Final = "stop"


@dataclass(frozen=True, slots=True)
class Parting:
    """The first place where one kind of record of two runs differs.

    `number` counts that kind in its lane (from 1). `seq` and `local_ns` are those of the earlier of the two records.
    `first` and `second` are the two values of `field`, or a whole record and `nothing` where one run has none.
    """

    kind: str
    lane: str
    symbol: str
    number: int
    seq: int
    local_ns: int
    field: str
    first: str
    second: str


def partings(engine: Engine, first: int, second: int, lanes: Sequence[str]) -> list[Parting]:
    """Return where two runs part in these lanes, at most one place a kind and lane, the earliest input first.

    Decisions (each of them, by their running hash), intents, order events, fills and denials should be the same, of the
    same inputs. Ids are compared without the run they name. What stopping a run did to its open orders is not compared.

    Raises:
        StorageError: the database cannot be read.
    """
    runs = (first, second)
    stops = [_stop_seq(engine, run) for run in runs]
    found: list[Parting] = []
    for lane in lanes:
        for kind in _KINDS:
            sides = [_of_lane(engine, run, kind, lane, stop) for run, stop in zip(runs, stops, strict=True)]
            found += _first_parting(KIND_NAMES[kind], lane, sides[0], sides[1])
        found += _decision_partings(engine, runs, lane)
    return sorted(found, key=lambda each: each.seq)


def _of_lane(engine: Engine, run: int, kind: type, lane: str, stop_seq: int | None) -> Iterator[Any]:
    for record in stored_records(engine, run, kind, lane):
        if stop_seq is None or flat(record)["seq"] < stop_seq:
            yield _without_run(record)


def _without_run(record: Any) -> Any:
    names = [name for name in ("client_id", "fill_id") if hasattr(record, name)]
    return (
        replace(record, **{name: _RUN_OF_ID.sub("ib-", getattr(record, name)) for name in names}) if names else record
    )


def _first_parting(name: str, lane: str, first: Iterator[Any], second: Iterator[Any]) -> list[Parting]:
    for number, (ours, theirs) in enumerate(zip_longest(first, second), start=1):
        if ours is None or theirs is None:
            there = flat(ours if theirs is None else theirs)
            whole = ", ".join(f"{field} {shown(value)}" for field, value in there.items() if field not in _PLACE)
            sides = (whole, "nothing") if theirs is None else ("nothing", whole)
            place = (lane, there["symbol"], number, there["seq"], there["local_ns"])
            return [Parting(name, *place, "the record", *sides)]
        left, right = flat(ours), flat(theirs)
        odd = next((field for field in left if not same(left[field], right[field])), None)
        if odd is not None:
            earlier = min((left, right), key=lambda each: (each["seq"], each["local_ns"]))
            place = (lane, left["symbol"], number, earlier["seq"], earlier["local_ns"])
            return [Parting(name, *place, odd, shown(left[odd]), shown(right[odd]))]
    return []


_PLACE: Final = ("lane", "symbol", "seq", "local_ns")


def _decision_partings(engine: Engine, runs: tuple[int, int], lane: str) -> list[Parting]:
    """Where the hashes over all decisions part: they also hold what is in no row."""
    with reading(engine) as connection:
        stored = [stored_checkpoints(connection, run) for run in runs]
    found = []
    for place in dict.fromkeys((*stored[0], *stored[1])):
        if place[0] == lane:
            ours, theirs = (side.get(place, {}) for side in stored)
            for number in sorted({*ours, *theirs}):
                left, right = ours.get(number), theirs.get(number)
                if left is None or right is None or left.digest != right.digest:
                    found.append(_hash_parting(number, left, right))
                    break
    return found


def _hash_parting(number: int, left: Checkpoint | None, right: Checkpoint | None) -> Parting:
    there = left if left is not None else right
    assert there is not None, "a number of neither side"
    sides = [each.digest if each is not None else "nothing" for each in (left, right)]
    name = KIND_NAMES[Checkpoint]
    return Parting(name, there.lane, there.symbol, number, there.seq, there.local_ns, "digest", sides[0], sides[1])


def _stop_seq(engine: Engine, run: int) -> int | None:
    """Number of the input that stopped a run, None when it was killed."""
    stops = [each.seq for each in tradelog.inputs(engine, run) if isinstance(each, Command) and each.action == _STOP]
    return stops[-1] if stops else None


def lanes_of(engine: Engine, run: int) -> list[str]:
    """Return the lanes of a run, the account's own first.

    Raises:
        StorageError: the database cannot be read.
    """
    table = schema.openings
    with reading(engine) as connection:
        wanted = select(table.c.lane).where(table.c.run_id == run).order_by(table.c.id)
        return list(connection.execute(wanted).scalars())


def decision_counts(engine: Engine, run: int) -> dict[str, int]:
    """Return how many decisions each lane of a run made, over all symbols.

    Raises:
        StorageError: the database cannot be read.
    """
    table = schema.decision_heads
    with reading(engine) as connection:
        wanted = select(table.c.lane, func.sum(table.c.number)).where(table.c.run_id == run).group_by(table.c.lane)
        return {lane: int(count) for lane, count in connection.execute(wanted)}
