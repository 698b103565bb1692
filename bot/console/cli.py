"""The command `imbalance`: what a person types, and what every kind of failure looks like.

A mistake of the user is one red line and exit code 2, any other trouble one line and 1; a traceback means a bug.
Heavy modules are imported inside the commands, so that `imbalance --help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import typer

from bot.console import (
    backtest_commands,
    check_commands,
    checkup,
    config_commands,
    control_commands,
    decision_commands,
    exchange_commands,
    import_commands,
    run_commands,
    signal_commands,
    sweep_commands,
    tape_commands,
    trade_commands,
    validity_commands,
)
from bot.console.examples import epilog
from bot.errors import BotError, UserError

_Commands = Mapping[str, Callable[..., None]]

_INTERRUPTED: Final = 130  # what shells take for "stopped by Ctrl-C"
_PURPOSE: Final = "Trade order-book and order-flow imbalance: paper first, every decision explained, every fill kept."
_TOP: Final[_Commands] = {
    "paper": run_commands.paper,
    "record": run_commands.record,
    "replay": run_commands.replay,
    "backtest": backtest_commands.backtest,
    "report": backtest_commands.report,
    "compare": backtest_commands.compare,
    "status": control_commands.status,
    "halt": control_commands.halt,
    "resume": control_commands.resume,
    "flatten": control_commands.flatten,
    "why": decision_commands.why,
    "trades": trade_commands.trades,
    "orders": trade_commands.orders,
    "positions": trade_commands.positions,
    "decisions": decision_commands.decisions,
    "runs": decision_commands.runs,
    "signals": signal_commands.signals,
    "validity": validity_commands.validity,
    "sweep": sweep_commands.sweep,
    "doctor": checkup.doctor,
}
_TAPE: Final[_Commands] = {
    "list": tape_commands.tape_list,
    "info": tape_commands.tape_info,
    "check": tape_commands.tape_check,
    "cut": tape_commands.tape_cut,
    "compact": tape_commands.tape_compact,
}
_IMPORT: Final[_Commands] = {
    "binance": import_commands.import_binance,
    "lobster": import_commands.import_lobster,
    "tardis": import_commands.import_tardis,
    "hftbacktest": import_commands.import_hftbacktest,
    "csv": import_commands.import_csv,
}
_EXCHANGE: Final[_Commands] = {
    "faults": exchange_commands.faults,
    "arm": exchange_commands.arm,
    "disarm": exchange_commands.disarm,
    "advance": exchange_commands.advance,
    "digest": exchange_commands.digest,
}
_GROUPS: Final[Mapping[str, tuple[str, _Commands]]] = {
    "tape": ("Look at recorded markets, and make them small.", _TAPE),
    "import": ("Bring in what others recorded.", _IMPORT),
    "config": (
        "Check and describe the configuration.",
        {"check": config_commands.check, "schema": config_commands.schema},
    ),
    "check": ("Try what you wrote.", {"strategy": check_commands.check_strategy}),
    "new": ("Begin something of your own.", {"strategy": checkup.new_strategy, "signal": checkup.new_signal}),
}


def application() -> typer.Typer:
    """Put the commands together."""
    top = _group("", _PURPOSE, _TOP)
    for name, (words, commands) in _GROUPS.items():
        top.add_typer(_group(name, words, commands), name=name)
    top.add_typer(_acting_group("exchange", exchange_commands.exchange, _EXCHANGE), name="exchange")
    return top


def _group(name: str, words: str, commands: _Commands) -> typer.Typer:
    group = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)

    @group.callback(invoke_without_command=True, help=words, epilog=epilog(name or "imbalance"))
    def explain(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            sys.stdout.write(context.get_help() + "\n")

    _fill(group, name, commands)
    return group


def _acting_group(name: str, act: Callable[..., None], commands: _Commands) -> typer.Typer:
    """A group that does something when no command of it is named."""
    group = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)
    group.callback(invoke_without_command=True, epilog=epilog(name))(act)
    _fill(group, name, commands)
    return group


def _fill(group: typer.Typer, name: str, commands: _Commands) -> None:
    for own, command in commands.items():
        group.command(own, epilog=epilog(f"{name} {own}".strip()))(command)


def run(words: Sequence[str]) -> int:
    """Carry out one command line and return its exit code."""
    try:
        code = application()(args=list(words), prog_name="imbalance", standalone_mode=False)
        sys.stdout.flush()
    except UserError as error:
        return _failed(str(error), 2)
    except BotError as error:
        return _failed(str(error), 1)
    except typer.TyperException as error:
        return _failed(error.format_message(), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _failed("stopped", _INTERRUPTED)
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; nothing may be written to it when Python ends either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    # Typer itself catches Ctrl-C, and says nothing.
    return _failed("stopped", _INTERRUPTED) if code == _INTERRUPTED else int(code or 0)


def main() -> None:
    """Be the console script."""
    sys.exit(run(sys.argv[1:]))


def _failed(text: str, code: int) -> int:
    line = " ".join(text.split())
    red, plain = ("\x1b[31m", "\x1b[0m") if sys.stderr.isatty() and "NO_COLOR" not in os.environ else ("", "")
    sys.stderr.write(f"{red}{line}{plain}\n")
    return code
