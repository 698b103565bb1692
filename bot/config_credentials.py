"""Keys of an exchange account: from the environment or a file of their own, never from config.toml, never shown.

They are kept apart from `Config` so that a configuration can be printed, hashed and stored without a second thought.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bot.errors import ConfigError
from bot.nearest import did_you_mean

_FIELDS: Final = ("api_key", "secret", "password")
_VARIABLES: Final[Mapping[str, str]] = {
    "IMBALANCE_API_KEY": "api_key",
    "IMBALANCE_API_SECRET": "secret",
    "IMBALANCE_API_PASSWORD": "password",
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """An exchange account's keys; `password` is empty where the exchange has none. Its text form shows none of them."""

    api_key: str = field(repr=False)
    secret: str = field(repr=False)
    password: str = field(default="", repr=False)


def credentials(key_file: str, environ: Mapping[str, str]) -> Credentials | None:
    """Read the keys from `IMBALANCE_API_KEY` and `IMBALANCE_API_SECRET`, else from `key_file`; None without both.

    Raises:
        ConfigError: one half is missing, or the file is missing, malformed or readable by others; no key is shown.
    """
    found = {name: environ[variable] for variable, name in _VARIABLES.items() if environ.get(variable)}
    origin = "environment"
    if not found:
        if not key_file:
            return None
        path = Path(key_file).expanduser()
        found, origin = _from_file(path), f"key file {path}"
    missing = [name for name in ("api_key", "secret") if not found.get(name)]
    if missing:
        raise ConfigError(f"{origin}: {' and '.join(missing)} should be set, was missing")
    return Credentials(**found)


def _from_file(path: Path) -> dict[str, str]:
    try:
        mode = path.stat().st_mode
        # Windows has no such bits; there the file's owner decides by other means.
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            was = stat.filemode(mode)
            raise ConfigError(f"key file {path} should be readable by its owner only, was {was}; say chmod 600 {path}")
        keys = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"key file {path} could not be read: {type(error).__name__}") from None
    except tomllib.TOMLDecodeError:
        raise ConfigError(f'key file {path} is not valid TOML; expected lines such as api_key = "..."') from None
    for name, key in keys.items():
        if name not in _FIELDS:
            raise ConfigError(f"key file {path}: unknown key {name}{did_you_mean(name, _FIELDS)}")
        if not isinstance(key, str):
            raise ConfigError(f"key file {path}: {name} should be a text in quotes")
    return keys
