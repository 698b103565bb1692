"""The file that `imbalance exchange --keys` reads: one table for every API key, which is an account of its own.

[maker]
secret = "long and random"
cash = 50_000          # in USDT; 10,000 without it
may_trade = true       # the rights of the key, as the exchange tells them
may_withdraw = false
is_ip_restricted = true
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from bot.errors import ConfigError
from bot.exchange.keys import ApiKey
from bot.nearest import did_you_mean

_FIELDS: Final = tuple(field.name for field in fields(ApiKey) if field.name != "key")


def read_keys(path: Path) -> tuple[ApiKey, ...]:
    """Read the keys in a TOML file, in its order.

    Raises:
        ConfigError: the file cannot be read, holds no key, or a field is unknown or wrong.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise ConfigError(f"key file {path} could not be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"key file {path} should be TOML: {error}") from None
    if not tables:
        raise ConfigError(f"key file {path} should hold a table for every key, holds none")
    return tuple(_key(path, name, table) for name, table in tables.items())


def _key(path: Path, name: str, table: object) -> ApiKey:
    if not isinstance(table, Mapping):
        raise ConfigError(f"{path}: {name} should be a table such as [{name}] with its secret in it")
    for field in table:
        if field not in _FIELDS:
            raise ConfigError(f"{path}: key {name} has no field {field}{did_you_mean(field, _FIELDS)}")
    if not isinstance(table.get("secret"), str) or not table["secret"]:
        raise ConfigError(f"{path}: key {name} should have a secret, a text that is not empty")
    return ApiKey(name, **{field: _value(path, name, field, value) for field, value in table.items()})


def _value(path: Path, name: str, field: str, value: Any) -> Any:
    if field == "secret":
        return value
    if field == "cash":
        if (
            isinstance(value, bool)
            or not isinstance(value, int | Decimal)
            or not Decimal(value).is_finite()
            or value < 0
        ):
            raise ConfigError(f"{path}: cash of key {name} should be a number of USDT >= 0, was {value!r}")
        return Decimal(value)
    if not isinstance(value, bool):
        raise ConfigError(f"{path}: {field} of key {name} should be true or false, was {value!r}")
    return value
