"""CPU share and memory of a bot that polls 20 symbols once a second from the local exchange, minute by minute."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

MINUTES = 10
# fmt: off
SYMBOLS = "BTC ETH SOL XRP DOGE ADA AVAX LINK DOT LTC BCH UNI ATOM ETC FIL NEAR APT ARB OP SUI".split()  # noqa: SIM905 - a line of words reads better than twenty quoted ones
# fmt: on


def main() -> None:
    """Run the bot for ten minutes and print a line a minute."""
    root = Path(__file__).parents[1]
    names = ", ".join(f'"{base}/USDT:USDT"' for base in SYMBOLS)
    sets = (f"exchange.symbols=[{names}]", "feed.book_every=1s", "feed.trades_every=1s", "strategy.every=1s")
    table = Table(title=f"{len(SYMBOLS)} symbols, books and trades once a second each, maker in three lanes")
    for heading in ("minute", "bot CPU", "exchange CPU", "bot RSS MB"):
        table.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        words = [str(Path(sys.executable).parent / "imbalance"), "paper", "--plain", "--for", f"{MINUTES * 60 + 20}s"]
        words += ["--config", str(root / "config.toml"), "--set", f'strategy.folders=["{root / "strategies"}"]']
        words += [word for pair in sets for word in ("--set", pair)]
        bot = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL)
        try:
            _watch(psutil.Process(bot.pid), table)
            code = bot.wait(timeout=60)
        finally:
            bot.kill()
            bot.wait()
    Console().print(table)
    Console().print(f"the bot ended with exit code {code}")


def _watch(bot: psutil.Process, table: Table) -> None:
    time.sleep(15)  # start-up is not what is measured
    (exchange,) = bot.children()
    for minute in range(1, MINUTES + 1):
        before = bot.cpu_times(), exchange.cpu_times()
        time.sleep(60)
        shares = [
            (now.user + now.system - then.user - then.system) / 60
            for now, then in zip((bot.cpu_times(), exchange.cpu_times()), before, strict=True)
        ]
        table.add_row(str(minute), *(f"{share:.0%}" for share in shares), f"{bot.memory_info().rss / 1e6:.1f}")
