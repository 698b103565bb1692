"""Stylised facts of the synthetic market beside those of recorded sessions, and whether each is in their range."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.sessions import Session, session
from benchmarks.stylised import DEFINITIONS, facts
from benchmarks.virtual_tape import virtual_tapes
from bot.exchange.markets.catalogue import quotations
from bot.exchange.markets.flow import FlowSettings
from bot.exchange.markets.synthetic import SyntheticMarket
from bot.feed.binance import Market, Stream, import_binance
from storage.tape import Tape

_ROOT: Final = Path(__file__).parents[1]
_RECORDED: Final = _ROOT / "../shared/data"
_PAGE: Final = _ROOT / "docs/local-exchange-realism.md"
_MARKS: Final = ("<!-- realism -->", "<!-- /realism -->")
_SECONDS: Final = 7_200.0
_BUSY, _OTHER, _QUIET = "BTCUSDT", "ETHUSDT", "ATOMUSDT"
_SEED: Final = 7
_HORIZON: Final = r", (lag )?[\d.]+( s)?$"

# Simultaneous recordings of a pair stand beside each other: their returns are correlated, too.
_SESSIONS: Final = (
    ("BTCUSDT perpetual, April 2023", Market.USDM, "binance-streams/usdm/btcusdt_202304*.gz"),
    ("BTCUSDT perpetual, July 2024", Market.USDM, "binance-streams/usdm/btcusdt_202407*.gz"),
    ("ETHUSDT perpetual, July 2024", Market.USDM, "binance-streams/usdm/ethusdt_*.gz"),
    ("BTCUSDT spot, August 2024", Market.SPOT, "binance-streams/spot/btcusdt_*.gz"),
    ("ETHUSDT spot, August 2024", Market.SPOT, "binance-streams/spot/ethusdt_*.gz"),
    ("BTCUSD perpetual in coins, August 2024", Market.CM, "binance-streams/cm/btcusd_*.gz"),
    ("ETHUSD perpetual in coins, August 2024", Market.CM, "binance-streams/cm/ethusd_*.gz"),
    ("NEXOUSDT spot, July 2024", Market.SPOT, "nexousdt-spot-34h/*.gz"),
)
_PAIRS: Final = ((1, 2), (3, 4), (5, 6))
_TOGETHER_S: Final = (0.1, 1.0, 10.0)

# Why a fact lies outside, where the reason is a choice or a known limit.
_CONTROL: Final = "with alpha 0 nothing beyond the next ticks is planted"
_REASONS: Final[Mapping[str, str]] = {
    "spread": "the spread has three states and no others",
    "depth": "walls stand at round prices, which are near where ticks are coarse",
    "taker size": "who takes quotes that the price has left takes no more than stands there",
    "trade sign": "split orders come one at a time; over few trades the estimate is noise of about 0.02",
    "OFI R²": "queues change by fewer and larger orders",
    "trade flow R²": "news moves the price without trades",
    "queue imbalance AUC": "the lean tilts the queues and with alpha 0 says nothing of the next move",
    "variance ratio, 60 s": "the planted drift goes on past ten seconds, and windows of a minute are few",
    "variance ratio": "quotes wait for the fair price and then jump",
    "rank IC of queue imbalance": "the lean shows more clearly in the touch than what real traders know",
    "correlation": "common news reaches every symbol in the same step, and the real range is of three pairs only",
}


@dataclass(frozen=True, slots=True)
class Column:
    """Facts of one synthetic symbol, and the planted alpha they were made with."""

    heading: str
    alpha: float
    facts: Mapping[str, float]


def main() -> None:
    """Print the table; with `--write` put it into the page, too."""
    if not _RECORDED.exists():
        sys.stdout.write("the recorded sessions are absent: there is nothing to compare with\n")
        return
    real = _real()
    text = page(real, list(_synthetic()))
    if "--write" in sys.argv[1:]:
        before, rest = _PAGE.read_text().split(_MARKS[0])
        _, after = rest.split(_MARKS[1])
        _PAGE.write_text(f"{before}{_MARKS[0]}\n{text}{_MARKS[1]}{after}")
    sys.stdout.write(text)


def page(real: list[Mapping[str, float]], columns: list[Column]) -> str:
    """Return the table as Markdown, a row a fact: range of the real sessions, synthetic values, verdict."""
    headings = ["fact", f"{len(_SESSIONS)} real sessions", *(column.heading for column in columns), "in range"]
    lines = ["| " + " | ".join(headings) + " |", "|---|" + "---:|" * (len(columns) + 1) + "---|"]
    inside = total = 0
    for name in columns[0].facts:
        known = [found[name] for found in real if name in found]
        low, high = min(known), max(known)
        fits = [low <= column.facts[name] <= high for column in columns]
        inside, total = inside + sum(fits), total + len(fits)
        cells = [_number(column.facts[name]) + ("" if fit else " ✗") for column, fit in zip(columns, fits, strict=True)]
        lines.append(
            " | ".join(["| " + name, f"{_number(low)} … {_number(high)}", *cells, _verdict(name, columns, fits) + " |"])
        )
    sessions = "\n".join(f"- {name}" for name, *_ in _SESSIONS)
    return "\n".join(
        [
            f"{inside} of {total} values lie within the range of the real sessions.",
            f"Synthetic: seed {_SEED}, {_SECONDS:g} s of market time a column; ✗ marks a value outside. The sessions:",
            "",
            sessions,
            "",
            *lines,
            "",
            "What the rows mean:",
            "",
            *_meanings(),
            "- *correlation of two majors*: of log mid changes, two symbols recorded at once, over this window.",
            "",
        ]
    )


def _meanings() -> Iterator[str]:
    """Each definition once, under the name that its horizons share."""
    told = set()
    for name, meaning in DEFINITIONS.items():
        if meaning not in told and not meaning.startswith("the same"):
            yield f"- *{re.sub(_HORIZON, '', name)}*: {meaning}."
        told.add(meaning)


def _verdict(name: str, columns: list[Column], fits: list[bool]) -> str:
    if all(fits):
        return "yes"
    missed = [column for column, fit in zip(columns, fits, strict=True) if not fit]
    if "rank IC" in name and all(column.alpha == 0 for column in missed):
        return f"no: {_CONTROL}"
    why = next((reason for start, reason in _REASONS.items() if name.startswith(start)), "one seed's estimate")
    return f"no: {why}"


def _real() -> list[Mapping[str, float]]:
    sessions, found = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, market, pattern) in enumerate(_SESSIONS):
            out = Path(folder) / str(number)
            import_binance(sorted(_RECORDED.glob(pattern)), market, frozenset(Stream), out)
            sessions.append(session(name, Tape.open(out).batches()))
            found.append(facts(sessions[-1]))
    together = [_together(sessions[one], sessions[other]) for one, other in _PAIRS]
    return [*found, *together]


def _synthetic() -> Iterator[Column]:
    names = tuple(f"{symbol_id.removesuffix('USDT')}/USDT:USDT" for symbol_id in (_BUSY, _OTHER, _QUIET))
    for alpha in (1.0, 0.0):
        market = SyntheticMarket(quotations(names), _SEED, FlowSettings(alpha=alpha))
        tapes = virtual_tapes(market, _SECONDS)
        seen = {symbol_id: session(symbol_id, tape) for symbol_id, tape in tapes.items()}
        together = _together(seen[_BUSY], seen[_OTHER])
        for symbol_id in (_BUSY, _QUIET):
            kind = "busy" if symbol_id == _BUSY else "quiet"
            heading = f"{kind} ({symbol_id.removesuffix('USDT')}), alpha {alpha:g}"
            yield Column(heading, alpha, {**facts(seen[symbol_id]), **together})


def _together(one: Session, other: Session) -> dict[str, float]:
    # Both were received by one clock, and start within a second of each other.
    start_s = max(one.start_s, other.start_s)
    end_s = min(one.start_s + one.seconds, other.start_s + other.seconds)
    found = {}
    for window in _TOGETHER_S:
        times = np.arange(start_s, end_s, window)
        move, other_move = (np.diff(np.log(each.mid_at(times - each.start_s))) for each in (one, other))
        found[f"correlation of two majors, {window:g} s"] = float(np.corrcoef(move, other_move)[0, 1])
    return found


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
