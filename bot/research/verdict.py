"""One plain sentence on what a signal is worth, made of numbers alone and always by the same rules."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from bot.config_values import duration_text
from bot.research.bootstrap import Estimate
from bot.research.cost import RoundTrip

FEWEST_WINDOWS: Final = 100  # windows that do not overlap; its extreme tenths then have some ten each
PRESENT_R2: Final = 0.05  # below it a signal explains nothing worth a word, however sure that is


@unique
class Finding(StrEnum):
    """What kind of verdict it is, from no evidence to the best."""

    SILENT = "silent"  # it never had a value
    TOO_LITTLE = "too_little"  # not enough windows to say
    NOTHING = "nothing"  # not told from chance
    PRESENT = "present"  # explains the moves of its own interval, not those after it
    UNPROVEN = "unproven"  # ranks the moves after it; what they would have brought is not told from 0
    TURNED = "turned"  # its direction on the earlier part lost on the later one
    QUOTING = "quoting"  # predicts less than a taker pays
    BORDER = "border"  # predicts more than a taker pays, but that may be luck
    CROSSING = "crossing"  # surely predicts more than a taker pays


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was measured of one signal at one horizon and latency.

    `present_r2` is that of the moves over the horizon up to the signal, `present_chance` what 95 % of shuffles stay
    below. `survives` says that the rank IC is told from 0 after all questions of the report are counted.
    """

    horizon_ns: int
    latency_ns: int
    windows: int
    present_r2: float
    present_chance: float
    rank_ic: Estimate
    survives: bool
    gain_bps: Estimate
    cost: RoundTrip


@dataclass(frozen=True, slots=True)
class Verdict:
    """The kind of verdict and the sentence a trader reads."""

    finding: Finding
    sentence: str


SILENT: Final = Verdict(Finding.SILENT, "never had a value on this tape: too short for it, or it lacks what it needs")


def judge(evidence: Evidence) -> Verdict:
    """Return the verdict on one signal at one horizon and latency."""
    if evidence.windows < FEWEST_WINDOWS:
        plural = "" if evidence.windows == 1 else "s"
        words = f"too little to say: {evidence.windows} independent window{plural}, {FEWEST_WINDOWS} are needed"
        return Verdict(Finding.TOO_LITTLE, words)
    if not evidence.survives:
        return _not_told(evidence)
    gain = evidence.gain_bps
    if gain.high < 0:
        words = f"its direction turned: what the earlier part taught lost {_between(gain)} {_when(evidence)}"
        return Verdict(Finding.TURNED, words)
    if not gain.low > 0:
        words = f"ranks the moves {_when(evidence)} (rank IC {evidence.rank_ic.value:.2f}), but a gain is not proven"
        return Verdict(Finding.UNPROVEN, f"{words}: {_between(gain)}")
    return _against_cost(evidence)


def _not_told(evidence: Evidence) -> Verdict:
    after = f"the next {duration_text(evidence.horizon_ns)}"
    if evidence.present_r2 >= PRESENT_R2 and evidence.present_r2 > evidence.present_chance:
        words = f"explains the present (R² {evidence.present_r2:.2f}), says nothing about {after}"
        return Verdict(Finding.PRESENT, words)
    ic = evidence.rank_ic
    if math.isnan(ic.value):
        return Verdict(Finding.NOTHING, f"says nothing about {after}: the signal or the mid never changed")
    return Verdict(
        Finding.NOTHING, f"says nothing about {after} (rank IC {ic.value:.2f}, {ic.low:.2f} to {ic.high:.2f})"
    )


def _against_cost(evidence: Evidence) -> Verdict:
    gain, taker = evidence.gain_bps, evidence.cost.taker_bps
    words = f"predicts {_between(gain)} {_when(evidence)}; a taker pays {bps_text(taker)} bp"
    if gain.low > taker:
        return Verdict(Finding.CROSSING, f"{words}: pays to cross the spread")
    if gain.value > taker:
        return Verdict(Finding.BORDER, f"{words}: may pay to cross, not proven")
    return Verdict(Finding.QUOTING, f"{words}: use for quoting, not crossing")


def _when(evidence: Evidence) -> str:
    late = f", {duration_text(evidence.latency_ns)} late" if evidence.latency_ns else ""
    return f"at {duration_text(evidence.horizon_ns)}{late}"


def _between(gain: Estimate) -> str:
    return f"{bps_text(gain.value)} bp ({bps_text(gain.low)} to {bps_text(gain.high)})"


def bps_text(value: float) -> str:
    """Write basis points with as many digits as they deserve: 10.0, 1.23, 0.31, 0.004."""
    size = abs(value)
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 0.095 else f"{value:.3f}"
