"""Leans the way the forecast leans, but only when the move it expects pays for the whole round trip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bot.trading import Answer, Hold, Strategy, Target, View, param, sign


@dataclass
class BookImbalance(Strategy):
    """Long or short when book and flow lean one way and the forecast move exceeds the cost; flat when it turns.

    The forecast is fitted online from this market's own past (`[forecast]` in the configuration). The gate asks more
    than its best guess: `confidence` standard errors are taken off the expected move before it is held against the
    full round-trip cost (spread and two taker fees) plus `margin_bps`. Once in, the cost of getting out is the same
    now or later, so a position is kept for as long as the move is still expected to go its way.
    """

    compiled: ClassVar[bool] = True
    signals: ClassVar[tuple[str, ...]] = ("depth_imbalance(5)", "ofi(1s)", "forecast(5s)", "forecast_error(5s)")

    enter: float = param(0.20, low=0.0, high=1.0, doc="least book imbalance, either way, to open a position")
    leave_bps: float = param(0.5, low=0.0, high=100.0, doc="move expected against a position that closes it, bps")
    confidence: float = param(1.0, low=0.0, high=5.0, doc="standard errors taken off the expected move")
    margin_bps: float = param(0.0, low=0.0, high=100.0, doc="edge asked for beyond the round-trip cost, bps")

    def decide(self, see: View) -> Answer:
        """Answer with a target when there is an edge or a position to close; otherwise say what was missing."""
        lean = see["depth_imbalance(5)"]
        expected_bps = see["forecast(5s)"]
        sure_bps = abs(expected_bps) - self.confidence * see["forecast_error(5s)"]
        values = {"expected_bps": expected_bps, "sure_bps": sure_bps, "cost_bps": see.round_trip_bps, "lean": lean}
        if see.position:
            if expected_bps * sign(see.position) <= -self.leave_bps:
                return Target(exposure=0.0, reason="the forecast turned against the position", values=values)
            return Hold("the position still has the forecast on its side", values)
        if abs(lean) < self.enter:
            return Hold("the book does not lean far enough", values)
        if lean * expected_bps <= 0:
            return Hold("book and forecast disagree", values)
        if sure_bps <= see.round_trip_bps + self.margin_bps:
            return Hold("the expected move does not pay for the round trip", values)
        return Target(exposure=sign(expected_bps), reason="the expected move pays for the round trip", values=values)
