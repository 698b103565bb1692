"""The recorded sessions, when they are at hand: their books hold together to the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.feed.binance import Market, Stream, import_binance
from bot.feed.book_check import check_book
from bot.types import NS_PER_MS
from storage.tape import Tape

RECORDED = Path(__file__).parents[2] / "../shared/data"
STREAMS = "binance-streams"

pytestmark = pytest.mark.skipif(not RECORDED.exists(), reason="recorded streams are absent")


@pytest.mark.parametrize(
    ("market", "files", "depth", "trades"),
    [
        (Market.USDM, f"{STREAMS}/usdm/btcusdt_202407*.gz", 9_022, 10_701),
        (Market.SPOT, f"{STREAMS}/spot/ethusdt_*.gz", 6_470, 14_515),
        (Market.CM, f"{STREAMS}/cm/ethusd_perp_*.gz", 39_155, 3_595),
        (Market.SPOT, "nexousdt-spot-34h/*.gz", 99_030, 18_817),
    ],
)
def test_the_book_never_crosses_and_equals_the_best_quotes(
    tmp_path: Path, market: Market, files: str, depth: int, trades: int
) -> None:
    report = import_binance(sorted(RECORDED.glob(files)), market, frozenset(Stream), tmp_path / "tape")

    (symbol,) = report.symbols
    assert (symbol.messages["depth"], symbol.messages["trade"]) == (depth, trades)
    assert (symbol.gaps, report.refused, report.warnings) == ((), {}, ())
    check = check_book(Tape.open(tmp_path / "tape"), symbol.instrument.symbol)
    assert check.crossed == 0
    assert check.compared >= 0.99 * depth
    assert check.equal_share >= 0.999


def test_simultaneous_sessions_share_one_order(tmp_path: Path) -> None:
    files = sorted((RECORDED / STREAMS / "usdm").glob("*_20240718.gz"))
    import_binance(files, Market.USDM, frozenset({Stream.BEST, Stream.TRADE}), tmp_path / "tape")

    tape = Tape.open(tmp_path / "tape")
    local_ns = 0
    for batch in tape.batches():
        assert int(batch.local_ns[0]) >= local_ns
        local_ns = int(batch.local_ns[-1])
    assert set(tape.symbols) == {"BTC/USDT:USDT", "ETH/USDT:USDT"}
    assert tape.span_ns[1] - tape.span_ns[0] > 170_000 * NS_PER_MS
