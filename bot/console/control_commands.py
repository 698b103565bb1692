"""The commands that look at a running bot and tell it what to do: status, halt, resume, flatten."""

from __future__ import annotations

import getpass
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bot.console.choices import AsJson, ConfigPath, Overrides, configured
from bot.control import ControlAction, ControlFile, control_path
from bot.errors import BotError, StorageError

if TYPE_CHECKING:
    from bot.config import Config
    from storage.tradelog import Run

_WAIT_S: Final = 3.0
_LOOK_EVERY_S: Final = 0.1

_Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Kept with the account, and shown until it is resumed.")
]


def status(as_json: AsJson = False, config_path: ConfigPath = None, overrides: Overrides = None) -> None:
    """Show whether a bot runs, may trade, and what it is worth."""
    from bot.console import standing
    from bot.console.documents import show

    found = standing.look(configured(config_path, overrides))
    show(standing.table(found), found, as_json=as_json)


def halt(reason: _Reason = "by hand", config_path: ConfigPath = None, overrides: Overrides = None) -> None:
    """Stop trading now; the position is kept until `resume`."""
    _ask(ControlAction.HALT, reason, configured(config_path, overrides))


def resume(reason: _Reason = "by hand", config_path: ConfigPath = None, overrides: Overrides = None) -> None:
    """Trade again after a halt."""
    _ask(ControlAction.RESUME, reason, configured(config_path, overrides))


def flatten(reason: _Reason = "by hand", config_path: ConfigPath = None, overrides: Overrides = None) -> None:
    """Close the position and halt until `resume`."""
    _ask(ControlAction.FLATTEN, reason, configured(config_path, overrides))


def _ask(action: ControlAction, reason: str, config: Config) -> None:
    from rich.console import Console

    from bot.console.running import running_pid

    entry = ControlFile(control_path(Path(config.storage.folder))).append(action, _person(), reason)
    console = Console(highlight=False, soft_wrap=True)
    pid = running_pid(config.storage.url, _runs(config))
    if pid is None:
        console.print(
            f"No bot is running: {action} is written down (number {entry}) and takes effect at its next start."
        )
        return
    state = _acknowledged(config, entry)
    if state is None:
        raise BotError(
            f"the bot (process {pid}) has not answered within {_WAIT_S:.0f} s: {action} stays written down "
            f"(number {entry}); look at `imbalance status`, or stop the process"
        )
    console.print(f"The bot (process {pid}) has taken {action}: the account is {state} now.")


def _person() -> str:
    try:
        return f"{getpass.getuser()} at a terminal"
    except (KeyError, OSError):  # a container's user may have no name
        return "a person at a terminal"


def _runs(config: Config) -> list[Run]:
    from storage import tradelog
    from storage.database import open_reader

    try:
        return tradelog.runs(open_reader(config.storage.url), account=config.paper.account)
    except StorageError:
        return []  # before the first run, or in the moment in which a bot makes its tables


def _acknowledged(config: Config, entry: int) -> str | None:
    """The halt state after the bot has read up to `entry`, None when it did not in time."""
    from storage import tradelog
    from storage.database import open_reader

    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        runs = _runs(config)
        if runs and runs[-1].command_cursor >= entry:
            account = tradelog.account(open_reader(config.storage.url), config.paper.account)
            return str(account.halt_state) if account is not None else None
        time.sleep(_LOOK_EVERY_S)
    return None
