"""What the streaming feed does about connections by itself, whatever ccxt's own watch over them would have done."""

from __future__ import annotations

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
