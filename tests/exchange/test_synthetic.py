"""The synthetic market repeats itself exactly, stays in bounds, and foretells prices only when alpha is planted."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import orjson
import pytest

from bot.errors import UserError
from bot.exchange.books.matching import Rule, Trade
from bot.exchange.markets.catalogue import quotations
from bot.exchange.markets.flow import FlowSettings
from bot.exchange.markets.synthetic import SyntheticMarket
from bot.types import Floats

_HORIZON = 60  # steps: three seconds


@dataclass
class _Record:
    mid: list[float] = field(default_factory=list)
    half_spread: list[float] = field(default_factory=list)
    imbalance: list[float] = field(default_factory=list)
    flow: list[float] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)
    orders: list[int] = field(default_factory=list)


def _market(alpha: float = 1.0, seed: int = 7, symbols: int = 5) -> SyntheticMarket:
    return SyntheticMarket(quotations(symbols), seed, FlowSettings(alpha=alpha))


def _tape(market: SyntheticMarket, steps: int) -> list[tuple[str, int, Trade]]:
    tape = []
    for number in range(steps):
        market.step()
        for symbol_id, listing in market.listings.items():
            tape += [(symbol_id, number, trade) for trade in listing.book.drain()]
    return tape


def _watch(market: SyntheticMarket, steps: int) -> dict[str, _Record]:
    records = {symbol_id: _Record() for symbol_id in market.listings}
    for number in range(steps):
        market.step()
        for symbol_id, listing in market.listings.items():
            record = records[symbol_id]
            bids, asks = listing.book.depth(5)
            bid, ask = bids[0][0], asks[0][0]
            assert bid < ask
            record.mid.append((bid + ask) / 2)
            record.half_spread.append((ask - bid) / 2)
            bid_lots, ask_lots = sum(lots for _, lots in bids), sum(lots for _, lots in asks)
            record.imbalance.append((bid_lots - ask_lots) / (bid_lots + ask_lots))
            # Orders, not lots: one large order would outweigh all others.
            signs = {trade.taker_id: trade.sign for trade in listing.book.drain()}
            record.flow.append(float(sum(signs.values())))
            if number % 20 == 0:
                record.levels.append(min(map(len, listing.book.depth(1_000))))
                record.orders.append(len(listing.book.orders))
    return records


@pytest.fixture(scope="module")
def planted() -> dict[str, _Record]:
    return _watch(_market(alpha=1.0, symbols=3), 6_000)


@pytest.fixture(scope="module")
def control() -> dict[str, _Record]:
    return _watch(_market(alpha=0.0, symbols=3), 6_000)


def _move_bps(record: _Record) -> Floats:
    mid = np.array(record.mid)
    moved: Floats = (mid[_HORIZON:] - mid[:-_HORIZON]) / mid[:-_HORIZON] * 1e4
    return moved


def _correlation(records: dict[str, _Record], signal: str) -> float:
    """Mean over symbols of the correlation of a signal with the mid's move over the next three seconds."""
    each = []
    for record in records.values():
        values = np.array(getattr(record, signal))
        if signal == "flow":
            values = np.convolve(values, np.ones(_HORIZON))[: len(values)]
        each.append(np.corrcoef(values[:-_HORIZON], _move_bps(record))[0, 1])
    return float(np.mean(each))


def test_same_seed_and_steps_give_the_same_trades() -> None:
    first, second, other = (_tape(_market(seed=seed, symbols=3), 400) for seed in (7, 7, 8))

    assert len(first) > 100
    assert first == second
    assert first != other


def test_depth_imbalance_and_flow_foretell_the_planted_drift(planted: dict[str, _Record]) -> None:
    assert _correlation(planted, "imbalance") > 0.2
    assert _correlation(planted, "flow") > 0.05


def test_control_without_alpha_foretells_little_and_does_not_pay(control: dict[str, _Record]) -> None:
    # A real book tells something about the next ticks; beyond them the control tells nothing.
    assert abs(_correlation(control, "imbalance")) < 0.15
    assert abs(_correlation(control, "flow")) < 0.15
    gains = []
    for record in control.values():
        lean = np.array(record.imbalance)[:-_HORIZON]
        cost = 2 * np.array(record.half_spread)[:-_HORIZON] / np.array(record.mid)[:-_HORIZON] * 1e4
        strong = np.abs(lean) > 0.3
        gains.append(float(np.mean((np.sign(lean) * _move_bps(record) - cost)[strong])))
    # What crossing the spread on a strong lean gains is a small part of a taker's fees for the round trip, 10 bps.
    assert np.mean(gains) < 1


def test_planted_lean_moves_the_price_the_way_the_model_says() -> None:
    market = _market(alpha=1.0, symbols=1)
    lean, fair = [], []
    for _ in range(24_000):
        market.step()
        lean.append(market.lean("BTCUSDT"))
        fair.append(market.fair_ticks("BTCUSDT"))
        market.listings["BTCUSDT"].book.drain()
    moves = np.diff(np.log(np.array(fair)[::_HORIZON])) * 1e4
    leans = np.array(lean)[::_HORIZON][:-1]

    # A lean of 1 is worth 0.3 bps/s that decay with a life of six seconds: 0.71 bps in three seconds.
    slope = float(np.mean(moves * leans) / np.mean(leans**2))
    assert 0.45 < slope < 0.95
    assert 0.6 < np.mean(np.array(lean) ** 2) < 1.5


