"""Both cores run over the same inputs, and every record of one compared with that of the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

from bot.building import CorePlan, build_engine
from bot.config import Config
from bot.lane_building import build_records
from bot.trading.guard import NoDeadline
from bot.trading.loading import LoadedStrategy
from bot.trading.portfolio import Portfolio
from bot.types import Batches, Decision, Input, Instrument, Record
from storage.decisions import DecisionLog
from storage.parity import flat, same
from tests.trading.made_up import BTC


def planned(config: Config, strategy: LoadedStrategy, instruments: Sequence[Instrument] = (BTC,)) -> CorePlan:
    """What a core is built from, with accounts of its own."""
    grids = {each.symbol: each for each in instruments}
    portfolios = {lane.value: Portfolio(grids, config.paper.balance) for lane in config.paper.lanes}
    return CorePlan(config, strategy, instruments, portfolios, NoDeadline())


def assert_same_records(
    config: Config,
    strategy: LoadedStrategy,
    inputs: Sequence[Input | Batches],
    instruments: Sequence[Instrument] = (BTC,),
) -> Mapping[str, int]:
    """Compare all records of both cores, input by input, and what would be stored; return how often each was told."""
    engine, lanes = (build(planned(config, strategy, instruments)) for build in (build_engine, build_records))
    counts: dict[str, int] = {}
    logs = DecisionLog(), DecisionLog()
    for core in (engine, lanes):
        core.name_run("7")
    for received in inputs:
        expected, told = engine.process(received), lanes.process(received)
        for one, other in zip(expected, told, strict=False):
            _assert_equal(one, other)
        assert len(told) == len(expected), (told[len(expected) :], expected[len(told) :])
        for log, records in zip(logs, (expected, told), strict=True):
            for record in records:
                if isinstance(record, Decision):
                    log.add(record)
        _count(counts, expected)
        assert (lanes.failure, lanes.now_ns) == (engine.failure, engine.now_ns)
    assert logs[0].heads() == logs[1].heads()
    return counts


def _assert_equal(one: Record, other: Record) -> None:
    assert type(other) is type(one), f"{other} should be {one}"
    ours, theirs = flat(one), flat(other)
    wrong = {name: (ours[name], theirs[name]) for name in ours if not same(ours[name], theirs[name])}
    assert not wrong, f"{wrong} (expected, told) of {one}"
    # Decimals are stored with all their digits: 1.0 is not 1.00.
    assert [str(getattr(one, each.name)) for each in fields(one)] == [
        str(getattr(other, each.name)) for each in fields(other)
    ]


def _count(counts: dict[str, int], records: Sequence[Record]) -> None:
    for record in records:
        kind = type(record).__name__.lower()
        words = [getattr(record, name, "") for name in ("kind", "limit", "outcome", "reason", "status")]
        for each in (kind, *(f"{kind}: {word}" for word in words if word)):
            counts[each] = counts.get(each, 0) + 1
