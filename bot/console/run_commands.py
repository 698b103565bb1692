"""The commands that start a run: paper, record, replay."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.console.choices import AsJson, ConfigPath, ForTime, Overrides, configured, length_ns, pace, tape_folder
from bot.console.options import PaperOptions
from bot.console.readiness import make_ready
from bot.errors import UserError

if TYPE_CHECKING:
    from bot.config import Config


def paper(
    for_time: ForTime = None,
    strategy: Annotated[
        str | None, typer.Option("--strategy", metavar="NAME", help="Strategy to trade: a name or a path.")
    ] = None,
    replay_tape: Annotated[Path | None, typer.Option("--replay", metavar="TAPE", help="Trade on a tape.")] = None,
    speed: Annotated[
        str | None, typer.Option("--speed", metavar="N", help="Pace of the tape: 1 (as recorded), 10, ... or max.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin a new account of the same name.")] = False,
    flatten: Annotated[bool, typer.Option("--flatten", help="Close the position at the end.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Print lines instead of the dashboard.")] = False,
    as_json: AsJson = False,
    config_path: ConfigPath = None,
    overrides: Overrides = None,
) -> None:
    """Trade on paper, with imagined money, until Ctrl-C."""
    if speed is not None and replay_tape is None:
        raise UserError("--speed is the pace of a tape: name one with --replay")
    config = with_strategy(configured(config_path, overrides), strategy, overrides or [])
    options = PaperOptions(
        for_ns=length_ns(for_time, "--for"),
        fresh=fresh,
        flatten=flatten,
        replay=tape_folder(replay_tape, config) if replay_tape is not None else None,
        speed=pace(speed or "1"),
        plain=plain,
        as_json=as_json,
    )
    make_ready(config)
    from bot import app

    raise typer.Exit(app.paper(config, options))


def with_strategy(config: Config, strategy: str | None, overrides: Sequence[str]) -> Config:
    """Put another strategy in place of the configured one, whose parameters go with it; those of `--set` stay."""
    if strategy is None or strategy == config.strategy.use:
        return config
    said = {override.partition("=")[0].strip() for override in overrides}
    params = {name: value for name, value in config.strategy.params.items() if f"strategy.params.{name}" in said}
    chosen = config.strategy.model_copy(update={"use": strategy, "params": params})
    return config.model_copy(update={"strategy": chosen})


def record(
    for_time: ForTime = None, as_json: AsJson = False, config_path: ConfigPath = None, overrides: Overrides = None
) -> None:
    """Record the market as a tape without trading, until Ctrl-C."""
    config = configured(config_path, overrides)
    for_ns = length_ns(for_time, "--for")
    make_ready(config)
    from bot import app

    raise typer.Exit(app.record(config, for_ns, as_json))


def replay(
    run_id: Annotated[int, typer.Argument(metavar="RUN", help="Number of the run; `imbalance runs` lists them.")],
    assert_equal: Annotated[
        bool, typer.Option("--assert", help="End with exit code 1 unless every decision and fill is the same.")
    ] = False,
    as_json: AsJson = False,
    config_path: ConfigPath = None,
    overrides: Overrides = None,
) -> None:
    """Run a recorded run again and compare every decision and fill."""
    config = configured(config_path, overrides)
    from bot import app
    from bot.console.books import Books

    Books.open(config).run(run_id)
    raise typer.Exit(app.replay(config, run_id, assert_equal, as_json))