def test_books_stay_deep_tight_and_bounded(planted: dict[str, _Record], control: dict[str, _Record]) -> None:
    for record in (*planted.values(), *control.values()):
        assert np.quantile(record.levels, 0.05) >= 20
        assert max(record.orders) < 600
        spread = 2 * np.array(record.half_spread)
        assert np.mean(spread <= 3) > 0.9
        assert abs(record.mid[-1] / record.mid[0] - 1) < 0.02


def test_majors_trade_several_times_a_second_and_the_tail_rarely() -> None:
    tape = _tape(_market(symbols=20), 1_200)
    pace = {
        symbol_id: len({trade.taker_id for name, _, trade in tape if name == symbol_id}) / 60
        for symbol_id in {row[0] for row in tape}
    }

    assert 3 < pace["BTCUSDT"] < 20
    assert 3 < pace["ETHUSDT"] < 20
    assert 0.1 < pace["ATOMUSDT"] < 2
    assert len(pace) == 20


def test_majors_move_together() -> None:
    market = _market(alpha=0.0, symbols=2)
    fair: dict[str, list[float]] = {symbol_id: [] for symbol_id in market.listings}
    for number in range(12_000):
        market.step()
        for symbol_id, listing in market.listings.items():
            listing.book.drain()
            if number % 200 == 0:
                fair[symbol_id].append(market.fair_ticks(symbol_id))
    one, other = (np.diff(np.log(prices)) for prices in fair.values())

    assert 0.4 < np.corrcoef(one, other)[0, 1] < 0.95


def test_a_saved_market_goes_on_as_if_it_had_never_stopped() -> None:
    first = _market(symbols=3)
    _tape(first, 300)
    saved = orjson.loads(orjson.dumps(first.snapshot()))
    second = _market(symbols=3, seed=99)
    second.restore(saved, clean=True)

    assert _tape(second, 400) == _tape(first, 400)
    books = [[listing.book.depth(1_000) for listing in market.listings.values()] for market in (first, second)]
    assert books[0] == books[1]


def test_a_market_saved_by_an_earlier_model_is_refused() -> None:
    saved = _market(symbols=1).snapshot()
    del saved["model"]

    with pytest.raises(ValueError, match=r"model 2 was expected, was 1"):
        _market(symbols=1).restore(saved, clean=True)


def test_a_large_buy_moves_the_price_for_good_and_what_it_took_comes_back_slowly() -> None:
    calm, pushed = _market(symbols=1), _market(symbols=1)
    for market in (calm, pushed):
        _tape(market, 200)
    book = pushed.listings["BTCUSDT"].book
    book.place(1, 1, None, sum(lots for _, lots in book.depth(6)[1]))
    shown = []  # on the ask's side of the pushed book, as a share of the calm one's
    apart_bps = []
    for _ in range(800):
        calm.step()
        pushed.step()
        asks = [sum(lots for _, lots in market.listings["BTCUSDT"].book.depth(10)[1]) for market in (pushed, calm)]
        shown.append(asks[0] / asks[1])
        apart_bps.append((pushed.fair_ticks("BTCUSDT") / calm.fair_ticks("BTCUSDT") - 1) * 1e4)

    # The news is the same in both markets, so what is left of the difference is the order's and what followed from it.
    assert apart_bps[0] > 1
    assert np.mean(apart_bps[-200:]) > 0.5 * apart_bps[0]
    assert np.mean(shown[:5]) < 0.7
    assert np.mean(shown[-400:]) > 0.8


def test_a_price_that_was_pumped_falls_back_when_the_pump_is_sold_to_whoever_comes() -> None:
    calm, pumped = _market(symbols=1), _market(symbols=1)
    for market in (calm, pumped):
        _tape(market, 200)
    book = pumped.listings["BTCUSDT"].book
    bought = book.place(1, 1, None, sum(lots for _, lots in book.depth(6)[1])).lots
    apart_bps = []
    for _ in range(2_000):
        calm.step()
        pumped.step()
        apart_bps.append((pumped.fair_ticks("BTCUSDT") / calm.fair_ticks("BTCUSDT") - 1) * 1e4)
        book.drain()
        held = book.positions[1]
        resting = [order for order in book.orders.values() if order.owner == 1]
        if resting and resting[0].price > book.depth(1)[1][0][0] + 20:
            book.cancel(resting[0].order_id)
        elif held and not resting:
            book.place(1, -1, book.depth(1)[1][0][0], min(held, bought // 4), Rule.GTX)

    assert apart_bps[0] > 1
    assert book.positions[1] < 0.2 * bought
    assert abs(apart_bps[-1]) < 0.4 * apart_bps[0]


def test_symbols_come_by_name_or_by_number() -> None:
    assert [one.instrument.symbol for one in quotations(2)] == ["BTC/USDT:USDT", "ETH/USDT:USDT"]
    assert len({one.instrument.symbol for one in quotations(40)}) == 40
    (own,) = quotations(("TOKEN25/USDT:USDT",))
    assert own.instrument.price(own.anchor_ticks) == 10
    for wrong in ((), ("BTC/USDT",), ("btc/USDT:USDT",), ("BTC/USDT:USDT", "BTC/USDT:USDT"), ("FOO/USDT:USDT",), 0):
        with pytest.raises(UserError):
            quotations(wrong)
