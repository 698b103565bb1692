"""On recorded markets the kernels equal the slow reference to the last lot, best quotes and depth merged."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.feed.binance import Market as Venue
from bot.feed.binance import Stream, import_binance
from bot.market.market import Market
from bot.types import Kind, Side
from storage.tape import Tape
from tests.market.reference import ReferenceMarket, Row

RECORDED = Path(__file__).parents[2] / "../shared/data/binance-streams"
MESSAGES = 4_000

pytestmark = pytest.mark.skipif(not RECORDED.exists(), reason="recorded streams are absent")


@pytest.mark.parametrize(
    ("venue", "files"), [(Venue.USDM, "usdm/btcusdt_20240718.gz"), (Venue.SPOT, "spot/ethusdt_20240808.gz")]
)
def test_recorded_market_equals_the_reference(tmp_path: Path, venue: Venue, files: str) -> None:
    report = import_binance([RECORDED / files], venue, frozenset(Stream), tmp_path / "tape")
    instrument = report.symbols[0].instrument
    market = Market(instrument, [f"mlofi({rank}, 10ms)" for rank in range(1, 11)] + ["trade_flow(10ms)"])
    expected = ReferenceMarket()
    market.sample(0)
    messages = 0
    for batch in Tape.open(tmp_path / "tape").batches():
        row = 0
        while row < len(batch) and messages < MESSAGES:
            end = market.step(batch, row)
            for index in range(row, end):
                kind, last = Kind(int(batch.kind[index])), bool(batch.last[index])
                price, size, id_ = (int(column[index]) for column in (batch.price, batch.size, batch.id))
                expected.apply(Row(kind, price, size, id_, last=last))
            row, messages = end, messages + 1
            if messages % 100 == 0:
                for side, ladder in ((Side.BUY, expected.ladder(0)), (Side.SELL, expected.ladder(1))):
                    ticks, lots = market.levels(side, 3_000)
                    assert list(zip(ticks.tolist(), lots.tolist(), strict=True)) == ladder
        if messages == MESSAGES:
            break
    lot = float(instrument.lot_size)
    sums = [*expected.ofi, expected.bought - expected.sold]
    assert market.sample(2**62).tolist() == [lot * lots for lots in sums]
    assert messages == MESSAGES
