"""The options that many commands share, and how each becomes a configuration, a lane or a length of time."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bot.console.aside import Aside
from bot.errors import UserError

if TYPE_CHECKING:
    from bot.config import Config

ConfigPath = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="PATH", help="Configuration file; without it ./config.toml.")
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", "-s", metavar="SECTION.KEY=VALUE", help="Override one key; repeatable.")
]


def _set_aside(context: typer.Context, as_json: bool) -> bool:
    if as_json:
        context.with_resource(redirect_stdout(Aside(sys.stdout)))
    return as_json


AsJson = Annotated[
    bool, typer.Option("--json", callback=_set_aside, help="Print one JSON document instead of a table.")
]
RunId = Annotated[int | None, typer.Option("--run", metavar="N", help="Only this run; `imbalance runs` lists them.")]
Symbol = Annotated[
    str | None,
    typer.Option("--symbol", metavar="NAME", help="Only this symbol; BTC is enough when it is the only one."),
]
Lane = Annotated[
    str | None, typer.Option("--lane", metavar="NAME", help="Another lane, or `all`; without it the account's own.")
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="Only the newest N.")]
ForTime = Annotated[str | None, typer.Option("--for", metavar="TIME", help="Stop by itself after, say, 30s or 5m.")]

DEFAULT_CONFIG: Final = Path("config.toml")

_TAPE_HEADER: Final = "tape.json"  # as `storage.tape_header` names it, which loads too much for `--help`


def configured(path: Path | None, overrides: list[str] | None) -> Config:
    """Load the configuration that `--config` and `--set` describe; the defaults when there is no config.toml.

    Raises:
        ConfigError: a key or a value is wrong, or the named file is missing.
    """
    from bot.config import load  # pydantic takes longer to load than `--help` to print

    found = path if path is not None or not DEFAULT_CONFIG.is_file() else DEFAULT_CONFIG
    return load(found, overrides or [], os.environ)


def length_ns(text: str | None, name: str) -> int | None:
    """Read a length of time longer than 0 in nanoseconds; None stays None.

    Raises:
        UserError: it is no length of time; the line names the option `name`.
    """
    if text is None:
        return None
    from bot.config_values import duration_ns

    try:
        nanoseconds = duration_ns(text)
    except ValueError as error:
        raise UserError(f"{name} {error}, was {text!r}") from None
    if nanoseconds == 0:
        raise UserError(f"{name} should be longer than 0, was {text!r}")
    return nanoseconds


def tape_folder(tape: Path, config: Config) -> Path:
    """Return the tape's own path, or that of the one tape of this name in the storage folder.

    Raises:
        UserError: there is a folder of tapes, and none or several in it have this name.
    """
    folder = Path(config.storage.folder)
    if (tape / _TAPE_HEADER).is_file() or len(tape.parts) != 1 or tape.is_dir() or not folder.is_dir():
        return tape
    there = [header.parent for header in folder.rglob(_TAPE_HEADER)]
    named = [path for path in there if path.name == str(tape)]
    if len(named) > 1:
        raise UserError(f"{tape} should be one tape, there are {' and '.join(map(str, sorted(named)))}: give the path")
    if not named and there:
        from bot.nearest import did_you_mean

        raise UserError(f"no tape is called {str(tape)!r}{did_you_mean(str(tape), (path.name for path in there))}")
    return named[0] if named else tape


def meant_symbol(symbol: str | None, there: Sequence[str]) -> str:
    """Return the symbol of a tape that is meant: `BTC` is enough when it begins one name only, None when there is one.

    Raises:
        UserError: none is meant, or several are.
    """
    from bot.nearest import did_you_mean, meant_by

    meant = there if symbol is None else meant_by(symbol, there)
    if symbol is not None and not meant:
        raise UserError(f"--symbol should be one that the tape holds, was {symbol!r}{did_you_mean(symbol, there)}")
    if len(meant) != 1:
        raise UserError(f"--symbol should name one of {', '.join(meant)}: the tape holds them all")
    return meant[0]


def check_out(out: Path | None, names: Sequence[str], *, force: bool) -> None:
    """Hold the folder of `--out` against mistakes before anything is done for what will be written there.

    Raises:
        UserError: it is a file, it holds one of `names` and `force` is not said, or it cannot be written.
    """
    if out is None:
        return
    if out.exists() and not out.is_dir():
        raise UserError(f"--out should be a folder, but {out} is a file: name another one")
    there = [name for name in names if (out / name).exists()]
    if there and not force:
        raise UserError(f"{out / there[0]} exists already: name another folder, or say --force")
    nearest = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}; name another folder") from None


def pace(text: str) -> float | None:
    """Read how many times faster than recorded a tape is played; `max` is None.

    Raises:
        UserError: it is neither `max` nor a number above 0.
    """
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise UserError(f"--speed should be max or a number above 0, was {text!r}")
    return speed
