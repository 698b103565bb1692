"""The report of a run as one document for programs, with all digits."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median_low
from typing import Any

import orjson

from bot.research.performance.attribution import ADVERSE_NS
from bot.research.performance.limits import UNSEEN
from bot.research.performance.performance import LaneResult, Performance
from bot.research.performance.thinning import every_nth

_EQUITY_POINTS = 500


def document(found: Performance) -> dict[str, Any]:
    """Return every figure of the report; equity is thinned to some hundred points a lane, in quote currency."""
    run = found.run
    told = (
        "id",
        "account",
        "mode",
        "strategy_name",
        "strategy_hash",
        "config_hash",
        "code_version",
        "tape",
        "end_reason",
    )
    return {
        "run": {name: getattr(run, name) for name in told},
        "config": orjson.loads(run.config),
        "currency": found.config.paper.currency,
        "first_ns": found.first_ns,
        "last_ns": found.last_ns,
        "recorded_ns": found.recorded_ns,
        "round_trips_ns": _spread(found.round_trips_ns),
        "interval": found.interval,
        "placebos": found.placebos,
        "lanes": [_lane(lane) for lane in found.lanes],
        "adverse_selection_within_ns": ADVERSE_NS,
        "markouts": found.markouts,
        "markouts_by_tenth": found.tenths,
        "counts": found.counts,
        "incidents": found.incidents,
        "days": found.days,
        "decisions": found.decisions,
        "equity": {curve.lane: _points(curve.time_ns.tolist(), curve.net.tolist()) for curve in found.curves},
        "not_shown": UNSEEN,
    }


def _spread(round_trips_ns: Sequence[int]) -> dict[str, int] | None:
    """How long orders took where that was measured; None where it was not, or nothing tells of it."""
    if not round_trips_ns:
        return None
    told = {"least": min(round_trips_ns), "median": median_low(round_trips_ns), "most": max(round_trips_ns)}
    return told | {"count": len(round_trips_ns)}


def _lane(lane: LaneResult) -> dict[str, Any]:
    told = {name: getattr(lane, name) for name in lane.__slots__}
    return told | ({"parts": None} if lane.parts is None else {"parts": lane.parts})


def _points(times: list[int], nets: list[float]) -> list[tuple[int, float]]:
    places = every_nth(len(times), _EQUITY_POINTS).tolist()
    if places and places[-1] != len(times) - 1:
        places.append(len(times) - 1)
    return [(times[place], nets[place]) for place in places]
