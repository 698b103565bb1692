"""The stylised facts that the page on the local exchange shows are right on numbers worked by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks.sessions import Session, session
from benchmarks.stylised import DEFINITIONS, event_ofi, facts
from benchmarks.virtual_tape import virtual_tapes
from bot.exchange.markets.catalogue import quotations
from bot.exchange.markets.flow import FlowSettings
from bot.exchange.markets.synthetic import SyntheticMarket
from bot.types import NS_PER_MS, Batch, Int64s, Kind

_START_NS = 1_700_000_000_000_000_000


def _batch(rows: list[tuple[int, int, int, int, Kind, int]]) -> Batch:
    """Rows of (ms, id, ticks, lots, kind, last)."""
    ms, row_id, price, lots, kind, last = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    stamps: Int64s = _START_NS + ms * NS_PER_MS
    seq = np.arange(len(rows))
    return Batch("X", seq, stamps, stamps, row_id, price, lots, kind.astype(np.uint8), last.astype(np.uint8))


def _quoted(rows: Sequence[tuple[float, ...]], orders: Sequence[tuple[float, ...]]) -> Session:
    ladders = np.ones((int(rows[-1][0] * 10), 40))
    return Session("X", 0.0, rows[-1][0], np.array(rows, float), np.array(orders, float), ladders, 0)


def test_event_ofi_counts_what_each_quote_adds_and_takes() -> None:
    quotes = np.array(
        [
            [0, 100, 5, 101, 7],
            [1, 100, 8, 101, 7],  # 3 more to buy
            [2, 100, 8, 101, 3],  # 4 fewer to sell
            [3, 101, 2, 102, 6],  # the bid rises: + 2; the ask rises: + the 3 that stood there
            [4, 100, 9, 102, 6],  # the bid falls: - the 2 that stood there
        ],
        float,
    )

    assert event_ofi(quotes).tolist() == [0, 3, 4, 5, -2]


def test_a_best_quote_clears_what_is_better_and_an_older_depth_message_does_not_bring_it_back() -> None:
    read = session(
        "X",
        [
            _batch(
                [
                    (0, 1, 100, 5, Kind.BID, 0),
                    (0, 1, 99, 4, Kind.BID, 0),
                    (0, 1, 102, 6, Kind.ASK, 1),
                    (1, 9, 99, 4, Kind.BEST_BID, 0),
                    (1, 9, 102, 6, Kind.BEST_ASK, 1),
                    (2, 8, 100, 5, Kind.BID, 1),
                    (150, 10, 103, 1, Kind.ASK, 1),
                    (350, 11, 99, 4, Kind.BEST_BID, 0),
                    (350, 11, 102, 6, Kind.BEST_ASK, 1),
                ]
            )
        ],
    )

    # Grid times from the first best quote on: what arrived by then, best level first, bids before asks.
    assert [ladder[0] for ladder in read.ladders.tolist()] == [4, 4, 4, 4]
    assert [ladder[20] for ladder in read.ladders.tolist()] == [6, 6, 6, 6]
    assert np.isnan(read.ladders[1][21])
    assert read.ladders[2][21] == 1
    assert read.level_changes == 5


def test_fills_of_one_moment_and_side_are_one_order() -> None:
    quotes = [(0, 1, 99, 4, Kind.BEST_BID, 0), (0, 1, 101, 4, Kind.BEST_ASK, 1)]
    trades = [(5, n, 101, lots, Kind.BUY, 1) for n, lots in ((1, 2), (2, 3))]
    others = [(5, 3, 99, 7, Kind.SELL, 1), (6, 4, 99, 1, Kind.SELL, 1)]

    read = session("X", [_batch(quotes + trades + others)])

    assert [(lots, sign) for _, lots, sign in read.orders.tolist()] == [(5, 1), (7, -1), (1, -1)]


def test_rates_spread_and_signs_are_counted_as_defined() -> None:
    rows = [(0.0, 100, 5, 101, 5), (30.0, 100, 5, 102, 5), (40.0, 100, 5, 101, 5)]
    rows += [(40.0 + n, 100, 5, 101, 5 + n) for n in range(1, 61)]
    orders = [(float(n), 1.0 + n % 3, 1.0 if n % 2 else -1.0) for n in range(100)]

    found = facts(_quoted(rows, orders))

    assert found.keys() == DEFINITIONS.keys()
    assert found["spread, mean ticks"] == pytest.approx(1.1)
    assert found["spread at one tick"] == pytest.approx(0.9)
    assert found["taker orders / s"] == pytest.approx(1.0)
    assert found["mid moves / s"] == pytest.approx(0.02)
    assert found["Fano factor, 1 s"] == pytest.approx(0.0)
    assert found["trade sign autocorrelation, lag 1"] == pytest.approx(-1.0)
    assert found["trade sign autocorrelation, lag 10"] == pytest.approx(1.0)


def test_queue_imbalance_that_is_always_right_has_an_auc_of_one() -> None:
    rng = np.random.default_rng(1)
    rows, bid = [], 1000
    for n in range(200):
        up = rng.random() < 0.5
        rows.append((n * 1.0, bid, 9 if up else 1, bid + 1, 1 if up else 9))
        bid += 1 if up else -1
    orders = [(float(n), 1.0, 1.0) for n in range(150)] + [(150.0, 2.0, -1.0)]

    assert facts(_quoted(rows, orders))["queue imbalance AUC"] == pytest.approx(1.0)


def test_the_synthetic_market_is_seen_as_a_recorder_would() -> None:
    market = SyntheticMarket(quotations(("BTC/USDT:USDT",)), 7, FlowSettings())

    ((batch,),) = virtual_tapes(market, 30.0).values()
    found = facts(session("BTC", [batch]))

    assert np.all(np.diff(batch.local_ns) >= 0)
    assert batch.last[-1] == 1
    assert 1 < found["taker orders / s"] < 30
    assert found["spread at one tick"] > 0.5
