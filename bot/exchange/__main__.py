"""`python -m bot.exchange`: run the local exchange by itself, or as the child of a bot."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from bot.errors import BotError
from bot.exchange.process import ExchangeSettings
from bot.exchange.service import serve


def main(words: list[str] | None = None) -> int:
    """Serve until a signal, or until standard input ends if a parent holds it; the exit code comes back."""
    chosen = _parser().parse_args(words)
    try:
        asyncio.run(_run(_settings(chosen), parent_pipe=chosen.parent_pipe))
    except BotError as error:
        _say({"error": str(error)})
        return 2
    return 0


async def _run(settings: ExchangeSettings, *, parent_pipe: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    if parent_pipe:
        # The parent holds the other end and never writes: when the stream ends, the parent is gone, however it died.
        def heard() -> None:
            if not os.read(0, 4096):
                loop.remove_reader(0)
                stop.set()

        loop.add_reader(0, heard)
    await serve(settings, stop, lambda port: _say({"port": port, "pid": os.getpid()}))


def _say(words: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def _settings(chosen: argparse.Namespace) -> ExchangeSettings:
    settings = ExchangeSettings(
        port=chosen.port,
        seed=chosen.seed,
        symbols=int(chosen.symbols) if chosen.symbols.isdecimal() else tuple(chosen.symbols.split(",")),
        alpha=chosen.alpha,
        state_folder=chosen.state,
        tape=chosen.tape,
        speed=chosen.speed,
    )
    keys = os.environ.get("IMBALANCE_EXCHANGE_KEYS")
    return (
        settings if keys is None else replace(settings, keys=tuple((key, secret) for key, secret in json.loads(keys)))
    )


def _parser() -> argparse.ArgumentParser:
    default = ExchangeSettings()
    parser = argparse.ArgumentParser(prog="python -m bot.exchange", description=__doc__)
    parser.add_argument("--port", type=int, default=default.port, help="0 takes a free one")
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--symbols", default="BTC/USDT:USDT,ETH/USDT:USDT", help="names, or how many")
    parser.add_argument("--alpha", type=float, default=default.alpha, help="strength of the planted drift, 0 for none")
    parser.add_argument("--state", type=Path, help="folder to resume from and save to")
    parser.add_argument("--tape", type=Path, help="replay this tape instead")
    parser.add_argument("--speed", type=float, default=default.speed, help="pace of the replay, 1 is real time")
    parser.add_argument("--parent-pipe", action="store_true", help="end when standard input ends")
    return parser


if __name__ == "__main__":
    sys.exit(main())
