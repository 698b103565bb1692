"""The synthetic market repeats itself exactly, stays in bounds, and foretells prices only when alpha is planted."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from bot.errors import UserError
from bot.exchange.catalogue import quotations
from bot.exchange.flow import FlowSettings
from bot.exchange.matching import Trade
from bot.exchange.synthetic import SyntheticMarket
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
            record.flow.append(float(sum(trade.sign * trade.lots for trade in listing.book.drain())))
            if number % 20 == 0:
                record.levels.append(min(map(len, listing.book.depth(1_000))))
                record.orders.append(len(listing.book.orders))
    return records


@pytest.fixture(scope="module")
def planted() -> dict[str, _Record]:
    return _watch(_market(alpha=1.0), 4_000)


@pytest.fixture(scope="module")
def control() -> dict[str, _Record]:
    return _watch(_market(alpha=0.0), 4_000)


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
    assert _correlation(planted, "imbalance") > 0.3
    assert _correlation(planted, "flow") > 0.1


def test_control_without_alpha_foretells_nothing_and_does_not_pay(control: dict[str, _Record]) -> None:
    assert abs(_correlation(control, "imbalance")) < 0.1
    assert abs(_correlation(control, "flow")) < 0.1
    gains = []
    for record in control.values():
        lean = np.array(record.imbalance)[:-_HORIZON]
        cost = 2 * np.array(record.half_spread)[:-_HORIZON] / np.array(record.mid)[:-_HORIZON] * 1e4
        strong = np.abs(lean) > 0.3
        gains.append(float(np.mean((np.sign(lean) * _move_bps(record) - cost)[strong])))
    # Crossing the spread on a strong lean loses even before fees.
    assert np.mean(gains) < 0


def test_planted_lean_moves_the_price_the_way_the_model_says(planted: dict[str, _Record]) -> None:
    moves = [
        float(
            np.mean((np.sign(np.array(r.imbalance)[:-_HORIZON]) * _move_bps(r))[np.abs(r.imbalance[:-_HORIZON]) > 0.3])
        )
        for r in planted.values()
    ]

    # A lean of 1 to 1.5 is worth 0.3 bps/s for three seconds that decay with a life of six: 0.7 to 1.1 bps.
    assert 0.4 < np.mean(moves) < 1.5


def test_books_stay_deep_tight_and_bounded(planted: dict[str, _Record], control: dict[str, _Record]) -> None:
    for record in (*planted.values(), *control.values()):
        assert np.quantile(record.levels, 0.05) >= 20
        assert max(record.orders) < 600
        spread = 2 * np.array(record.half_spread)
        assert np.mean(spread <= 3) > 0.9
        assert abs(record.mid[-1] / record.mid[0] - 1) < 0.02


def test_every_symbol_trades_several_times_a_second() -> None:
    tape = _tape(_market(symbols=4), 1_200)

    for symbol_id in {row[0] for row in tape}:
        takers = {trade.taker_id for name, _, trade in tape if name == symbol_id}
        assert 2 <= len(takers) / 60 <= 20


def test_symbols_come_by_name_or_by_number() -> None:
    assert [one.instrument.symbol for one in quotations(2)] == ["BTC/USDT:USDT", "ETH/USDT:USDT"]
    assert len({one.instrument.symbol for one in quotations(40)}) == 40
    (own,) = quotations(("TOKEN25/USDT:USDT",))
    assert own.instrument.price(own.anchor_ticks) == 10
    for wrong in ((), ("BTC/USDT",), ("btc/USDT:USDT",), ("BTC/USDT:USDT", "BTC/USDT:USDT"), ("FOO/USDT:USDT",), 0):
        with pytest.raises(UserError):
            quotations(wrong)
