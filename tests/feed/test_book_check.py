"""The book check counts what it should: crossed books, and quotes that differ from the book they tell of."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np

from bot.feed.book_check import BookCheck, check_book
from bot.types import Batch, Instrument, InstrumentKind, Kind
from storage.tape import Sampling, Tape, TapeHeader, TapeWriter

COIN = Instrument("A/USDT", InstrumentKind.SPOT, "A", "USDT", Decimal(1), Decimal(1))

Row = tuple[Kind, int, int, int]  # kind, price, size, last


def check(folder: Path, *messages: tuple[int, list[Row]]) -> BookCheck:
    """Check a tape of messages, each an update id and its rows."""
    with TapeWriter(folder, TapeHeader("made up", "synthetic", Sampling.EVENT, 0, (COIN,))) as writer:
        seq = 0
        for update_id, rows in messages:
            kind, price, size, last = (np.array(column) for column in zip(*rows, strict=True))
            count = len(rows)
            times = np.full(count, 1_000 + seq)
            order = np.arange(seq, seq + count)
            ids = np.full(count, update_id)
            bytes_ = (kind.astype(np.uint8), last.astype(np.uint8))
            writer.write([Batch(COIN.symbol, order, times, times, ids, price, size, *bytes_)])
            seq += count
    return check_book(Tape.open(folder), COIN.symbol)


SNAPSHOT: tuple[int, list[Row]] = (10, [(Kind.CLEAR, 0, 0, 0), (Kind.BID, 99, 5, 0), (Kind.ASK, 101, 6, 1)])


def quote(update_id: int, bid: int, bid_size: int, ask: int, ask_size: int) -> tuple[int, list[Row]]:
    return update_id, [(Kind.BEST_BID, bid, bid_size, 0), (Kind.BEST_ASK, ask, ask_size, 1)]


def test_a_book_that_agrees_with_its_quotes_is_equal(tmp_path: Path) -> None:
    update = (13, [(Kind.BID, 100, 7, 0), (Kind.ASK, 101, 0, 0), (Kind.ASK, 102, 1, 1)])

    verdict = check(tmp_path, quote(9, 99, 5, 101, 6), SNAPSHOT, quote(12, 100, 7, 102, 1), update)

    assert verdict == BookCheck(COIN.symbol, messages=2, crossed=0, compared=2, equal=2)
    assert verdict.equal_share == 1.0


def test_a_newer_quote_does_not_count_and_a_late_one_does(tmp_path: Path) -> None:
    newer = quote(14, 98, 1, 103, 1)
    late = quote(12, 100, 7, 101, 6)

    verdict = check(tmp_path, SNAPSHOT, newer, (13, [(Kind.BID, 100, 7, 1)]), late)

    assert (verdict.compared, verdict.equal) == (1, 1)


def test_a_quote_of_another_size_is_not_equal(tmp_path: Path) -> None:
    verdict = check(tmp_path, quote(9, 99, 5, 101, 7), SNAPSHOT)

    assert (verdict.compared, verdict.equal) == (1, 0)


def test_a_crossed_book_is_counted_and_not_compared(tmp_path: Path) -> None:
    verdict = check(tmp_path, quote(9, 99, 5, 101, 6), SNAPSHOT, (11, [(Kind.BID, 101, 1, 1)]))

    assert (verdict.messages, verdict.crossed, verdict.compared) == (2, 1, 1)


def test_a_cleared_book_is_not_compared(tmp_path: Path) -> None:
    verdict = check(tmp_path, quote(9, 99, 5, 101, 6), SNAPSHOT, (12, [(Kind.CLEAR, 0, 0, 1)]))

    assert (verdict.messages, verdict.compared) == (2, 1)


def test_a_best_price_left_and_taken_again_many_times_is_found(tmp_path: Path) -> None:
    flicker = [(11 + n, [(Kind.BID, 100, n % 2, 1)]) for n in range(5_000)]

    verdict = check(tmp_path, SNAPSHOT, quote(5_010, 100, 1, 101, 6), *flicker)

    assert (verdict.messages, verdict.crossed) == (5_001, 0)
    assert (verdict.compared, verdict.equal) == (1, 1)
