"""Streams through the unmodified ccxt.pro client from a real exchange: complete, or openly out of step."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import Any

from bot.feed.stream.settings import StreamSettings
from tests.feed.streaming import Floor, streaming

NOTICED_WITHIN_S = 3.0
EACH_FAULT = ("gap", "duplicate", "reorder", "truncated-frame", "garbage-frame")


def quantile(values: list[float], part: float) -> float:
    return sorted(values)[min(int(part * len(values)), len(values) - 1)]


async def compare(floor: Floor, for_s: float, at_least: int = 0) -> None:
    """Compare one symbol's book after the other with the exchange's, longer where a busy machine makes few of it."""
    started, turn = time.monotonic(), 0
    while (spent_s := time.monotonic() - started) < for_s or (floor.equal < at_least and spent_s < 60):
        await floor.check(floor.symbols[turn % len(floor.symbols)])
        turn += 1


def whole(ids: list[int]) -> bool:
    """Tell whether numbers are complete, each once."""
    return sorted(ids) == list(range(min(ids), max(ids) + 1))


async def test_streamed_books_and_trades_are_the_exchanges_own() -> None:
    async with streaming(symbols=4) as floor:
        await floor.in_step()
        await compare(floor, for_s=2)

        assert not floor.different
        assert floor.equal >= 5
        assert not floor.feed.refusals
        assert all(whole(ids) for ids in floor.witness.trades.values())
        assert floor.feed.notes == ()
        assert all(report.healthy and report.missed == 0 for report in floor.witness.reports)
        assert {wire.client.url for wire in floor.feed.tap.wires} == {
            f"{floor.process.url}/public/ws/0".replace("http", "ws")
        }


async def test_thousands_of_updates_with_faults_are_equal_at_every_check_or_said_to_be_out_of_step() -> None:
    async with streaming(symbols=16, every_ms=0) as floor:
        await floor.in_step()
        for name in EACH_FAULT:
            floor.control.arm(name, probability=0.01 / len(EACH_FAULT), stream="*@*")
        await compare(floor, for_s=6, at_least=20)
        floor.control.disarm()
        await floor.in_step()
        await compare(floor, for_s=1)

        resyncs = [taken for line in floor.feed.lines.values() for taken in line.resync_s]
        assert not floor.different
        assert floor.equal >= 20
        assert sum(floor.witness.books.values()) > 1_000
        assert len(resyncs) >= 5
        assert quantile(resyncs, 0.95) < 1.0
        assert floor.feed.intake.troubles["frames that could not be read"] > 0
        await floor.until(lambda: all(whole(ids) for ids in floor.witness.trades.values()))


async def test_a_stream_that_dies_beside_a_moving_market_is_noticed_in_three_seconds_and_comes_back() -> None:
    async with streaming() as floor:
        await floor.in_step()
        floor.control.arm("silence")
        noticed_s = await floor.until(lambda: not any(floor.witness.healthy.values()))
        # What comes after is a snapshot, and no sign of life.
        await asyncio.sleep(0.5)
        assert not any(floor.witness.healthy.values())
        floor.control.disarm()
        await floor.in_step()

        assert noticed_s < NOTICED_WITHIN_S
        await compare(floor, for_s=0.5)
        assert not floor.different


async def test_one_subscription_that_falls_silent_is_noticed_while_the_connection_lives() -> None:
    async with streaming() as floor:
        await floor.in_step()
        floor.control.arm("silence", stream="btcusdt@depth*")
        noticed_s = await floor.until(lambda: not floor.witness.healthy["BTC/USDT:USDT"])

        assert noticed_s < NOTICED_WITHIN_S
        assert floor.witness.healthy["ETH/USDT:USDT"]
        assert floor.feed.intake.troubles["connections lost"] == 0


async def test_a_stream_that_lags_behind_the_exchange_is_out_of_step_for_as_long_as_it_does() -> None:
    async with streaming() as floor:
        await floor.in_step()
        # Later than messages may be, 1 s, but not so late that the first one after the cut is missed: 1.5 s is death.
        floor.control.arm("delay", delay_ms=1_250, stream="*@*")
        floor.control.arm("disconnect", count=1, stream="*@*")
        await floor.until(lambda: not any(floor.witness.healthy.values()))
        seen = len(floor.witness.reports)
        await floor.until(lambda: floor.feed.intake.troubles["connections cut for delay"])

        assert not any(report.healthy for report in floor.witness.reports[seen:])
        floor.control.disarm()
        await floor.in_step()
        await compare(floor, for_s=0.5)
        assert not floor.different


async def test_what_piled_up_while_the_process_stood_still_is_said_to_be_old_before_it_is_handed_on() -> None:
    async with streaming(every_ms=0) as floor:
        await floor.in_step()
        told: list[bool] = []
        emit = floor.feed.intake.book_changed

        def noted(symbol: str, by_message: bool, is_proven: bool = False) -> None:
            emit(symbol, by_message, is_proven)
            told.append(floor.witness.healthy[symbol])

        floor.feed.intake.book_changed = noted  # type: ignore[method-assign]
        # In one turn of the loop, as when the whole process is stopped; `stale_after` is three seconds here.
        time.sleep(3.5)
        await floor.until(lambda: told)

        assert not told[0]
        await floor.in_step()


async def test_a_receive_loop_that_ends_on_an_open_connection_is_noticed_in_three_seconds() -> None:
    async with streaming() as floor:
        await floor.in_step()
        (wire,) = floor.feed.tap.wires
        wire.client.receive_loop = lambda: None
        noticed_s = await floor.until(lambda: not any(floor.witness.healthy.values()))
        await floor.in_step()

        assert noticed_s < NOTICED_WITHIN_S


async def test_without_pongs_even_a_market_that_stands_still_is_not_taken_for_quiet() -> None:
    async with streaming(virtual=True) as floor:
        await floor.in_step()
        floor.control.arm("half-open")
        noticed_s = await floor.until(lambda: not any(floor.witness.healthy.values()))

        assert noticed_s < NOTICED_WITHIN_S
        assert floor.feed.intake.troubles["connections lost"] == 1


async def test_a_market_without_a_message_stays_healthy_and_its_book_young_for_as_long_as_it_lasts() -> None:
    async with streaming(virtual=True) as floor:
        await floor.in_step()
        stated = dict(floor.witness.book_s)
        ages = []
        until = time.monotonic() + 3.6
        while time.monotonic() < until:
            await asyncio.sleep(0.1)
            ages += [time.monotonic() - at for at in floor.witness.book_s.values()]

        assert all(report.healthy for report in floor.witness.reports)
        assert all(floor.witness.book_s[symbol] > at for symbol, at in stated.items())
        assert max(ages) < 2.5
        assert floor.feed.notes == ()
        floor.control.advance(2_000)
        await floor.until(lambda: floor.witness.trades or sum(floor.witness.books.values()) > 20)
        await compare(floor, for_s=0.5)
        assert not floor.different


async def test_an_answer_that_is_read_only_after_a_standstill_proves_nothing() -> None:
    async with streaming(symbols=1, virtual=True) as floor:
        await floor.in_step()
        inquiry, state = floor.feed.intake.polling.inquiry, floor.feed.intake.book_changed
        ask, events = inquiry.ask, list[str]()

        async def read_late(*words: Any) -> Any:
            events.append("asked")
            answer = await ask(*words)
            if len(events) == 1:
                time.sleep(2.5)
            return answer

        def noted(symbol: str, by_message: bool, is_proven: bool = False) -> None:
            events.append("proven" if is_proven else "told")
            state(symbol, by_message, is_proven)

        inquiry.ask = read_late  # type: ignore[method-assign, assignment]
        floor.feed.intake.book_changed = noted  # type: ignore[method-assign]
        await floor.until(lambda: "proven" in events)

        assert events[:2] == ["asked", "asked"]


async def test_with_auto_a_symbol_is_polled_while_its_stream_is_out_of_step_and_streamed_again_after() -> None:
    async with streaming(settings=StreamSettings(fall_back=True)) as floor:
        await floor.in_step()
        lines, witness = floor.feed.lines.values(), floor.witness
        silence = floor.control.arm("silence")
        await floor.until(lambda: not any(line.in_step for line in lines))
        polled = dict(witness.books)
        await floor.until(lambda: all(witness.books[line.symbol] >= polled[line.symbol] + 8 for line in lines))
        assert not any(line.in_step for line in lines)
        assert all(witness.healthy.values())
        streamed = sum(line.updates for line in lines)
        floor.control.disarm(silence)
        await floor.in_step()
        schedule = floor.feed.intake.polling.schedule
        await floor.until(lambda: all(schedule.is_held(f"book {line.symbol}") for line in lines))
        await compare(floor, for_s=1)

        assert not floor.different
        assert sum(line.updates for line in lines) > streamed
        await floor.until(lambda: all(whole(ids) for ids in floor.witness.trades.values()))


async def test_trades_that_a_stream_keeps_to_itself_are_found_and_subscribed_to_anew() -> None:
    async with streaming(settings=StreamSettings(trades_audit_every_s=0.5)) as floor:
        await floor.in_step()
        await floor.until(lambda: len(floor.witness.trades.get("BTC/USDT:USDT", ())) > 5)
        floor.control.arm("silence", stream="btcusdt@trade")
        seen = len(floor.witness.trades["BTC/USDT:USDT"])
        await floor.until(lambda: len(floor.witness.trades["BTC/USDT:USDT"]) > seen + 5)

        assert whole(floor.witness.trades["BTC/USDT:USDT"])
        assert floor.witness.healthy["BTC/USDT:USDT"]


async def test_a_disconnected_stream_dials_again_and_what_is_emitted_stays_in_order() -> None:
    async with streaming() as floor:
        await floor.in_step()
        floor.control.arm("disconnect", count=1, stream="*@*")
        await floor.until(lambda: floor.feed.intake.troubles["connections lost"])
        await floor.in_step()
        await compare(floor, for_s=0.5)

        assert not floor.different
        assert all(early.seq < late.seq for early, late in pairwise(floor.witness.reports))
        await floor.until(lambda: all(whole(ids) for ids in floor.witness.trades.values()))


async def test_an_exchange_that_refuses_books_for_a_while_is_left_alone_for_as_long_as_it_asks() -> None:
    async with streaming() as floor:
        await floor.in_step()
        refusal = floor.control.arm("status-before", endpoint="depth", status=429, retry_after_s=3)
        floor.control.arm("disconnect", count=1, stream="*@*")
        await floor.until(lambda: floor.feed.intake.polling.inquiry.is_paused)
        await asyncio.sleep(2.5)
        asked = floor.control.struck(refusal)
        floor.control.disarm()

        assert asked <= len(floor.symbols)
        await floor.in_step()


async def test_books_are_asked_for_one_after_the_other_where_they_are_dear() -> None:
    async with streaming(symbols=3, settings=StreamSettings(sync_apart_s=1.0)) as floor:
        lines = floor.feed.lines.values()
        await floor.until(lambda: any(line.is_started for line in lines))

        assert not all(line.is_started for line in lines)
        await floor.until(lambda: all(line.in_step for line in lines))


async def test_a_snapshot_that_is_no_book_is_asked_for_again_until_it_is_one() -> None:
    async with streaming() as floor:
        await floor.in_step()
        floor.control.arm("empty", endpoint="depth", count=2)
        floor.control.arm("gap", count=2, stream="*@depth*")
        await floor.until(lambda: sum(sum(line.losses.values()) for line in floor.feed.lines.values()) >= 2)
        await floor.in_step()
        await compare(floor, for_s=0.5)

        assert not floor.different
