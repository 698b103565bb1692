"""The hidden fair price of one synthetic symbol: news, planted drift, and what trades teach.

News moves it at once. The lean L foretells it: the drift is `alpha * drift_bps * L` a second. Trades move it for good,
by as much as their sign was not to be expected (Kyle 1985; a foreseeable split order teaches nothing twice), linearly
in size, because any other permanent impact could be pumped (Huberman and Stanzl 2004).
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.exchange.markets.factors import NEWS_SHARE, Factor, generator_state, reverted, set_generator

FLOW_SHARE: Final = 0.28  # of the variance of news and flow that comes from flow
_OWN_SHARE: Final = 1 - FLOW_SHARE


@dataclass(frozen=True, slots=True)
class FairSettings:
    """Drift at a lean of 1 in bps/s (alpha included), the volatility of news and flow in bps/√s, lives in seconds.

    `impact_bps` is what one base size bought by surprise adds.
    """

    drift_bps: float
    volatility_bps: float
    impact_bps: float
    lean_life_s: float
    anchor_life_s: float
    step_s: float


class FairPrice:
    """`ticks` is the price, `lean` what foretells it."""

    __slots__ = ("_anchor", "_factor", "_own_lean", "_rng", "_settings", "lean", "ticks")

    def __init__(self, anchor_ticks: int, settings: FairSettings, factor: Factor, seed: str) -> None:
        self._anchor = float(anchor_ticks)
        self._settings = settings
        self._factor = factor
        self._rng = random.Random(seed)
        self._own_lean = self._rng.gauss()
        self.ticks = float(anchor_ticks)
        self.lean = factor.share_of_lean(self._own_lean)

    def move(self) -> None:
        """Advance by one step; the factor has made its own."""
        its, factor = self._settings, self._factor
        self._own_lean = reverted(self._own_lean, its.step_s / its.lean_life_s, self._rng)
        self.lean = factor.share_of_lean(self._own_lean)
        own = math.sqrt(its.step_s * factor.activity) * self._rng.gauss()
        news = math.sqrt(NEWS_SHARE) * factor.news + math.sqrt(_OWN_SHARE - NEWS_SHARE) * own
        move_bps = its.drift_bps * self.lean * its.step_s + its.volatility_bps * news
        self.ticks += self.ticks * move_bps * 1e-4 + (self._anchor - self.ticks) * its.step_s / its.anchor_life_s
        self.ticks = max(1.0, self.ticks)

    def learn(self, signed_size: float) -> None:
        """Take in a trade: its size in base sizes, signed by aggressor, less what was to be expected."""
        self.ticks = max(1.0, self.ticks * (1 + self._settings.impact_bps * signed_size * 1e-4))

    def snapshot(self) -> dict[str, Any]:
        """What the next step depends on, ready for JSON."""
        return {"ticks": self.ticks, "own_lean": self._own_lean, "rng": generator_state(self._rng)}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Continue from a snapshot; the factor is back already.

        Raises:
            KeyError, TypeError, ValueError: the snapshot is not one.
        """
        self.ticks, self._own_lean = float(saved["ticks"]), float(saved["own_lean"])
        self.lean = self._factor.share_of_lean(self._own_lean)
        set_generator(self._rng, saved["rng"])
