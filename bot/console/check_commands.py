"""The command `check strategy`: a strategy keeps to what the engine relies on, and its compiled form is the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.console.choices import AsJson, ConfigPath, Overrides, configured, tape_folder
from bot.console.run_commands import with_strategy

if TYPE_CHECKING:
    from bot.config import Config
    from bot.research.conformance.trial import Trial
    from bot.trading.loading import LoadedStrategy


def check_strategy(  # over 30 lines: its options, and imports that `--help` need not wait for
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name, a path or an import string.")],
    tape: Annotated[
        Path | None,
        typer.Option("--tape", metavar="TAPE", help="Folder of a tape, or its name in data/, to take views from."),
    ] = None,
    as_json: AsJson = False,
    config_path: ConfigPath = None,
    overrides: Overrides = None,
) -> None:
    """Try a strategy on a run and on thousands of made-up views; compare it with its compiled form.

    The exit code is 1 when anything does not hold.
    """
    from rich.console import Console
    from rich.progress import Progress

    from bot.building import kernels_of, warm_kernels
    from bot.console.conformance import described, document
    from bot.console.documents import show
    from bot.console.readiness import say_starting
    from bot.research.conformance.report import conformance
    from bot.trading.loading import load

    config = with_strategy(configured(config_path, overrides), name, overrides or [])
    loaded = load(name, [Path(folder) for folder in config.strategy.folders])
    trial = _trial(loaded, config, tape)
    kernels = kernels_of(loaded, config)
    say_starting(kernels)
    warm_kernels(kernels)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"checking {loaded.name}", total=None)
        found = conformance(loaded, config, trial, lambda done, of: progress.update(task, completed=done, total=of))
    show(described(found), document(found), as_json=as_json)
    if not found.ok:
        raise typer.Exit(1)


def _trial(loaded: LoadedStrategy, config: Config, tape: Path | None) -> Trial:
    from bot.building import signals_of
    from bot.research.conformance.trial import on_made_market, on_tape
    from storage.tape import Tape

    if tape is None:
        return on_made_market(signals_of(loaded, config))
    return on_tape(Tape.open(tape_folder(tape, config)), config)
