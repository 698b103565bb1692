"""On recorded markets the kernels equal the slow reference to the last lot, best quotes and depth merged.

The beginnings of the sessions are compared. `IMBALANCE_WHOLE_SESSIONS=1` compares all of each: some ten minutes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from bot.console.cli import run
from bot.market.market import Market
from bot.research.clocks import Clock
from bot.types import Floats, Int64s, Side
from storage.tape import Tape
from tests.market.reference import (
    ASK,
    BID,
    FIRST_OFI,
    RANKS,
    TIME,
    TRADED,
    Message,
    ReferenceMarket,
    by_exchange_time,
    messages_of,
    reference_bins,
    rows_of,
)
from tests.market.sessions import RECORDED, SESSIONS, recorded_tape

WHOLE = os.environ.get("IMBALANCE_WHOLE_SESSIONS", "") == "1"
LINES = None if WHOLE else 2_000
LENGTHS = {"1s": 10**9, "100ms": 10**8}

pytestmark = pytest.mark.skipif(not RECORDED.exists(), reason="recorded streams are absent")


def ordered(tape: Tape, clock: Clock) -> Sequence[Message]:
    messages = messages_of(rows_of(tape.batches()))
    return list(messages) if clock is Clock.LOCAL else by_exchange_time(messages)


def written(tape: Tape, every: str, clock: Clock) -> dict[str, Int64s | Floats]:
    """The columns of the file that the command makes."""
    out = tape.folder.parent / f"{every}-{clock}.parquet"
    names = ",".join(["ofi(W)", *(f"mlofi({rank},W)" for rank in range(1, RANKS + 1)), "trade_flow(W)", "cvd"])
    words = ["--every", every, "--signals", names.replace("W", every), "--clock", clock, "--units", "lots"]
    assert run(["signals", str(tape.folder), *words, "--out", str(out), "--json"]) == 0
    table = pq.read_table(out)
    return {name: table[name].to_numpy() for name in table.column_names}


@pytest.mark.parametrize("clock", list(Clock))
@pytest.mark.parametrize("session", SESSIONS)
def test_written_signals_equal_the_reference_bin_by_bin(session: str, clock: Clock, tmp_path: Path) -> None:
    tape = recorded_tape(session, tmp_path, LINES)
    expected = reference_bins(ordered(tape, clock), list(LENGTHS.values()))

    for every, length_ns in LENGTHS.items():
        bins, found = expected[length_ns], written(tape, every, clock)
        flows = np.diff(bins[:, FIRST_OFI:], axis=0)
        mids = bins[:, [BID, ASK]].sum(axis=1) / 2
        mids[(bins[:, BID] == 0) | (bins[:, ASK] == 0) | (bins[:, BID] >= bins[:, ASK])] = np.nan

        assert found["time_ns"].tolist() == bins[:, TIME].tolist()
        for place, name in enumerate(("bid_ticks", "bid_lots", "ask_ticks", "ask_lots"), start=BID):
            assert np.array_equal(np.nan_to_num(found[name]), bins[:, place])
        assert np.array_equal(found["mid_change_ticks"][1:], np.diff(mids), equal_nan=True)
        for rank in range(RANKS):
            assert whole(found[f"mlofi({rank + 1},{every})"]) == [None, *flows[:, rank].tolist()]
        assert whole(found[f"ofi({every})"]) == [None, *flows[:, 0].tolist()]
        assert whole(found[f"trade_flow({every})"]) == [None, *flows[:, RANKS].tolist()]
        assert whole(found["cvd"]) == bins[:, TRADED].tolist()
        assert np.abs(flows).max() > 0
        print(f"{session}: {clock}, {every}, {len(bins):,} bins")  # noqa: T201 - shown with -s


def whole(column: Int64s | Floats) -> list[int | None]:
    """Integers as they are; a column with nulls comes as floats, exact below 2^53."""
    assert not np.isinf(column).any()
    assert np.nan_to_num(np.abs(column)).max() < 2**53
    return [None if value != value else int(value) for value in column.tolist()]


@pytest.mark.parametrize("session", ["usdm BTCUSDT 2024-07", "spot ETHUSDT 2024-08"])
def test_the_recorded_book_equals_the_reference_level_by_level(session: str, tmp_path: Path) -> None:
    tape = recorded_tape(session, tmp_path, 2_000)
    market, expected = Market(tape.header.instruments[0], ()), ReferenceMarket()
    messages = 0
    for batch in tape.batches():
        row, rows = 0, list(rows_of([batch]))
        while row < len(rows):
            end = market.step(batch, row)
            for each in rows[row:end]:
                expected.apply(each)
            row, messages = end, messages + 1
            if messages % 100 == 0:
                for side, ladder in ((Side.BUY, expected.ladder(0)), (Side.SELL, expected.ladder(1))):
                    ticks, lots = market.levels(side, 3_000)
                    assert list(zip(ticks.tolist(), lots.tolist(), strict=True)) == ladder
    assert messages > 1_500
