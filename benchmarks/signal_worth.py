"""What signals were worth on the recorded sessions: explained moves, the next move, ranks, and what a taker pays.

`python -m benchmarks signal_worth` prints tables as Markdown; `--data FOLDER` names the recordings, and `--out
docs/signals.md` puts the tables between the page's marks. The same recordings give the same figures.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.marked_page import put
from benchmarks.worth_sheets import Explained, Found, sheets
from bot.feed.binance import Market, Stream, import_binance
from bot.market.signals.naming import parse_signal
from bot.research.labels import MidPath, independent_rows, mid_path, moves_bps
from bot.research.regression import fit_line, out_of_sample_r2
from bot.research.relative import against_mid
from bot.research.table import SignalTable, signal_table
from bot.research.touches import Touches, touches
from bot.research.validity import assess
from bot.research.walking import walk_forward
from bot.research.worth import Questions
from bot.types import NS_PER_MS, NS_PER_S, Floats, Int64s
from storage.tape import Tape

MARK: Final = "worth"
RECORDED: Final = Path(__file__).parents[1] / "../shared/data"
_TENTH_NS: Final = 100 * NS_PER_MS

# Of these the moves of the same window are explained; each is looked at where its window ends.
EXPLAINING: Final = (
    *("ofi(100ms)", "ofi(1s)", "ofi(10s)"),
    *("normalised_ofi(1s)", "normalised_ofi(10s)"),
    *("integrated_ofi(1s)", "integrated_ofi(10s)"),
    *("trade_flow(1s)", "trade_flow(10s)"),
)
# Of these the moves that follow are forecast.
FORECASTING: Final = (
    *("queue_imbalance", "depth_imbalance(5)", "weighted_mid", "microprice_lean(1h)"),
    *("ofi(100ms)", "ofi(1s)", "trade_flow(1s)", "mid_move(1s)"),
)
QUESTIONS: Final = Questions(
    horizons_ns=(_TENTH_NS, NS_PER_S, 10 * NS_PER_S), latencies_ns=(0,), taker_fee_bps=5.0, maker_fee_bps=2.0
)


@dataclass(frozen=True, slots=True)
class Session:
    """A recording to measure on, and how often signals are looked at; `files` is a pattern within the folder."""

    name: str
    market: Market
    files: str
    every_ns: int = _TENTH_NS


SESSIONS: Final = (
    Session("BTCUSDT perpetual, April 2023", Market.USDM, "binance-streams/usdm/btcusdt_202304*.gz"),
    Session("BTCUSDT perpetual, July 2024", Market.USDM, "binance-streams/usdm/btcusdt_202407*.gz"),
    Session("ETHUSDT perpetual, July 2024", Market.USDM, "binance-streams/usdm/ethusdt_*.gz"),
    Session("BTCUSDT spot, August 2024", Market.SPOT, "binance-streams/spot/btcusdt_*.gz"),
    Session("ETHUSDT spot, August 2024", Market.SPOT, "binance-streams/spot/ethusdt_*.gz"),
    Session("BTCUSD perpetual in coins, August 2024", Market.CM, "binance-streams/cm/btcusd_*.gz"),
    Session("ETHUSD perpetual in coins, August 2024", Market.CM, "binance-streams/cm/ethusd_*.gz"),
    # A day and a half of looks every tenth of a second would take most of the time and say the same.
    Session("NEXOUSDT spot, July 2024, 34 h", Market.SPOT, "nexousdt-spot-34h/*.gz", NS_PER_S),
)


def main() -> None:
    """Measure every session that is there, print the tables, and write them where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks signal_worth")
    parser.add_argument("--data", type=Path, default=RECORDED, help="folder of the recordings")
    parser.add_argument("--out", type=Path, help="Markdown page to put the tables into, between its marks")
    chosen, _ = parser.parse_known_args()
    found = list(_measured(chosen.data))
    if not found:
        sys.stdout.write("the recorded sessions are absent: there is nothing to measure\n")
        return
    text = "\n".join(table.as_markdown() for table in sheets(found))
    sys.stdout.write(text)
    if chosen.out is not None:
        put(chosen.out, MARK, text)


def _measured(folder: Path) -> Iterator[Found]:
    for session in SESSIONS:
        files = sorted(folder.glob(session.files))
        if files:
            sys.stderr.write(f"measuring {session.name}\n")
            with tempfile.TemporaryDirectory() as place:
                report = import_binance(files, session.market, frozenset(Stream), Path(place) / "tape")
                tape = Tape.open(Path(place) / "tape")
                yield measure(session.name, tape, report.symbols[0].instrument.symbol, session.every_ns)


def measure(name: str, tape: Tape, symbol: str, every_ns: int) -> Found:
    """Measure one symbol of a tape, looking at its signals every `every_ns`; windows shorter than that are left out."""
    names = dict.fromkeys(
        one for one in (*EXPLAINING, *FORECASTING) if parse_signal(one).window_ns in _within(every_ns)
    )
    table, moves = signal_table(tape, symbol, list(names), every_ns), touches(tape, symbol)
    forecasting = _only(table, [one for one in FORECASTING if one in names])
    return Found(
        name,
        explained(_only(table, [one for one in EXPLAINING if one in names]), moves),
        assess(against_mid(forecasting, ["weighted_mid"]), moves, QUESTIONS),
    )


def explained(table: SignalTable, moves: Touches) -> dict[str, Explained]:
    """Return for each signal how much of the mid's move over its own window it explains; every signal has a window.

    Windows do not overlap. Out of sample a sixth of them is learnt from, then five parts are each judged by a line
    through all before them, against the mean of the moves before.
    """
    path = mid_path(moves, int(max(table.time_ns[-1], moves.time_ns[-1])))
    every_ns = int(table.time_ns[1] - table.time_ns[0])
    windows = ((name, parse_signal(name).window_ns) for name in table.names)
    return {
        name: _explained(table.time_ns, table.values[:, number], path, every_ns, window_ns)
        for number, (name, window_ns) in enumerate(windows)
    }


def _explained(times_ns: Int64s, values: Floats, path: MidPath, every_ns: int, window_ns: int) -> Explained:
    valued = np.flatnonzero(np.isfinite(values))
    rows = independent_rows(int(valued[0]) if len(valued) else len(values), len(values), every_ns, window_ns)
    y = moves_bps(path, times_ns[rows] - window_ns, window_ns)
    known = np.isfinite(values[rows]) & np.isfinite(y)
    x, y, end_ns = values[rows][known], y[known], times_ns[rows][known]
    # A window begins when those before it have ended: none is judged by a line that it is part of.
    walk = walk_forward(x, y, end_ns - window_ns, end_ns)
    out_r2 = out_of_sample_r2(y[walk.row], walk.forecast, walk.base)
    return Explained(len(x), fit_line(x, y).r2, out_r2)


def _within(every_ns: int) -> frozenset[int]:
    """Windows that can be looked at so often, 0 for signals without one."""
    return frozenset({0, *(window for window in QUESTIONS.horizons_ns if window >= every_ns)})


def _only(table: SignalTable, names: list[str]) -> SignalTable:
    columns = [table.names.index(name) for name in names]
    rest = (table.time_ns, table.bid_ticks, table.bid_lots, table.ask_ticks, table.ask_lots)
    return SignalTable(table.instrument, tuple(names), *rest, table.values[:, columns])
