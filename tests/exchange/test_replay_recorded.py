"""Recorded sessions, when they are at hand, replayed with accounts trading in them."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import numpy as np
import pytest

from bot.exchange.books.order import FLOW, Order, Rule
from bot.exchange.markets.replay import ReplayMarket
from bot.feed.binance import Market, Stream, import_binance
from bot.types import Kind
from storage.tape import Tape

RECORDED = Path(__file__).parents[2] / "../shared/data/binance-streams/usdm"
SYMBOL_ID = "BTCUSDT"

pytestmark = pytest.mark.skipif(not RECORDED.exists(), reason="recorded streams are absent")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded") / "tape"
    import_binance([RECORDED / "btcusdt_20230404.dat.gz"], Market.USDM, frozenset(Stream), folder)
    return folder


def _recorded_book(folder: Path) -> tuple[dict[int, int], dict[int, int]]:
    """The book at the end of a tape, by the plainest reading of its events."""
    sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
    quotes = [(-1, 0), (-1, 0)]
    for rows in Tape.open(folder).chunks():
        for event_id, price, lots, kind in zip(
            rows.id.tolist(), rows.price.tolist(), rows.size.tolist(), rows.kind.tolist(), strict=True
        ):
            number = 0 if kind in (Kind.BID, Kind.BEST_BID) else 1
            side, sign = sides[number], 1 - 2 * number
            if kind in (Kind.BEST_BID, Kind.BEST_ASK):
                for better in [known for known in side if sign * known > sign * price]:
                    del side[better]
                quotes[number] = event_id, price
            outdated = event_id < quotes[number][0] and sign * price >= sign * quotes[number][1]
            if kind in (Kind.BUY, Kind.SELL, Kind.CLEAR) or (kind in (Kind.BID, Kind.ASK) and outdated):
                continue
            side[price] = lots
            if lots == 0:
                del side[price]
    return sides


def test_a_session_played_to_its_end_leaves_the_recorded_book_and_all_its_trades(session: Path) -> None:
    market = ReplayMarket(session, 20.0)
    listing = market.listings[SYMBOL_ID]
    told: list[int] = []
    listing.log.witness = lambda trade: told.append(trade.trade_id)

    while not market.ended:
        market.advance(0.05)

    bids, asks = _recorded_book(session)
    assert listing.book.depth(100_000) == (sorted(bids.items(), reverse=True), sorted(asks.items()))
    kept = np.concatenate(
        [rows.id[(rows.kind == Kind.BUY) | (rows.kind == Kind.SELL)] for rows in Tape.open(session).chunks()]
    )
    assert told == kept.tolist()


def _trade_along(folder: Path, seed: int) -> tuple[str, int, int]:
    """Accounts quote, take and cancel at random in a session; a hash of their trades and of what was served."""
    rng, digest = random.Random(seed), hashlib.sha256()
    market = ReplayMarket(folder, 1.0)
    book = market.listings[SYMBOL_ID].book
    ladders: tuple[dict[int, int], dict[int, int]] = ({}, {})
    placed: list[Order] = []
    made = taken = update_id = 0
    for _ in range(600):
        market.advance(0.05)
        bid, ask = book.touch()
        if bid is None or ask is None:
            continue
        sign = rng.choice((1, -1))
        near = (bid if sign > 0 else ask) - sign * rng.randrange(-2, 8)
        if rng.random() < 0.5:
            placed.append(book.place(rng.randrange(1, 4), sign, near, rng.randrange(1, 3_000), rng.choice(tuple(Rule))))
        if placed and rng.random() < 0.4:
            book.cancel(rng.choice(placed).order_id)
        for trade in book.drain():
            digest.update(repr(tuple(trade)).encode())
            made += trade.maker_owner != FLOW
            taken += trade.taker_owner != FLOW
        bids, asks = book.depth(100_000)
        assert bids[0][0] < asks[0][0]
        changes = book.changes()
        assert book.update_id > update_id or changes == ([], [])
        update_id = book.update_id
        for ladder, changed in zip(ladders, changes, strict=True):
            ladder.update(changed)
            for price, lots in changed:
                if lots == 0:
                    del ladder[price]
        assert (dict(bids), dict(asks)) == ladders
        digest.update(repr((bids[:20], asks[:20], update_id)).encode())
    assert sum(book.positions.values()) == 0
    return digest.hexdigest(), made, taken


def test_accounts_in_a_session_never_cross_its_book_and_the_same_orders_give_the_same_trades(session: Path) -> None:
    digest, made, taken = _trade_along(session, 7)

    assert made > 20
    assert taken > 20
    assert _trade_along(session, 7) == (digest, made, taken)
    assert _trade_along(session, 8)[0] != digest
