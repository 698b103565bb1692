"""Two runs side by side: what each came to, what was set differently, and where they first part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import orjson
from rich.console import Group, RenderableType
from rich.text import Text
from sqlalchemy import Engine

from bot.console.figures import NO_VALUE, clock, counted, day_and_clock, exact, money, printable
from bot.console.ledgers import listing
from bot.research.performance.curves import equity_curve
from bot.research.performance.placebos import Placebos, is_placebo, placed
from storage import tradelog
from storage.divergence import Parting, decision_counts, lanes_of, partings
from storage.lane_ends import LaneEnds, lane_ends
from storage.tradelog import Run

_TOLD: Final = ("mode", "strategy_name", "strategy_hash", "code_version", "tape", "tape_digest", "seed")
_PARTINGS_SHOWN: Final = 6


@dataclass(frozen=True, slots=True)
class LaneSum:
    """One lane of one run in figures, money in quote currency; `net` counts from what the lane opened with."""

    lane: str
    net: Decimal
    fees: Decimal
    funding: Decimal
    fills: int
    orders: int
    decisions: int
    drawdown: float


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting that differs; `None` where a run has none of this name."""

    name: str
    first: str | None
    second: str | None


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two runs compared. `lanes` has each common lane of both runs; `only_first` and `only_second` are the others.

    Placebos are in none of these: `placebos` says where each run stands among its own, None without any. `equal` is
    True when all decisions, orders and fills of the common lanes are the same, and there is one.
    """

    first: int
    second: int
    equal: bool
    lanes: tuple[tuple[LaneSum, LaneSum], ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    settings: tuple[Setting, ...]
    partings: tuple[Parting, ...]
    placebos: tuple[Placebos | None, Placebos | None]


def contrast(engine: Engine, first: Run, second: Run) -> Contrast:
    """Compare two stored runs.

    Raises:
        StorageError: the database cannot be read.
    """
    here, there = ([lane for lane in lanes_of(engine, run.id) if not is_placebo(lane)] for run in (first, second))
    common = [lane for lane in here if lane in there]
    sums = [_sums(engine, run.id, common) for run in (first, second)]
    parted = partings(engine, first.id, second.id, common)
    return Contrast(
        first=first.id,
        second=second.id,
        equal=bool(common) and not parted,
        lanes=tuple(zip(*sums, strict=True)),
        only_first=tuple(lane for lane in here if lane not in common),
        only_second=tuple(lane for lane in there if lane not in common),
        settings=tuple(_settings(first, second)),
        partings=tuple(parted),
        placebos=(_standing(engine, first.id), _standing(engine, second.id)),
    )


def told(found: Contrast) -> RenderableType:
    """Say it in words and tables."""
    parts: list[RenderableType] = [Text(_verdict(found), style="bold"), Text(""), _lanes_table(found)]
    for number, lanes in ((found.first, found.only_first), (found.second, found.only_second)):
        if lanes:
            parts.append(Text(f"Only run {number} has {counted(len(lanes), 'lane')} more: {', '.join(lanes)}"))
    for number, own in zip((found.first, found.second), found.placebos, strict=True):
        if own is not None:
            rank = str(own.rank) if own.rank == own.last_rank else f"{own.rank} to {own.last_rank}"
            parts.append(Text(f"Run {number} ranks {rank} of {len(own.nets) + 1} among its placebos (p = {own.p:.2f})"))
    if found.settings:
        parts += [Text(""), _settings_table(found)]
    if found.partings:
        parts += [Text(""), _partings_table(found)]
    return Group(*parts)


def _standing(engine: Engine, run: int) -> Placebos | None:
    return placed({each.lane: each.last.equity - each.cash for each in lane_ends(engine, run) if each.last is not None})


def _verdict(found: Contrast) -> str:
    runs = f"Runs {found.first} and {found.second}"
    if found.equal:
        return f"{runs} are equal: every decision, order and fill is the same."
    if not found.lanes:
        return f"{runs} have no lane in common."
    one = found.partings[0]
    return f"{runs} differ, first at {clock(one.local_ns)} (seq {one.seq}): {one.kind} {one.number} of lane {one.lane}."


def _sums(engine: Engine, run: int, lanes: Sequence[str]) -> list[LaneSum]:
    ends = {each.lane: each for each in lane_ends(engine, run)}
    heads = decision_counts(engine, run)
    return [_sum(engine, run, ends[lane], heads.get(lane, 0)) for lane in lanes]


def _sum(engine: Engine, run: int, ends: LaneEnds, decisions: int) -> LaneSum:
    points = [entry.record for entry in tradelog.equity(engine, run=run, lane=ends.lane)]
    # A position from before counts at its first equity point: the tape is not looked at here.
    start = points[0].equity if ends.held and points else ends.cash
    last = ends.last
    return LaneSum(
        lane=ends.lane,
        net=Decimal(0) if last is None else last.equity - start,
        fees=Decimal(0) if last is None else last.fees - ends.fees,
        funding=Decimal(0) if last is None else last.funding - ends.funding,
        fills=ends.fills,
        orders=len(tradelog.orders(engine, run=run, lane=ends.lane)),
        decisions=decisions,
        drawdown=equity_curve(ends.lane, start, points).worst,
    )


def _settings(first: Run, second: Run) -> Iterator[Setting]:
    sides = [
        {name: str(getattr(run, name)) for name in _TOLD} | _flat(orjson.loads(run.config)) for run in (first, second)
    ]
    for name in dict.fromkeys((*sides[0], *sides[1])):
        ours, theirs = sides[0].get(name), sides[1].get(name)
        if ours != theirs:
            yield Setting(name, ours, theirs)


def _flat(value: Any, name: str = "") -> dict[str, str]:
    if not isinstance(value, Mapping):
        return {name: value if isinstance(value, str) else orjson.dumps(value).decode()}
    found: dict[str, str] = {}
    for key, inner in value.items():
        found |= _flat(inner, f"{name}.{key}" if name else str(key))
    return found


def _lanes_table(found: Contrast) -> RenderableType:
    headings = ("lane", ">run", ">net P&L", ">fees", ">funding", ">fills", ">orders", ">decisions", ">drawdown")
    table = listing("Lane by lane", *headings)
    for pair in found.lanes:
        for number, one in zip((found.first, found.second), pair, strict=True):
            counts = (f"{count:,}" for count in (one.fills, one.orders, one.decisions))
            amounts = (money(one.net, signed=True, places=4), money(one.fees, places=4))
            drawdown = money(Decimal(repr(one.drawdown)), places=4)
            table.add_row(one.lane, str(number), *amounts, money(one.funding, signed=True, places=4), *counts, drawdown)
    return table


def _settings_table(found: Contrast) -> RenderableType:
    table = listing("What was set differently", "setting", f"~run {found.first}", f"~run {found.second}")
    for each in found.settings:
        table.add_row(each.name, *(Text(printable(side) if side else NO_VALUE) for side in (each.first, each.second)))
    return table


def _partings_table(found: Contrast) -> RenderableType:
    headings = ("time UTC", ">seq", "lane", "what", "field", f"~run {found.first}", f"~run {found.second}")
    table = listing("Where they first part", *headings)
    for each in found.partings[:_PARTINGS_SHOWN]:
        what = f"{each.kind} {each.number:,}"
        sides = (Text(printable(side)) for side in (each.first, each.second))
        table.add_row(day_and_clock(each.local_ns), exact(Decimal(each.seq)), each.lane, what, each.field, *sides)
    if len(found.partings) > _PARTINGS_SHOWN:
        table.add_row("", "", "", Text(f"{len(found.partings) - _PARTINGS_SHOWN} more", style="dim"), "", "", "")
    return table
