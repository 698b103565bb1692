"""`python -m bot.exchange`: run the local exchange by itself, or as the child of a bot."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from bot.errors import BotError
from bot.exchange.keys import ApiKey
from bot.exchange.process import CONTROL_VARIABLE, KEYS_VARIABLE, ExchangeSettings
from bot.exchange.service import serve


def main(words: list[str] | None = None) -> int:
    """Serve until a signal, or until standard input ends if a parent holds it; the exit code comes back."""
    chosen = _parser().parse_args(words)
    try:
        asyncio.run(_run(_settings(chosen, os.environ), parent_pipe=chosen.parent_pipe))
    except BotError as error:
        _say({"error": str(error)})
        return 2
    return 0


def settings_of(words: list[str], environment: Mapping[str, str]) -> ExchangeSettings:
    """Read what `ExchangeSettings.arguments` and `.environment` say.

    Raises:
        SystemExit: a word is not one there is, or of the wrong type.
    """
    return _settings(_parser().parse_args(words), environment)


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


def _settings(chosen: argparse.Namespace, environment: Mapping[str, str]) -> ExchangeSettings:
    settings = ExchangeSettings(
        port=chosen.port,
        seed=chosen.seed,
        symbols=int(chosen.symbols) if chosen.symbols.isdecimal() else tuple(chosen.symbols.split(",")),
        alpha=chosen.alpha,
        state_folder=chosen.state,
        tape=chosen.tape,
        speed=chosen.speed,
        alpha_horizon_s=chosen.alpha_horizon,
        funding_every_s=chosen.funding_every,
        weight_limit=chosen.weight_limit,
        control_token=environment.get(CONTROL_VARIABLE, ""),
        virtual=chosen.virtual,
        listen_key_life_s=chosen.listen_key_life,
        ban_s=chosen.ban,
    )
    keys = environment.get(KEYS_VARIABLE)
    return settings if keys is None else replace(settings, keys=tuple(_key(*row) for row in json.loads(keys)))


def _key(key: str, secret: str, cash: str, *rights: bool) -> ApiKey:
    return ApiKey(key, secret, Decimal(cash), *rights)


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
    parser.add_argument("--alpha-horizon", type=float, default=default.alpha_horizon_s, help="seconds the drift lasts")
    parser.add_argument("--funding-every", type=float, default=default.funding_every_s, help="seconds")
    parser.add_argument("--weight-limit", type=int, default=default.weight_limit, help="a minute; 0 for no limit")
    parser.add_argument("--ban", type=float, default=default.ban_s, help="seconds of an address's first ban")
    parser.add_argument("--listen-key-life", type=float, default=default.listen_key_life_s, help="seconds")
    parser.add_argument("--virtual", action="store_true", help="stand still but for the steps that are asked for")
    parser.add_argument("--parent-pipe", action="store_true", help="end when standard input ends")
    return parser


if __name__ == "__main__":
    sys.exit(main())
