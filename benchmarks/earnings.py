"""What the shipped strategies earn on recorded markets, as `imbalance backtest` says it: interval, costs, placebos.

`python -m benchmarks earnings` prints the table; `--out README.md` also puts it between the marks of a page. Recordings
that are not there are left out and named.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from benchmarks.marked_page import put
from benchmarks.sheet import Sheet

MARK: Final = "earnings"
STRATEGIES: Final = ("imbalance_maker", "book_imbalance")
_ROOT: Final = Path(__file__).parents[1]
_RECORDED: Final = _ROOT / "../shared/data"
_COMMAND: Final = Path(sys.executable).parent / "imbalance"
_NS_PER_HOUR: Final = 3_600e9
_PERPETUAL_FEES: Final = ("2", "5")
_SPOT_FEES: Final = ("10", "10")


@dataclass(frozen=True, slots=True)
class Recording:
    """Files of one recorded market, in order; `fees` are maker's and taker's in bps, as a new customer pays them."""

    name: str
    market: str
    files: tuple[str, ...]
    fees: tuple[str, str]


RECORDINGS: Final = (
    Recording(
        "NEXOUSDT spot, July 2024",
        "spot",
        tuple(f"nexousdt-spot-34h/nexousdt_202407{day}.dat.gz" for day in (23, 24, 25)),
        _SPOT_FEES,
    ),
    Recording(
        "BTCUSDT perpetual, April 2023",
        "usdm",
        ("binance-streams/usdm/btcusdt_20230404.dat.gz", "binance-streams/usdm/btcusdt_20230405.dat.gz"),
        _PERPETUAL_FEES,
    ),
    Recording(
        "BTCUSDT perpetual, July 2024",
        "usdm",
        ("binance-streams/usdm/btcusdt_20240718.gz", "binance-streams/usdm/btcusdt_20240719.gz"),
        _PERPETUAL_FEES,
    ),
    Recording(
        "ETHUSDT perpetual, July 2024",
        "usdm",
        ("binance-streams/usdm/ethusdt_20240718.gz", "binance-streams/usdm/ethusdt_20240719.gz"),
        _PERPETUAL_FEES,
    ),
)


def main() -> None:
    """Run every strategy on every recording, print what came of it, and write it where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks earnings")
    parser.add_argument("--recordings", type=Path, default=_RECORDED, help="folder of the recorded streams")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--out", type=Path, help="Markdown page to put the table into, between its marks")
    chosen, _ = parser.parse_known_args()
    sheet = measure(chosen.recordings)
    if chosen.json:
        sys.stdout.write(json.dumps(sheet.as_json(), indent=1) + "\n")
    else:
        Console().print(sheet.as_table())
    if chosen.out is not None:
        put(chosen.out, MARK, sheet.as_markdown())


def measure(recorded: Path) -> Sheet:
    """Return a row for each recording that is there and each strategy, with the shipped configuration."""
    headings = ("recording", "hours", "fees, bps", "strategy", "fills", "net P&L, USDT", "of it fees", "placebos, p")
    sheet = Sheet("Net P&L on recorded markets", headings)
    for each in RECORDINGS:
        files = [recorded / name for name in each.files]
        if not all(path.exists() for path in files):
            sheet.notes.append(f"{each.name} is not there")
            continue
        with tempfile.TemporaryDirectory() as folder:
            _run(Path(folder), "import", "binance", *map(str, files), "--market", each.market, "--out", "tape")
            for strategy in STRATEGIES:
                sys.stderr.write(f"{each.name}: {strategy}\n")
                sheet.rows.append(_row(each, strategy, _backtest(Path(folder), each, strategy)))
    return sheet


def _backtest(folder: Path, recording: Recording, strategy: str) -> dict[str, Any]:
    maker_bps, taker_bps = recording.fees
    fees = ("--set", f"paper.maker_bps={maker_bps}", "--set", f"paper.taker_bps={taker_bps}")
    folders = ("--set", f'strategy.folders=["{_ROOT / "strategies"}"]')
    asked = ("backtest", "tape", "--strategy", strategy, *fees, *folders, "--json")
    document: dict[str, Any] = json.loads(_run(folder, *asked))
    return document


def _row(recording: Recording, strategy: str, told: dict[str, Any]) -> tuple[str | int | float, ...]:
    own, interval, placebos = told["lanes"][0], told["interval"], told["placebos"]
    least, most = Decimal(interval["least"]), Decimal(interval["most"])
    traded = any(lane["fills"] for lane in told["lanes"])
    earned = f"{_signed(least)} to {_signed(most)} ({interval['least_lane']} to {interval['most_lane']})"
    return (
        recording.name,
        f"{told['recorded_ns'] / _NS_PER_HOUR:.2f}",
        " / ".join(recording.fees),
        strategy,
        own["fills"],
        earned if traded else f"no trade: {_why_not(told)}",
        f"{-Decimal(own['fees']):.2f}".replace("-", "−") if traded else "–",
        f"{placebos['p']:.2f}" if traded and placebos is not None else "–",
    )


def _why_not(told: dict[str, Any]) -> str:
    """The reason that the strategy itself gave most often for wanting nothing."""
    held = [each for symbol in told["decisions"] for each in symbol["counts"] if each["outcome"] == "hold"]
    return str(max(held, key=lambda each: each["count"])["reason"]) if held else "its signals never had values"


def _signed(amount: Decimal) -> str:
    return f"{amount:+.2f}".replace("-", "−")


def _run(folder: Path, *words: str) -> str:
    """Run a command of the bot in a folder of its own; whatever the caller's environment configures is left out."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("IMBALANCE_")}
    done = subprocess.run([str(_COMMAND), *words], cwd=folder, env=bare, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"imbalance {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout
