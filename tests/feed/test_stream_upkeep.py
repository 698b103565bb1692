"""What the streaming feed does about connections by itself, whatever ccxt's own watch over them would have done."""

from __future__ import annotations

from bot.feed.stream.line import Verdict
from bot.feed.stream.settings import StreamSettings
from tests.feed.streaming import streaming


async def test_a_connection_without_a_frame_is_cut_although_ccxt_would_wait_on() -> None:
    async with streaming(virtual=True) as floor:
        await floor.in_step()
        (wire,) = floor.feed.tap.wires
        wire.client.maxPingPongMisses = 1_000
        floor.control.arm("half-open")
        await floor.until(lambda: not any(floor.witness.healthy.values()))

        assert floor.feed.intake.troubles["connections cut for silence"] == 1
        floor.control.disarm()
        floor.control.advance(2_000)
        await floor.in_step()


async def test_a_stream_that_is_a_little_behind_an_answer_is_given_time_to_catch_up() -> None:
    settings = StreamSettings(audit_every_s=0.2, grace_s=1.5)
    async with streaming(symbols=1, settings=settings) as floor:
        await floor.in_step()
        floor.control.arm("delay", delay_ms=200, stream="*@depth*")
        (line,) = floor.feed.lines.values()
        await floor.until(lambda: line.checks[Verdict.AHEAD] >= 2)

        assert line.losses["silence"] == floor.feed.intake.troubles["connections cut for delay"] == 0
