"""What a strategy in plain Python is shown of a lane stays as it was, whenever the strategy looks."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from dataclasses import FrozenInstanceError, dataclass, field, replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from bot.trading import Answer, Quotes, Target, View
from bot.trading.contract import OpenOrder
from bot.types import NS_PER_S, Batch, Fact, Funding, Input, Instrument, Side
from tests.trading.both_engines import Keeping, configured, lanes
from tests.trading.made_up import BTC, ETH, START_NS, Erratic, Told, glued, market, markets


@dataclass
class Hasty(Erratic):
    """Trades by the clock alone, and looks at all it is shown at once."""

    told: list[Told] = field(default_factory=list)

    def decide(self, see: View) -> Answer:
        self.look(see)
        roll = np.random.default_rng([self.seed, see.now_ns])
        if roll.random() < 0.3:
            return Target(float(roll.choice([-1.0, 0.0, 0.6])))
        return Quotes(see.bid - int(roll.integers(0, 3)) * see.tick, see.ask + int(roll.integers(0, 3)) * see.tick)

    def look(self, see: View) -> None:
        self.told.append(told(see))


@dataclass
class Late(Hasty):
    """The same, but keeps what it is shown for the end of the run."""

    kept: list[View] = field(default_factory=list)

    def look(self, see: View) -> None:
        self.kept.append(see)


def told(see: View) -> Told:
    own = (see.position_lots, see.exposure, see.entry, str(see.equity), see.open_orders, see.fills)
    working = [repr(each) for each in (see.bid_order, see.ask_order, see.bid_order_size, see.ask_order_size)]
    signals = ([repr(see[name]) for name in see.names], see.row.tobytes())
    return (see.instrument.symbol, see.now_ns, see.bid, see.ask, see.mid, see.costs, *own, working, signals)


def run(
    cls: type[Hasty], inputs: Sequence[Input], instruments: Sequence[Instrument], every: str, **member: int
) -> list[Any]:
    strategy = Keeping(cls)
    engine, _ = lanes(configured(strategy={"every": every}), strategy, instruments, **member)
    for each in inputs:
        engine.process(each)
    return strategy.made


@pytest.mark.parametrize("member", [{}, {"flip_seed": 5, "flip_ns": NS_PER_S}], ids=["as it is", "as in a mirror"])
@pytest.mark.parametrize("every", ["100ms", "book"])
def test_what_a_strategy_keeps_of_a_decision_is_of_that_decision_however_late_it_looks(
    member: dict[str, int], every: str
) -> None:
    inputs: list[Input] = list(markets(4, 300))
    inputs.insert(5, Fact(0, START_NS, BTC.symbol, "funding_rate", Decimal("0.0001")))
    at_once = run(Hasty, inputs, (BTC, ETH), every, **member)
    late = run(Late, inputs, (BTC, ETH), every, **member)

    for one, other in zip(at_once, late, strict=True):
        assert [told(see) for see in other.kept] == one.told
    assert sum(len(see.fills) for each in late for see in each.kept) > 20
    assert any(len(see.open_orders) > 1 for each in late for see in each.kept)
    assert len({see.equity for see in late[0].kept}) > 20


def test_equity_counts_the_funding_and_the_fills_of_another_instrument_between_two_decisions() -> None:
    both = markets(9, 300)
    strategy = Keeping(Late)
    engine, _ = lanes(configured(), strategy, (BTC, ETH))
    paid: list[Funding] = []
    engine.hear = lambda symbol, heard: paid.append(heard) if isinstance(heard, Funding) else None
    hours = [shifted(batch, 8 * 3600 * NS_PER_S) for batch in both]
    rates = [Fact(0, START_NS, each.symbol, "funding_rate", Decimal("0.0003")) for each in (BTC, ETH)]
    inputs: list[Input] = [*rates, *both, *rates, *hours]
    for received in inputs:
        engine.process(received)

    late = [each for each in strategy.made if isinstance(each, Late)]
    assert paid
    assert len({see.equity for see in late[0].kept}) > 20
    last = {lane: engine.money.equity(lane, engine.desks) for lane in range(3)}
    engine.process(clock(hours[-1]))
    assert {lane: late[lane].kept[-1].equity for lane in range(3)} == last


def shifted(batch: Batch, by_ns: int) -> Batch:
    return replace(batch, local_ns=batch.local_ns + by_ns, seq=batch.seq + 10_000)


def clock(batch: Batch) -> Batch:
    """A message a second later on which nothing happens but a decision."""
    one = {name: getattr(batch, name)[-1:].copy() for name in ("seq", "exchange_ns", "local_ns", "id", "price", "size")}
    one["local_ns"] += NS_PER_S
    return Batch(BTC.symbol, **one, kind=np.array([8], np.uint8), last=np.ones(1, np.uint8))


def test_a_view_of_a_lane_can_be_copied_pickled_and_changed_as_any_other() -> None:
    [strategy, *_] = run(Late, glued(market(3), np.random.default_rng(1), 300), (BTC,), "100ms")
    see = next(see for see in strategy.kept if see.fills and see.open_orders)
    # One that nobody looked at, of the same decision.
    [other, *_] = run(Late, glued(market(3), np.random.default_rng(1), 300), (BTC,), "100ms")
    unseen = next(each for each in other.kept if each.now_ns == see.now_ns)

    assert told(pickle.loads(pickle.dumps(unseen))) == told(see)
    assert told(copy.copy(unseen)) == told(see)
    changed = replace(unseen, position_lots=7, open_orders=(OpenOrder("mine", Side.BUY, 5.0, 0.1),))
    assert (changed.position_lots, changed.equity, changed.bid_order) == (7, see.equity, 5.0)


def test_nobody_can_change_a_view_of_a_lane_and_a_misspelt_name_is_said() -> None:
    [strategy, *_] = run(Late, market(3), (BTC,), "100ms")
    see = strategy.kept[-1]

    with pytest.raises(FrozenInstanceError):
        see.equity = Decimal(1)
    with pytest.raises(ValueError, match="read-only"):
        see.row[0] = 1.0
    with pytest.raises(AttributeError, match="'View' object has no attribute 'equty'"):
        see.equty  # noqa: B018 - looking is what fails
    with pytest.raises(KeyError, match="signal 'ofi' is not in this strategy's signals"):
        see["ofi"]
