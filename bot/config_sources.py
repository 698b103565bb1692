"""Where configuration comes from: a TOML file, then the environment, then `--set`, each overriding the one before.

Every value remembers its origin, so that an error can name the place to mend.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bot.errors import ConfigError

PREFIX: Final = "IMBALANCE__"

_NEARLY: Final = "IMBALANCE_"


@dataclass(frozen=True, slots=True)
class Setting:
    """One value as given: its key as a path of names, and the origin to name when it is wrong."""

    path: tuple[str, ...]
    value: Any
    origin: str

    @property
    def key(self) -> str:
        """The key as written in messages, `feed.depth`."""
        return ".".join(self.path)


def from_file(path: Path) -> list[Setting]:
    """Read the settings of a TOML file.

    Raises:
        ConfigError: the file is missing or unreadable, or is not TOML; the text names the file and the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"configuration file {path} was not found") from None
    except OSError as error:
        raise ConfigError(f"configuration file {path} could not be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"configuration file {path} should be UTF-8 text, was not") from error
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_syntax(path, text, str(error))) from error
    return list(_leaves((), tables, path.name))


def from_environment(environ: Mapping[str, str], keys: Iterable[str]) -> list[Setting]:
    """Read settings from variables such as `IMBALANCE__FEED__BOOK_EVERY=1s`; `keys` are all there are.

    Raises:
        ConfigError: a variable has one underscore where two belong, and would be ignored.
    """
    for key in keys:
        section, _, own = key.upper().partition(".")
        meant, said = f"{PREFIX}{section}__{own}", f"{_NEARLY}{section}_{own}"
        if said in environ:
            raise ConfigError(f"{said} is no setting; did you mean {meant}? Two underscores part its names")
    return [
        Setting(tuple(name.removeprefix(PREFIX).lower().split("__")), _typed(text), name)
        for name, text in sorted(environ.items())
        if name.startswith(PREFIX)
    ]


def from_overrides(overrides: Sequence[str]) -> list[Setting]:
    """Read settings from `section.key=value` texts.

    Raises:
        ConfigError: a text has no `=` or no section.
    """
    settings = []
    for override in overrides:
        key, equals, text = override.partition("=")
        path = tuple(part.strip() for part in key.split("."))
        if not equals or len(path) < 2 or "" in path:
            raise ConfigError(f"--set should be section.key=value, was {override!r}")
        settings.append(Setting(path, _typed(text.strip()), f"--set {key.strip()}"))
    return settings


def merged(settings: Iterable[Setting]) -> tuple[dict[str, Any], dict[str, str]]:
    """Lay settings over each other, later ones on top; return the nested tables and the origin of each key.

    Raises:
        ConfigError: a setting reaches into a key that another one made a single value.
    """
    tables: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for setting in settings:
        table = tables
        for depth, name in enumerate(setting.path[:-1], start=1):
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                inner = ".".join(setting.path[:depth])
                raise ConfigError(f"{setting.origin}: {inner} should be a section, was a single value")
        if setting.value == {}:
            table.setdefault(setting.path[-1], {})
        else:
            table[setting.path[-1]] = setting.value
        origins[setting.key] = setting.origin
    return tables, origins


def _syntax(path: Path, text: str, complaint: str) -> str:
    # The parser puts the place last, in brackets; where it ran off the end, the place is the last line.
    what, _, place = complaint.rpartition(" (at ")
    line = re.match(r"line (\d+)", place)
    number = line[1] if line else str(max(1, len(text.splitlines())))
    return f"{path.name}, line {number}: not valid TOML: {what or complaint}"


def _leaves(path: tuple[str, ...], table: Mapping[str, Any], origin: str) -> Iterator[Setting]:
    for name, value in table.items():
        if isinstance(value, dict) and value:
            yield from _leaves((*path, name), value, origin)
        else:
            yield Setting((*path, name), value, origin)


def _typed(text: str) -> Any:
    # TOML's own spelling of numbers, lists and true/false; whatever is none of these is taken as text.
    try:
        tables = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return tables["value"] if len(tables) == 1 else text
