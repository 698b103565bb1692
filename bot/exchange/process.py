"""The exchange as a child process, which ends with its parent."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bot.errors import UserError
from bot.exchange.keys import ApiKey

KEYS_VARIABLE: Final = "IMBALANCE_EXCHANGE_KEYS"
CONTROL_VARIABLE: Final = "IMBALANCE_EXCHANGE_CONTROL"
_READY_WITHIN_S: Final = 20.0  # it takes half a second; a loaded machine or a long tape may take longer
_STOP_WITHIN_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class ExchangeSettings:
    """What exchange to run.

    `port` 0 takes a free one. `symbols` are ccxt's unified names, or how many of the catalogue. `alpha` >= 0 is the
    strength of the planted drift (0 plants none), `alpha_horizon_s` how long it lasts. `state_folder` None forgets
    everything at the end. `tape` replays a recording at `speed` times its pace instead of the synthetic market. `keys`
    have an account each. Funding is charged at multiples of `funding_every_s`. `weight_limit` is the weight a minute
    that is allowed to an address (0: any). `control_token` opens the control endpoints to whoever has it (empty: to
    nobody). A `virtual` market stands still but for steps asked for there. A listen key lives `listen_key_life_s`.
    The first ban of an address that does not heed the weight limit lasts `ban_s`, each further one twice as long.
    """

    port: int = 0
    seed: int = 7
    symbols: tuple[str, ...] | int = ("BTC/USDT:USDT", "ETH/USDT:USDT")
    alpha: float = 1.0
    state_folder: Path | None = None
    tape: Path | None = None
    speed: float = 1.0
    keys: tuple[ApiKey, ...] = (ApiKey("local", "local"),)
    alpha_horizon_s: float = 6.0
    funding_every_s: float = 8 * 3600.0
    weight_limit: int = 0
    control_token: str = field(default="", repr=False)
    virtual: bool = False
    listen_key_life_s: float = 3600.0
    ban_s: float = 120.0

    def arguments(self) -> list[str]:
        """Command-line arguments that say the same to `python -m bot.exchange`."""
        words = ["--port", str(self.port), "--seed", str(self.seed), "--alpha", repr(self.alpha)]
        words += ["--symbols", str(self.symbols) if isinstance(self.symbols, int) else ",".join(self.symbols)]
        if self.state_folder is not None:
            words += ["--state", str(self.state_folder)]
        if self.tape is not None:
            words += ["--tape", str(self.tape), "--speed", repr(self.speed)]
        words += ["--alpha-horizon", repr(self.alpha_horizon_s), "--funding-every", repr(self.funding_every_s)]
        words += ["--weight-limit", str(self.weight_limit), "--listen-key-life", repr(self.listen_key_life_s)]
        words += ["--ban", repr(self.ban_s)]
        return [*words, "--virtual"] if self.virtual else words

    def environment(self) -> dict[str, str]:
        """Environment variables that say the rest: arguments are visible to every user of the machine."""
        keys = [
            [one.key, one.secret, str(one.cash), one.may_trade, one.may_withdraw, one.is_ip_restricted]
            for one in self.keys
        ]
        return {KEYS_VARIABLE: json.dumps(keys), CONTROL_VARIABLE: self.control_token}


class ExchangeProcess:
    """A running exchange. It ends when `stop` is called, or by itself when this process is gone."""

    def __init__(self, child: subprocess.Popen[bytes], port: int) -> None:
        self._child = child
        self.url = f"http://127.0.0.1:{port}"

    @classmethod
    def start(cls, settings: ExchangeSettings) -> ExchangeProcess:
        """Start the exchange and wait until it answers.

        Raises:
            UserError: it could not start (the port is taken, a symbol or a tape is wrong), or not in time.
        """
        child = subprocess.Popen(
            [sys.executable, "-m", "bot.exchange", "--parent-pipe", *settings.arguments()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **settings.environment()},
            start_new_session=True,  # Ctrl-C is for the parent, which then stops the exchange last
        )
        try:
            told = _first_line(child)
        except UserError:
            _end(child)
            raise
        if "port" not in told:
            _end(child)
            raise UserError(str(told.get("error", "the local exchange ended before it was ready")))
        return cls(child, int(told["port"]))

    @property
    def pid(self) -> int:
        """Process id of the exchange."""
        return self._child.pid

    @property
    def is_alive(self) -> bool:
        """True while the process runs."""
        return self._child.poll() is None

    def stop(self) -> None:
        """End the exchange and wait for it; its state is saved."""
        _end(self._child)


def _first_line(child: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What the child says when it is ready, or why it never will be."""
    if child.stdout is None:
        raise ValueError("the child should have been started with a pipe for its answer")
    deadline = time.monotonic() + _READY_WITHIN_S
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([child.stdout], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise UserError(f"the local exchange should have been ready within {_READY_WITHIN_S:.0f} s, was not")
        piece = os.read(child.stdout.fileno(), 4096)
        if not piece:
            break
        line += piece
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _end(child: subprocess.Popen[bytes]) -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()
    try:
        child.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
