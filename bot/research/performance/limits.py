"""What a simulation cannot show, told next to its figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Unseen:
    """Something the simulation leaves out: `what` it is, its `effect` on the P&L, and how to `look` at it."""

    what: str
    effect: str
    look: str


UNSEEN: Final = (
    Unseen(
        "Our effect on others",
        "Too high. Nobody sees our orders, leans against them or cancels before them, and what we take is there again "
        "once the level changes. The larger the size, the further off.",
        "Run it with a tenth of sizing.notional: what does not shrink with the size was not ours to have.",
    ),
    Unseen(
        "Hidden and iceberg orders",
        "Either way. They stand before ours in the queue unseen (too many fills), and give more than the book shows.",
        "The through lane: a price that traded beyond ours has eaten what was hidden there too.",
    ),
    Unseen(
        "Our true place in the queue",
        "Either way. The recorded book adds up each level, so cancels before and behind us look alike.",
        "The lanes are three places. Other fills bring other decisions, so a place between may earn more or less than "
        "all of them; where they span 0 the sign is not known.",
    ),
    Unseen(
        "Latency as it would have been",
        "Too high. Orders take a constant round trip, or that of a small request; "
        "real ones are longest when the market moves.",
        "Run it again with --set paper.latency=200ms; an edge that goes with it was never reachable.",
    ),
    Unseen(
        "The exchange's clock",
        "Either way, little. All times are the recorder's: an order counts from when we saw the market, not from "
        "when it was so. Streams overtake each other on the way, so a mid may move before the trade that moved it.",
        "Net P&L is untouched by it; the split into spread and adverse selection moves. Look at both together.",
    ),
    Unseen(
        "What happened between two polls",
        "Either way. On a tape of snapshots, trades and cancels between them are not known, nor is their order.",
        "Compare with a tape of events of the same market (feed.mode = stream).",
    ),
    Unseen(
        "Outages, refusals and gaps",
        "Too high. The exchange always answers here, and between two tapes positions are held and orders rest.",
        "Look at the drawdown as if the largest position had been stuck through it.",
    ),
    Unseen(
        "Fees, funding and margin as charged",
        "Either way. Fees are the configured ones; what funding or liquidation would have done shows only as far as it "
        "is modelled and recorded.",
        "Set paper.maker_bps and paper.taker_bps to your tier; the parts of the P&L say how much hangs on them.",
    ),
    Unseen(
        "Other days",
        "Unknown. One stretch of one market is one sample, and a strategy is usually chosen on it.",
        "The interval an hour is of this stretch alone. Keep days that were never looked at, and count what you tried.",
    ),
)
