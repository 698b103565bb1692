"""The orders of the study on the public feed alone: by the paper venue, and by each model of who cancels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from benchmarks.queue_feed import stamp_ns
from benchmarks.queue_models import MODELS, QueuedOrder
from benchmarks.queue_orders import CHECKS_MS, REST_MS, Fate, Placement
from bot.market.market import Market
from bot.types import (
    NS_PER_MS,
    Batch,
    Execution,
    FillAssumption,
    Instrument,
    Int64s,
    Intent,
    Kind,
    OrderEvent,
    OrderStatus,
    Side,
    TimeInForce,
)
from bot.venue.paper import PaperTerms, PaperVenue
from bot.venue.queues import RISK_AVERSE

_AT_ONCE_NS = 1  # after the book of the placement's turn and before that of the next one
_UNKNOWN = 1 << 60  # lots ahead of an order that lies deeper than all levels that are known
_ALL_LEVELS = 1_000


@dataclass(slots=True)
class _Paper:
    """One order, alone on a venue of each assumption, and in a queue of each model."""

    placement: Placement
    venues: dict[str, PaperVenue]
    queues: dict[str, QueuedOrder]
    fills: dict[str, list[tuple[int, int]]]
    ahead: dict[str, list[float]]
    rejected: bool = False

    def fates(self) -> dict[str, Fate]:
        return {
            name: Fate(tuple(fills), tuple(self.ahead.get(name, ())), self.rejected)
            for name, fills in self.fills.items()
        }


def fates(batch: Batch, instrument: Instrument, placements: Sequence[Placement]) -> list[dict[str, Fate]]:
    """Simulate each order alone; its fates come by the name of the fill assumption and of the model.

    `placements` ascend by turn. Every order is cancelled after `REST_MS`.
    """
    market, row = Market(instrument, ()), 0
    papers = [_paper(instrument, placement) for placement in placements]
    resting: list[_Paper] = []
    for turn, starting, ending in _happenings(papers):
        until_ns = stamp_ns(turn) + 1
        stop = market.advance(batch, row, until_ns)
        for paper in resting:
            _match(paper, batch, row, stop)
        row = stop
        for paper in ending:
            _ask(paper, until_ns, market, cancel=True)
            resting.remove(paper)
        for paper in starting:
            _ask(paper, until_ns, market, cancel=False)
            _queue(paper, market)
            resting.append(paper)
    for paper in papers:
        _hear(paper, batch)
    return [paper.fates() for paper in papers]


def _paper(instrument: Instrument, placement: Placement) -> _Paper:
    terms = {each: PaperTerms(Decimal(2), Decimal(5), _AT_ONCE_NS, each, RISK_AVERSE) for each in FillAssumption}
    venues = {each.value: PaperVenue(each.value, instrument, terms[each]) for each in FillAssumption}
    return _Paper(placement, venues, {}, {name: [] for name in (*venues, *MODELS)}, {})


def _happenings(papers: Sequence[_Paper]) -> Iterator[tuple[int, list[_Paper], list[_Paper]]]:
    """Turns at which orders start or end, in order."""
    rest_turns = REST_MS * NS_PER_MS // (stamp_ns(1) - stamp_ns(0))
    starts: dict[int, list[_Paper]] = {}
    ends: dict[int, list[_Paper]] = {}
    for paper in papers:
        starts.setdefault(paper.placement.turn, []).append(paper)
        ends.setdefault(paper.placement.turn + rest_turns, []).append(paper)
    for turn in sorted({*starts, *ends}):
        yield turn, starts.get(turn, []), ends.get(turn, [])


def _ask(paper: _Paper, now_ns: int, market: Market, *, cancel: bool) -> None:
    """Send the order or its cancel and let it arrive; both are known at once."""
    order, sent_ns = paper.placement, now_ns - _AT_ONCE_NS
    for name, venue in paper.venues.items():
        if cancel:
            venue.cancel(name, sent_ns)
        else:
            intent = Intent(
                name, venue.instrument.symbol, name, 0, sent_ns, order.side, order.price, order.lots,
                TimeInForce.GTC, True, False, "study",
            )  # fmt: skip
            venue.submit(intent)
        for told in venue.arrive(now_ns, 0, market):
            paper.rejected |= isinstance(told, OrderEvent) and told.status is OrderStatus.REJECTED


def _match(paper: _Paper, batch: Batch, start: int, stop: int) -> None:
    placed_ns = stamp_ns(paper.placement.turn)
    for name, venue in paper.venues.items():
        for told in venue.match(batch, start, stop):
            if isinstance(told, Execution):
                paper.fills[name].append(((told.local_ns - placed_ns) // NS_PER_MS, told.lots))


def _queue(paper: _Paper, market: Market) -> None:
    if paper.rejected:
        return
    order = paper.placement
    ahead = market.size_at(order.side, order.price)
    known = market.levels(order.side, _ALL_LEVELS)[0]
    if not ahead and len(known) and (int(known[-1]) - order.price) * order.side.sign > 0:
        ahead = _UNKNOWN
    placed_ns = stamp_ns(order.turn) + _AT_ONCE_NS
    terms = (order.side.sign, order.price, order.lots, ahead, placed_ns, market.exchange_ns)
    paper.queues = {name: QueuedOrder(model, *terms) for name, model in MODELS.items()}


def _hear(paper: _Paper, batch: Batch) -> None:
    """Tell the queues of one order what concerns it, and ask at the times of `CHECKS_MS` how many are ahead."""
    order, placed_ns = paper.placement, stamp_ns(paper.placement.turn)
    rows = _concerning(order, batch)
    ms: Int64s = (batch.local_ns[rows] - placed_ns) // NS_PER_MS
    told: list[Int64s] = [ms, batch.kind[rows].astype(np.int64), batch.price[rows], batch.size[rows]]
    events = list(zip(*(column.tolist() for column in (*told, batch.exchange_ns[rows])), strict=True))
    for name, queue in paper.queues.items():
        checks = list(CHECKS_MS)
        asked: list[float] = []
        for at_ms, kind, price, size, exchange_ns in events:
            while checks and at_ms > checks[0]:
                asked.append(_ahead(queue))
                checks.pop(0)
            took = queue.hear(Kind(kind), price, size, exchange_ns)
            if took:
                paper.fills[name].append((at_ms, took))
        paper.ahead[name] = asked + [_ahead(queue)] * len(checks)


def _ahead(queue: QueuedOrder) -> float:
    return queue.ahead if queue.left else math.nan


def _concerning(order: Placement, batch: Batch) -> Int64s:
    """Rows while an order rests that are at its price, or better for it: trades against its side, and levels."""
    start, stop = np.searchsorted(
        batch.local_ns, [stamp_ns(order.turn), stamp_ns(order.turn) + REST_MS * NS_PER_MS], side="right"
    )
    kind, beyond = batch.kind[start:stop], (order.price - batch.price[start:stop]) * order.side.sign
    own, other, against = (Kind.BID, Kind.ASK, Kind.SELL) if order.side is Side.BUY else (Kind.ASK, Kind.BID, Kind.BUY)
    wanted = ((kind == own) & (beyond == 0)) | (((kind == other) | (kind == against)) & (beyond >= 0))
    found: Int64s = start + np.flatnonzero(wanted)
    return found
