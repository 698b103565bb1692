"""Virtual time: the market moves only when it is told to, by whole turns, and hours of it pass in seconds."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.exchange.accounts.account import IncomeKind
from bot.exchange.books.matching import FLOW, Rule
from bot.exchange.clock import Clock
from bot.exchange.exchange import Ticket
from bot.exchange.floor import STEP_MS, Floor, synthetic_market
from bot.exchange.process import ExchangeSettings
from bot.exchange.refusal import Refusal
from bot.exchange.virtual import EPOCH_MS, LONGEST_ADVANCE_MS, Stepper, VirtualExchange
from bot.exchange.wall import Metronome
from tests.exchange.made_up_tape import write_tape

_ONE = ExchangeSettings(symbols=("BTC/USDT:USDT",))


def _bought(exchange: VirtualExchange, size: str = "0.01") -> int:
    ticket = Ticket("BTCUSDT", 1, Decimal(size), None, Rule.GTC, reduce_only=False, client_id=f"n{exchange.now_ms}")
    return exchange.place(ticket).order.order_id


def test_time_stands_still_but_for_whole_turns() -> None:
    exchange = VirtualExchange(_ONE)
    assert exchange.now_ms == EPOCH_MS + STEP_MS
    book = exchange.exchange.listings["BTCUSDT"].book
    before = book.update_id

    assert exchange.advance(0) == EPOCH_MS + STEP_MS
    assert exchange.advance(30) == EPOCH_MS + STEP_MS
    assert book.update_id == before
    assert exchange.advance(30) == EPOCH_MS + 2 * STEP_MS  # the 30 ms of before count
    assert book.update_id > before
    assert exchange.advance(40) == EPOCH_MS + 3 * STEP_MS


def test_what_happens_is_stamped_with_market_time() -> None:
    exchange = VirtualExchange(_ONE)
    exchange.advance(10_000)
    _bought(exchange)
    exchange.advance(1_000)

    (fill, *_) = exchange.account().fills
    assert fill.time_ms == EPOCH_MS + 10_000 + STEP_MS
    stamps = [trade.time_ms for trade in exchange.exchange.listings["BTCUSDT"].log.trades]
    assert stamps == sorted(stamps)
    assert {(stamp - EPOCH_MS) % STEP_MS for stamp in stamps} == {0}
    assert stamps[-1] <= exchange.now_ms


def test_orders_in_two_symbols_that_fill_in_one_turn_are_both_booked() -> None:
    exchange = VirtualExchange(replace(_ONE, symbols=2))
    owned = []
    for listing in exchange.exchange.listings.values():
        bid, _ = listing.book.touch()
        assert bid is not None
        price, size = listing.instrument.price(bid), listing.instrument.size(50)
        ticket = Ticket(listing.symbol_id, 1, size, price, Rule.GTC, reduce_only=False, client_id="resting")
        owned.append(exchange.place(ticket))
    for listing in exchange.exchange.listings.values():
        listing.book.place(FLOW, -1, None, 10**9)
    exchange.advance(STEP_MS)

    assert [own.filled for own in owned] == [50, 50]
    assert exchange.account().open == {}
    assert len(exchange.account().fills) == 2


def test_one_long_advance_is_many_short_ones() -> None:
    long, short = VirtualExchange(_ONE), VirtualExchange(_ONE)
    long.advance(20_000)
    for _ in range(400):
        short.advance(STEP_MS)

    assert long.digest() == short.digest()


def test_an_advance_that_is_out_of_range_is_refused() -> None:
    stepper = Stepper(Floor(_ONE, synthetic_market(_ONE)))
    for wrong in (-1, LONGEST_ADVANCE_MS + 1):
        with pytest.raises(Refusal, match=f"was {wrong}"):
            stepper.advance(wrong)


def test_a_quarter_of_an_hour_passes_in_seconds() -> None:
    exchange = VirtualExchange(_ONE)
    begun = time.monotonic()
    exchange.advance(900_000)

    assert exchange.now_ms == EPOCH_MS + STEP_MS + 900_000
    assert time.monotonic() - begun < 60  # 2 s on the machine this was written on


def test_strength_and_life_of_the_alpha_change_the_market() -> None:
    tapes = set()
    for settings in (_ONE, replace(_ONE, alpha=0.0), replace(_ONE, alpha_horizon_s=30.0), replace(_ONE, seed=8)):
        exchange = VirtualExchange(settings)
        exchange.advance(5_000)
        tapes.add(exchange.digest()["tape"])

    assert len(tapes) == 4


async def test_a_late_turn_is_made_up_for_and_a_long_stall_slept_through() -> None:
    stop, turns = asyncio.Event(), list[float]()
    floor = Floor(_ONE, synthetic_market(_ONE))

    def after() -> None:
        turns.append(time.monotonic())
        if len(turns) == 5:
            time.sleep(0.5)  # ten turns late: made up for
        if len(turns) == 20:
            time.sleep(2.0)  # forty turns late: half of them never come

    begun = time.monotonic()
    living = asyncio.create_task(Metronome(floor, Clock(), after).live(stop))
    while time.monotonic() - begun < 3.5:
        await asyncio.sleep(0.01)
    stop.set()
    await living

    stalled = turns[20] - turns[19]
    lived_s = turns[-1] - begun - stalled + 1.0
    assert stalled >= 2.0
    assert len(turns) == pytest.approx(lived_s * 20, abs=4)


async def test_a_market_in_wall_time_cannot_be_advanced() -> None:
    with pytest.raises(Refusal, match="moves by itself"):
        Metronome(Floor(_ONE, synthetic_market(_ONE)), Clock(), lambda: None).advance(1_000)


def test_the_clock_follows_the_hosts_forwards_and_never_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    begun = clock.now_ms()
    wall_ns = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: wall_ns - 3_600 * 10**9)
    assert 0 <= clock.now_ms() - begun < 60_000
    monkeypatch.setattr(time, "time_ns", lambda: wall_ns + 3_600 * 10**9)
    assert 3_600_000 <= clock.now_ms() - begun < 3_660_000  # an hour in suspend: clients sign with the host's time
    monkeypatch.undo()
    assert 3_600_000 <= clock.now_ms() - begun < 3_660_000


def test_the_clock_is_never_before_what_it_is_told() -> None:
    future_ms = time.time_ns() // 10**6 + 3_600_000
    assert Clock(future_ms).now_ms() >= future_ms


def test_marks_and_funding_of_a_tape_are_what_its_accounts_pay_by(tmp_path: Path) -> None:
    write_tape(tmp_path / "tape", {"mark_price": Decimal("60012.345678901"), "funding_rate": Decimal("0.0025")})
    exchange = VirtualExchange(replace(_ONE, tape=tmp_path / "tape", funding_every_s=10.0))
    listing = exchange.exchange.listings["BTCUSDT"]
    exchange.advance(1_000)
    _bought(exchange, "0.1")
    exchange.advance(10_000)

    assert listing.mark() == Decimal("60012.34567890")
    assert listing.funding.rate() == Decimal("0.0025")
    (funding,) = [row.amount for row in exchange.account().income if row.kind is IncomeKind.FUNDING_FEE]
    assert funding == -Decimal("15.00308642")  # 0.1 x 60012.3456789 x 0.0025


def test_the_index_of_a_synthetic_symbol_is_its_hidden_fair_price() -> None:
    exchange = VirtualExchange(_ONE)
    exchange.advance(5_000)
    listing = exchange.exchange.listings["BTCUSDT"]

    assert listing.index is not None
    assert float(listing.index_price()) == pytest.approx(float(listing.mid()), rel=2e-3)
    assert listing.index_price() != listing.mid()
