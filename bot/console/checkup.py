"""The commands that get someone going: doctor, new strategy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.console.choices import AsJson, ConfigPath, Overrides, configured


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
        f"  trade it   imbalance paper --strategy {name}",
        "  ask why    imbalance why",
    )
    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        console.print(line, markup=False)
