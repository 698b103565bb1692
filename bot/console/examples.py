"""What to type, at the end of each command's help: an example says more than a list of options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_EXAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    "imbalance": ("imbalance paper --for 1m", "imbalance why", "imbalance trades"),
    "paper": (
        "imbalance paper --for 5m",
        "imbalance paper --strategy my_alpha --set sizing.notional=500",
        "imbalance paper --replay 20260131-120000 --speed max",
    ),
    "record": ("imbalance record --for 10m", "imbalance record --set exchange.id=binanceusdm"),
    "replay": ("imbalance replay 3 --assert",),
    "backtest": (
        "imbalance backtest btcusdt --strategy imbalance_maker --out reports/btc",
        "imbalance backtest day1 day2 --strategy my_alpha --param enter=0.4",
    ),
    "report": ("imbalance report 3 --out reports/3",),
    "compare": ("imbalance compare 3 4",),
    "exchange": (
        "imbalance exchange --port 8700 --seed 7",
        "imbalance exchange --symbols 20 --alpha 0",
        "imbalance exchange --control --funding-every 1m",
    ),
    "exchange faults": ("imbalance exchange faults", "imbalance exchange faults --url http://127.0.0.1:8700"),
    "exchange arm": (
        "imbalance exchange arm timeout-after --endpoint order --count 1",
        "imbalance exchange arm delay-before --set delay_ms=250 --for 30s",
        "imbalance exchange arm gap --stream 'btcusdt@depth*' --probability 0.01",
    ),
    "exchange disarm": ("imbalance exchange disarm", "imbalance exchange disarm 3"),
    "exchange advance": ("imbalance exchange advance 1h",),
    "exchange digest": ("imbalance exchange digest --json",),
    "status": ("imbalance status",),
    "halt": ('imbalance halt --reason "news at 14:00"',),
    "resume": ("imbalance resume",),
    "flatten": ('imbalance flatten --reason "going home"',),
    "why": ("imbalance why", "imbalance why BTC --at 12:03:05", "imbalance why --run 3 --json"),
    "trades": ("imbalance trades --run 3", "imbalance trades --round-trips", "imbalance trades --csv > fills.csv"),
    "orders": ("imbalance orders --symbol BTC --limit 20",),
    "positions": ("imbalance positions", "imbalance positions --lane all --json"),
    "decisions": ("imbalance decisions --run 3 --symbol BTC",),
    "runs": ("imbalance runs --limit 10",),
    "signals": (
        'imbalance signals btcusdt --every 1s --signals "ofi(1s),cvd" --out b.parquet',
        "imbalance signals btcusdt --every 1s --signals cvd --units lots --out b.csv",
        "imbalance signals --list",
    ),
    "validity": (
        "imbalance validity btcusdt --out reports/btc",
        'imbalance validity btcusdt --signals "ofi(1s)" --horizon 1s,5s --out ofi',
    ),
    "sweep": (
        "imbalance sweep btcusdt --strategy my_alpha --param enter=0.1:0.6:0.05",
        "imbalance sweep mon tue --param size=0.1:1 --search random --sets 200",
        "imbalance sweep --resume 3 --workers 2",
    ),
    "doctor": ("imbalance doctor",),
    "tape list": ("imbalance tape list",),
    "tape info": ("imbalance tape info 20260131-120000",),
    "tape check": ("imbalance tape check data/tapes/20260131-120000",),
    "tape cut": (
        "imbalance tape cut btcusdt --from 2026-01-31T12:00 --out data/tapes/btc-pm",
        "imbalance tape cut all --symbol BTC --symbol ETH --out data/tapes/two",
    ),
    "tape compact": ("imbalance tape compact", "imbalance tape compact 20260131-120000 --json"),
    "import binance": ("imbalance import binance btcusdt_*.gz --market usdm --out data/tapes/btc",),
    "import lobster": ("imbalance import lobster AAPL_*_message_10.csv --out data/tapes/aapl",),
    "import tardis": ("imbalance import tardis *_BTCUSDT.csv.gz --out data/tapes/btc",),
    "import hftbacktest": ("imbalance import hftbacktest btc_*.npz --symbol BTC/USDT:USDT --out btc",),
    "import csv": (
        "imbalance import csv market.csv --symbol BTC/USDT --out btc",
        "imbalance import csv t.csv --symbol X/Y --out t --rows trade --time ts:ms",
        "imbalance import csv t.csv --symbol X/Y --out t --sides true=sell,false=buy",
    ),
    "config check": ("imbalance config check --set feed.depth=50",),
    "config schema": ("imbalance config schema > config.schema.json",),
    "check strategy": ("imbalance check strategy my_alpha", "imbalance check strategy my_alpha --tape btcusdt --json"),
    "new strategy": ("imbalance new strategy my_alpha",),
    "new signal": ("imbalance new signal my_signal",),
}


def epilog(command: str) -> str | None:
    """Return the examples of a command such as `tape list`, as the last part of its help; None without any."""
    lines = _EXAMPLES.get(command)
    if lines is None:
        return None
    # \\b keeps the lines as they are, where other text is wrapped anew.
    return "\n".join(("\b", "Examples:" if len(lines) > 1 else "Example:", *(f"  {line}" for line in lines)))
