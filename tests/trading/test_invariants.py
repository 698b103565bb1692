"""What holds for the core whatever the market does and however its messages arrive."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.trading import Answer, Quotes, Target, View
from bot.types import NS_PER_MS, Batch, Fill, FillAssumption, Intent, Kind
from tests.trading.scenes import ASK, BID, SYMBOL, Tape, core, of, run

ALL = tuple(FillAssumption)
MOVES = st.lists(
    st.one_of(
        st.tuples(st.sampled_from([Kind.BUY, Kind.SELL]), st.integers(BID - 30, ASK + 30), st.integers(1, 30)),
        st.tuples(st.just(Kind.BID), st.integers(BID - 40, BID), st.integers(0, 30)),
        st.tuples(st.just(Kind.ASK), st.integers(ASK, ASK + 40), st.integers(0, 30)),
        st.just((Kind.CLOCK, 0, 0)),
    ),
    max_size=60,
)


def swinging(see: View) -> Answer:
    step = see.now_ns // (300 * NS_PER_MS) % 3
    return Quotes(see.bid, see.ask, 0.5, 0.5) if step == 0 else Target(float(step) - 1.5)


@settings(max_examples=40)
@given(MOVES)
def test_the_account_adds_up_after_every_input(moves: list[tuple[Kind, int, int]]) -> None:
    tape = Tape()
    engine = core(swinging, ALL)

    for batch in [tape.book(), *(tape.message(move) for move in moves)]:
        records = engine.process(batch)
        for lane in engine.lanes:
            own = lane.portfolio
            assert own.cash == own.opening + own.realised - own.fees + own.funding
            assert own.positions[SYMBOL].lots == lane.slots[SYMBOL].venue.position_lots  # type: ignore[attr-defined]
        for intent in of(Intent, records):
            assert intent.lots > 0


@pytest.mark.parametrize(("latency_ns", "every_ns"), [(50 * NS_PER_MS, 100 * NS_PER_MS), (0, 0), (100, 0)])
@settings(max_examples=25)
@given(MOVES, st.data())
def test_records_do_not_depend_on_how_messages_are_cut_into_batches(
    latency_ns: int, every_ns: int, moves: list[tuple[Kind, int, int]], data: st.DataObject
) -> None:
    tape = Tape()
    waits = st.sampled_from([0, 0, 100, 100 * NS_PER_MS])  # also several messages at the very same time
    batches = [tape.book(), *(tape.message(move, wait_ns=data.draw(waits)) for move in moves)]
    joined: list[Batch] = []
    rest = batches
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        joined.append(glued(rest[:size]))
        rest = rest[size:]

    whole, cut = (core(swinging, ALL, latency_ns=latency_ns, every_ns=every_ns) for _ in range(2))
    assert run(whole, joined) == run(cut, batches)


def glued(batches: list[Batch]) -> Batch:
    columns = ("seq", "exchange_ns", "local_ns", "id", "price", "size", "kind", "last")
    return Batch(SYMBOL, **{name: np.concatenate([getattr(b, name) for b in batches]) for name in columns})


def test_fills_of_all_lanes_come_in_the_order_of_the_rows_that_caused_them() -> None:
    lanes = (FillAssumption.QUEUE, FillAssumption.TOUCH)
    tape = Tape(every_ns=10 * NS_PER_MS)
    engine = core(lambda see: Quotes(see.bid, None), lanes)
    run(engine, [tape.book(), *(tape.clock() for _ in range(12))])

    # The first trade fills only the lane that needs no queue, the second both.
    records = run(engine, [glued([tape.message((Kind.SELL, BID, 5)), tape.message((Kind.SELL, BID, 9))])])

    fills = [(fill.lane, fill.seq) for fill in of(Fill, records)]
    assert [lane for lane, _ in fills] == ["touch", "queue", "touch"]
    assert [seq for _, seq in fills] == sorted(seq for _, seq in fills)
