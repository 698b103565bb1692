"""The commands that get someone going: doctor, new strategy, new signal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.console.choices import AsJson, ConfigPath, Overrides, configured
from bot.errors import UserError


def doctor(as_json: AsJson = False, config_path: ConfigPath = None, overrides: Overrides = None) -> None:
    """Try everything that a run needs.

    The exit code is 1 when something needs doing.
    """
    from bot.console.doctor import examine, table
    from bot.console.documents import show

    findings = list(examine(configured(config_path, overrides)))
    rows = [{"name": each.name, "ok": each.ok, "found": each.found, "advice": each.advice} for each in findings]
    show(table(findings), rows, as_json=as_json)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def new_strategy(
    name: Annotated[str, typer.Argument(metavar="NAME", help="In small letters, as in my_alpha.")],
    config_path: ConfigPath = None,
    overrides: Overrides = None,
) -> None:
    """Write a strategy and its test, ready to run and to change."""
    from rich.console import Console

    from bot.console.scaffold import write_strategy

    config = configured(config_path, overrides)
    strategy, test = write_strategy(name, Path(config.strategy.folders[0]), Path("tests"))
    lines = (
        f"Wrote {strategy} and {test}.",
        f"  change it  {strategy}",
        f"  test it    python -m pytest {test}",
        f"  check it   imbalance check strategy {name}",
        f"  trade it   imbalance paper --strategy {name}",
        "  ask why    imbalance why",
    )
    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        console.print(line, markup=False)


def new_signal(
    name: Annotated[str, typer.Argument(metavar="NAME", help="In small letters, as in my_signal.")],
    config_path: ConfigPath = None,
    overrides: Overrides = None,
) -> None:
    """Write a signal and its test, ready to be used and to change."""
    from rich.console import Console

    from bot.console.scaffold import write_signal

    config = configured(config_path, overrides)
    if not config.signals.folders:
        raise UserError("signals.folders should name a folder for the file, is empty")
    signal, test = write_signal(name, Path(config.signals.folders[0]), Path("tests"))
    lines = (
        f"Wrote {signal} and {test}.",
        f"  change it  {signal}",
        f"  test it    python -m pytest {test}",
        f'  look at it imbalance signals TAPE --every 1s --signals "{name}(5)" --out {name}.parquet',
        f'  judge it   imbalance validity TAPE --signals "{name}(5)" --out {name}',
        f'  trade it   name "{name}(5)" among the signals of a strategy',
    )
    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        console.print(line, markup=False)
