"""Faults of the WebSocket side: what becomes of each message on its way to one client."""

from __future__ import annotations

from typing import Final

from bot.exchange.faults.catalogue import Side
from bot.exchange.faults.plan import Armed, FaultPlan, Scope
from bot.exchange.streams.fate import Fate

_GARBAGE: Final = b"\xc2\xbfno JSON {"


class WireFaults:
    """A carrier that does what the armed faults say, and otherwise delivers."""

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan
        self._held: dict[tuple[int, str], bytes] = {}

    def fate(self, client: int, stream: str, frame: bytes) -> Fate:
        """Say what becomes of a frame."""
        if self._plan.is_empty and not self._held:
            return Fate((frame,))
        symbol = stream.partition("@")[0].upper() if "@" in stream else ""
        spot = Scope(client=client, stream=stream, symbol=symbol)
        if self._is_silent(spot):
            return Fate(())
        held = self._held.pop((client, stream), None)
        fate = Fate((frame,))
        for one in self._plan.strike(Side.WEBSOCKET, spot):
            fate = self._changed(one, spot, fate)
        if held is not None:
            fate = Fate((*fate.frames, held), fate.delay_s, fate.disconnect)
        return fate

    def answers_pings(self, client: int) -> bool:
        """Tell whether a client's pings are answered."""
        return not self._plan.on("half-open", Scope(client=client))

    def _is_silent(self, spot: Scope) -> bool:
        silent = self._plan.on("half-open", Scope(client=spot.client))
        silent += self._plan.on("silence", spot)
        for one in silent:
            one.seen += 1
            one.struck += 1
        return bool(silent)

    def _changed(self, one: Armed, spot: Scope, fate: Fate) -> Fate:
        match one.fault.name:
            case "gap":
                return Fate((), fate.delay_s, fate.disconnect)
            case "duplicate":
                return Fate(fate.frames * 2, fate.delay_s, fate.disconnect)
            case "reorder":
                if fate.frames:
                    self._held[spot.client, spot.stream] = fate.frames[0]
                return Fate((), fate.delay_s, fate.disconnect)
            case "delay":
                return Fate(fate.frames, one.whole("delay_ms") / 1000, fate.disconnect)
            case "disconnect":
                return Fate(fate.frames, fate.delay_s, True)
            case "garbage-frame":
                return Fate((_GARBAGE,), fate.delay_s, fate.disconnect)
            case "truncated-frame":
                cut = tuple(_cut(frame, one.number_of("keep")) for frame in fate.frames)
                return Fate(cut, fate.delay_s, fate.disconnect)
        return fate


def _cut(frame: bytes, keep: float) -> bytes:
    """The beginning of a text frame, which stays valid UTF-8: a frame's own text is what is cut, not the protocol."""
    return frame[: int(len(frame) * keep)].decode("utf-8", "ignore").encode()
